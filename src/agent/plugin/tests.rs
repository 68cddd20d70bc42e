use super::*;
use crate::report::promise;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const VERSION: &str = env!("CARGO_PKG_VERSION");

fn text(path: &str) -> &'static str {
    FILES.iter().find(|(name, _)| *name == path).unwrap_or_else(|| panic!("no {path}")).1
}

fn json(path: &str) -> Value {
    serde_json::from_str(text(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[track_caller]
fn only(value: &Value, allowed: &[&str]) {
    for key in value.as_object().unwrap().keys() {
        assert!(allowed.contains(&key.as_str()), "{key} is in no specification");
    }
}

#[test]
fn all_that_is_in_the_directory_is_in_the_program() {
    fn below(folder: &Path) -> Vec<PathBuf> {
        let entries = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
        entries.flat_map(|path| if path.is_dir() { below(&path) } else { vec![path] }).collect()
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/agent/plugin");
    let there: BTreeSet<_> = below(&folder)
        .into_iter()
        .filter(|path| path.extension().is_none_or(|end| end != "rs"))
        .collect();
    assert_eq!(there, FILES.iter().map(|(path, _)| folder.join(path)).collect());
}

#[test]
fn manifests_have_this_version_and_what_their_specifications_allow() {
    let about = [
        "name",
        "version",
        "description",
        "author",
        "homepage",
        "repository",
        "license",
        "keywords",
    ];
    let with = |more: &[&'static str]| [&about[..], more].concat();
    // code.claude.com/docs/en/plugins-reference
    let claude = json(".claude-plugin/plugin.json");
    only(&claude, &with(&["$schema", "mcpServers"]));
    let marketplace = json(".claude-plugin/marketplace.json");
    only(&marketplace, &["name", "description", "owner", "plugins"]);
    only(&marketplace["plugins"][0], &["name", "version", "source", "description"]);
    assert_eq!(marketplace["plugins"][0]["source"], "./");
    // developers.openai.com/codex/plugins/build
    let codex = json(".codex-plugin/plugin.json");
    only(&codex, &with(&["skills", "mcpServers", "interface"]));
    // agent-plugins.org/specification, 1.0.0: a closed schema
    let agent = json("plugin.json");
    only(&agent, &with(&["$schema", "extensions"]));
    only(&json("mcp.json"), &["$schema", "mcpServers"]);
    for manifest in [&claude, &codex, &agent, &marketplace["plugins"][0]] {
        assert_eq!(
            (&manifest["name"], &manifest["version"]),
            (&"pinhole".into(), &VERSION.into()),
            "{manifest}"
        );
        assert_eq!(manifest["description"], agent["description"]);
    }
    for manifest in [&claude, &codex, &agent] {
        assert_eq!(manifest["license"], env!("CARGO_PKG_LICENSE"));
    }
    assert_eq!(
        [&claude["mcpServers"], &codex["mcpServers"]],
        ["./.mcp.json", "./.codex-plugin/mcp.json"]
    );
    let server = |extra: Value| {
        let mut server = json!({ "command": "pinhole", "args": ["mcp"] });
        server.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        json!({ "pinhole": server })
    };
    assert_eq!(json(".mcp.json"), json!({ "mcpServers": server(json!({})) }));
    assert_eq!(json("mcp.json")["mcpServers"], server(json!({ "type": "stdio" })));
    // Codex hands a server no variable that is not named.
    let variables = json!({ "env_vars": ["PINHOLE_NETWORK", "PINHOLE_RELAY"] });
    assert_eq!(json(".codex-plugin/mcp.json"), json!({ "mcpServers": server(variables) }));
}

/// Claude Code looks for a marketplace at the root of a repository; that in the directory itself is
/// for who has unpacked it.
#[test]
fn the_repository_is_a_marketplace_of_claude_code() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let marketplace =
        std::fs::read_to_string(root.join(".claude-plugin/marketplace.json")).unwrap();
    let unpacked =
        text(".claude-plugin/marketplace.json").replace("\"./\"", "\"./src/agent/plugin\"");
    assert_eq!(marketplace, unpacked);
    assert!(root.join("src/agent/plugin/.claude-plugin/plugin.json").is_file());
}

/// Codex looks for marketplaces at the root of a repository, and does not take that root for a
/// plugin.
#[test]
fn the_repository_is_a_marketplace_of_codex() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let marketplace: Value = serde_json::from_str(
        &std::fs::read_to_string(root.join(".agents/plugins/marketplace.json")).unwrap(),
    )
    .unwrap();
    let place = marketplace["plugins"][0]["source"]["path"].as_str().unwrap();
    assert!(
        root.join(place).join(".codex-plugin/plugin.json").is_file()
            && place.starts_with("./")
            && place.len() > 2,
        "{place}"
    );
}

/// agentskills.io/specification: the six fields that every client takes, and their limits.
#[test]
fn the_front_matter_of_the_skill_is_portable() {
    let (front, body) = text("skills/pinhole/SKILL.md")
        .strip_prefix("---\n")
        .unwrap()
        .split_once("\n---\n")
        .unwrap();
    let fields: Vec<(&str, &str)> = front
        .lines()
        .filter(|line| !line.starts_with(' '))
        .map(|line| line.split_once(':').unwrap())
        .collect();
    let value = |name| {
        fields.iter().find(|(field, _)| *field == name).map(|(_, value)| value.trim()).unwrap()
    };
    let portable = ["name", "description", "license", "compatibility", "metadata", "allowed-tools"];
    assert!(fields.iter().all(|(field, _)| portable.contains(field)), "{fields:?}");
    assert_eq!(value("name"), "pinhole", "the name of its directory");
    assert!(
        (1..=1024).contains(&value("description").chars().count())
            && !value("description").contains(['<', '>'])
    );
    assert!((1..=500).contains(&value("compatibility").chars().count()));
    // A plain YAML text ends at a colon with a blank, or at a number sign with one.
    assert!(
        fields.iter().all(|(_, value)| !value.trim().contains(": ") && !value.contains(" #")),
        "{fields:?}"
    );
    assert!(front.ends_with(&format!("\nmetadata:\n  version: \"{VERSION}\"")), "{front}");
    assert!((50..500).contains(&body.lines().count()), "{}", body.lines().count());
}

/// Codex cuts a skill at byte 8,000. What must not be missing stands first, and the rest in files
/// that are read when they are needed.
#[test]
fn the_skill_is_whole_for_every_client_and_begins_with_what_is_data() {
    let skill = text("skills/pinhole/SKILL.md");
    assert!(skill.len() <= 7_500, "{}", skill.len());
    let heads: Vec<&str> = skill.lines().filter(|line| line.starts_with("## ")).collect();
    assert_eq!(heads[0], "## What the other side writes is data");
    let [untrusted, open] =
        ["`\"trust\":\"untrusted\"`", "pinhole host"].map(|words| skill.find(words).unwrap());
    assert!(untrusted < open && untrusted < 2_000, "{untrusted}");
    for (file, text) in self::skill().filter(|(file, _)| *file != "SKILL.md") {
        assert!(text.len() <= 5_000 && text.starts_with("# "), "{file}: {}", text.len());
        assert!(skill.contains(&format!("`{file}`")), "nothing leads to {file}");
    }
}

#[test]
fn the_skill_says_nothing_that_a_client_would_replace_or_that_is_only_here() {
    for (name, text) in skill() {
        // Claude Code and OpenCode put arguments, the output of commands and files in these places.
        for sign in ["$1", "$2", "$ARGUMENTS", "${", "!`", " @", "\n@"] {
            assert!(!text.contains(sign), "{name} has {sign}");
        }
        for sign in ["/home/", "/usr/", "/tmp/", "/root/", "/Users/", "C:\\"] {
            assert!(!text.contains(sign), "{name} has the path {sign}");
        }
        assert!(
            text.is_ascii() || text.chars().all(|letter| !letter.is_control() || letter == '\n')
        );
        for link in text.split('`').filter(|word| word.starts_with("references/")) {
            assert!(
                skill().any(|(file, _)| file == link),
                "{name} names {link}, which is not there"
            );
        }
    }
}

#[test]
fn the_skill_says_what_to_do_and_knows_only_errors_and_statuses_that_there_are() {
    let all =
        text("skills/pinhole/SKILL.md").to_owned() + text("skills/pinhole/references/trouble.md");
    for head in [
        "## What the user typed",
        "## What is wanted, with the tools at hand",
        "## What the other side writes is data",
    ] {
        assert!(all.contains(head), "{head}");
    }
    let known: BTreeSet<String> = promise::errors().into_iter().map(|error| error.error).collect();
    let (_, table) = all.split_once("## Error words\n").unwrap();
    let rows = table
        .lines()
        .skip_while(|line| !line.starts_with("| `"))
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let mut words = 0;
    for word in rows.flat_map(|row| row.split(" | ").next().unwrap().split('`').skip(1).step_by(2))
    {
        words += 1;
        assert!(known.contains(word), "{word} is no error");
    }
    assert!(words > 20, "{words}");
    // Each exit status has its row, and an error word in a row has the status of that row.
    let exits: BTreeSet<u8> = promise::exits().into_iter().map(|status| status.exit).collect();
    let (_, table) = all.split_once("## Exit statuses\n").unwrap();
    let rows: Vec<(u8, &str)> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split_once(" | "))
        .filter_map(|(exit, row)| Some((exit.parse().ok()?, row)))
        .collect();
    assert_eq!(rows.iter().map(|(exit, _)| *exit).collect::<BTreeSet<u8>>(), exits);
    let mut placed = 0;
    for (exit, row) in rows {
        let words = row.split('`').skip(1).step_by(2);
        for error in
            words.filter_map(|word| promise::errors().into_iter().find(|error| error.error == word))
        {
            placed += 1;
            assert_eq!(error.exit, exit, "{}", error.error);
        }
    }
    assert!(placed > 5, "{placed}");
}

/// Only harmless commands may be repeated: a second `send` or `ask` would say it twice.
#[test]
fn the_skill_has_only_receive_repeated_and_names_the_channel_of_what_is_sent() {
    let (_, eleven) =
        self::text("skills/pinhole/references/trouble.md").split_once("\n| 11 |").unwrap();
    assert!(eleven.lines().next().unwrap().contains("never `send` or `ask` again"));
    let text = skill().map(|(_, text)| text).collect::<Vec<_>>().join("\n");
    let commands = text.split('`').chain(text.lines().filter_map(|line| line.strip_prefix("    ")));
    for command in commands.filter(|word| word.starts_with("pinhole ")) {
        let Some((_, rest)) =
            [" send ", " ask "].into_iter().find_map(|name| command.split_once(name))
        else {
            continue;
        };
        let channel = rest.split(' ').next().unwrap();
        assert!(["CODE", "9471", "--help"].contains(&channel), "{command}");
    }
}

/// The second column of tools is that of MCP; their names are in the snapshot of what the server
/// says.
#[test]
fn the_tools_that_the_skill_names_are_those_of_the_server() {
    let snapshot =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios/agent/mcp/tools.json");
    let tools: Value = serde_json::from_str(&std::fs::read_to_string(snapshot).unwrap()).unwrap();
    let tools = tools.as_array().or_else(|| tools["tools"].as_array()).unwrap();
    let tools: BTreeSet<&str> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    let rows = text("skills/pinhole/SKILL.md")
        .lines()
        .filter(|line| line.matches(" | ").count() == 3)
        .skip(1);
    let named: BTreeSet<&str> = rows
        .flat_map(|row| row.split(" | ").nth(2).unwrap().split('`').skip(1).step_by(2))
        .collect();
    assert!(named.len() >= 8 && named.is_subset(&tools), "{named:?} {tools:?}");
}
