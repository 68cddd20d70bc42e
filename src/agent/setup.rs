//! `setup`: the skill and the MCP server in the configuration of the agents that are here. First it
//! is found out what would be changed, then that is said or done; nothing is changed if something
//! is in the way.

pub mod client;
mod disk;
mod entry;
mod json;
pub mod rules;
mod skill;
mod toml;

use crate::failure::{Failure, Kind};
use crate::platform::file::Facts;
use client::{Client, Home};
use disk::Change;
pub use entry::command as program;
use entry::{NAME, is_current, is_ours, started};
use serde_json::Value;
use skill::Skill;
use std::path::{Path, PathBuf};

/// Why a configuration is not touched; goes on after the name of the file.
#[derive(Debug, PartialEq, Eq)]
struct Fault(String);

/// Changes for an agent, and what is left as it is.
pub struct Part {
    /// The agent.
    pub client: Client,
    /// Changes, in this order.
    pub changes: Vec<Change>,
    /// Notes for whoever reads the changes.
    pub notes: Vec<String>,
    /// Skills that go, with the directories that were made for them.
    gone: Vec<Skill>,
}

impl Part {
    /// Does it.
    ///
    /// # Errors
    /// Disk, if a file cannot be written, or has been changed meanwhile. What was changed before
    /// stays; a second call does the rest.
    pub fn make(&self) -> Result<(), Failure> {
        self.changes.iter().try_for_each(Change::make)?;
        self.gone.iter().for_each(Skill::tidy);
        Ok(())
    }

    /// Takes a skill away, but for what was changed since.
    fn without(&mut self, skill: Skill) -> Result<(), Failure> {
        let (changes, left) = skill.take()?;
        self.changes.extend(changes);
        self.notes.extend(
            left.iter().map(|path| format!("{} was changed since then, and stays", path.display())),
        );
        self.gone.push(skill);
        Ok(())
    }

    /// Takes away the copy of its own that an earlier version put there.
    fn without_former(&mut self, home: &Home) -> Result<(), Failure> {
        let former = self
            .client
            .former_skills(home)
            .map(|skills| skills.join(NAME))
            .filter(|path| !path.is_symlink());
        match former.map(Skill::find).transpose()? {
            Some(skill) if skill.version().is_some() => self.without(skill),
            _ => Ok(()),
        }
    }
}

/// The home directory that is meant: the one that was named, else this user's.
///
/// # Errors
/// Usage, if there is none, or it belongs to somebody else.
pub fn home(named: Option<PathBuf>) -> Result<Home, Failure> {
    let wrong =
        |detail: String| Failure::new(Kind::Usage, detail).next("name another one with --home DIR");
    let own = named.is_none();
    let path =
        match named.or_else(|| std::env::home_dir().filter(|path| !path.as_os_str().is_empty())) {
            Some(path) => std::path::absolute(path)
                .map_err(|error| wrong(format!("the home directory is not a path: {error}")))?,
            None => return Err(wrong("this user has no home directory".to_owned())),
        };
    let facts = Facts::at(&path).map_err(|error| {
        wrong(format!("the home directory {} cannot be used: {error}", path.display()))
    })?;
    if !facts.kind().is_dir() {
        return Err(wrong(format!("{} is not a directory", path.display())));
    }
    if !facts.is_own() {
        // Files would be of the wrong user, as with sudo.
        return Err(wrong(format!("{} belongs to another user", path.display()))
            .next("run it as that user"));
    }
    Ok(Home { path, own })
}

/// The agents that are in use here.
pub fn found(home: &Home) -> Vec<Client> {
    Client::ALL.into_iter().filter(|client| client.directory(home).is_dir()).collect()
}

/// Changes that set up these agents. Those that share a folder of skills have one copy there, which
/// comes with the first.
///
/// # Errors
/// Usage, if a configuration is not understood; disk, if a file cannot be read or somebody else's
/// is in the way.
pub fn set_up(clients: &[Client], home: &Home) -> Result<Vec<Part>, Failure> {
    let mut parts: Vec<Part> = Vec::new();
    for &client in clients {
        let mut part = Part { client, changes: Vec::new(), notes: Vec::new(), gone: Vec::new() };
        let directory = client.skills(home);
        if !parts.iter().any(|other| other.client.skills(home) == directory) {
            let skill = Skill::find(directory.join(NAME))?;
            part.changes.extend(skill.put()?);
            if let Some(version) =
                skill.version().filter(|version| *version != env!("CARGO_PKG_VERSION"))
            {
                part.notes.push(format!(
                    "the skill there has version {version}; this is {}",
                    env!("CARGO_PKG_VERSION")
                ));
            }
        }
        part.without_former(home)?;
        let config = Config::read(client, home)?;
        let command = entry::command()?;
        match config.entry()? {
            Some(there) if !is_ours(client, &there, &command) => part.notes.push(config.foreign()),
            Some(there) if is_current(client, &there, &command) => {}
            there => {
                part.changes.push(config.put(&command, there.as_ref())?);
                part.notes.extend(entry::explained(client).iter().map(|note| (*note).to_owned()));
            }
        }
        parts.push(part);
    }
    Ok(parts)
}

