//! Linux, and as far as it goes without it, other Unix systems.

pub mod clock;
pub mod file;
pub mod network;
pub mod output;
pub mod process;
pub mod signal;
pub mod terminal;
