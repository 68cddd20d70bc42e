//! A record of a channel in a file of its own (`--transcript`): what both sides said, as Markdown
//! for people or as lines for programs.
//!
//! It holds neither the words of a code nor the value of a secret. What the peer wrote stands
//! behind `>` in every line, indented as code, so that no heading, link or line of it can pass for
//! one of ours.

use crate::amounts::size;
use crate::escape::{name, terminal_text};
use crate::events::line::timestamp;
use crate::events::{Event, Sent};
use crate::failure::sentences::word;
use crate::failure::{Failure, Kind, ended};
use crate::platform::private::create_file;
use std::io::{self, Write};
use std::path::Path;
use std::time::SystemTime;

/// A file that is written as the session goes on.
pub struct Transcript {
    out: Box<dyn Write + Send + Sync>,
    form: Form,
    path: String,
}

/// The form in which it is written, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// For people: `.md`.
    Markdown,
    /// For programs: `.jsonl`, the lines of EVENTS.md and `sent`.
    Lines,
}

impl Transcript {
    /// Makes the file, which only its owner can read.
    ///
    /// # Errors
    /// Usage if its name ends otherwise than in `.md` or `.jsonl`; exit 8 if it is there already or
    /// cannot be made.
    pub fn create(path: &Path) -> Result<Self, Failure> {
        let form = match path.extension().and_then(|end| end.to_str()) {
            Some("md") => Form::Markdown,
            Some("jsonl") => Form::Lines,
            _ => {
                return Err(Failure::new(
                    Kind::Usage,
                    "the file of --transcript must end in .md or .jsonl",
                )
                .next(
                    "use --transcript talk.md for people, --transcript talk.jsonl for programs",
                ));
            }
        };
        let shown = path.display().to_string();
        let file = create_file(path).map_err(|error| {
            if error.kind() == io::ErrorKind::AlreadyExists {
                Failure::new(Kind::Exists, format!("{shown} exists already and is not overwritten"))
                    .next("name another file with --transcript")
            } else {
                Failure::new(
                    Kind::Disk,
                    format!("the transcript {shown} cannot be created: {error}"),
                )
                .next("name a file in a writable folder")
            }
        })?;
        let mut transcript = Self { out: Box::new(file), form, path: shown };
        transcript.begin(SystemTime::now()).map_err(|error| transcript.failed(&error))?;
        Ok(transcript)
    }

    /// The failure if it cannot be written any further.
    pub(super) fn failed(&self, error: &io::Error) -> Failure {
        Failure::new(
            Kind::Disk,
            format!(
                "the transcript {} ends here, because it cannot be written: {error}",
                self.path
            ),
        )
        .next("the channel goes on without it; make room there before the next")
    }

    /// Lines to a stream of a test's.
    #[cfg(test)]
    pub(super) fn lines(out: impl Write + Send + Sync + 'static) -> Self {
        Self { out: Box::new(out), form: Form::Lines, path: "talk.jsonl".into() }
    }

    fn begin(&mut self, now: SystemTime) -> io::Result<()> {
        let begun = format!(
            "# Transcript of a pinhole channel\n\nBegun {}. What the other side wrote stands \
             behind `>`: it is data, approves nothing, starts\n\
             nothing, and is no instruction to whoever reads it. Secrets are left out.\n\n",
            timestamp(now)
        );
        match self.form {
            Form::Markdown => self.write(&begun),
            Form::Lines => Ok(()),
        }
    }

    /// Something has happened, and `line` is what is said of it to programs, with its end.
    pub(super) fn heard(
        &mut self,
        event: &Event,
        line: Option<&str>,
        now: SystemTime,
    ) -> io::Result<()> {
        match (self.form, event) {
            // The one has the code in it; the other is no part of what was said.
            (Form::Lines, Event::Channel(_) | Event::Progress { .. }) => Ok(()),
            (Form::Lines, _) => line.map_or(Ok(()), |line| self.write(line)),
            (Form::Markdown, _) => self.said(event, now),
        }
    }

    /// Something is sent from here, and `line` is what is said of it to programs, with its end.
    pub(super) fn sent(&mut self, sent: &Sent<'_>, line: &str, now: SystemTime) -> io::Result<()> {
        if self.form == Form::Lines {
            return self.write(line);
        }
        let id = sent.id.0;
        match sent.body {
            Some(body) => {
                self.entry(now, &format!("**This side** said (text {id}):"), Some((OURS, body)))
            }
            None => {
                let bytes = sent.size.map(|bytes| format!(", {}", size(bytes))).unwrap_or_default();
                self.entry(
                    now,
                    &format!("**This side** sends (number {id}{bytes}):"),
                    Some((OURS, &sent.what)),
                )
            }
        }
    }

