//! What agents are given besides commands: the plugin, and its way into their configuration.

pub mod plugin;
pub mod setup;
