//! Linux, and as far as it goes without it, other Unix systems.

pub mod clock;
pub mod disk;
pub mod endpoint;
pub mod file;
pub mod folder;
pub mod lifetime;
pub mod name;
pub mod network;
pub mod output;
pub mod private;
pub mod process;
pub mod reason;
pub mod signal;
pub mod terminal;
