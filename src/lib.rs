//! The program: sessions, transports, files and reports around the protocol core.

pub mod failure;
pub mod files;
pub mod report;
pub mod session;
