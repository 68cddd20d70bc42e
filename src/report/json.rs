//! JSON lines for scripts and agents: what EVENTS.md promises.

mod differing;
mod line;
mod read;
mod schema;
#[cfg(test)]
mod tests;

use super::LONGEST_TEXT_IN_A_LINE;
use super::meter::Meters;
use crate::escape::Ascii;
use crate::events::{
    About, Arrived, Channel, Check, Event, Ours, Path, Reach, Sent, SetAside, Stored, WantWord,
    Way, Words,
};
use crate::failure::sentences::{Side, sentence, word};
use crate::failure::{Advice, Failure, Run, ended};
use crate::platform::name;
use differing::Differing;
use line::{Ask, Body, FileKind, Item, Join, Line, Open, Peer, Status, Trust, Value};
use pinhole_protocol::wire::{ItemId, PeerText};
pub use schema::{one_line, schema};
use serde::Serialize;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Makes each event one line.
pub(super) struct Lines {
    /// The number of the last numbered line.
    seq: u64,
    progress_every: Option<Duration>,
    meters: Meters,
}

/// A line with its end.
pub(super) struct Made {
    /// Its number, if it is the session's.
    pub(super) seq: Option<u64>,
    pub(super) text: String,
}

impl Lines {
    /// Progress at most once in `progress_every` a transfer, or never.
    pub(super) fn new(progress_every: Option<Duration>) -> Self {
        Self { seq: 0, progress_every, meters: Meters::default() }
    }

    /// The event's line, if it has one now.
    pub(super) fn line(&mut self, event: &Event, now: Instant) -> io::Result<Option<Made>> {
        if !self.is_due(event, now) {
            return Ok(None);
        }
        let body = self.body(event);
        let seq = body.is_numbered().then(|| self.seq.saturating_add(1));
        self.seq = seq.unwrap_or(self.seq);
        Ok(Some(Made { seq, text: spell(seq, body)? }))
    }

    /// The line of a transcript about something that is sent.
    pub(super) fn sent(&self, sent: &Sent<'_>) -> io::Result<String> {
        let item = Item { id: sent.id.0, what: &sent.what, size: sent.size };
        spell(None, Body::Sent { item, body: sent.body })
    }

    /// The line of a text that stands elsewhere, with the last number.
    pub(super) fn without_body(&self, id: ItemId, body: &PeerText) -> io::Result<String> {
        let size = u64::try_from(body.raw().len()).ok();
        spell(
            Some(self.seq),
            Body::Text { peer: Peer::new(id.0), body: None, saved_to: None, size },
        )
    }

    /// A line of a session of this machine goes out: what it says, as far as people need it;
    /// nothing at all if it is no line.
    pub(super) fn relay(&mut self, line: &str) -> Option<Option<Event>> {
        let (seq, event) = read::line(line)?;
        self.seq = seq;
        Some(event)
    }

    /// Keeps the meters, and says whether the event is to be written: progress only from time to
    /// time.
    fn is_due(&mut self, event: &Event, now: Instant) -> bool {
        match event {
            Event::Progress { id, way, done, total } => {
                let meter = self.meters.note((*way, *id), *done, *total, now);
                return self.progress_every.is_some_and(|every| meter.is_due(every, now));
            }
            Event::File(file) => self.meters.finish((Way::In, file.id), now),
            Event::Delivered(ours) => self.meters.finish((Way::Out, ours.id), now),
            _ => None,
        };
        true
    }

