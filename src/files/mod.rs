//! Files: what is read to be sent.

pub mod secret_source;
