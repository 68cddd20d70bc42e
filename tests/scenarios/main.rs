//! Whole sessions through the real program, as its users and scripts meet it.

#[allow(dead_code, reason = "each test target uses its own part")]
#[path = "../harness/mod.rs"]
mod harness;

mod channel;
mod early;
mod first;
mod pairings;
mod routing;
mod secrets;
mod sizes;
mod streams;
mod words;
mod wrong_code;
