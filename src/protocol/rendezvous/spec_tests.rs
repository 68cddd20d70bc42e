//! The tables of SPEC 10 are the words and numbers of this module.

use super::{
    Addressed, CloseReason, FromHost, FromRelay, HostToken, OwnerToken, Refusal, SlotToken,
    VERSION, Verb,
};
use crate::code::Nameplate;
use crate::limits;
use crate::role::Role;
use std::borrow::ToOwned;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

const SPEC: &str = include_str!("../SPEC.md");

/// The text of a section, to the next heading.
fn section(heading: &str) -> &'static str {
    let start = SPEC.find(&format!("\n### {heading} ")).unwrap();
    let text = &SPEC[start + 1..];
    &text[..text.find("\n#").unwrap()]
}

/// The cells of the table whose heading begins so, a row each, without their backquotes.
fn table(text: &str, heading: &str) -> Vec<Vec<String>> {
    text.lines()
        .skip_while(|line| !line.starts_with(heading))
        .take_while(|line| line.starts_with('|'))
        .skip(2)
        .map(|line| {
            let cells = line.trim_matches('|').split(" | ");
            cells.map(|cell| cell.trim().trim_matches('`').to_owned()).collect()
        })
        .collect()
}

fn column(rows: &[Vec<String>], number: usize) -> Vec<&str> {
    rows.iter().map(|row| row[number].as_str()).collect()
}

#[test]
fn close_codes_and_reasons_are_those_of_the_table() {
    let rows = table(section("10.5"), "| code |");
    let codes = CloseReason::ALL.map(|reason| reason.code().to_string());
    assert_eq!(column(&rows, 0), codes);
    assert_eq!(column(&rows, 1), CloseReason::ALL.map(CloseReason::as_str));
    for reason in CloseReason::ALL {
        assert_eq!(CloseReason::of(reason.code()), Some(reason));
    }
    let own = format!("unknown code from {} on", CloseReason::OWN);
    assert!(section("10.5").contains(&own) && CloseReason::of(4009).is_none());
}

#[test]
fn verbs_and_headers_are_those_of_the_upgrade() {
    let text = section("10.1");
    let nameplate = Nameplate::new(417).unwrap();
    let slot = SlotToken::new([0; 16]);
    let verbs = [
        Verb::Host,
        Verb::HostAgain(nameplate, OwnerToken::new([0; 32])),
        Verb::Join(nameplate),
        Verb::Link(slot, Role::Host),
        Verb::Link(slot, Role::Joiner),
    ];
    let words = verbs.map(|verb| {
        let protocols = verb.protocols();
        let word = protocols.strip_prefix(VERSION).unwrap().strip_prefix(", ").unwrap();
        word.replace("417", "NUMBER").replace(&"0".repeat(32), "TOKEN")
    });
    let rows = table(text, "| token |");
    let mut expected = Vec::from([VERSION.to_owned()]);
    expected.extend(words);
    assert_eq!(column(&rows, 0), expected);
    let join = Verb::Join(nameplate);
    assert!(text.contains(&format!("\n    Sec-WebSocket-Protocol: {}\n", *join.protocols())));
    let token = HostToken::parse(&"t".repeat(16)).unwrap();
    let again = Verb::HostAgain(nameplate, OwnerToken::new([0; 32]));
    let shown = again
        .authorization(Some(&token))
        .unwrap()
        .replace(&"0".repeat(64), "TOKEN")
        .replace(&"t".repeat(16), "HOST-TOKEN");
    assert!(text.contains(&format!("\n    Authorization: {shown}\n")), "{shown}");
}

#[test]
fn statuses_are_those_of_the_upgrade() {
    let text = section("10.1").split_whitespace().collect::<Vec<_>>().join(" ");
    let [malformed, token, upgrade, limit, ending] = Refusal::ALL.map(Refusal::status);
    let sentence = [
        format!(
            "or: {malformed} to what is none of this, {token} to a host without the host token"
        ),
        format!(", {upgrade} to one that is cut, of another version of WebSocket,"),
        format!(", {limit} to a source over its limits (SPEC 10.7), {ending} when it is about"),
    ];
    for part in sentence {
        assert!(text.contains(&part), "{part}");
    }
    assert!(Refusal::ALL.iter().all(|refusal| Refusal::of(refusal.status()) == Some(*refusal)));
    assert_eq!(Refusal::of(404), None);
}

#[test]
fn control_messages_are_written_and_read_as_shown() {
    let text = section("10.3");
    let shown: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("    "))
        .filter(|line| line.starts_with('{'))
        .collect();
    assert_eq!(shown.len(), 6);
    let kind = |line: &str| line.split('"').nth(3).unwrap().to_owned();
    for line in &shown[..4] {
        let Addressed { message, delays, .. } = serde_json::from_str(line).unwrap();
        assert_eq!(delays, kind(line) == "waiting");
        let written = Addressed::new(message, "203.0.113.7".parse().unwrap(), delays);
        assert_eq!(serde_json::to_string(&written).unwrap(), *line);
    }
    // Of no other message it is said.
    let said = Addressed::new(FromRelay::Paired, "203.0.113.7".parse().unwrap(), true);
    assert_eq!(serde_json::to_string(&said).unwrap(), shown[3]);
    for line in &shown[4..] {
        let message: FromHost = serde_json::from_str(line).unwrap();
        assert_eq!(serde_json::to_string(&message).unwrap(), *line);
    }
    let rows = table(text, "| `type` |");
    assert_eq!(column(&rows, 0), shown[..4].iter().copied().map(kind).collect::<Vec<_>>());
    for line in &shown[4..] {
        assert!(text.contains(&format!("\n* `{}`: ", kind(line))));
    }
}

#[test]
fn numbers_that_both_sides_keep_to_are_those_of_the_table() {
    let thousands = |number: usize| format!("{},{:03}", number / 1000, number % 1000);
    let rows = [
        format!("| text frame | {} bytes |", limits::RELAY_TEXT),
        format!(
            "the attempt not counted; after | {} bytes; {} bytes |",
            thousands(limits::RELAY_MESSAGE),
            thousands(limits::RELAY_FRAME)
        ),
        format!(
            "| a host's number after its connection dropped; numbers given back after the \
            relay's start | {0} minutes; {0} minutes |",
            limits::NUMBER_KEPT.as_secs() / 60
        ),
        format!("nothing for\n{} s, so that", limits::PING_AFTER.as_secs()),
        format!("if nothing comes back\nfor {} s.", limits::PONG_TIME.as_secs()),
    ];
    for row in rows {
        assert!(section("10.7").contains(&row), "{row}");
    }
    assert!(section("10.4").contains("frame = u32 attempt | message"));
    assert_eq!(limits::ATTEMPT, size_of::<u32>());
}
