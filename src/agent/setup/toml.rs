//! An entry in Codex's configuration, put in and taken out as text, so that everything around it stays byte for byte.

use super::Fault;
use serde_json::{Value, json};
use toml_edit::Document;

/// The table of its MCP servers.
const SERVERS: &str = "mcp_servers";

/// The entry `name`, if it is there, as JSON.
///
/// # Errors
/// If the text is no TOML, or its servers are no table.
pub fn get(text: &str, name: &str) -> Result<Option<Value>, Fault> {
    let document = parse(text)?;
    let Some(servers) = document.get(SERVERS) else { return Ok(None) };
    let servers = servers.as_table_like().ok_or_else(|| Fault(format!("has something else than a table as {SERVERS}")))?;
    let Some(entry) = servers.get(name) else { return Ok(None) };
    // What is no table of texts and lists of texts is nobody's that we know.
    let fields = entry.as_table_like().into_iter().flat_map(toml_edit::TableLike::iter);
    let value = |item: &toml_edit::Item| match (item.as_str(), item.as_array()) {
        (Some(text), _) => json!(text),
        (_, Some(list)) => list.iter().map(|item| item.as_str().map_or(Value::Null, Value::from)).collect(),
        _ => Value::Null,
    };
    Ok(Some(fields.map(|(name, item)| (name.to_owned(), value(item))).collect()))
}

/// The text with `name` as a server that is started by `command`; without a text, that of a new file. An entry `old` that starts
/// another command is replaced.
///
/// # Errors
/// If the text is no TOML, or its form does not take another table.
pub fn put(text: Option<&str>, name: &str, command: &str, old: Option<&str>) -> Result<String, Fault> {
    text.map(parse).transpose()?;
    let new = table(name, command);
    let after = match (text, old) {
        (None, _) => format!("{new}\n"),
        (Some(text), Some(old)) => text.replacen(&table(name, old), &new, 1),
        // Where the last line has no end, the new one has none, and is known by that when it is taken out.
        (Some(text), None) if text.is_empty() || text.ends_with('\n') => format!("{text}\n{new}\n"),
        (Some(text), None) => format!("{text}\n\n{new}"),
    };
    let now = get(&after, name).ok().flatten();
    if now != Some(json!({ "command": command, "args": ["mcp"] })) {
        return Err(Fault("is written in a form that is not changed by a program".to_owned()));
    }
    Ok(after)
}

/// The text without the server `name` that is started by `command`; nothing if the file came with it.
///
/// # Errors
/// If the entry is there in another form than that of [`put`].
pub fn take(text: &str, name: &str, command: &str) -> Result<Option<String>, Fault> {
    let table = table(name, command);
    let Some((before, after)) = text.split_once(&table) else {
        return Err(Fault(format!("has {SERVERS}.{name} in a form that is not changed by a program")));
    };
    if (before, after) == ("", "\n") {
        return Ok(None);
    }
    let rest = match after.strip_prefix('\n') {
        Some(after) => format!("{}{after}", before.strip_suffix('\n').unwrap_or(before)),
        None => format!("{}{after}", before.strip_suffix("\n\n").unwrap_or(before)),
    };
    match get(&rest, name)? {
        None => Ok(Some(rest)),
        Some(_) => Err(Fault(format!("has {SERVERS}.{name} in more than one place"))),
    }
}

/// The table of a server, without the end of its last line.
pub fn table(name: &str, command: &str) -> String {
    format!("[{SERVERS}.{name}]\ncommand = {}\nargs = [\"mcp\"]", toml_edit::Value::from(command))
}

fn parse(text: &str) -> Result<Document<&str>, Fault> {
    Document::parse(text).map_err(|error| {
        let line = text.get(..error.span().unwrap_or_default().start).unwrap_or_default().matches('\n').count() + 1;
        let what: String = error.message().replace('\n', ", ").chars().flat_map(char::escape_debug).collect();
        Fault(format!("is no TOML, line {line}: {what}"))
    })
}

#[cfg(test)]
mod tests;
