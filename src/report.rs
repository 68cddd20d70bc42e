//! Everything the program says: events in, lines for people or for programs out. Nothing else
//! prints.
//!
//! `EVENTS.md` beside this file is the promise to scripts and agents.

pub mod bell;
#[cfg(test)]
mod captured;
mod human;
mod json;
mod meter;
pub mod non_blocking;
pub mod promise;
pub mod prompt;
pub mod relay_log;
pub mod screen;
pub mod style;
pub mod text_output;
pub mod transcript;

use crate::events::{Event, Sent};
use crate::failure::{Failure, Kind};
use crate::log::{Log, Said};
use human::Human;
use json::Lines;
use pinhole_protocol::wire::{ItemId, PeerText};
use std::borrow::Cow;
use std::future::pending;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use style::Style;
use text_output::TextOutput;
use tokio::time::sleep_until;
use transcript::Transcript;

/// A text longer than this many bytes is put into a file and not into a JSON line (EVENTS.md,
/// `text`): what an agent reads costs.
pub const LONGEST_TEXT_IN_A_LINE: usize = 1024;
/// Time between lines of progress on an output that is no terminal, unless `--progress` says
/// otherwise (EVENTS.md, `progress`).
pub const PROGRESS_EVERY: Duration = Duration::from_secs(10);

/// For whom the output is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// People.
    Human,
    /// Scripts and agents: JSON lines.
    Json,
}

/// The settings of a report.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// For whom.
    pub format: Format,
    /// The style of people's lines.
    pub style: Style,
    /// True if this process moves one thing and ends (`give`, `take`, `ask`). Then a text is shown
    /// bare, and an expected goodbye is not printed.
    pub once: bool,
    /// The least time between two lines about one transfer, where no bar is drawn; nothing for no
    /// such lines.
    pub progress_every: Option<Duration>,
}

/// For whom the output is: `--json` or `--human`, else `PINHOLE_OUTPUT`, else people if the events
/// go to a terminal.
///
/// # Errors
/// If `PINHOLE_OUTPUT` is neither `human` nor `json` (empty counts as not set).
pub fn format_choice(
    json: bool,
    human: bool,
    variable: Option<&str>,
    to_terminal: bool,
) -> Result<Format, Failure> {
    match (json, human, variable) {
        (true, _, _) | (false, false, Some("json")) => Ok(Format::Json),
        (false, true, _) | (false, false, Some("human")) => Ok(Format::Human),
        (false, false, None | Some("")) => {
            Ok(if to_terminal { Format::Human } else { Format::Json })
        }
        (false, false, Some(_)) => {
            Err(Failure::new(Kind::Usage, "PINHOLE_OUTPUT must be `human` or `json`"))
        }
    }
}

/// The line of an event that this process makes itself, without its end, where it is not written to
/// a stream.
#[must_use]
pub fn line(event: &Event) -> Option<String> {
    let line = Lines::new(Some(Duration::ZERO)).line(event, None, Instant::now());
    line.map(|line| line.trim_end().to_owned())
}

/// Writes events, for people or for programs, to one stream.
pub struct Reporter<W> {
    renderer: Renderer<W>,
    /// Every line for programs, also where people read.
    lines: Lines,
    /// The log in which everything is said.
    log: Arc<Log>,
    /// The output for the peer's texts, if they do not go among the lines.
    texts: Option<TextOutput>,
    transcript: Option<Transcript>,
    ended: bool,
}

enum Renderer<W> {
    Human(Human<W>),
    Json(W),
}