/// Changes that undo that. A skill that another agent shares stays as long as that one has the
/// server.
///
/// # Errors
/// As for [`set_up`].
pub fn remove(clients: &[Client], home: &Home) -> Result<Vec<Part>, Failure> {
    let mut parts: Vec<Part> = Vec::new();
    for &client in clients {
        let mut part = Part { client, changes: Vec::new(), notes: Vec::new(), gone: Vec::new() };
        let directory = client.skills(home);
        let shares = |other: Client| other.skills(home) == directory;
        let skill = Skill::find(directory.join(NAME))?;
        let config = Config::read(client, home)?;
        let there = config.entry()?;
        let others =
            Client::ALL.into_iter().filter(|other| !clients.contains(other) && shares(*other));
        let users: Vec<_> =
            others.filter(|other| has_server(*other, home)).map(Client::name).collect();
        if skill.version().is_some() && !users.is_empty() {
            if there.is_some() {
                part.notes.push(format!(
                    "the skill in {} stays: {} uses it too",
                    skill.directory().display(),
                    users.join(", ")
                ));
            }
        } else if !parts.iter().any(|earlier| shares(earlier.client)) {
            part.without(skill)?;
        }
        part.without_former(home)?;
        match there {
            Some(there) if is_ours(client, &there, &entry::command()?) => {
                part.changes.push(config.take(&there)?)
            }
            Some(_) => part.notes.push(config.foreign()),
            None => {}
        }
        parts.push(part);
    }
    Ok(parts)
}

/// True if an agent has a server of that name, or a configuration that does not tell.
fn has_server(client: Client, home: &Home) -> bool {
    Config::read(client, home)
        .and_then(|config| config.entry())
        .map_or(true, |there| there.is_some())
}

/// The file that names an agent's MCP servers.
struct Config {
    client: Client,
    path: PathBuf,
    text: Option<String>,
}

impl Config {
    fn read(client: Client, home: &Home) -> Result<Self, Failure> {
        let path = client.configuration(home);
        let text = disk::read(&path)?;
        Ok(Self { client, path, text })
    }

    /// The way to our entry.
    fn place(&self) -> Result<&'static [&'static str], Fault> {
        Ok(match self.client {
            Client::Claude | Client::Cursor | Client::Gemini => &["mcpServers", NAME],
            Client::Codex => &["mcp_servers", NAME],
            Client::OpenCode => {
                // Its second version has them one level deeper. A server of the first that is
                // called so has a type.
                let servers = self
                    .text
                    .as_deref()
                    .map(|text| json::get(text, &["mcp", "servers"]))
                    .transpose()?
                    .flatten();
                let second = servers.is_some_and(|servers| {
                    servers.is_object() && !servers.get("type").is_some_and(Value::is_string)
                });
                if second { &["mcp", "servers", NAME] } else { &["mcp", NAME] }
            }
        })
    }

    fn entry(&self) -> Result<Option<Value>, Failure> {
        let Some(text) = &self.text else { return Ok(None) };
        let found = match self.client {
            Client::Codex => toml::get(text, NAME),
            _ => self.place().and_then(|place| json::get(text, place)),
        };
        found.map_err(|fault| self.refuse(fault))
    }

    fn put(&self, command: &str, old: Option<&Value>) -> Result<Change, Failure> {
        let text = self.text.as_deref();
        let old = old.and_then(|old| started(self.client, old));
        let after = match self.client {
            Client::Codex => toml::put(text, NAME, command, old),
            _ => self
                .place()
                .and_then(|place| json::put(text, place, &entry::entry(self.client, command))),
        };
        let after = after.map_err(|fault| self.refuse(fault))?;
        let mut shown =
            old.map(|old| self.shown('-', self.text.as_deref(), old)).unwrap_or_default();
        shown.extend(self.shown('+', Some(&after), command));
        Ok(Change { path: self.path.clone(), before: self.text.clone(), after: Some(after), shown })
    }

    fn take(&self, there: &Value) -> Result<Change, Failure> {
        let text = self.text.as_deref().unwrap_or_default();
        let command = started(self.client, there).unwrap_or_default();
        let after = match self.client {
            Client::Codex => toml::take(text, NAME, command),
            _ => self.place().and_then(|place| json::take(text, place)),
        };
        let after = after.map_err(|fault| self.refuse(fault))?;
        Ok(Change {
            path: self.path.clone(),
            before: self.text.clone(),
            after,
            shown: self.shown('-', Some(text), command),
        })
    }

    /// The lines of the entry that starts `command`, which come into this text or go from it.
    fn shown(&self, sign: char, text: Option<&str>, command: &str) -> Vec<String> {
        let entry = match (self.client, self.place()) {
            (Client::Codex, _) => toml::written(text.unwrap_or_default(), NAME, command),
            (_, Ok(place)) => {
                format!("{}: {}", place.join("."), entry::entry(self.client, command))
            }
            (_, Err(_)) => String::new(),
        };
        entry.lines().map(|line| format!("{sign} {line}")).collect()
    }

    fn foreign(&self) -> String {
        format!(
            "{} has a server {NAME} that setup did not write; it stays as it is",
            self.path.display()
        )
    }

    fn refuse(&self, fault: Fault) -> Failure {
        let Fault(why) = fault;
        let next = format!(
            "correct that file, or add the server {NAME} by hand: its command is `{NAME} mcp`"
        );
        Failure::new(Kind::Usage, format!("{} {why}; nothing was changed", self.path.display()))
            .next(next)
    }
}

/// Writes the whole plugin into a directory that is not there yet, or is empty.
///
/// # Errors
/// Disk, if something is in it already, or it cannot be written.
pub fn unpack(directory: &Path) -> Result<(), Failure> {
    if directory.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        let detail = format!("{} is not empty", directory.display());
        return Err(Failure::new(Kind::Exists, detail).next("name a new directory"));
    }
    let change = |(path, text): &crate::agent::plugin::File| {
        Change {
            path: directory.join(path),
            before: None,
            after: Some((*text).to_owned()),
            shown: Vec::new(),
        }
        .make()
    };
    crate::agent::plugin::FILES.iter().try_for_each(change)
}
