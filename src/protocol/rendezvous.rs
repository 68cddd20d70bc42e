//! The words with which two sides find each other, before any handshake: message 0 of a direct
//! connection (SPEC 3.8), and all that a side and a relay say to each other (SPEC 10).
//!
//! Here they stand once, for both who say them and who read them.

mod attempt;
mod close;
mod control;
mod opening;
mod request;
#[cfg(test)]
mod spec_tests;
mod tokens;

pub use attempt::{of_attempt, split_attempt};
pub use close::CloseReason;
pub use control::{Addressed, FromHost, FromRelay};
pub use opening::{MAGIC, NotPinhole, OPENING, Opening};
pub use request::{Refusal, Request, VERSION, Verb, WEBSOCKET_VERSION};
pub use tokens::{HostToken, OWNER_TOKEN, OwnerToken, SlotToken};
