//! A line read back.

use super::body::{self, Body, Line, Status};
use super::differing::{Differing, bytes};
use super::time::moment;
use crate::events::{Acting, Arrived, Channel, Event, Join, Offered, Reach, SentItem, Stored};
use crate::failure::sentences::reason;
use crate::failure::{Advice, Failure, Kind};
use crate::platform::name;
use pinhole_protocol::wire::{Differences, ItemId, PeerName, PeerText};
use serde::Deserialize;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// The part that a numbered line of a later version shares with those of this one.
#[derive(Deserialize)]
struct Numbered {
    seq: u64,
}

impl Line {
    /// Reads a numbered line: its number, and the event that it says, if this version knows it.
    #[must_use]
    pub fn read(line: &str) -> Option<(u64, Option<Event>)> {
        if !line.is_ascii() || line.contains(char::is_control) {
            return None;
        }
        match serde_json::from_str::<Self>(line) {
            Ok(Self { seq, body, .. }) => Some((seq?, body.event())),
            Err(_) => serde_json::from_str(line).ok().map(|Numbered { seq }| (seq, None)),
        }
    }
}

impl Body {
    /// The failure of an `error` line.
    #[must_use]
    pub fn failure(self) -> Option<Failure> {
        let Self::Error { error, detail, trust, saved_to, next, run, ask } = self else {
            return None;
        };
        Some(Failure {
            quotes_peer: trust.is_some(),
            next: next.map(|next| Advice::read(next, run.as_deref(), ask.is_some())),
            saved_to: saved_to.map(PathBuf::from),
            ..Failure::new(Kind::of(&error).unwrap_or(Kind::Failed), detail)
        })
    }

    /// The event of a numbered line.
    fn event(self) -> Option<Event> {
        Some(match self {
            Self::Status(status) => return status.event(),
            Self::Text { peer, body: Some(body), saved_to: None, .. } => {
                Event::Text { id: ItemId(peer.id), body: PeerText::new(body), saved_to: None }
            }
            Self::Text { peer, saved_to: Some(path), size: Some(size), .. } => {
                Event::File(Arrived {
                    id: ItemId(peer.id),
                    name: PeerName::new(b"a text".to_vec()),
                    original_name: None,
                    saved_to: Some(path.into()),
                    size,
                    files: 1,
                    folder: false,
                    merged: false,
                    replaced: 0,
                    differences: Differences::default(),
                    acts: Acting::default(),
                    set_aside: None,
                })
            }
            Self::File { peer, file } | Self::Incomplete { peer, file } => {
                Event::File(arrived(ItemId(peer.id), file))
            }
            Self::Secret { peer, name, size, stored, saved_to, variable, next, .. } => {
                let stored = match (stored, saved_to.map(PathBuf::from)) {
                    (body::Stored::File, Some(path)) => Stored::File(path),
                    (body::Stored::EnvFile, Some(path)) => Stored::EnvFile(path, variable?),
                    (body::Stored::Exec, _) => Stored::Program(variable),
                    (body::Stored::Held, _) => Stored::Held(next?),
                    (body::Stored::Terminal, _) => Stored::Shown,
                    _ => Stored::Declined,
                };
                Event::Secret { id: ItemId(peer.id), name: name.map(PeerText::new), size, stored }
            }
            Self::Offer { peer, names, names_more, size, count, counted, acts, acts_more } => {
                Event::Offer(Offered {
                    id: ItemId(peer.id),
                    names,
                    names_more: names_more.unwrap_or(0),
                    size,
                    count,
                    counted,
                    acts: Acting::read(acts, acts_more.unwrap_or(0)),
                    asked: false,
                })
            }
            Self::Queued(item) => Event::Queued(ours(item, &Differing::default())),
            Self::Delivered { item, differing, .. } | Self::Partly { item, differing, .. } => {
                Event::Delivered(ours(item, &differing))
            }
            _ => return None,
        })
    }
}

