//! Lines of another session. One that a person reads says its long texts whole; for programs they
//! are put into files here, so that they are on a disk only where a program asks for them.

use crate::events::line::{Body, Line};
use crate::failure::sentences::{Side, failure_from};
use crate::failure::{Failure, Kind};
use crate::files::inbox::{Inbox, Policy};
use crate::files::private::private_base;
use crate::session::Report;
use pinhole_protocol::wire::{ItemId, PeerText, Reason};
use std::path::PathBuf;
use std::time::Instant;

/// The private directory of this command's long texts, made for the first.
#[derive(Default)]
pub(super) struct LongTexts(Option<Inbox>);

impl LongTexts {
    /// Prints a line of a session.
    ///
    /// # Errors
    /// `disk` if a text cannot be stored, `output-closed` if nobody reads: the line has not been
    /// received then.
    pub(super) fn relay(&mut self, line: &str, report: &mut Report) -> Result<(), Failure> {
        let line = report.without_long_text(line, |id, body| self.store(id, body))?;
        report
            .relay(&line, Instant::now())
            .map_err(|_| failure_from(Reason::OutputClosed, Side::Here))
    }

    /// Prints a line of a session that is a text's; where texts go by themselves all of it, also if
    /// its line names a file.
    ///
    /// # Errors
    /// As [`LongTexts::relay`]; `disk` if that file cannot be read.
    pub(super) fn relay_text(&mut self, line: &str, report: &mut Report) -> Result<(), Failure> {
        let (id, path) = match serde_json::from_str(line) {
            Ok(Line { body: Body::Text { peer, saved_to: Some(path), .. }, .. })
                if report.text_output().is_some() =>
            {
                (ItemId(peer.id), path)
            }
            _ => return self.relay(line, report),
        };
        let body = std::fs::read_to_string(&path).map_err(|error| {
            Failure::new(
                Kind::Disk,
                format!("the text is in {path}, which cannot be read: {error}"),
            )
        })?;
        report
            .relay_stored(line, id, &PeerText::new(body))
            .map_err(|_| failure_from(Reason::OutputClosed, Side::Here))
    }

    fn store(&mut self, id: ItemId, body: &PeerText) -> Result<PathBuf, Failure> {
        let inbox = match self.0.take() {
            Some(inbox) => inbox,
            None => Inbox::private(&private_base()?, Policy::default())?,
        };
        let stored = inbox.store_text(id, body.raw()).inspect_err(|_| inbox.remove_if_empty());
        self.0 = Some(inbox);
        stored
    }
}
