//! Files: what comes in and what goes out.

pub mod name;
pub mod outbox;
pub mod secret_source;
