//! Files: what is read to be sent.

pub mod outbox;
pub mod secret_source;
