//! `capabilities`: what this program can do, for a program to read. Everything is taken from where
//! it is decided.

use super::Cli;
use super::ended::{Ended, plainly, print};
use super::options::{UNWATCHED, UNWATCHED_ENTRIES};
use crate::control::BELL_LINES_A_MINUTE;
use crate::events::line::schema;
use crate::failure::{Failure, Kind, Run};
use crate::files::secret_source;
use crate::handler;
use crate::report::{LONGEST_TEXT_IN_A_LINE, PROGRESS_EVERY, promise};
use clap::{Arg, ArgAction, Command, CommandFactory};
use pinhole_protocol::code::WORDS;
use pinhole_protocol::limits;
use pinhole_protocol::messages::Body;
use serde_json::{Map, Value, json};

#[derive(clap::Args)]
#[command(after_help = "\
Parts:
  commands   each with its arguments and options; or the name of a command, for just that one
  options    those that come before the name of a command
  lines      the types and events of JSON lines, with the required and optional fields of each
  errors     the error words, with the exit status of each
  exits      the exit statuses
  limits     in bytes, seconds or numbers

Examples:
  pinhole capabilities errors
  pinhole capabilities give
  pinhole capabilities commands | jq -r '.commands[].command'")]
pub(super) struct Args {
    /// Only this part
    #[arg(value_name = "PART")]
    part: Option<String>,
    /// Print JSON, as it always does
    #[arg(long)]
    json: bool,
}

impl Args {
    /// Runs it to its end.
    pub(super) fn main(self) -> Ended {
        plainly(self.json, self.run())
    }

    fn run(self) -> Result<(), Failure> {
        let mut program = Cli::command();
        program.build();
        let mut all = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "protocol_versions": limits::VERSIONS,
            "commands": commands(&program),
            "options": described(&program).get("options"),
            "lines": lines(&schema()),
            "errors": promise::errors(),
            "exits": promise::exits(),
            "limits": limits(),
        });
        let Some(part) = &self.part else { return print(&all.to_string()) };
        if let Some(command) = program.find_subcommand(part) {
            return print(&described(command).to_string());
        }
        if let Some(content) = all.get_mut(part).map(Value::take) {
            return print(&json!({ part: content }).to_string());
        }
        Err(Failure::new(Kind::Usage, format!("there is no part or command {part:?}"))
            .next(Run::Help(Some("capabilities".into()))))
    }
}

fn limits() -> Value {
    json!({
        "text_bytes": Body::MAX,
        "text_in_line_bytes": LONGEST_TEXT_IN_A_LINE,
        "secret_bytes": secret_source::LONGEST,
        "name_bytes": limits::NAME_BYTES,
        "path_bytes": limits::PATH_BYTES,
        "path_levels": limits::PATH_LEVELS,
        "items_of_an_offer": limits::ITEMS,
        "entries_of_a_transfer": limits::ENTRIES,
        "transfers_at_a_time": limits::TRANSFERS,
        "received_bytes_unless_max_size": UNWATCHED,
        "received_entries_unless_max_entries": UNWATCHED_ENTRIES,
        "code_words_min": WORDS.start(),
        "code_words_max": WORDS.end(),
        "ttl_seconds": limits::TTL.as_secs(),
        "ttl_seconds_min": limits::TTL_MIN.as_secs(),
        "ttl_seconds_max": limits::TTL_MAX.as_secs(),
        "expiring_seconds": limits::EXPIRING.as_secs(),
        "progress_seconds": PROGRESS_EVERY.as_secs(),
        "bell_lines_a_minute": BELL_LINES_A_MINUTE,
        "handler_seconds": handler::PATIENCE.as_secs(),
        "handler_runs_a_minute": handler::A_MINUTE,
        "handler_max_turns": handler::TURNS,
    })
}

/// The commands below this one.
fn commands(command: &Command) -> Vec<Value> {
    command.get_subcommands().filter(|command| !command.is_hide_set()).map(described).collect()
}

