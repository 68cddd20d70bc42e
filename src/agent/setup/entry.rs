//! The MCP server as an agent's configuration names it, and whether an entry is one of ours.

use super::client::Client;
use crate::failure::{Failure, Kind};
use serde_json::Value;
use std::path::Path;

/// What the server is called in every configuration, and what the program's file is called.
pub const NAME: &str = "pinhole";

/// The entry that starts `command`, as this agent wants it: JSON on one line.
pub fn entry(client: Client, command: &str) -> String {
    let command = Value::from(command);
    match client {
        Client::Claude => format!(r#"{{"type": "stdio", "command": {command}, "args": ["mcp"]}}"#),
        Client::Codex | Client::Cursor => format!(r#"{{"command": {command}, "args": ["mcp"]}}"#),
        // The form of its first version, which the second reads too.
        Client::OpenCode => format!(r#"{{"type": "local", "command": [{command}, "mcp"]}}"#),
    }
}

/// Whether `value` is such an entry for a pinhole that is, or was, somewhere, or for `command`. With anything else in it, its owner has
/// made it theirs.
pub fn is_ours(client: Client, value: &Value, command: &str) -> bool {
    started(client, value).is_some_and(|starts| {
        let named = Path::new(starts).file_name().is_some_and(|file| file == NAME);
        (named || starts == command) && serde_json::from_str::<Value>(&entry(client, starts)).is_ok_and(|ours| ours == *value)
    })
}

/// The program that the entry `value` starts.
pub fn started(client: Client, value: &Value) -> Option<&str> {
    let place = if client == Client::OpenCode { "/command/0" } else { "/command" };
    value.pointer(place)?.as_str()
}

/// What starts this very program: its name where that is found by it, else its path.
///
/// # Errors
/// If its file is gone, or the path to it is not UTF-8, which no configuration could hold.
pub fn command() -> Result<String, Failure> {
    let failed =
        |why: String| Failure::new(Kind::Disk, format!("the file of this program is not where it was: {why}")).next("install pinhole anew");
    let program = std::env::current_exe().and_then(|path| path.canonicalize()).map_err(|error| failed(error.to_string()))?;
    let search = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&search).map(|folder| folder.join(NAME)).find(|path| path.is_file());
    if found.and_then(|path| path.canonicalize().ok()).is_some_and(|path| path == program) {
        return Ok(NAME.to_owned());
    }
    program.into_os_string().into_string().map_err(|_| failed("its path is not UTF-8".to_owned()))
}
