//! Everything for agents besides commands: the plugin, its way into their configuration, and the
//! MCP server.

pub mod mcp;
pub mod plugin;
pub mod setup;
