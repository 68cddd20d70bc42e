//! Secrets: where they come from, where they go, and that nobody reads them in between.

mod held;
mod places;
mod sinks;
