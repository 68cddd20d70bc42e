//! The blind pairing relay: two sides that name one number meet, and it forwards their frames
//! without knowing anything else (SPEC 10).
//!
//! [`pairing`] and [`quotas`] are values that are told things: they read no clock, open no socket
//! and draw no randomness of their own.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

pub mod counters;
pub mod frames;
pub mod limits;
pub mod owner;
pub mod page;
pub mod pairing;
pub mod pool;
pub mod quotas;
pub mod request;
pub mod server;
pub mod settings;
mod source;
