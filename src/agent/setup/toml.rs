//! An entry in Codex's configuration, put in and taken out as text, so that everything around it
//! stays byte for byte.

use super::Fault;
use super::client::Client;
use super::entry::{VARIABLES, is_current};
use super::rules::TOOLS;
use serde_json::{Value, json};
use toml_edit::{Document, Item};

/// The table of its MCP servers.
const SERVERS: &str = "mcp_servers";

/// The entry `name`, if it is there, as JSON.
///
/// # Errors
/// If the text is no TOML, or its servers are no table.
pub fn get(text: &str, name: &str) -> Result<Option<Value>, Fault> {
    let document = parse(text)?;
    let Some(servers) = document.get(SERVERS) else { return Ok(None) };
    let servers = servers
        .as_table_like()
        .ok_or_else(|| Fault(format!("has something other than a table as {SERVERS}")))?;
    let Some(entry) = servers.get(name) else { return Ok(None) };
    let fields = entry.as_table_like().into_iter().flat_map(toml_edit::TableLike::iter);
    Ok(Some(fields.map(|(name, item)| (name.to_owned(), value(item))).collect()))
}

/// A value as JSON. What is no table of texts and lists of texts is nobody's that we know.
fn value(item: &Item) -> Value {
    match (item.as_str(), item.as_array(), item.as_table_like()) {
        (Some(text), _, _) => json!(text),
        (_, Some(list), _) => {
            list.iter().map(|item| item.as_str().map_or(Value::Null, Value::from)).collect()
        }
        (_, _, Some(table)) => {
            table.iter().map(|(name, item)| (name.to_owned(), value(item))).collect()
        }
        _ => Value::Null,
    }
}

/// The text with `name` as a server that is started by `command`; without a text, that of a new
/// file. An entry `old` that starts another command is replaced.
///
/// # Errors
/// If the text is no TOML, or its form does not take another table.
pub fn put(
    text: Option<&str>,
    name: &str,
    command: &str,
    old: Option<&str>,
) -> Result<String, Fault> {
    text.map(parse).transpose()?;
    let new = table(name, command);
    let after = match (text, old) {
        (None, _) => format!("{new}\n"),
        (Some(text), Some(old)) => text.replacen(&written(text, name, old), &new, 1),
        // If the last line has no end, the new one has none, and is known by that when it is taken
        // out.
        (Some(text), None) if text.is_empty() || text.ends_with('\n') => format!("{text}\n{new}\n"),
        (Some(text), None) => format!("{text}\n\n{new}"),
    };
    match get(&after, name) {
        Ok(Some(now)) if is_current(Client::Codex, &now, command) => Ok(after),
        _ => Err(Fault("is written in a form that setup cannot change".to_owned())),
    }
}

/// The text without the server `name` that is started by `command`, and without what Codex has
/// added to it; nothing if the file came with it.
///
/// # Errors
/// If the entry is there in another form than that of [`put`].
pub fn take(text: &str, name: &str, command: &str) -> Result<Option<String>, Fault> {
    let Some((before, after)) = text.split_once(&written(text, name, command)) else {
        return Err(Fault(format!("has {SERVERS}.{name} in a form that setup cannot change")));
    };
    if (before, after) == ("", "\n") {
        return Ok(None);
    }
    let rest = match after.strip_prefix('\n') {
        Some(after) => format!("{}{after}", before.strip_suffix('\n').unwrap_or(before)),
        None => format!("{}{after}", before.strip_suffix("\n\n").unwrap_or(before)),
    };
    match get(&rest, name)? {
        None if !leaves_the_others(text, &rest, name)? => {
            Err(Fault(format!("has {SERVERS}.{name} in a form that setup cannot change")))
        }
        None => Ok(Some(rest)),
        // The answers that Codex keeps are tables of their own.
        Some(left)
            if left.as_object().is_some_and(|left| left.keys().all(|key| key == "tools")) =>
        {
            let mut document = parse(&rest)?.into_mut();
            if let Some(servers) = document.get_mut(SERVERS).and_then(Item::as_table_like_mut) {
                servers.remove(name);
            }
            Ok(Some(document.to_string()))
        }
        Some(_) => Err(Fault(format!("has {SERVERS}.{name} in more than one place"))),
    }
}

/// True if all but the server `name` means the same in both texts: lines of it that were written by
/// others may be left behind, and would belong to the table before it.
fn leaves_the_others(text: &str, rest: &str, name: &str) -> Result<bool, Fault> {
    let without = |text: &str| {
        let mut document: toml_edit::DocumentMut = parse(text)?.into_mut();
        if let Some(servers) = document.get_mut(SERVERS).and_then(Item::as_table_like_mut) {
            servers.remove(name);
        }
        document.to_string().parse::<toml::Table>().map_err(|error| Fault(error.to_string()))
    };
    let (mut before, after) = (without(text)?, without(rest)?);
    // The table of all servers is there only as long as one is.
    if !after.contains_key(SERVERS)
        && before
            .get(SERVERS)
            .is_some_and(|servers| servers.as_table().is_some_and(toml::Table::is_empty))
    {
        before.remove(SERVERS);
    }
    Ok(before == after)
}

/// The table of a server as it stands in the text: that of now, or that of an earlier version,
/// which had less in it.
pub fn written(text: &str, name: &str, command: &str) -> String {
    let now = table(name, command);
    if text.contains(&now) { now } else { bare(name, command) }
}

/// The table of a server, without the end of its last line.
pub fn table(name: &str, command: &str) -> String {
    let variables = VARIABLES.map(|variable| format!("\"{variable}\"")).join(", ");
    let tools = TOOLS.map(|tool| format!("\ntools.{tool}.approval_mode = \"approve\"")).concat();
    format!("{}\nenv_vars = [{variables}]{tools}", bare(name, command))
}

fn bare(name: &str, command: &str) -> String {
    format!("[{SERVERS}.{name}]\ncommand = {}\nargs = [\"mcp\"]", toml_edit::Value::from(command))
}

fn parse(text: &str) -> Result<Document<&str>, Fault> {
    Document::parse(text).map_err(|error| {
        let line = text
            .get(..error.span().unwrap_or_default().start)
            .unwrap_or_default()
            .matches('\n')
            .count()
            + 1;
        let what: String =
            error.message().replace('\n', ", ").chars().flat_map(char::escape_debug).collect();
        Fault(format!("is not TOML, line {line}: {what}"))
    })
}

#[cfg(test)]
mod tests;
