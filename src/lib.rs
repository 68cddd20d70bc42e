//! The program: sessions, transports, files and reports around the protocol core.

mod agent;
pub mod amounts;
pub mod cli;
mod clock;
mod control;
mod doctor;
pub mod escape;
pub mod events;
pub mod failure;
pub mod files;
pub mod handler;
mod log;
mod platform;
pub mod program;
mod replace;
pub mod report;
mod role;
pub mod session;
mod settings;
pub mod stdio;
mod transport;
pub mod typed;
mod watched;
