//! Examples of the help pages can be typed.

use super::*;
use crate::failure::WAIT;
use clap::error::ErrorKind;
use pinhole_protocol::code::{CodeAddress, Shape, shape};
use std::time::Duration;

/// The commands that a help page shows under "Examples".
fn examples(page: &str) -> Vec<Vec<String>> {
    let (_, shown) = page.split_once("Examples:\n").unwrap_or_default();
    shown.lines().map_while(|line| line.strip_prefix("  ")).filter_map(ours).collect()
}

/// The words of our command in a line, without other programs, redirections and the note that
/// stands two spaces after it.
fn ours(line: &str) -> Option<Vec<String>> {
    let command = line.split(" | ").find(|part| part.starts_with("pinhole "))?;
    let end = ["  ", " > ", " < "].into_iter().filter_map(|end| command.find(end)).min();
    shlex::split(&command[..end.unwrap_or(command.len())])
}

#[test]
fn clap_finds_nothing_wrong() {
    Cli::command().debug_assert();
}

#[test]
fn every_help_page_shows_three_commands_that_can_be_typed() {
    let mut program = Cli::command();
    program.build();
    for command in std::iter::once(&program).chain(program.get_subcommands()) {
        let page = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let examples = examples(&page);
        assert!(examples.len() >= 3, "{} shows {examples:?}", command.get_name());
        let name = command.get_name();
        assert!(
            name == "pinhole" || examples.iter().any(|example| example[1] == name),
            "{name} shows others only: {examples:?}"
        );
        for example in examples {
            let parsed = Cli::command()
                .try_get_matches_from(&example)
                .and_then(|matches| Cli::from_arg_matches(&matches));
            assert!(parsed.is_ok(), "{example:?}: {}", parsed.err().unwrap());
            for word in example.iter().filter(|word| shape(word) == Shape::Code) {
                assert!(CodeAddress::parse(word).is_ok(), "{example:?}");
            }
        }
    }
}

/// The commands of ours in a text for agents: lines of code, and words between backticks.
fn commands(text: &str) -> Vec<Vec<String>> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("    "));
    let words = text
        .lines()
        .filter(|line| !line.starts_with("    "))
        .flat_map(|line| line.split('`').skip(1).step_by(2));
    lines.chain(words).filter(|line| line.starts_with("pinhole ")).filter_map(ours).collect()
}

#[test]
fn every_command_of_the_skill_can_be_typed_and_none_waits_too_long_for_an_agent() {
    let mut count = 0;
    for (file, text) in crate::agent::plugin::skill() {
        for command in commands(text) {
            count += 1;
            let parsed = Cli::command()
                .try_get_matches_from(&command)
                .and_then(|matches| Cli::from_arg_matches(&matches));
            assert!(
                parsed.as_ref().err().is_none_or(|error| error.kind() == ErrorKind::DisplayHelp),
                "{file}: {command:?}: {}",
                parsed.err().unwrap()
            );
            for word in command.iter().filter(|word| shape(word) == Shape::Code) {
                assert!(CodeAddress::parse(word).is_ok(), "{file}: {command:?}");
            }
            // A command that a tool runs in the background, to wake its agent at the end, may wait
            // as long as a channel rests.
            if command.starts_with(&["pinhole".into(), "receive".into(), "9471".into()])
                && command.ends_with(&["--wait".into(), "55m".into()])
            {
                continue;
            }
            // No other command of an agent takes more than 50 s, with its wait.
            for pair in command
                .windows(2)
                .filter(|pair| ["--wait", "--timeout"].contains(&pair[0].as_str()))
            {
                assert!(
                    amounts::duration(&pair[1]).unwrap() <= Duration::from_secs(WAIT),
                    "{file}: {command:?}"
                );
            }
        }
    }
    assert!(count > 45, "{count}");
    assert_eq!(
        commands("a `pinhole status` b `pinhole`\n    pinhole close\n    other `pinhole x`").len(),
        2
    );
}

#[test]
fn the_server_that_agents_are_told_of_can_be_started() {
    let entries = crate::agent::plugin::FILES.iter().filter(|(file, _)| file.ends_with("mcp.json"));
    for (file, text) in entries {
        let servers: serde_json::Value = serde_json::from_str(text).unwrap();
        let server = &servers["mcpServers"]["pinhole"];
        let words = std::iter::once(&server["command"])
            .chain(server["args"].as_array().unwrap())
            .map(|word| word.as_str().unwrap());
        assert!(Cli::command().try_get_matches_from(words).is_ok(), "{file}: {server}");
    }
}

#[test]
fn an_example_that_cannot_be_typed_would_be_noticed() {
    let page = "Examples:\n  cat a | pinhole give -   a note\n  pinhole take CODE -o - > \"a \
               b\"\n  pinhole send 'x y' | less\n\n  pinhole not this";
    let words = [
        vec!["pinhole", "give", "-"],
        vec!["pinhole", "take", "CODE", "-o", "-"],
        vec!["pinhole", "send", "x y"],
    ];
    assert_eq!(examples(page), words);
}
