//! The program: sessions, transports, files and reports around the protocol core.

mod agent;
mod amounts;
pub mod cli;
mod clock;
mod control;
mod doctor;
mod escape;
mod events;
mod failure;
mod files;
mod handler;
mod log;
mod platform;
mod program;
mod replace;
mod report;
mod role;
mod session;
mod settings;
mod spelt;
mod stdio;
mod transport;
mod typed;
mod watched;
