//! Whole sessions through the real program, as its users and scripts meet it.

#[allow(dead_code, reason = "each test target uses its own part")]
#[path = "../harness/mod.rs"]
mod harness;

mod agent;
mod channel;
mod commands;
mod give_take;
mod secrets;
mod terminal;
