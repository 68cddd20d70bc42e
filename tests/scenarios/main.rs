//! Whole sessions through the real program, as its users and scripts meet it.

#[allow(dead_code, reason = "each test target uses its own part")]
#[path = "../harness/mod.rs"]
mod harness;

mod agents;
mod asking;
mod bad_input;
mod beforehand;
mod capabilities;
mod changing;
mod channel;
mod choosing;
mod closed;
mod collect;
mod config;
mod control;
mod crowd;
mod detached;
mod doctor;
mod early;
mod existing;
mod faithful;
mod feeding;
mod fence;
mod first;
mod found;
mod handlers;
mod help;
mod interrupts;
mod mcp;
mod messages;
mod outlets;
mod pages;
mod pairings;
mod pasted;
mod pasting;
mod peer_text;
mod predecessor;
mod relays;
mod routing;
mod sandboxed;
mod schema;
mod secrets;
mod setup;
mod sinks;
mod sizes;
mod skill;
mod streams;
mod terminal;
mod transcripts;
mod typing;
mod unattended;
mod unread;
mod words;
mod wrong_code;
mod yes;
