//! The way through a relay.

#[allow(dead_code, reason = "the link through a relay is what will use it")]
pub mod dial;
