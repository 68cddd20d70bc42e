//! The program at a terminal, with a person who reads and types.

mod pasting;
mod peer_text;
mod screen;
mod typing;
