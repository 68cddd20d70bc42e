//! The program in the hands of an agent: the fence, the MCP server, sandboxes and setup.

mod fence;
mod mcp;
mod permissions;
mod programs;
mod relays;
mod sandboxed;
mod setup;
mod skill;
mod whose_sessions;
