//! The protocol of pinhole: values that are told what happened and answer what to do.
//!
//! Nothing here reads a clock, opens a socket or a file, starts a thread or prints; time and
//! randomness are arguments. The crate is `no_std`, so the compiler keeps that promise. The wire is
//! described by `SPEC.md` beside this file, and code cites its sections.
#![no_std]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod aead;
pub mod code;
pub mod conversation;
pub mod handshake;
pub mod keys;
pub mod layout;
pub mod limits;
pub mod links;
pub mod messages;
pub mod ranges;
pub mod records;
pub mod rendezvous;
pub mod role;
pub mod secret;
pub mod source;
pub mod time;
pub mod transfers;
pub mod violation;
pub mod wire;
pub mod wordlist;