impl Status {
    fn event(self) -> Option<Event> {
        Some(match self {
            Self::Channel { code, number, joins, reach, link, expires_at, .. } => {
                let expires_at = moment(&expires_at)?;
                Event::Channel(Channel {
                    code: code?,
                    number,
                    reach: match reach {
                        body::Reach::Machine => Reach::Machine,
                        body::Reach::Network => Reach::Announced,
                        body::Reach::Address => Reach::Silent(None),
                        body::Reach::Relay => Reach::Relay("a relay".into()),
                    },
                    join: joins
                        .into_iter()
                        .map(|join| Join { place: join.place.into(), command: join.command })
                        .collect(),
                    link,
                    expires_at,
                    lasts: expires_at.duration_since(SystemTime::now()).unwrap_or_default(),
                    offering: None,
                })
            }
            Self::Opening { tunnel } => Event::Opening { tunnel },
            Self::Waiting => Event::Waiting,
            Self::Paired => Event::Paired,
            Self::Connected { path } => Event::Connected(path),
            Self::Path { path } => Event::Moved(path),
            Self::Verify { words } => Event::Verify { words },
            Self::Stalled => Event::Stalled,
            Self::Reconnecting => Event::Reconnecting,
            Self::Reconnected { path } => Event::Reconnected(path),
            Self::Tampered { path } => Event::Tampered(path),
            Self::Continued { id, here, total } => Event::Continued { id: ItemId(id), here, total },
            Self::Expiring { seconds_left } => {
                Event::Expiring { left: Duration::from_secs(seconds_left) }
            }
            Self::PeerLeft { reason: word, .. } => Event::PeerLeft(reason(&word)?),
            Self::Disconnected => Event::Disconnected,
            Self::HandshakeFailed { guesses } => Event::HandshakeFailed { guesses },
            Self::Closed => Event::Closed,
            Self::Holding { secrets, seconds_left, next } => {
                Event::Holding { secrets, left: Duration::from_secs(seconds_left), take: next }
            }
        })
    }
}

fn ours(item: body::Item, differing: &Differing) -> SentItem {
    SentItem {
        id: ItemId(item.id),
        what: item.what,
        size: item.size,
        files: None,
        differences: differing.differences(),
    }
}

fn arrived(id: ItemId, file: body::File) -> Arrived {
    Arrived {
        id,
        name: bytes(&file.name, file.name_bytes.as_deref()),
        original_name: file
            .original_name
            .map(|name| bytes(&name, file.original_name_bytes.as_deref())),
        saved_to: file.saved_to.map(|path| {
            name::from_bytes(bytes(&path, file.saved_to_bytes.as_deref()).raw()).into()
        }),
        size: file.size,
        files: file.files,
        folder: matches!(file.kind, body::FileKind::Folder),
        merged: file.merged.unwrap_or(false),
        replaced: file.replaced.unwrap_or(0),
        differences: file.differing.differences(),
        acts: Acting::read(file.acts, file.acts_more.unwrap_or(0)),
        set_aside: file.set_aside,
    }
}

#[cfg(test)]
mod tests {
    use super::super::line_type::LineType;
    use super::*;
    use crate::events::samples;

    fn written(event: &Event) -> Line {
        let body = Body::of(event);
        Line::new(LineType::of(&body).map(|_| 7), body)
    }

    /// Text that tries to be a line of ours.
    const HOSTILE: &str = "a\n{\"v\":1,\"seq\":9,\"type\":\"text\"}\u{1b}[2J\u{202e}b";

    #[test]
    fn every_line_is_the_same_when_it_is_read_and_written_again() {
        for event in samples::every(HOSTILE) {
            let text = written(&event).text();
            let read: Line = serde_json::from_str(&text).unwrap();
            assert_eq!(read.text(), text);
        }
    }

    #[test]
    fn what_was_written_is_read_as_what_it_was() {
        for told in samples::every(HOSTILE) {
            let first = written(&told);
            let read = Line::read(&first.text());
            let Some(seq) = first.seq else {
                assert!(read.is_none(), "{}", first.text());
                continue;
            };
            let (number, again) = read.unwrap();
            assert_eq!(number, seq);
            match (again, &told) {
                (Some(Event::File(_)), Event::Text { saved_to: Some(_), .. }) => {}
                (Some(again), _) => assert_eq!(written(&again).text(), first.text()),
                (None, _) => panic!("{}", first.text()),
            }
        }
    }

    #[test]
    fn a_failure_is_read_as_it_was_written() {
        for told in samples::every(HOSTILE) {
            let text = written(&told).text();
            let failure = serde_json::from_str::<Line>(&text).unwrap().body.failure();
            assert_eq!(failure.is_some(), matches!(told, Event::Trouble(_)), "{text}");
            if let Some(failure) = failure {
                assert_eq!(written(&Event::Trouble(failure)).text(), text);
            }
        }
    }

    #[test]
    fn a_word_of_a_later_version_leaves_the_number() {
        let line = r#"{"v":1,"seq":3,"type":"status","event":"connected","path":"satellite"}"#;
        assert!(matches!(Line::read(line), Some((3, None))));
        let line = r#"{"v":1,"seq":3,"type":"file","id":1,"from":"peer","trust":"untrusted","name":"a",
            "saved_to":"/in/a","size":1,"kind":"file","files":1,"set_aside":"elsewhere"}"#;
        let read = Line::read(&line.replace("\n            ", ""));
        assert!(matches!(read, Some((3, Some(Event::File(Arrived { set_aside: None, .. }))))));
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
            assert!(Line::read(bad).is_none(), "{bad:?}");
        }
        assert!(Line::read("{\"seq\":1,\"type\":\"new\"}").unwrap().1.is_none());
    }
}
