//! The entry of the MCP server in an agent's configuration, and the test that one is ours.

use super::client::Client;
use super::rules::TOOLS;
use crate::failure::{Failure, Kind};
use serde_json::{Map, Value, json};
use std::path::Path;

/// Name of the server in every configuration, and of the program's file.
pub const NAME: &str = "pinhole";

/// Variables with which Codex starts the server, if its user has set them: it passes on no others.
pub(super) const VARIABLES: [&str; 2] = ["PINHOLE_NETWORK", "PINHOLE_RELAY"];

/// The setting of a tool that Codex calls without a question.
pub(super) fn approved() -> Value {
    json!({ "approval_mode": "approve" })
}

/// The entry that starts `command`, as this agent wants it: JSON on one line.
pub fn entry(client: Client, command: &str) -> String {
    let command = Value::from(command);
    match client {
        Client::Claude => format!(r#"{{"type": "stdio", "command": {command}, "args": ["mcp"]}}"#),
        Client::Codex => json!({
            "command": command,
            "args": ["mcp"],
            "env_vars": VARIABLES,
            "tools": TOOLS
                .map(|tool| (tool.to_owned(), approved()))
                .into_iter()
                .collect::<Map<_, _>>(),
        })
        .to_string(),
        Client::Cursor | Client::Gemini => format!(r#"{{"command": {command}, "args": ["mcp"]}}"#),
        // The form of its first version, which the second reads too.
        Client::OpenCode => format!(r#"{{"type": "local", "command": [{command}, "mcp"]}}"#),
    }
}

/// Sentences about the entry for its reader, before it is written.
pub const fn explained(client: Client) -> &'static [&'static str] {
    match client {
        Client::Codex => &[
            "approved: Codex calls those tools without asking; it still asks about send, ask, \
             send_file and send_secret",
            "env_vars: the server gets these two variables if they are set; Codex passes on no \
             others of pinhole",
        ],
        Client::Gemini => &[
            "Gemini CLI starts no server in a folder that it does not trust (/permissions trusts \
             one)",
        ],
        Client::Claude | Client::Cursor | Client::OpenCode => &[],
    }
}

/// True if `value` is such an entry for a pinhole that is, or was, somewhere, or for `command`.
/// With anything else in it, its owner has made it theirs; but Codex keeps there what its user has
/// answered it.
pub fn is_ours(client: Client, value: &Value, command: &str) -> bool {
    started(client, value).is_some_and(|starts| {
        let named = Path::new(starts).file_name().is_some_and(|file| file == NAME);
        let earlier = client == Client::Codex
            && without_answers(value) == json!({ "command": starts, "args": ["mcp"] });
        (named || starts == command) && (earlier || is_current(client, value, starts))
    })
}

/// True if `value` is the entry that starts `command`, as it is written now.
pub fn is_current(client: Client, value: &Value, command: &str) -> bool {
    serde_json::from_str::<Value>(&entry(client, command))
        .is_ok_and(|ours| ours == without_answers(value))
}

/// The entry without what Codex adds to it where its user answers that a tool is always allowed.
fn without_answers(value: &Value) -> Value {
    let mut value = value.clone();
    if let Some(tools) = value.get_mut("tools").and_then(Value::as_object_mut) {
        tools.retain(|tool, said| TOOLS.contains(&tool.as_str()) || *said != approved());
        if tools.is_empty() {
            value.as_object_mut().map(|entry| entry.remove("tools"));
        }
    }
    value
}

/// The program that the entry `value` starts.
pub fn started(client: Client, value: &Value) -> Option<&str> {
    let place = if client == Client::OpenCode { "/command/0" } else { "/command" };
    value.pointer(place)?.as_str()
}

/// Command that starts this very program: its name where that is found by it, else its path.
///
/// # Errors
/// If its file is gone, or the path to it is not UTF-8, which no configuration could hold.
pub fn command() -> Result<String, Failure> {
    let failed = |why: String| {
        Failure::new(Kind::Disk, format!("this program's file is no longer where it was: {why}"))
            .next("install pinhole again")
    };
    let program = std::env::current_exe()
        .and_then(|path| path.canonicalize())
        .map_err(|error| failed(error.to_string()))?;
    let search = std::env::var_os("PATH").unwrap_or_default();
    let found =
        std::env::split_paths(&search).map(|folder| folder.join(NAME)).find(|path| path.is_file());
    if found.and_then(|path| path.canonicalize().ok()).is_some_and(|path| path == program) {
        return Ok(NAME.to_owned());
    }
    program.into_os_string().into_string().map_err(|_| failed("its path is not UTF-8".to_owned()))
}
