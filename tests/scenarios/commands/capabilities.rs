//! `pinhole capabilities` agrees with the document, the help and the program.

use crate::harness::Machine;
use crate::harness::contract::{fields, lines, statuses};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

fn capabilities(part: &[&str]) -> Value {
    let here = Machine::new();
    serde_json::from_str(&here.run_plain(["capabilities"].iter().chain(part))).unwrap()
}

fn words(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().map(|word| word.as_str().unwrap())
}

#[test]
fn lines_are_those_of_the_document_each_with_its_fields() {
    let all = capabilities(&["--json"]);
    let mut named = BTreeSet::new();
    for line in all["lines"].as_array().unwrap() {
        let kind = line["type"].as_str().unwrap();
        let name = line["event"].as_str().unwrap_or(kind);
        named.insert(name);
        let mut promised = fields(name);
        promised.extend([("v", false), ("type", false), ("seq", true)]);
        promised.extend((kind == "status").then_some(("event", false)));
        if words(&line["fields"]).any(|field| field == "from") {
            promised.extend(["id", "from", "trust"].map(|field| (field, false)));
        }
        let has = words(&line["fields"]).map(|field| (field, false));
        let all: BTreeMap<&str, bool> =
            has.chain(words(&line["optional"]).map(|field| (field, true))).collect();
        assert_eq!(all, promised, "{name}");
        assert!(line["about"].as_str().is_some_and(|about| !about.is_empty()), "{name}");
    }
    assert_eq!(named, lines());
}

#[test]
fn errors_and_statuses_are_those_of_the_document() {
    let all = capabilities(&[]);
    let errors = all["errors"].as_array().unwrap().iter();
    let errors: BTreeMap<&str, i32> = errors
        .map(|it| {
            (it["error"].as_str().unwrap(), i32::try_from(it["exit"].as_i64().unwrap()).unwrap())
        })
        .collect();
    let mut promised = statuses();
    assert_eq!(promised.remove("done"), Some(0));
    assert_eq!(errors, promised);
    let exits: BTreeSet<i64> =
        all["exits"].as_array().unwrap().iter().map(|it| it["exit"].as_i64().unwrap()).collect();
    assert!(
        errors.values().all(|exit| exits.contains(&i64::from(*exit))) && exits.contains(&0),
        "{exits:?}"
    );
    assert!(
        all["limits"]
            .as_object()
            .unwrap()
            .values()
            .all(|limit| limit.as_u64().is_some_and(|limit| limit > 0)),
        "{}",
        all["limits"]
    );
    assert_eq!(
        (&all["protocol_versions"], &all["version"]),
        (&serde_json::json!([1]), &env!("CARGO_PKG_VERSION").into())
    );
}

#[test]
fn commands_and_options_are_those_of_the_help() {
    let here = Machine::new();
    let help = here.run_plain(["--help"]);
    let (_, listed) = help.split_once("Commands:\n").unwrap();
    let listed: Vec<&str> = listed
        .lines()
        .map_while(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|word| !word.is_empty())
        .collect();
    let all = capabilities(&["commands"]);
    let commands = all["commands"].as_array().unwrap();
    assert_eq!(
        commands.iter().map(|it| it["command"].as_str().unwrap()).collect::<Vec<_>>(),
        listed
    );
    for command in commands {
        let name = command["command"].as_str().unwrap();
        let help = here.run_plain([name, "--help"]);
        // Options stand in one column, with or without a short form before them; what a text says
        // of others does not.
        let lines = help.lines().filter(|line| {
            line.find("--") == Some(6) && (line.starts_with("      ") || line.starts_with("  -"))
        });
        let shown: BTreeSet<&str> =
            lines.map(|line| line[6..].split([' ', '[', '=']).next().unwrap()).collect();
        let options = command["options"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|it| it["option"].as_str().unwrap());
        // These two have every command and the program itself.
        let options = options.chain(["--help", "--version"]);
        assert_eq!(options.collect::<BTreeSet<_>>(), shown, "{name}");
    }
}

#[test]
fn a_part_or_a_command_can_be_had_alone() {
    let all = capabilities(&[]);
    for part in ["commands", "lines", "errors", "exits", "limits"] {
        assert_eq!(capabilities(&[part]), serde_json::json!({ part: all[part] }));
    }
    let give = capabilities(&["give"]);
    assert_eq!(
        Some(&give),
        all["commands"].as_array().unwrap().iter().find(|it| it["command"] == "give")
    );
    let links =
        give["options"].as_array().unwrap().iter().find(|it| it["option"] == "--links").unwrap();
    assert_eq!(
        (&links["values"], &links["default"]),
        (&serde_json::json!(["keep", "follow", "skip", "all"]), &"keep".into())
    );
    let unknown = Machine::new().command(["capabilities", "gvie"]).output().unwrap();
    assert_eq!(unknown.status.code(), Some(2));
}
