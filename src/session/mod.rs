//! A running host or connect.

pub mod event;
