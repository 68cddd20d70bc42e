//! The program: sessions, transports, files and reports around the protocol core.

pub mod cli;
mod clock;
mod control;
mod doctor;
pub mod failure;
pub mod files;
pub mod report;
pub mod session;
mod settings;
mod transport;