    fn body<'a>(&self, event: &'a Event) -> Body<'a> {
        match event {
            Event::Opening { tunnel } => Body::Status(Status::Opening { tunnel }),
            Event::Channel(it) => Body::Status(channel(it)),
            Event::Waiting => Body::Status(Status::Waiting),
            Event::Paired => Body::Status(Status::Paired),
            Event::Connected(path) => Body::Status(Status::Connected { path: path_word(*path) }),
            Event::Moved(path) => Body::Status(Status::Path { path: path_word(*path) }),
            Event::Verify { words } => Body::Status(Status::Verify { words }),
            Event::Stalled => Body::Status(Status::Stalled),
            Event::Reconnecting => Body::Status(Status::Reconnecting),
            Event::Reconnected => Body::Status(Status::Reconnected),
            Event::Expiring { left } => {
                Body::Status(Status::Expiring { seconds_left: left.as_secs() })
            }
            Event::PeerLeft(reason) => Body::Status(Status::PeerLeft {
                reason: word(*reason),
                detail: sentence(*reason, Side::There),
            }),
            Event::Disconnected => Body::Status(Status::Disconnected),
            Event::HandshakeFailed { guesses } => {
                Body::Status(Status::HandshakeFailed { guesses: *guesses })
            }
            Event::Closed => Body::Status(Status::Closed),
            Event::Holding { secrets, left, take } => Body::Status(Status::Holding {
                secrets: *secrets,
                seconds_left: left.as_secs(),
                next: take,
            }),
            Event::Text { id, body, saved_to } => match saved_to {
                None => Body::Text {
                    peer: Peer::new(id.0),
                    body: Some(body.raw()),
                    saved_to: None,
                    size: None,
                },
                Some(path) => {
                    let size = u64::try_from(body.raw().len()).ok();
                    Body::Text {
                        peer: Peer::new(id.0),
                        body: None,
                        saved_to: Some(spelt(path)),
                        size,
                    }
                }
            },
            Event::File(file) if file.differences.missing() > 0 => {
                Body::Incomplete { peer: Peer::new(file.id.0), file: arrived(file) }
            }
            Event::File(file) => Body::File { peer: Peer::new(file.id.0), file: arrived(file) },
            Event::Secret { id, name, size, stored } => {
                let next = if let Stored::Held(take) = stored { Some(take.as_str()) } else { None };
                let (stored, saved_to, variable) = match stored {
                    Stored::File(path) => (line::Stored::File, Some(spelt(path)), None),
                    Stored::EnvFile(path, variable) => {
                        (line::Stored::EnvFile, Some(spelt(path)), Some(variable.as_str()))
                    }
                    Stored::Program(variable) => (line::Stored::Exec, None, variable.as_deref()),
                    Stored::Held(_) => (line::Stored::Held, None, None),
                    Stored::Shown => (line::Stored::Terminal, None, None),
                    Stored::Declined => (line::Stored::Declined, None, None),
                };
                let name = name.as_ref().map(|name| name.raw());
                Body::Secret {
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
            Event::Offer(offer) => Body::Offer {
                peer: Peer::new(offer.id.0),
                names: &offer.names,
                names_more: above_zero(offer.names_more),
                size: offer.size,
                count: offer.count,
                counted: offer.counted,
                acts: offer.acts.names(),
                acts_more: above_zero(offer.acts.more()),
            },
            Event::Progress { id, way, done, total } => {
                let way_word = if *way == Way::Out { line::Way::Out } else { line::Way::In };
                let rate = self.meters.rate((*way, *id));
                Body::Progress { id: id.0, way: way_word, done: *done, total: *total, rate }
            }
            Event::Queued(ours) => Body::Queued(item(ours)),
            Event::Pending { id, what, size, next } => Body::Pending {
                id: id.map(|id| id.0),
                what,
                size: *size,
                next,
                run: next.run().map(Run::command),
            },
            Event::Delivered(ours) => {
                let (item, differing) = (item(ours), Differing::of(&ours.differences));
                let trust = differing.trust();
                match ours.differences.missing() {
                    0 => Body::Delivered { item, differing, trust },
                    _ => Body::Partly { item, differing, trust },
                }
            }
            Event::Trouble(failure) => Body::Error {
                error: failure.kind.as_str(),
                detail: &failure.detail,
                trust: Trust::of(failure.quotes_peer),
                saved_to: failure.saved_to.as_deref().map(spelt),
                next: failure.next.as_deref(),
                run: failure.next.as_ref().and_then(Advice::run).map(Run::command),
                ask: Ask::of(failure.next.as_ref()),
            },
            Event::Session(about) | Event::Detached(about) => Body::Session(open(about)),
            Event::Check(Check { name, ok, detail, next }) => Body::Check {
                name,
                ok: *ok,
                detail,
                next: next.as_deref(),
                run: next.as_ref().and_then(Advice::run).map(Run::command),
                ask: Ask::of(next.as_ref()),
            },
            Event::End { failed, more } => {
                let (exit, reason) = ended(*failed);
                Body::End {
                    exit: exit.code(),
                    reason,
                    more: more.then_some(true),
                    last_seq: above_zero(self.seq),
                }
            }
        }
    }
}

/// A file or folder that has arrived, as its line has it.
fn arrived(file: &Arrived) -> line::File {
    let (name, name_bytes) = differing::spelt(file.name.raw());
    let (original_name, original_name_bytes) =
        file.original_name.as_ref().map(|name| differing::spelt(name.raw())).unzip();
    let (saved_to, saved_to_bytes) =
        file.saved_to.as_ref().map(|path| differing::spelt(name::bytes(path))).unzip();
    line::File {
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
        set_aside: file.set_aside.map(|why| match why {
            SetAside::Acts => line::SetAside::Acts,
            SetAside::Place => line::SetAside::Place,
            SetAside::Device => line::SetAside::Device,
        }),
        differing: Differing::of(&file.differences),
    }
}

/// The line of a text that is too long for it, once `store` has put the text into a file; nothing
/// if it is no such line.
pub(super) fn without_long_text(
    line: &str,
    store: impl FnOnce(ItemId, &PeerText) -> Result<PathBuf, Failure>,
) -> Result<Option<String>, Failure> {
    // In ASCII no text is shorter than it is.
    let long = line.len() > LONGEST_TEXT_IN_A_LINE;
    match long.then(|| read::line(line)).flatten() {
        Some((seq, Some(Event::Text { id, body, saved_to: None })))
            if body.raw().len() > LONGEST_TEXT_IN_A_LINE =>
        {
            let saved_to = Some(store(id, &body)?);
            let told = spell(Some(seq), Lines::new(None).body(&Event::Text { id, body, saved_to }));
            // Spelling into memory does not fail.
            Ok(told.ok().map(|line| line.trim_end().to_owned()))
        }
        _ => Ok(None),
    }
}