impl<W: Write + Send + 'static> Reporter<W> {
    /// Reports to `out`.
    pub fn new(out: W, settings: Settings) -> Self {
        let (renderer, progress_every) = match settings.format {
            Format::Human => (Renderer::Human(Human::new(out, settings)), None),
            Format::Json => (Renderer::Json(out), settings.progress_every),
        };
        Self {
            renderer,
            lines: Lines::new(progress_every),
            log: Arc::default(),
            texts: None,
            transcript: None,
            ended: false,
        }
    }

    /// From now on everything is written into `transcript` too.
    pub fn transcribe(&mut self, transcript: Transcript) {
        self.transcript = Some(transcript);
    }

    /// Something is sent from here, which is for a transcript alone: what becomes of it follows as
    /// events.
    pub fn sent(&mut self, sent: &Sent<'_>, now: Instant) {
        let Some(transcript) = &mut self.transcript else { return };
        let written = transcript.sent(sent, &self.lines.sent(sent), SystemTime::now());
        self.transcribed(written, now);
    }

    /// A transcript that cannot be written ends, and that is said.
    fn transcribed(&mut self, written: io::Result<()>, now: Instant) {
        if let Err(error) = written
            && let Some(transcript) = self.transcript.take()
        {
            // If that cannot be printed either, nobody reads.
            let _ = self.event(&Event::Trouble(transcript.failed(&error)), now);
        }
    }

    /// Keeps an event and its `line` in the transcript, without advice: that may name a code, and
    /// helps nobody afterwards.
    fn keep(&mut self, event: &Event, line: Option<&str>, now: Instant) {
        let Some(transcript) = &mut self.transcript else { return };
        let at = SystemTime::now();
        let written = match event {
            Event::Trouble(failure) if failure.next.is_some() => {
                let event = Event::Trouble(Failure { next: None, ..failure.clone() });
                let line = self.lines.line(&event, None, now);
                transcript.heard(&event, line.as_deref(), at)
            }
            event => transcript.heard(event, line, at),
        };
        self.transcribed(written, now);
    }

    /// From now on the other side's texts go through `output`, and not among the lines: a line for
    /// programs says only how long each is.
    pub fn texts_to(&mut self, output: TextOutput) {
        self.texts = Some(output);
    }

    /// The output for the peer's texts, if there is one. Whoever has an event of a text puts it
    /// there before it is said.
    #[must_use]
    pub const fn text_output(&self) -> Option<&TextOutput> {
        self.texts.as_ref()
    }

    /// Says everything in the log of a session from now on.
    pub fn log_to(&mut self, log: Arc<Log>) {
        self.log = log;
    }

    /// As [`Reporter::say`], for whoever needs no number.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn event(&mut self, event: &Event, now: Instant) -> io::Result<()> {
        self.say(event, now).1
    }

    /// Says an event in the log and writes it, flushed. After [`Event::End`] there is nothing more
    /// to say.
    ///
    /// Also returns if it could not be written. Whoever promised the peer that a text was printed
    /// must not say so then; a session that only tells its progress goes on.
    pub fn say(&mut self, event: &Event, now: Instant) -> (Option<Said>, io::Result<()>) {
        if self.ended {
            return (None, Ok(()));
        }
        let said = self.log.say(event);
        let line = self.lines.line(event, said.as_ref(), now);
        self.keep(event, line.as_deref(), now);
        self.ended = matches!(event, Event::End { .. });
        (said, self.write(event, line.as_deref(), now))
    }

    fn write(&mut self, event: &Event, line: Option<&str>, now: Instant) -> io::Result<()> {
        match (&mut self.renderer, line, event) {
            (_, _, Event::Text { id, body, saved_to: None }) if self.texts.is_some() => {
                self.length(*id, body);
                Ok(())
            }
            (Renderer::Human(human), _, _) => human.event(event, now),
            (Renderer::Json(out), Some(line), _) => {
                out.write_all(line.as_bytes()).and_then(|()| out.flush())
            }
            (Renderer::Json(_), None, _) => Ok(()),
        }
    }

    /// Finds out if the stream is closed, without writing to it.
    ///
    /// # Errors
    /// If it is.
    pub fn probe(&mut self) -> io::Result<()> {
        match &mut self.renderer {
            Renderer::Human(human) => human.probe(),
            Renderer::Json(out) => out.flush(),
        }
    }

    /// As [`Reporter::say`], for a text that stays among the lines, wherever the others go.
    pub fn say_among_lines(
        &mut self,
        event: &Event,
        now: Instant,
    ) -> (Option<Said>, io::Result<()>) {
        let texts = self.texts.take();
        let said = self.say(event, now);
        self.texts = texts;
        said
    }

    /// A text goes where texts go, and programs have its line without it.
    fn put_text(&mut self, id: ItemId, body: &PeerText) -> io::Result<()> {
        let Some(texts) = &self.texts else { return Ok(()) };
        texts.text(body)?;
        self.length(id, body);
        Ok(())
    }

    /// Programs have the line of a text that is elsewhere without it. The line has the last number.
    fn length(&mut self, id: ItemId, body: &PeerText) {
        if let Renderer::Json(out) = &mut self.renderer {
            // The text is where it was wanted, whether that can be said or not.
            let line = self.lines.without_body(id, body);
            let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
        }
    }

    /// A line that a session of this machine has made, or, for programs, that of a text too long
    /// for one ([`LONGEST_TEXT_IN_A_LINE`]) once `store` has put the text into a file.
    ///
    /// # Errors
    /// Those of `store`.
    pub fn without_long_text<'a>(
        &self,
        line: &'a str,
        store: impl FnOnce(ItemId, &PeerText) -> Result<PathBuf, Failure>,
    ) -> Result<Cow<'a, str>, Failure> {
        let told = match self.renderer {
            Renderer::Human(_) => None,
            Renderer::Json(_) => json::without_long_text(line, store)?,
        };
        Ok(told.map_or(Cow::Borrowed(line), Cow::Owned))
    }

    /// Writes a line that a session of this machine has made, as it is, or for people what it says.
    /// Any other line is left out.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn relay(&mut self, line: &str, now: Instant) -> io::Result<()> {
        let Some(event) = self.lines.relay(line) else { return Ok(()) };
        match (&mut self.renderer, event) {
            (_, Some(Event::Text { id, body, saved_to: None })) if self.texts.is_some() => {
                self.put_text(id, &body)
            }
            (Renderer::Human(human), Some(event)) => human.relay(&event, now),
            (Renderer::Human(_), None) => Ok(()),
            (Renderer::Json(out), _) => {
                out.write_all(format!("{line}\n").as_bytes()).and_then(|()| out.flush())
            }
        }
    }

    /// The same for the line of a text that is in a file, of which `body` is the content: it goes
    /// where texts go.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn relay_stored(&mut self, line: &str, id: ItemId, body: &PeerText) -> io::Result<()> {
        self.lines.relay(line).map_or(Ok(()), |_| self.put_text(id, body))
    }

    /// Waits until what is on the screen is to change though nothing is said: for ever, unless a
    /// person at a terminal sees for how long a connection has been lost.
    pub async fn changes(&self) {
        let at = match &self.renderer {
            Renderer::Human(human) => human.changes_at(Instant::now()),
            Renderer::Json(_) => None,
        };
        match at {
            Some(at) => sleep_until(at.into()).await,
            None => pending().await,
        }
    }

    /// Changes it.
    pub fn redraw(&mut self) {
        if let Renderer::Human(human) = &mut self.renderer {
            human.redraw(Instant::now());
        }
    }

    /// Takes the bar off the screen while a question is asked.
    pub fn suspend(&mut self) {
        if let Renderer::Human(human) = &mut self.renderer {
            human.suspend();
        }
    }

    /// Lets the bar come back.
    pub fn resume(&mut self) {
        if let Renderer::Human(human) = &mut self.renderer {
            human.resume();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::samples;
    use captured::Captured;

    /// Records the calls that are made to a stream.
    #[derive(Clone, Default)]
    struct Counting(std::sync::Arc<std::sync::Mutex<Vec<&'static str>>>);

    impl Write for Counting {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().push("write");
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            self.0.lock().unwrap().push("flush");
            Ok(())
        }
    }

    const JSON: Settings =
        Settings { format: Format::Json, style: Style::PLAIN, once: false, progress_every: None };

    #[test]
    fn a_line_is_one_write_and_flushed() {
        let out = Counting::default();
        let mut reporter = Reporter::new(out.clone(), JSON);
        reporter.event(&Event::Channel(samples::channel()), Instant::now()).unwrap();
        reporter
            .relay("{\"v\":1,\"seq\":2,\"type\":\"status\",\"event\":\"waiting\"}", Instant::now())
            .unwrap();
        assert_eq!(*out.0.lock().unwrap(), ["write", "flush", "write", "flush"]);
    }

    #[test]
    fn the_log_has_the_same_lines_whoever_reads() {
        for format in [Format::Human, Format::Json] {
            let log = Arc::<Log>::default();
            let mut reporter = Reporter::new(Captured::default(), Settings { format, ..JSON });
            reporter.log_to(Arc::clone(&log));
            let said = [
                Event::Waiting,
                Event::Trouble(Failure::new(Kind::Failed, "x")),
                samples::text("hello"),
            ]
            .map(|event| reporter.say(&event, Instant::now()).0.map(|said| said.seq));
            assert_eq!(said, [Some(1), None, Some(2)]);
            let (piece, _) = log.piece(&None.into(), usize::MAX);
            let text = r#"{"v":1,"seq":2,"type":"text","id":1,"from":"peer","trust":"untrusted","body":"hello"}"#;
            let lines: Vec<&str> = piece.lines.iter().map(|line| &*line.line).collect();
            assert_eq!(lines, [r#"{"v":1,"seq":1,"type":"status","event":"waiting"}"#, text]);
        }
    }

    #[test]
    fn a_line_that_is_relayed_keeps_its_number_and_what_is_none_is_left_out() {
        let out = Captured::default();
        let mut reporter = Reporter::new(out.clone(), JSON);
        let line = r#"{"v":1,"seq":7,"type":"status","event":"waiting"}"#;
        for line in [line, "{}", "no line", "{\"seq\":9}\n{\"type\":\"end\"}"] {
            reporter.relay(line, Instant::now()).unwrap();
        }
        reporter.event(&Event::End { failed: None, more: true }, Instant::now()).unwrap();
        let said = out.text();
        assert_eq!(
            said,
            format!(
                "{line}\n{}\n",
                r#"{"v":1,"type":"end","exit":0,"reason":"done","more":true,"last_seq":7}"#
            )
        );
    }

    #[test]
    fn a_transcript_has_what_was_said_and_sent_but_nothing_that_would_help() {
        let page = Captured::default();
        let mut reporter =
            Reporter::new(Captured::default(), Settings { format: Format::Human, ..JSON });
        reporter.transcribe(Transcript::lines(page.clone()));
        reporter.sent(
            &Sent { id: ItemId(1), what: "a text".into(), size: Some(2), body: Some("hi") },
            Instant::now(),
        );
        for event in [
            Event::Waiting,
            Event::Trouble(Failure::new(Kind::Failed, "x").next("pinhole take 1-walrus")),
        ] {
            reporter.event(&event, Instant::now()).unwrap();
        }
        let page = page.text();
        let lines = [
            r#"{"v":1,"type":"sent","id":1,"what":"a text","size":2,"body":"hi"}"#,
            r#"{"v":1,"seq":1,"type":"status","event":"waiting"}"#,
            r#"{"v":1,"type":"error","error":"failed","detail":"x"}"#,
        ];
        assert_eq!(page.lines().collect::<Vec<_>>(), lines);
    }

    #[test]
    fn a_transcript_that_cannot_be_written_ends_and_that_is_said_once() {
        let out = Captured::default();
        let mut reporter = Reporter::new(out.clone(), JSON);
        // A full disk (full(4)).
        reporter.transcribe(Transcript::lines(
            std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap(),
        ));
        for event in [Event::Waiting, Event::Paired] {
            reporter.event(&event, Instant::now()).unwrap();
        }
        let said = out.text();
        assert_eq!(
            (said.lines().count(), said.matches(r#""error":"disk""#).count()),
            (3, 1),
            "{said}"
        );
    }

    #[test]
    fn after_the_end_nothing_is_said() {
        for (format, expected) in [
            (Format::Human, "The channel is closed.\n"),
            (Format::Json, "\"type\":\"end\",\"exit\":0,\"reason\":\"done\",\"last_seq\":1}\n"),
        ] {
            let out = Captured::default();
            let mut reporter = Reporter::new(
                out.clone(),
                Settings { format, style: Style::PLAIN, once: false, progress_every: None },
            );
            let end = Event::End { failed: None, more: false };
            for event in [&Event::Closed, &end, &end, &Event::Closed] {
                reporter.event(event, Instant::now()).unwrap();
            }
            let said = out.text();
            assert!(said.ends_with(expected), "{said}");
            assert_eq!(said.matches(expected).count(), 1);
        }
    }

    #[test]
    fn flags_win_over_the_variable_and_that_over_the_terminal() {
        let choice =
            |json, human, variable, terminal| format_choice(json, human, variable, terminal).ok();
        assert_eq!(choice(true, false, Some("human"), true), Some(Format::Json));
        assert_eq!(choice(false, true, Some("json"), false), Some(Format::Human));
        assert_eq!(choice(false, false, Some("json"), true), Some(Format::Json));
        assert_eq!(choice(false, false, Some("human"), false), Some(Format::Human));
        assert_eq!(choice(false, false, None, true), Some(Format::Human));
        assert_eq!(choice(false, false, Some(""), false), Some(Format::Json));
        assert_eq!(choice(false, false, Some("xml"), true), None);
        assert_eq!(choice(false, true, Some("xml"), true), Some(Format::Human));
    }
}
