//! JSON lines for scripts and agents: what EVENTS.md promises.

#[cfg(test)]
mod tests;

use super::LONGEST_TEXT_IN_A_LINE;
use super::meter::Meters;
use crate::events::line::{Body, Item, Line, Peer};
use crate::events::{Event, Sent, Way};
use crate::failure::Failure;
use crate::log::Said;
use pinhole_protocol::wire::{ItemId, PeerText};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Makes each event one line.
pub(super) struct Lines {
    /// The number of the last numbered line.
    seq: u64,
    progress_every: Option<Duration>,
    meters: Meters,
}

impl Lines {
    /// Progress at most once in `progress_every` a transfer, or never.
    pub(super) fn new(progress_every: Option<Duration>) -> Self {
        Self { seq: 0, progress_every, meters: Meters::default() }
    }

    /// The line of an event with its end, if it has one now: what the log has said, or a line that
    /// this process makes itself.
    pub(super) fn line(
        &mut self,
        event: &Event,
        said: Option<&Said>,
        now: Instant,
    ) -> Option<String> {
        if !self.is_due(event, now) {
            return None;
        }
        if let Some(said) = said {
            self.seq = said.seq;
            return Some(format!("{}\n", said.line));
        }
        let mut body = Body::of(event);
        match (&mut body, event) {
            (Body::Progress { rate, .. }, Event::Progress { id, way, .. }) => {
                *rate = self.meters.rate((*way, *id));
            }
            (Body::End { last_seq, .. }, _) => *last_seq = Some(self.seq).filter(|seq| *seq > 0),
            _ => {}
        }
        Some(spelt(None, body))
    }

    /// The line of a transcript about something that is sent.
    pub(super) fn sent(&self, sent: &Sent<'_>) -> String {
        let item = Item { id: sent.id.0, what: sent.what.clone(), size: sent.size };
        spelt(None, Body::Sent { item, body: sent.body.map(str::to_owned) })
    }

    /// The line of a text that stands elsewhere, with the last number.
    pub(super) fn without_body(&self, id: ItemId, body: &PeerText) -> String {
        let size = u64::try_from(body.raw().len()).ok();
        spelt(
            Some(self.seq),
            Body::Text { peer: Peer::new(id.0), body: None, saved_to: None, size },
        )
    }

    /// A line of a session of this machine goes out: what it says, as far as people need it;
    /// nothing at all if it is no line.
    pub(super) fn relay(&mut self, line: &str) -> Option<Option<Event>> {
        let (seq, event) = Line::read(line)?;
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
}

/// The line of a text that is too long for it, once `store` has put the text into a file; nothing
/// if it is no such line.
pub(super) fn without_long_text(
    line: &str,
    store: impl FnOnce(ItemId, &PeerText) -> Result<PathBuf, Failure>,
) -> Result<Option<String>, Failure> {
    // In ASCII no text is shorter than it is.
    let long = line.len() > LONGEST_TEXT_IN_A_LINE;
    match long.then(|| Line::read(line)).flatten() {
        Some((seq, Some(Event::Text { id, body, saved_to: None })))
            if body.raw().len() > LONGEST_TEXT_IN_A_LINE =>
        {
            let saved_to = Some(store(id, &body)?);
            let told = Body::of(&Event::Text { id, body, saved_to });
            Ok(Some(Line::new(Some(seq), told).text()))
        }
        _ => Ok(None),
    }
}

/// A line with its end.
fn spelt(seq: Option<u64>, body: Body) -> String {
    Line::new(seq, body).text() + "\n"
}