/// A line with its end.
fn spell(seq: Option<u64>, body: Body<'_>) -> io::Result<String> {
    let mut line = Vec::with_capacity(256);
    Line { v: 1, seq, body }
        .serialize(&mut serde_json::Serializer::with_formatter(&mut line, Ascii))?;
    line.push(b'\n');
    // ASCII, so that nothing is lost.
    Ok(String::from_utf8_lossy(&line).into_owned())
}

/// The numbered line of a channel without what lets anybody in: its code, and the lines and the
/// link that hold it.
pub(super) fn without_code(it: &Channel, seq: u64) -> String {
    let bare = Channel { code: String::new(), join: Vec::new(), link: None, ..it.clone() };
    // Spelling into memory does not fail.
    spell(Some(seq), Body::Status(channel(&bare))).unwrap_or_default().trim_end().to_owned()
}

fn channel(channel: &Channel) -> Status<'_> {
    Status::Channel {
        code: Some(channel.code.as_str()).filter(|code| !code.is_empty()),
        number: channel.number,
        join: channel.join.first().map(|join| join.command.as_str()),
        joins: channel
            .join
            .iter()
            .map(|join| Join { place: &join.place, command: &join.command })
            .collect(),
        reach: match channel.reach {
            Reach::Machine => line::Reach::Machine,
            Reach::Announced => line::Reach::Network,
            Reach::Silent(_) => line::Reach::Address,
            Reach::Relay(_) => line::Reach::Relay,
        },
        link: channel.link.as_deref(),
        expires_at: timestamp(channel.expires_at),
    }
}

fn open(about: &About) -> Open<'_> {
    Open {
        session: &about.session,
        number: about.number,
        role: about.role.word(),
        label: about.label.as_deref(),
        state: about.state.word(),
        want: WantWord::of(about.want),
        path: about.path.as_deref(),
        expires_at: about
            .expires_at
            .map(|seconds| timestamp(UNIX_EPOCH + Duration::from_secs(seconds))),
        unreceived: about.unreceived,
        secrets_held: about.secrets_held,
        exit: about.end.as_ref().map(|(exit, _)| *exit),
        reason: about.end.as_ref().map(|(_, reason)| reason.as_str()),
        diagnostics: about.diagnostics.as_deref(),
        code: about.code.as_ref().map(|Words(code)| code.as_str()),
    }
}

/// A number that a line has only above 0.
fn above_zero<N: Default + PartialEq>(number: N) -> Option<N> {
    (number != N::default()).then_some(number)
}

fn item(ours: &Ours) -> Item<'_> {
    Item { id: ours.id.0, what: &ours.what, size: ours.size }
}

/// A path as JSON can spell it: bytes that are not UTF-8 become U+FFFD (EVENTS.md says so).
fn spelt(path: &std::path::Path) -> String {
    path.to_string_lossy().into_owned()
}

const fn path_word(path: Path) -> line::Path {
    match path {
        Path::Loopback => line::Path::Loopback,
        Path::Lan => line::Path::Lan,
        Path::Direct => line::Path::Direct,
        Path::Relay => line::Path::Relay,
    }
}

/// The moment of a [`timestamp`].
fn moment(text: &str) -> Option<SystemTime> {
    let [year, month, day, hour, minute, second] =
        [(0, 4), (5, 7), (8, 10), (11, 13), (14, 16), (17, 19)]
            .map(|(from, to)| text.get(from..to).and_then(|digits| digits.parse::<u64>().ok()));
    let (month, day) = (
        month.filter(|month| (1..=12).contains(month))?,
        day.filter(|day| (1..=31).contains(day))?,
    );
    // The way back of `timestamp`: Howard Hinnant, days_from_civil.
    let year = year?.checked_sub(u64::from(month <= 2))?;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year % 400 * 365 + year % 400 / 4 - year % 400 / 100 + day_of_year;
    let days = (year / 400 * 146_097 + day_of_era).checked_sub(719_468)?;
    UNIX_EPOCH
        .checked_add(Duration::from_secs(days * 86_400 + hour? * 3_600 + minute? * 60 + second?))
}

/// A moment as RFC 3339 has it, in UTC and whole seconds; before 1970 it is 1970.
pub(super) fn timestamp(moment: SystemTime) -> String {
    let seconds = moment.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Days to a date of the Gregorian calendar, in years that begin in March so that the leap day
    // is the last one: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms",
    // civil_from_days.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        rest / 3_600,
        rest % 3_600 / 60,
        rest % 60
    )
}
