//! The differences between operating systems, and nothing else.
//!
//! Each system fills the same modules with the same functions and types, cut by what pinhole needs
//! and not by what a system calls it. Their comments tell what holds on every system. So far only
//! Unix is there; what Linux alone offers is behind a `cfg` inside, with the next best thing beside
//! it.

#[cfg(not(unix))]
compile_error!(
    "pinhole does not support this platform yet: its private directories, sockets and safe \
     renames are those of Unix"
);

#[cfg(unix)]
mod unix;

#[cfg(unix)]
pub use unix::{
    cause, clock, disk, endpoint, file, folder, identity, lifetime, name, network, output, places,
    private, process, signal, terminal,
};

#[cfg(test)]
mod tests;
