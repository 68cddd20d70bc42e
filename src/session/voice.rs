//! The voice of a session: everything that is said goes through it, in the order in which it
//! happened.

use super::effects::{Say, Stage};
use super::happened::{Happened, Text};
use super::{Report, hand_over, say};
use crate::control::Control;
use crate::escape;
use crate::events::{Event, Sent, Stored};
use crate::files::ware::Ware;
use crate::handler::Facts;
use crate::log::Said;
use crate::report::screen::Screen;
use crate::report::text_output::TextOutput;
use pinhole_protocol::wire::ItemId;
use std::io::{self, Write};
use std::time::Instant;

/// A session's readers: whoever sees what it prints, and other commands.
pub(super) struct Voice<'a> {
    report: &'a mut Report,
    control: Control,
    screen: Option<Screen>,
}

impl<'a> Voice<'a> {
    /// Speaks through `report`, to `control`, and to the person at `screen`.
    pub(super) fn new(report: &'a mut Report, control: &Control, screen: Option<Screen>) -> Self {
        Self { report, control: control.clone(), screen }
    }

    /// Says an event.
    pub(super) fn event(&mut self, event: &Event) {
        self.said(event);
    }

    /// Says an event. Returns its line, if it has a number.
    fn said(&mut self, event: &Event) -> Option<Said> {
        let (said, _) = say(self.report, &self.control, event);
        if let Event::Connected(_) = event {
            hand_over(&self.control);
        }
        said
    }

    /// Says something. Returns what came of it where a part has to know.
    pub(super) fn say(&mut self, say: Say) -> Option<Happened> {
        match say {
            Say::Event(event) => self.event(&event),
            Say::Sending(event, follower, stage) => {
                let said = self.said(&event);
                match (follower, stage) {
                    (Some(follower), Stage::Queued) => follower.queued(said),
                    (Some(follower), Stage::Delivered) => follower.delivered(said),
                    (Some(follower), Stage::Partly(failure)) => follower.failed(failure),
                    (None, _) => {}
                }
            }
            Say::Sent(id, ware) => self.report.sent(&sent(id, &ware), Instant::now()),
            Say::Text(text) => return self.text(text),
            Say::Held(id, name, secret) => {
                let size = secret.len() as u64;
                self.control.hold(id, name.clone(), secret);
                let stored = Stored::Held(self.control.take_secret());
                self.event(&Event::Secret { id, name, size, stored });
            }
            Say::Taken(taken) => super::lingering::say_taken(self.report, &self.control, taken),
            Say::Reply(text) => self.reply(&text),
            Say::Suspend => self.report.suspend(),
            Say::Resume => self.report.resume(),
        }
        None
    }

    fn text(&mut self, text: Text) -> Option<Happened> {
        let Text { id, body, saved: saved_to, answers } = text;
        let (event, now) = (Event::Text { id, body, saved_to }, Instant::now());
        let (said, written) = if answers {
            self.report.say(&event, now)
        } else {
            self.report.say_among_lines(&event, now)
        };
        let Event::Text { id, body, saved_to: saved } = event else { return None };
        let text = Text { id, body, saved, answers };
        Some(Happened::Said(text, written.map(|()| said)))
    }

    fn reply(&mut self, text: &str) {
        if let Some(screen) = &mut self.screen {
            // The screen is where the person looks; if it cannot be written there is nobody to
            // tell.
            let _: io::Result<()> = screen.write_all(text.as_bytes()).and_then(|()| screen.flush());
        }
    }

    /// The place of texts that do not go among the lines.
    pub(super) fn text_output(&self) -> Option<TextOutput> {
        self.report.text_output().cloned()
    }

    /// Facts that a handler may know of the session.
    pub(super) fn facts(&self) -> Facts {
        Facts {
            number: self.control.number(),
            role: self.control.role(),
            turn: 0,
            agent: self.control.handler_id().into(),
        }
    }

    /// Waits until what is on the screen is to change though nothing is said.
    pub(super) async fn changes(&self) {
        self.report.changes().await;
    }

    /// Changes it.
    pub(super) fn redraw(&mut self) {
        self.report.redraw();
    }

    /// The session as other commands see and use it.
    pub(super) const fn control(&self) -> &Control {
        &self.control
    }
}

/// The entry of a ware in a transcript: a text whole, a secret never.
fn sent(id: ItemId, ware: &Ware) -> Sent<'_> {
    match ware {
        Ware::Text(text) => {
            Sent { id, what: ware.describe(), size: Some(text.len() as u64), body: Some(text) }
        }
        Ware::Secret(label, secret) => {
            let what = label.as_ref().map_or_else(
                || ware.describe(),
                |label| format!("the secret {}", escape::name(label)),
            );
            Sent { id, what, size: Some(secret.len() as u64), body: None }
        }
        Ware::Files(_) => Sent { id, what: ware.describe(), size: None, body: None },
    }
}
