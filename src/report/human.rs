//! Events for people: short lines, a bar while bytes flow, one that says for how long a connection
//! has been lost, and one closing line that says what is where.

mod page;
#[cfg(test)]
mod tests;
pub(super) mod words;

use super::Settings;
use super::meter::Meters;
use super::style::{Ink, MARK, Style};
use crate::escape::{name, terminal, terminal_text};
use crate::events::{Arrived, Check, Event, Path, SentItem, Stored, Way};
use crate::failure::{Failure, Kind};
use page::{Page, in_words, part};
use pinhole_protocol::wire::{ItemId, PeerText};
use std::io::{self, Write};
use std::time::{Duration, Instant, SystemTime};

/// Columns before the sentence of a check: the mark, and the longest name, `unix-sockets`.
const CHECK: usize = 16;

/// The line about a lost connection says each of its seconds.
const SECOND: Duration = Duration::from_secs(1);

/// Writes events as lines for people.
pub(super) struct Human<W> {
    page: Page<W>,
    style: Style,
    once: bool,
    progress_every: Option<Duration>,
    meters: Meters,
    path: Option<Path>,
    /// The moment since which a connection has been lost, as far as was told.
    lost: Option<Instant>,
}

impl<W: Write + Send + 'static> Human<W> {
    /// Lines to `out`.
    pub(super) fn new(out: W, settings: Settings) -> Self {
        let Settings { style, once, progress_every, .. } = settings;
        Self {
            page: Page::new(out, style),
            style,
            once,
            progress_every,
            meters: Meters::default(),
            path: None,
            lost: None,
        }
    }

    /// Writes nothing, which fails where the stream is closed.
    pub(super) fn probe(&self) -> io::Result<()> {
        self.page.write("")
    }

    /// Takes the bar away while a question is asked.
    pub(super) fn suspend(&mut self) {
        self.page.suspend();
    }

    /// Lets it come back.
    pub(super) fn resume(&mut self) {
        self.page.resume();
    }

    /// Writes what there is to say.
    pub(super) fn event(&mut self, event: &Event, now: Instant) -> io::Result<()> {
        if let Event::Progress { id, way, done, total } = event {
            return self.progress((*way, *id), *done, *total, now);
        }
        if let Event::Connected(path) | Event::Moved(path) = event {
            self.path = Some(*path);
        }
        let lost = self.lost;
        match event {
            Event::Reconnecting => {
                self.lost = lost.or(Some(now));
                self.page.clear();
                if self.redraw(now) {
                    return Ok(());
                }
            }
            Event::Reconnected(_) | Event::Disconnected | Event::Closed | Event::End { .. } => {
                self.lost = None;
            }
            Event::Trouble(failure) if failure.kind == Kind::Interrupted => self.lost = None,
            _ => {}
        }
        let took = match event {
            Event::Reconnected(_) => lost.map(|lost| now.saturating_duration_since(lost)),
            Event::File(file) => self.meters.finish((Way::In, file.id), now),
            Event::Delivered(ours) => self.meters.finish((Way::Out, ours.id), now),
            _ => None,
        };
        let ends = self.meters.sum().is_none()
            || matches!(
                event,
                Event::Trouble(_) | Event::Disconnected | Event::Closed | Event::End { .. }
            );
        if self.lost.is_none() && (ends || lost.is_some()) {
            self.page.clear();
        }
        match self.lines(event, took) {
            Some(lines) => self.page.write(&(lines + "\n")),
            None => Ok(()),
        }
    }

    /// The moment at which the line about a lost connection is to change, if it is on the screen.
    pub(super) fn changes_at(&self, now: Instant) -> Option<Instant> {
        let lost = self.lost.filter(|_| self.style.cursor)?;
        let seconds = now.saturating_duration_since(lost).as_secs();
        lost.checked_add(SECOND.saturating_mul(u32::try_from(seconds).unwrap_or(u32::MAX)))?
            .checked_add(SECOND)
    }

    /// Draws the line about a lost connection. Returns false if none is lost, or nothing can be
    /// drawn over.
    pub(super) fn redraw(&mut self, now: Instant) -> bool {
        let lost = self.lost.map(|lost| now.saturating_duration_since(lost));
        lost.is_some_and(|time| self.page.draw_words(&words::lost(time, (self.style.width)())))
    }

    /// Writes what a session of this machine has said before: one of many things in a channel, in
    /// which no text may pass for another.
    pub(super) fn relay(&mut self, event: &Event, now: Instant) -> io::Result<()> {
        self.once = false;
        match event {
            // It is that session which counts the seconds, and Ctrl-C here does not end it.
            Event::Reconnecting => self.page.write("The connection is lost; trying again …\n"),
            event => self.event(event, now),
        }
    }

    fn progress(
        &mut self,
        key: (Way, ItemId),
        done: u64,
        total: Option<u64>,
        now: Instant,
    ) -> io::Result<()> {
        let begins = !self.meters.has(key);
        let meter = self.meters.note(key, done, total, now);
        if self.progress_every.is_none() {
            // Its end is said as ever.
            let what = meter
                .total
                .map_or_else(String::new, |total| format!(" {}", crate::amounts::size(total)));
            let way = if key.0 == Way::Out { "Sending" } else { "Receiving" };
            return if begins { self.page.write(&format!("{way}{what} …\n")) } else { Ok(()) };
        }
        if self.style.cursor {
            // Bytes that have come since are in the bar when it is back.
            if let (Some(sum), None) = (self.meters.sum(), self.lost) {
                self.page.draw(sum, now);
            }
            return Ok(());
        }
        if !self.progress_every.is_some_and(|every| meter.is_due(every, now)) {
            return Ok(());
        }
        let percent = meter.total.map(|total| format!("{} %", part(done, total, 100)));
        let words = in_words((done, meter.total, meter.rate()));
        self.page.write(&(percent.into_iter().chain(words).collect::<Vec<_>>().join(", ") + "\n"))
    }

    fn lines(&self, event: &Event, took: Option<Duration>) -> Option<String> {
        let style = self.style;
        let say = |sentence: &str| Some(style.fold(sentence, "  "));
        match event {
            Event::Opening { tunnel } => {
                say(&format!("Opening a tunnel with {} …", terminal(tunnel)))
            }
            Event::Channel(channel) => Some(words::channel(style, channel)),
            Event::Waiting => say("Waiting for the other side …"),
            Event::Paired => say("Somebody is there; checking the code …"),
            Event::Connected(path) => {
                say(&format!("Connected ({}). The code is used up now.", words::path(*path)))
            }
            Event::Moved(path) => {
                say(&format!("Now connected by another path ({}).", words::path(*path)))
            }
            Event::Verify { words } => Some(format!(
                "{}\n\n  {}\n",
                style.fold("Both sides must see these words:", "  "),
                style.paint(Ink::Bold, words)
            )),
            Event::Stalled => say("Nothing is coming through; still trying …"),
            Event::Reconnecting => {
                say("The connection is lost; trying to get it back (Ctrl-C gives up) …")
            }
            Event::Reconnected(path) => say(&words::again(*path, took)),
            Event::Tampered(path) => say(&format!(
                "Something was changed on its way ({}), so that connection was closed; trying again …",
                words::path(*path)
            )),
            Event::Continued { here, total, .. } => say(&words::continued(*here, *total)),
            Event::Expiring { left } => say(&format!(
                "The channel ends in {} unless something new arrives.",
                crate::amounts::roughly(*left)
            )),
            // A one-shot command is done by then, or the failure that follows says why it is not.
            Event::PeerLeft(_) | Event::Closed if self.once => None,
            Event::PeerLeft(reason) => say(&words::left(*reason)),
            Event::Disconnected => say("The connection is lost for good."),
            Event::HandshakeFailed { guesses } => {
                Some(self.cross(&words::wrong_code(*guesses), None))
            }
            Event::Closed => say("The channel is closed."),
            Event::Holding { secrets, left, take } => {
                Some(self.next(&style.fold(&words::holding(*secrets, *left), "  "), Some(take)))
            }
            Event::Text { body, saved_to, .. } => Some(self.text(body, saved_to.as_deref())),
            Event::File(file) => Some(self.file(file, took)),
            Event::Secret { name, size, stored, .. } => {
                Some(self.secret(name.as_ref(), *size, stored))
            }
            Event::Offer(offer) if offer.asked => None,
            Event::Offer(offer) => say(&format!("Receiving {}", words::offer(offer))),
            // Drawn above, from all transfers together.
            Event::Progress { .. } => None,
            Event::Queued(_) => say("Offered; waiting for the other side to accept …"),
            Event::Pending { what, size, next, .. } => {
                let what = words::amount(&crate::escape::terminal(what), None, *size);
                Some(
                    self.next(&style.fold(&format!("Still in progress: {what}"), "  "), Some(next)),
                )
            }
            Event::Delivered(ours) => Some(self.delivered(ours, took)),
            // Something to know, and no failure.
            Event::Trouble(Failure { notice: true, detail, .. }) => {
                Some(style.fold(&format!("– {}", terminal_text(detail)), "  "))
            }
            // The terminal has shown ^C, perhaps behind a question.
            Event::Trouble(failure) if failure.kind == Kind::Interrupted && style.cursor => {
                Some(format!("\n{}", self.cross(&failure.detail, failure.next.as_deref())))
            }
            Event::Trouble(Failure { detail, next, .. }) => {
                Some(self.cross(detail, next.as_deref()))
            }
            Event::Session(about) => say(&words::session(about, SystemTime::now())),
            Event::Detached(about) => say(&words::detached(about)),
            Event::Check(check) => Some(self.check(check)),
            Event::Partial(partial) => say(&words::partial(partial, SystemTime::now())),
            Event::End { .. } => None,
        }
    }

    /// A text with each of its lines marked, so that none can pass for one of ours.
    fn text(&self, body: &PeerText, saved_to: Option<&std::path::Path>) -> String {
        if let Some(path) = saved_to {
            let length = crate::amounts::size(body.raw().len() as u64);
            return self
                .tick(&format!("Received a text, {length}, in {}", name(&path.to_string_lossy())));
        }
        let shown = terminal_text(body.raw());
        let shown = shown.strip_suffix('\n').unwrap_or(&shown);
        if self.once {
            return format!(
                "From the other side:\n\n{}",
                self.style.paint(Ink::Cyan, &self.style.quote(shown, MARK))
            );
        }
        self.style.paint(Ink::Cyan, &self.style.quote(shown, "> "))
    }

    fn file(&self, file: &Arrived, took: Option<Duration>) -> String {
        let (at, aside) = match &file.saved_to {
            Some(path) => (name(&path.to_string_lossy()), ""),
            None if file.differences.missing() > 0 => (words::bytes(file.name.raw()), ""),
            None => (words::bytes(file.name.raw()), ", to the output"),
        };
        let what = self.what(&at, file.folder.then_some(file.files), Some(file.size), took);
        let line = match file.differences.missing() {
            0 => self.tick(&format!("Received {what}{aside}")),
            _ if file.saved_to.is_none() => {
                self.marked("✗", Ink::Red, &format!("Not received: {at}"))
            }
            _ => self.marked("✗", Ink::Red, &format!("Received in part: {what}{aside}")),
        };
        let called = file
            .original_name
            .as_ref()
            .map(|original| format!("the other side calls it {}", words::bytes(original.raw())));
        let itself = file.original_name.as_ref().map(|original| original.raw());
        let merged = file.merged.then(|| words::merged(file.replaced));
        let acts = words::acting(&file.acts)
            .into_iter()
            .chain(file.set_aside.map(|why| words::set_aside(why).to_owned()));
        self.with(
            line,
            called
                .into_iter()
                .chain(merged)
                .chain(words::differing(&file.differences, itself))
                .chain(acts),
        )
    }

    /// A line with others below it that belong to it.
    fn with(&self, line: String, below: impl Iterator<Item = String>) -> String {
        below.fold(line, |line, below| {
            format!("{line}\n{}", self.style.fold(&format!("  {below}"), "    "))
        })
    }

    fn delivered(&self, ours: &SentItem, took: Option<Duration>) -> String {
        let what = crate::escape::terminal(&ours.what);
        let what = self.what(&what, ours.files.filter(|files| *files > 1), ours.size, took);
        let line = match ours.differences.missing() {
            0 => self.tick(&format!("Delivered {what}")),
            _ => self.marked("✗", Ink::Red, &format!("Delivered in part: {what}")),
        };
        self.with(line, words::not_as_sent(&ours.differences))
    }

    /// `logs, 13 files, 38.2 MB in 3.4 s, local network`.
    fn what(
        &self,
        what: &str,
        files: Option<u32>,
        size: Option<u64>,
        took: Option<Duration>,
    ) -> String {
        let mut line = words::amount(what, files, size);
        if let Some(time) = took {
            line = format!("{line} in {}", crate::amounts::took(time));
        }
        match self.path {
            Some(path) => format!("{line}, {}", words::path(path)),
            None => line,
        }
    }

    fn secret(&self, label: Option<&PeerText>, size: u64, stored: &Stored) -> String {
        let label = label.map_or_else(
            || "a secret".to_owned(),
            |label| format!("the secret {}", name(label.raw())),
        );
        let what = words::amount(&label, None, Some(size));
        match stored {
            Stored::File(path) => {
                self.tick(&format!("Received {what}, in {}", name(&path.to_string_lossy())))
            }
            Stored::EnvFile(path, variable) => self.tick(&format!(
                "Received {what}, as {variable} in {}",
                name(&path.to_string_lossy())
            )),
            Stored::Program(_) => self.tick(&format!("Received {what}, handed to the program")),
            Stored::Held(take) => self
                .next(&self.tick(&format!("Received {what}, held until it is taken")), Some(take)),
            Stored::Shown => self.tick(&format!("Received {what}, shown here only")),
            Stored::Declined => self.style.fold(&format!("Declined {what}"), "  "),
        }
    }

    /// A line whose sentence begins where those of the other checks do.
    fn check(&self, check: &Check) -> String {
        let (mark, ink) = if check.ok { ("✓", Ink::Green) } else { ("✗", Ink::Red) };
        let next = check
            .next
            .as_ref()
            .map(|next| format!("\n→ {}", terminal_text(next)))
            .unwrap_or_default();
        let said = self.style.fold(
            &format!(
                "{mark} {:<width$}{}{next}",
                check.name,
                terminal_text(&check.detail),
                width = CHECK - 2
            ),
            &" ".repeat(CHECK),
        );
        let mark = &*self.style.spelt(mark);
        said.replacen(mark, &self.style.paint(ink, mark), 1)
    }

    fn tick(&self, line: &str) -> String {
        self.marked("✓", Ink::Green, line)
    }

    fn cross(&self, line: &str, next: Option<&str>) -> String {
        self.next(&self.marked("✗", Ink::Red, line), next)
    }

    fn marked(&self, mark: &str, ink: Ink, line: &str) -> String {
        // Painted last: colour codes are no columns.
        let line = self.style.fold(&format!("{mark} {}", terminal_text(line)), "  ");
        let mark = &*self.style.spelt(mark);
        line.replacen(mark, &self.style.paint(ink, mark), 1)
    }

    /// The step that would help, on lines of its own so that it can be copied.
    fn next(&self, line: &str, next: Option<&str>) -> String {
        next.map_or_else(
            || line.to_owned(),
            |next| format!("{line}\n  → {}", terminal_text(next).replace('\n', "\n    ")),
        )
    }
}