fn described(command: &Command) -> Value {
    let visible: Vec<&Arg> = command
        .get_arguments()
        .filter(|arg| !arg.is_hide_set() && !matches!(arg.get_id().as_str(), "help" | "version"))
        .collect();
    let (arguments, options): (Vec<&Arg>, Vec<&Arg>) =
        visible.into_iter().partition(|arg| arg.is_positional());
    let mut fields = Map::new();
    let mut field = |name: &str, value: Value| {
        // Empty lists are left out.
        if !matches!(&value, Value::Array(items) if items.is_empty()) {
            fields.insert(name.to_owned(), value);
        }
    };
    field("command", command.get_name().into());
    field("about", command.get_about().map(ToString::to_string).into());
    field("aliases", command.get_all_aliases().collect());
    field("arguments", arguments.into_iter().map(argument).collect());
    field("options", options.into_iter().map(option).collect());
    field("commands", commands(command).into());
    fields.into()
}

fn argument(arg: &Arg) -> Value {
    let mut fields = values(arg);
    if arg.is_required_set() {
        fields.insert("required".to_owned(), true.into());
    }
    fields.into()
}

fn option(arg: &Arg) -> Value {
    let mut fields = values(arg);
    if let Some(long) = arg.get_long() {
        fields.insert("option".to_owned(), format!("--{long}").into());
    }
    if let Some(short) = arg.get_short() {
        fields.insert("short".to_owned(), format!("-{short}").into());
    }
    fields.into()
}

/// Fields that arguments and options share: the purpose, and which values they take.
fn values(arg: &Arg) -> Map<String, Value> {
    let mut fields = Map::new();
    if let Some(help) = arg.get_help() {
        fields.insert("about".to_owned(), help.to_string().into());
    }
    if !arg.get_action().takes_values() {
        return fields;
    }
    if let Some([name, ..]) = arg.get_value_names() {
        fields.insert("value".to_owned(), name.as_str().into());
    }
    let possible: Vec<Value> =
        arg.get_possible_values().iter().map(|value| value.get_name().into()).collect();
    if !possible.is_empty() {
        fields.insert("values".to_owned(), possible.into());
    }
    if let [default] = arg.get_default_values() {
        fields.insert("default".to_owned(), default.to_string_lossy().into());
    }
    if matches!(arg.get_action(), ArgAction::Append) {
        fields.insert("repeatable".to_owned(), true.into());
    }
    fields
}

/// Each type and, of `status`, each event, with the fields that it has and those that it may have.
fn lines(schema: &Value) -> Vec<Value> {
    let variants = |of: &Value| of["oneOf"].as_array().cloned().unwrap_or_default();
    variants(schema)
        .into_iter()
        .flat_map(|body| {
            // Fields of a type may be written once for several, or for all events together.
            let named = body["$ref"]
                .as_str()
                .and_then(|place| place.strip_prefix('#'))
                .and_then(|place| schema.pointer(place))
                .cloned();
            let events = named.as_ref().map(variants).unwrap_or_default();
            if events.is_empty() {
                return vec![line(&[schema, &body, named.as_ref().unwrap_or(&Value::Null)])];
            }
            events.iter().map(|event| line(&[schema, &body, event])).collect()
        })
        .collect()
}

/// A line from the parts of the schema that it consists of, the general ones first.
fn line(parts: &[&Value]) -> Value {
    let names = |part: &&Value| {
        part["properties"]
            .as_object()
            .map(|fields| fields.keys().cloned().collect::<Vec<_>>())
            .unwrap_or_default()
    };
    let required: Vec<&Value> =
        parts.iter().filter_map(|part| part["required"].as_array()).flatten().collect();
    let (has, may_have): (Vec<Value>, Vec<Value>) =
        parts.iter().flat_map(names).map(Value::from).partition(|name| required.contains(&name));
    let constant = |name: &str| {
        parts.iter().map(|part| &part["properties"][name]["const"]).find(|word| !word.is_null())
    };
    let about = parts.iter().rev().map(|part| &part["description"]).find(|about| !about.is_null());
    let mut fields = Map::new();
    for name in ["type", "event"] {
        if let Some(word) = constant(name) {
            fields.insert(name.to_owned(), word.clone());
        }
    }
    fields.insert("about".to_owned(), about.cloned().into());
    fields.insert("fields".to_owned(), has.into());
    fields.insert("optional".to_owned(), may_have.into());
    fields.into()
}
