//! Sources of a setting: a flag, else its variable, else the file, else its default. Variable and
//! key follow from the flag: `--waiting-hosts` is `PINHOLE_RELAY_WAITING_HOSTS` and
//! `waiting-hosts`. Both are the defaults of the flag, so that clap alone decides and reads all
//! three alike.

use crate::failure::{Failure, Kind, Run};
use clap::builder::OsStr;
use clap::{ArgAction, Command};
use std::ffi::OsString;
use std::path::Path;
use toml::{Table, Value};

/// A flag that a variable or a file may give.
struct Flag {
    id: clap::Id,
    name: String,
    takes: Takes,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// It is there or not.
    Switch,
    /// It has a value.
    One,
    /// It may be repeated.
    Several,
}

/// The values of a flag; none for a switch that is off.
type Values = Vec<OsString>;

impl Flag {
    /// All of a command that say how the relay runs: not those that are for one call, which are
    /// `once`.
    fn all(command: &Command, once: &[&str]) -> Vec<Self> {
        let named =
            command.get_arguments().filter_map(|arg| arg.get_long().map(|long| (long, arg)));
        let settable = named.filter(|(long, _)| !once.contains(long));
        let flags = settable.map(|(long, arg)| {
            let takes = match arg.get_action() {
                ArgAction::Append => Takes::Several,
                action if action.takes_values() => Takes::One,
                _ => Takes::Switch,
            };
            Self { id: arg.get_id().clone(), name: long.to_owned(), takes }
        });
        flags.collect()
    }

    fn variable(&self) -> String {
        format!("PINHOLE_RELAY_{}", self.name.to_ascii_uppercase().replace('-', "_"))
    }

    /// Values of a variable.
    fn of_variable(&self, value: &OsString) -> Result<Values, &'static str> {
        match self.takes {
            Takes::Switch => switch(&value.to_string_lossy()),
            Takes::One => Ok(vec![value.clone()]),
            // None of those that may be repeated is a path, and no address has a comma.
            Takes::Several => Ok(value.to_string_lossy().split(',').map(OsString::from).collect()),
        }
    }

    /// Values of a key in the file.
    fn of_file(&self, value: Value) -> Result<Values, &'static str> {
        match (self.takes, value) {
            (Takes::Switch, Value::Boolean(on)) => switch(if on { "true" } else { "false" }),
            (Takes::Switch, _) => Err("it must be true or false"),
            (Takes::One | Takes::Several, Value::String(text)) => Ok(vec![text.into()]),
            (Takes::One | Takes::Several, Value::Integer(number)) => {
                Ok(vec![number.to_string().into()])
            }
            (Takes::One, _) => Err("it must be a number, or a text in quotes"),
            (Takes::Several, Value::Array(values)) if !values.is_empty() => values
                .into_iter()
                .map(|value| value.as_str().map(OsString::from))
                .collect::<Option<_>>()
                .ok_or("it must be a list of texts in quotes"),
            (Takes::Several, _) => Err("it must be a text in quotes, or a list of them"),
        }
    }
}

fn switch(value: &str) -> Result<Values, &'static str> {
    match value {
        "true" | "1" => Ok(vec!["true".into()]),
        "false" | "0" => Ok(Vec::new()),
        _ => Err("it must be true or false"),
    }
}

/// The command with what the environment says for defaults.
///
/// # Errors
/// Usage, naming the variable.
pub(super) fn with_environment(
    command: Command,
    once: &[&str],
    get: impl Fn(&str) -> Option<OsString>,
) -> Result<Command, Failure> {
    Flag::all(&command, once).into_iter().try_fold(command, |command, flag| {
        let variable = flag.variable();
        let Some(value) = get(&variable).filter(|value| !value.is_empty()) else {
            return Ok(command);
        };
        let values = flag.of_variable(&value).map_err(|detail| wrong(&variable, detail))?;
        with(command, &variable, &flag, values)
    })
}

/// The command with what a file says for defaults.
///
/// # Errors
/// `no-such-file`; usage, naming the file and the key.
pub(super) fn with_file(command: Command, once: &[&str], path: &Path) -> Result<Command, Failure> {
    let content = super::read("--config", path)?;
    let shown = path.display();
    let table: Table = content.parse().map_err(|error: toml::de::Error| {
        wrong(&shown.to_string(), error.to_string().trim_end())
    })?;
    let flags = Flag::all(&command, once);
    table.into_iter().try_fold(command, |command, (key, value)| {
        let at = format!("{key:?} in {shown}");
        let Some(flag) = flags.iter().find(|flag| flag.name == key) else {
            let known: Vec<&str> = flags.iter().map(|flag| flag.name.as_str()).collect();
            return Err(wrong(&at, "there is no such setting")
                .next(format!("the settings are {}", known.join(", "))));
        };
        let values = flag.of_file(value).map_err(|detail| wrong(&at, detail))?;
        with(command, &at, flag, values)
    })
}

/// The command with these values for the default of a flag, once they were found to be such that it
/// takes them.
fn with(command: Command, from: &str, flag: &Flag, values: Values) -> Result<Command, Failure> {
    let typed = values.iter().map(|value| {
        let mut typed = OsString::from(format!("--{}", flag.name));
        if flag.takes != Takes::Switch {
            typed.push("=");
            typed.push(value);
        }
        typed
    });
    let tried = command.clone().no_binary_name(true).try_get_matches_from(typed);
    if let Err(error) = tried {
        let rendered = error.render().to_string();
        return Err(wrong(
            from,
            rendered.lines().next().unwrap_or_default().trim_start_matches("error: "),
        ));
    }
    let values: Vec<OsStr> = if values.is_empty() {
        vec!["false".into()]
    } else {
        values.into_iter().map(OsStr::from).collect()
    };
    Ok(command.mut_arg(&flag.id, |arg| arg.default_values(values)))
}

fn wrong(from: &str, detail: &str) -> Failure {
    Failure::new(Kind::Usage, format!("{from}: {detail}")).next(Run::Help(Some("relay".into())))
}
