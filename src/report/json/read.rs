//! A numbered line read again, for people who ask for it at a terminal.

use super::differing::{Differing, bytes};
use super::moment;
use crate::events::{
    Acting, Arrived, Channel, Event, Join, Offered, Ours, Path, Reach, SetAside, Stored,
};
use crate::failure::sentences::reason;
use crate::platform::name::from_bytes;
use pinhole_protocol::wire::{Differences, ItemId, PeerName, PeerText};
use serde_json::Value;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// The number of a line and what it says; nothing if it is no numbered line.
pub(super) fn line(line: &str) -> Option<(u64, Option<Event>)> {
    let value: Value = if line.is_ascii() && !line.contains(char::is_control) {
        serde_json::from_str(line).ok()?
    } else {
        return None;
    };
    Some((value.get("seq")?.as_u64()?, event(&value)))
}

fn event(line: &Value) -> Option<Event> {
    let word = |field: &str| line.get(field).and_then(Value::as_str);
    let text = |field: &str| word(field).map(str::to_owned);
    let number = |field: &str| line.get(field).and_then(Value::as_u64);
    let count = |field: &str| number(field).and_then(|count| u32::try_from(count).ok());
    let said = |field: &str| text(field).map(PeerText::new);
    let path = || {
        word("path").and_then(|path| {
            [Path::Loopback, Path::Lan, Path::Direct, Path::Relay]
                .into_iter()
                .find(|it| it.word() == path)
        })
    };
    let id = || count("id").map(ItemId);
    let saved_to = || word("saved_to").map(PathBuf::from);
    let acts = || {
        let names = line
            .get("acts")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned);
        Acting::read(names.collect(), count("acts_more").unwrap_or(0))
    };
    let ours = || {
        Some(Ours {
            id: id()?,
            what: text("what")?,
            size: number("size"),
            files: None,
            differences: Differing::read(line),
        })
    };
    Some(match (word("type")?, word("event").unwrap_or_default()) {
        ("status", "channel") => Event::Channel(Channel {
            code: text("code")?,
            number: count("number")?,
            reach: match word("reach")? {
                "machine" => Reach::Machine,
                "network" => Reach::Announced,
                "address" => Reach::Silent(None),
                _ => Reach::Relay("a relay".into()),
            },
            join: line
                .get("joins")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(join)
                .collect(),
            link: text("link"),
            expires_at: moment(word("expires_at")?)?,
            lasts: moment(word("expires_at")?)?
                .duration_since(SystemTime::now())
                .unwrap_or_default(),
            offering: None,
        }),
        ("status", "opening") => Event::Opening { tunnel: text("tunnel")? },
        ("status", "waiting") => Event::Waiting,
        ("status", "paired") => Event::Paired,
        ("status", "connected") => Event::Connected(path()?),
        ("status", "path") => Event::Moved(path()?),
        ("status", "verify") => Event::Verify { words: text("words")? },
        ("status", "stalled") => Event::Stalled,
        ("status", "reconnecting") => Event::Reconnecting,
        ("status", "reconnected") => Event::Reconnected,
        ("status", "expiring") => {
            Event::Expiring { left: Duration::from_secs(number("seconds_left")?) }
        }
        ("status", "peer_left") => Event::PeerLeft(reason(word("reason")?)?),
        ("status", "disconnected") => Event::Disconnected,
        ("status", "handshake_failed") => Event::HandshakeFailed { guesses: count("guesses")? },
        ("status", "closed") => Event::Closed,
        ("status", "holding") => Event::Holding {
            secrets: usize::try_from(number("secrets")?).ok()?,
            left: Duration::from_secs(number("seconds_left")?),
            take: text("next")?,
        },
        ("text", _) => match (said("body"), saved_to()) {
            (Some(body), None) => Event::Text { id: id()?, body, saved_to: None },
            (_, Some(path)) => Event::File(Arrived {
                id: id()?,
                name: PeerName::new(b"a text".to_vec()),
                original_name: None,
                saved_to: Some(path),
                size: number("size")?,
                files: 1,
                folder: false,
                merged: false,
                replaced: 0,
                differences: Differences::default(),
                acts: Acting::default(),
                set_aside: None,
            }),
            (None, None) => return None,
        },
        ("file" | "incomplete", _) => Event::File(Arrived {
            id: id()?,
            name: bytes(line, "name"),
            original_name: word("original_name").map(|_| bytes(line, "original_name")),
            saved_to: saved_to().map(|_| PathBuf::from(from_bytes(bytes(line, "saved_to").raw()))),
            size: number("size")?,
            files: count("files")?,
            folder: word("kind")? == "folder",
            merged: line.get("merged").and_then(Value::as_bool).unwrap_or(false),
            replaced: count("replaced").unwrap_or(0),
            differences: Differing::read(line),
            acts: acts(),
            set_aside: word("set_aside")
                .and_then(|word| SetAside::ALL.into_iter().find(|why| why.word() == word)),
        }),
        ("secret", _) => {
            let stored = match (word("stored")?, saved_to()) {
                ("file", Some(path)) => Stored::File(path),
                ("env-file", Some(path)) => Stored::EnvFile(path, text("variable")?),
                ("exec", _) => Stored::Program(text("variable")),
                ("held", _) => Stored::Held(text("next")?),
                ("terminal", _) => Stored::Shown,
                _ => Stored::Declined,
            };
            Event::Secret { id: id()?, name: said("name"), size: number("size")?, stored }
        }
        ("offer", _) => Event::Offer(Offered {
            id: id()?,
            names: line
                .get("names")?
                .as_array()?
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
            names_more: count("names_more").unwrap_or(0),
            size: number("size"),
            count: count("count"),
            counted: line.get("counted")?.as_bool()?,
            acts: acts(),
            asked: false,
        }),
        ("queued", _) => Event::Queued(ours()?),
        ("delivered" | "partly", _) => Event::Delivered(ours()?),
        _ => return None,
    })
}

fn join(line: &Value) -> Option<Join> {
    let text = |field: &str| line.get(field).and_then(Value::as_str).map(str::to_owned);
    Some(Join { place: text("place")?.into(), command: text("command")? })
}

#[cfg(test)]
mod tests {
    use super::super::Lines;
    use super::*;
    use crate::events::samples;
    use std::time::Instant;

    #[test]
    fn what_was_written_is_read_as_what_it_was() {
        let hostile = "a\n{\"v\":1,\"seq\":9,\"type\":\"text\"}\u{1b}[2J\u{202e}b";
        for told in samples::every(hostile) {
            let written =
                |event: &Event| Lines::new(None).line(event, Instant::now()).unwrap().unwrap();
            let first = written(&told);
            let read = line(first.text.trim_end());
            let Some(seq) = first.seq else {
                assert!(read.is_none(), "{}", first.text);
                continue;
            };
            let (number, again) = read.unwrap();
            assert_eq!(number, seq);
            match (again, &told) {
                (Some(Event::File(_)), Event::Text { saved_to: Some(_), .. }) => {}
                (Some(again), _) => assert_eq!(written(&again).text, first.text),
                (None, _) => panic!("{}", first.text),
            }
        }
    }

    #[test]
    fn what_is_no_line_is_left_out() {
        for bad in [
            "",
            "{}",
            "[]",
            "{\"seq\":\"1\"}",
            "{\"seq\":1}\n{\"seq\":2}",
            "{\"seq\":1,\"x\":\"\u{e9}\"}",
            "text",
        ] {
            assert!(line(bad).is_none(), "{bad:?}");
        }
        assert!(line("{\"seq\":1,\"type\":\"new\"}").unwrap().1.is_none());
    }
}
