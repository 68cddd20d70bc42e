//! Files: what comes in and what goes out.

pub mod inbox;
pub mod name;
pub mod outbox;
pub mod secret_source;
