//! An event as its line has it.

use super::above_zero;
use super::body::{self, Ask, Body, FileKind, Item, Join, Open, Peer, Status, Trust, Value};
use super::differing::{self, Differing};
use super::time::timestamp;
use crate::events::{About, Arrived, Channel, Check, Event, Reach, SentItem, Stored, Way, Words};
use crate::failure::sentences::{Side, sentence, word};
use crate::failure::{Advice, Run, ended};
use crate::platform::name;
use std::time::{Duration, UNIX_EPOCH};

impl Body {
    /// Says an event. The rate of a transfer and the last number are its reader's to add.
    #[must_use]
    pub fn of(event: &Event) -> Self {
        match event {
            Event::Opening { tunnel } => Self::Status(Status::Opening { tunnel: tunnel.clone() }),
            Event::Channel(it) => Self::Status(channel(it)),
            Event::Waiting => Self::Status(Status::Waiting),
            Event::Paired => Self::Status(Status::Paired),
            Event::Connected(path) => Self::Status(Status::Connected { path: *path }),
            Event::Moved(path) => Self::Status(Status::Path { path: *path }),
            Event::Verify { words } => Self::Status(Status::Verify { words: words.clone() }),
            Event::Stalled => Self::Status(Status::Stalled),
            Event::Reconnecting => Self::Status(Status::Reconnecting),
            Event::Reconnected(path) => Self::Status(Status::Reconnected { path: *path }),
            Event::Tampered(path) => Self::Status(Status::Tampered { path: *path }),
            Event::Continued { id, here, total } => {
                Self::Status(Status::Continued { id: id.0, here: *here, total: *total })
            }
            Event::Expiring { left } => {
                Self::Status(Status::Expiring { seconds_left: left.as_secs() })
            }
            Event::PeerLeft(reason) => Self::Status(Status::PeerLeft {
                reason: word(*reason).into(),
                detail: sentence(*reason, Side::There).into(),
            }),
            Event::Disconnected => Self::Status(Status::Disconnected),
            Event::HandshakeFailed { guesses } => {
                Self::Status(Status::HandshakeFailed { guesses: *guesses })
            }
            Event::Closed => Self::Status(Status::Closed),
            Event::Holding { secrets, left, take } => Self::Status(Status::Holding {
                secrets: *secrets,
                seconds_left: left.as_secs(),
                next: take.clone(),
            }),
            Event::Text { id, body, saved_to } => match saved_to {
                None => Self::Text {
                    peer: Peer::new(id.0),
                    body: Some(body.raw().to_owned()),
                    saved_to: None,
                    size: None,
                },
                Some(path) => {
                    let size = u64::try_from(body.raw().len()).ok();
                    Self::Text {
                        peer: Peer::new(id.0),
                        body: None,
                        saved_to: Some(spelt(path)),
                        size,
                    }
                }
            },
            Event::File(file) if file.differences.missing() > 0 => {
                Self::Incomplete { peer: Peer::new(file.id.0), file: arrived(file) }
            }
            Event::File(file) => Self::File { peer: Peer::new(file.id.0), file: arrived(file) },
            Event::Secret { id, name, size, stored } => {
                let next = if let Stored::Held(take) = stored { Some(take.clone()) } else { None };
                let (stored, saved_to, variable) = match stored {
                    Stored::File(path) => (body::Stored::File, Some(spelt(path)), None),
                    Stored::EnvFile(path, variable) => {
                        (body::Stored::EnvFile, Some(spelt(path)), Some(variable.clone()))
                    }
                    Stored::Program(variable) => (body::Stored::Exec, None, variable.clone()),
                    Stored::Held(_) => (body::Stored::Held, None, None),
                    Stored::Shown => (body::Stored::Terminal, None, None),
                    Stored::Declined => (body::Stored::Declined, None, None),
                };
                let name = name.as_ref().map(|name| name.raw().to_owned());
                Self::Secret {
                    peer: Peer::new(id.0),
                    name,
                    size: *size,
                    stored,
                    saved_to,
                    variable,
                    value: Value::Withheld,
                    next,
                }
            }
            Event::Offer(offer) => Self::Offer {
                peer: Peer::new(offer.id.0),
                names: offer.names.clone(),
                names_more: above_zero(offer.names_more),
                size: offer.size,
                count: offer.count,
                counted: offer.counted,
                acts: offer.acts.names().to_vec(),
                acts_more: above_zero(offer.acts.more()),
            },
            Event::Progress { id, way, done, total } => {
                let way_word = if *way == Way::Out { body::Way::Out } else { body::Way::In };
                Self::Progress { id: id.0, way: way_word, done: *done, total: *total, rate: 0 }
            }
            Event::Queued(ours) => Self::Queued(item(ours)),
            Event::Pending { id, what, size, next } => Self::Pending {
                id: id.map(|id| id.0),
                what: what.clone(),
                size: *size,
                next: next.to_string(),
                run: next.run().map(Run::command),
            },
            Event::Delivered(ours) => {
                let (item, differing) = (item(ours), Differing::of(&ours.differences));
                let trust = Trust::of(differing.has_names());
                match ours.differences.missing() {
                    0 => Self::Delivered { item, differing, trust },
                    _ => Self::Partly { item, differing, trust },
                }
            }
            Event::Trouble(failure) => Self::Error {
                error: failure.kind.as_str().into(),
                detail: failure.detail.clone(),
                trust: Trust::of(failure.quotes_peer),
                saved_to: failure.saved_to.as_deref().map(spelt),
                next: failure.next.as_ref().map(ToString::to_string),
                run: failure.next.as_ref().and_then(Advice::run).map(Run::command),
                ask: Ask::of(failure.next.as_ref()),
            },
            Event::Session(about) | Event::Detached(about) => Self::Session(open(about)),
            Event::Partial(partial) => {
                let (name, name_bytes) = differing::spelt(partial.name.raw());
                Self::Partial {
                    name,
                    name_bytes,
                    trust: body::Trust::Untrusted,
                    items: (partial.items > 1).then_some(partial.items),
                    bytes: partial.bytes,
                    size: partial.size,
                    grown_at: timestamp(partial.grown),
                    saved_to: spelt(&partial.path),
                    in_use: partial.in_use.then_some(true),
                    removed: partial.removed.then_some(true),
                }
            }
            Event::Check(Check { name, ok, detail, next }) => Self::Check {
                name: (*name).into(),
                ok: *ok,
                detail: detail.clone(),
                next: next.as_ref().map(ToString::to_string),
                run: next.as_ref().and_then(Advice::run).map(Run::command),
                ask: Ask::of(next.as_ref()),
            },
            Event::End { failed, more } => {
                let (exit, reason) = ended(*failed);
                Self::End {
                    exit: exit.code(),
                    reason: reason.into(),
                    more: more.then_some(true),
                    last_seq: None,
                }
            }
        }
    }
}

