//! The program: sessions, transports, files and reports around the protocol core.

mod agent;
pub mod cli;
mod clock;
mod control;
mod doctor;
pub mod escape;
pub mod events;
pub mod failure;
pub mod files;
#[cfg(test)]
mod floors;
pub mod handler;
mod platform;
pub mod program;
pub mod report;
pub mod session;
mod settings;
mod transport;
pub mod typed;
