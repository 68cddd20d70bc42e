//! Linux, and as far as it goes without it, other Unix systems.

pub mod cause;
pub mod clock;
pub mod disk;
pub mod endpoint;
pub mod file;
pub mod folder;
pub mod identity;
pub mod lifetime;
pub mod name;
pub mod network;
pub mod output;
pub mod places;
pub mod private;
pub mod process;
pub mod signal;
pub mod terminal;