/// A file or folder that has arrived, as its line has it.
fn arrived(file: &Arrived) -> body::File {
    let (name, name_bytes) = differing::spelt(file.name.raw());
    let (original_name, original_name_bytes) =
        file.original_name.as_ref().map(|name| differing::spelt(name.raw())).unzip();
    let (saved_to, saved_to_bytes) =
        file.saved_to.as_ref().map(|path| differing::spelt(name::bytes(path))).unzip();
    body::File {
        name,
        name_bytes,
        original_name,
        original_name_bytes: original_name_bytes.flatten(),
        saved_to,
        saved_to_bytes: saved_to_bytes.flatten(),
        size: file.size,
        kind: if file.folder { FileKind::Folder } else { FileKind::File },
        files: file.files,
        merged: file.merged.then_some(true),
        replaced: above_zero(file.replaced),
        acts: file.acts.names().to_vec(),
        acts_more: above_zero(file.acts.more()),
        set_aside: file.set_aside,
        differing: Differing::of(&file.differences),
    }
}

fn channel(channel: &Channel) -> Status {
    Status::Channel {
        code: Some(channel.code.clone()).filter(|code| !code.is_empty()),
        number: channel.number,
        join: channel.join.first().map(|join| join.command.clone()),
        joins: channel
            .join
            .iter()
            .map(|join| Join { place: join.place.to_string(), command: join.command.clone() })
            .collect(),
        reach: match channel.reach {
            Reach::Machine => body::Reach::Machine,
            Reach::Announced => body::Reach::Network,
            Reach::Silent(_) => body::Reach::Address,
            Reach::Relay(_) => body::Reach::Relay,
        },
        link: channel.link.clone(),
        expires_at: timestamp(channel.expires_at),
    }
}

fn open(about: &About) -> Open {
    Open {
        session: about.session.clone(),
        number: about.number,
        role: about.role,
        label: about.label.clone(),
        state: about.state,
        want: about.want,
        path: about.path,
        expires_at: about
            .expires_at
            .map(|seconds| timestamp(UNIX_EPOCH + Duration::from_secs(seconds))),
        unreceived: about.unreceived,
        secrets_held: about.secrets_held,
        exit: about.end.as_ref().map(|(exit, _)| *exit),
        reason: about.end.as_ref().map(|(_, reason)| reason.clone()),
        diagnostics: about.diagnostics.clone(),
        code: about.code.as_ref().map(|Words(code)| code.clone()),
    }
}

fn item(ours: &SentItem) -> Item {
    Item { id: ours.id.0, what: ours.what.clone(), size: ours.size }
}

/// A path as JSON can spell it: bytes that are not UTF-8 become U+FFFD (EVENTS.md says so).
fn spelt(path: &std::path::Path) -> String {
    path.to_string_lossy().into_owned()
}