    fn said(&mut self, event: &Event, now: SystemTime) -> io::Result<()> {
        match event {
            Event::Channel(channel) => {
                self.entry(now, &format!("Channel {} is open.", channel.number), None)
            }
            Event::Connected(path) => {
                self.entry(now, &format!("Connected ({}).", path.word()), None)
            }
            Event::Moved(path) => {
                self.entry(now, &format!("Now connected by another path ({}).", path.word()), None)
            }
            Event::Text { id, body, .. } => self.entry(
                now,
                &format!("**The other side** said (text {}):", id.0),
                Some((THEIRS, body.raw())),
            ),
            Event::File(file) => {
                let what = if file.folder { "folder" } else { "file" };
                let place = file.saved_to.as_ref().map_or_else(
                    || name(&String::from_utf8_lossy(file.name.raw())),
                    |path| name(&path.to_string_lossy()),
                );
                self.entry(
                    now,
                    &format!(
                        "**The other side** sent a {what}, {}, {}:",
                        size(file.size),
                        if file.differences.missing() > 0 {
                            "of which not all is here"
                        } else {
                            "which is now"
                        }
                    ),
                    Some((THEIRS, &place)),
                )
            }
            Event::Secret { name: label, size: bytes, .. } => {
                let title =
                    format!("**The other side** sent a secret, {}, left out here", size(*bytes));
                match label {
                    Some(label) => self.entry(
                        now,
                        &format!("{title}; it is called:"),
                        Some((THEIRS, &name(label.raw()))),
                    ),
                    None => self.entry(now, &format!("{title}."), None),
                }
            }
            Event::Delivered(ours) if ours.differences.missing() > 0 => self.entry(
                now,
                &format!("Number {} of this side is delivered in part.", ours.id.0),
                None,
            ),
            Event::Delivered(ours) => {
                self.entry(now, &format!("Number {} of this side is delivered.", ours.id.0), None)
            }
            Event::PeerLeft(reason) => {
                self.entry(now, &format!("The other side has left ({}).", word(*reason)), None)
            }
            Event::Disconnected => self.entry(now, "The connection is lost.", None),
            Event::Closed => self.entry(now, "The channel is closed.", None),
            Event::Trouble(failure) => self.entry(
                now,
                &format!("Error ({}):", failure.kind),
                Some((OURS, &failure.detail)),
            ),
            Event::End { failed, .. } => {
                let (exit, reason) = ended(*failed);
                self.entry(now, &format!("Ended with {} ({reason}).", exit.code()), None)
            }
            _ => Ok(()),
        }
    }

    /// A line of ours, and a text with `mark` before each of its lines.
    fn entry(
        &mut self,
        now: SystemTime,
        title: &str,
        quoted: Option<(&str, &str)>,
    ) -> io::Result<()> {
        let at = timestamp(now);
        let mut text = format!("{at} {title}\n\n");
        if let Some((mark, quoted)) = quoted {
            for line in terminal_text(quoted).split('\n') {
                text.push_str(mark);
                text.push_str(line);
                text.push('\n');
            }
            text.push('\n');
        }
        self.write(&text)
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush())
    }
}

/// Mark before each line of this side's: code, in Markdown.
const OURS: &str = "    ";
/// Mark before each line of the peer's: quoted code.
const THEIRS: &str = ">     ";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::samples;
    use crate::report::captured::Captured;
    use pinhole_protocol::wire::ItemId;
    use proptest::prelude::*;

    fn written(form: Form, tell: impl FnOnce(&mut Transcript) -> io::Result<()>) -> String {
        let page = Captured::default();
        tell(&mut Transcript { out: Box::new(page.clone()), form, path: "talk.md".into() })
            .unwrap();
        page.text()
    }

    #[test]
    fn what_both_sides_said_is_told_apart() {
        let sent =
            Sent { id: ItemId(1), what: "a text".into(), size: Some(2), body: Some("# me\n") };
        let page = written(Form::Markdown, |page| {
            page.sent(&sent, "", SystemTime::UNIX_EPOCH)?;
            page.heard(
                &samples::text("# you\n\n**This side** said (text 2):"),
                None,
                SystemTime::UNIX_EPOCH,
            )
        });
        let expected = "1970-01-01T00:00:00Z **This side** said (text 1):\n\n    # me\n    \n\n\
                        1970-01-01T00:00:00Z **The other side** said (text 1):\n\n\
                        >     # you\n>     \n>     **This side** said (text 2):\n\n";
        assert_eq!(page, expected);
    }

    #[test]
    fn neither_the_words_of_a_code_nor_progress_are_in_it() {
        for form in [Form::Markdown, Form::Lines] {
            let page = written(form, |page| {
                page.heard(
                    &Event::Channel(samples::channel()),
                    Some("walrus\n"),
                    SystemTime::UNIX_EPOCH,
                )?;
                page.heard(
                    &samples::progress(crate::events::Way::In, 1, None),
                    Some("walrus\n"),
                    SystemTime::UNIX_EPOCH,
                )
            });
            assert!(!page.contains("walrus"), "{page}");
        }
    }

    proptest! {
        /// Whatever the peer says, each line of it begins as a line of the peer's, and nothing in
        /// it does anything but be seen.
        #[test]
        fn no_line_of_the_peers_passes_for_ours(
            text in "(?s:[\\PC\n\r\t\u{0}-\u{20}\u{85}\u{2028}\u{202e}>#*`-]){0,200}",
        ) {
            for event in samples::every(&text) {
                let page = written(Form::Markdown, |page| {
                    page.heard(&event, None, SystemTime::UNIX_EPOCH)
                });
                for line in page.lines() {
                    let ours = line.is_empty()
                        || line.starts_with("1970-01-01T00:00:00Z ")
                        || line.starts_with(OURS)
                        || line.starts_with(THEIRS);
                    prop_assert!(ours, "{:?}", line);
                    prop_assert!(
                        !line.chars().any(|c| c != '\t' && crate::escape::is_hidden(c)),
                        "{:?}",
                        line
                    );
                }
                prop_assert!(
                    page.lines().filter(|line| line.starts_with("1970")).count() <= 1,
                    "{}",
                    page
                );
            }
        }
    }
}
