//! The program: sessions, transports, files and reports around the protocol core.

#[cfg(not(unix))]
compile_error!(
    "pinhole is not on this platform yet: private directories, sockets and safe renames are those \
    of Unix"
);

mod agent;
pub mod cli;
mod clock;
mod control;
mod doctor;
pub mod escape;
pub mod events;
pub mod failure;
pub mod files;
pub mod handler;
pub mod program;
pub mod report;
pub mod session;
mod settings;
mod transport;
pub mod typed;
