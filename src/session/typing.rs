//! Lines typed into an open channel: each is sent as a text, a pasted block as one, and a slash begins a command.

use super::driver::{Desk, Driver};
use super::plan::Ware;
use crate::failure::{Exit, Failure};
use crate::files::outbox::{Options, Selection};
use crate::files::secret_source::SecretSource;
use crate::report::amounts::roughly;
use crate::report::prompt::{OwnTerminal, Terminal};
use crate::report::screen::Screen;
use pinhole_protocol::secret::SecretVec;
use rustyline::Config;
use rustyline::Editor;
use rustyline::error::ReadlineError;
use rustyline::history::MemHistory;
use std::io::{self, BufRead, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// What can be typed, for people.
const HELP: &str = "\
What you type is sent as text when you press Enter; a pasted block is one text.
  /file PATH       send a file or folder
  /secret [LABEL]  send a secret; what you type then is not shown
  /status          what is under way, and how long the channel lasts
  /close           finish what is under way and leave
  //TEXT           a text that begins with a slash
";
/// Lines that may be typed ahead of a question that reads them.
const LINES: usize = 64;
/// Unlike the mark before what the other side says.
const PROMPT: &str = "you> ";

/// What the person here types, on its way to the driver.
pub(super) struct Typing {
    screen: Screen,
    /// Lines that answer a question go this way.
    answers: Option<SyncSender<String>>,
    /// No more lines are read, so no question can be answered.
    closed: bool,
}

impl Typing {
    /// Begins to read lines on a thread of its own.
    pub(super) fn start(screen: &Screen, desk: Desk) -> Result<Self, Failure> {
        let cannot = |error: &dyn std::fmt::Display| Failure::new(Exit::Other, "failed", format!("lines cannot be typed here: {error}"));
        let mut editor = Editor::<(), MemHistory>::with_history(Config::default(), MemHistory::new()).map_err(|error| cannot(&error))?;
        screen.share(editor.create_external_printer().map_err(|error| cannot(&error))?);
        std::thread::Builder::new()
            .name("typing".into())
            .spawn(move || while read_one(&mut editor, &desk) {})
            .map_err(|error| cannot(&error))?;
        Ok(Self { screen: screen.clone(), answers: None, closed: false })
    }

    /// A terminal for one question, answered by the next lines that are typed.
    pub(super) fn terminal(&mut self) -> OwnTerminal {
        let (answers, lines) = sync_channel(LINES);
        self.answers = (!self.closed).then_some(answers);
        Terminal::new(Box::new(Lines { lines, line: Vec::new(), read: 0 }), Box::new(self.screen.clone()))
    }

    /// The question is answered: lines are texts again.
    pub(super) fn answered(&mut self) {
        self.answers = None;
    }

    /// Waits until everything that was said is on the screen.
    pub(super) fn settle(&self) {
        self.screen.settle();
    }

    /// Nothing more is typed.
    pub(super) fn end(&self) {
        self.screen.take_back();
    }

    fn print(&mut self, text: &str) {
        // The screen is where the person looks; if it cannot be written there is nobody to tell.
        let _ = self.screen.write_all(text.as_bytes()).and_then(|()| self.screen.flush());
    }
}

/// Reads a line and hands it over; false when there are no more.
fn read_one(editor: &mut Editor<(), MemHistory>, desk: &Desk) -> bool {
    match editor.readline(PROMPT) {
        Ok(line) => {
            if let Some(label) = command(&line, "/secret") {
                let label = (!label.is_empty()).then(|| label.to_owned());
                let secret = SecretSource::Prompt.read(None);
                desk.put(move |driver| driver.typed_secret(label, secret));
                return true;
            }
            // Nothing is typed while a channel closes, so no prompt comes back over its last lines.
            let closes = command(&line, "/close").is_some();
            desk.put(move |driver| driver.typed(&line));
            !closes
        }
        Err(ReadlineError::Interrupted) => {
            desk.put(|driver| driver.abort(pinhole_protocol::wire::Reason::Interrupted));
            false
        }
        Err(ReadlineError::Eof) => {
            // The end of what is typed ends no channel (DESIGN 4).
            desk.put(|driver| driver.reply("To leave, type /close or press Ctrl-C.\n"));
            true
        }
        Err(_) => false,
    }
}

/// What follows a command's word, if `line` is that command.
fn command<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    let rest = line.trim_end().strip_prefix(word)?;
    (rest.is_empty() || rest.starts_with(char::is_whitespace)).then(|| rest.trim())
}

impl Driver<'_> {
    /// Says something to the person who types.
    pub(super) fn reply(&mut self, text: &str) {
        if let Some(typing) = &mut self.typing {
            typing.print(text);
        }
    }

    /// A line was typed: an answer, a command or a text.
    pub(super) fn typed(&mut self, line: &str) {
        if let Some(answers) = self.typing.as_ref().and_then(|typing| typing.answers.as_ref()) {
            // Whoever asked has just given up if nobody listens, or has more lines than an answer; then the line is lost, not sent.
            let _ = answers.try_send(format!("{line}\n"));
        } else if let Some(rest) = line.strip_prefix("//") {
            self.send(&Ware::Text(format!("/{rest}")));
        } else if let Some(path) = command(line, "/file") {
            self.typed_file(path);
        } else if command(line, "/status").is_some() {
            self.typed_status();
        } else if command(line, "/close").is_some() {
            if let Some(typing) = &mut self.typing {
                typing.closed = true;
            }
            self.leave();
        } else if command(line, "/help").is_some() {
            self.reply(HELP);
        } else if line.starts_with('/') {
            self.reply("There is no such command; /help lists them. A text that begins with a slash is typed with two.\n");
        } else if !line.is_empty() {
            self.send(&Ware::Text(line.to_owned()));
        }
        self.follow();
    }

    fn typed_file(&mut self, path: &str) {
        if path.is_empty() {
            return self.reply("Which file? /file PATH\n");
        }
        let options = Options { fence: self.plan.fence.clone(), ..Options::default() };
        match Selection::check(&[PathBuf::from(path)], &options, io::empty()) {
            Ok(selection) => self.send(&Ware::Files(Arc::new(selection))),
            Err(failure) => self.say(&super::event::Event::Trouble(failure)),
        }
    }

    fn typed_secret(&mut self, label: Option<String>, secret: Result<SecretVec, Failure>) {
        match secret {
            Ok(secret) => self.send(&Ware::Secret(label, Arc::new(secret))),
            Err(failure) => self.say(&super::event::Event::Trouble(failure)),
        }
        self.follow();
    }

    fn typed_status(&mut self) {
        let left = roughly(self.conversation.rests(crate::clock::now()));
        let under_way = self.ours.len() + self.theirs.len();
        let under_way = if under_way == 0 { "nothing is under way".to_owned() } else { format!("{under_way} under way") };
        self.reply(&format!("Connected; {under_way}; the channel ends after {left} without a word.\n"));
    }
}

/// Lines as something to read from.
struct Lines {
    lines: Receiver<String>,
    line: Vec<u8>,
    read: usize,
}

impl Read for Lines {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut ready = self.fill_buf()?;
        let read = ready.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Lines {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.read >= self.line.len() {
            // No more lines is the end of the input.
            self.line = self.lines.recv().unwrap_or_default().into_bytes();
            self.read = 0;
        }
        Ok(self.line.get(self.read..).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.read += amount;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_its_whole_word() {
        assert_eq!(command("/file a b ", "/file"), Some("a b"));
        assert_eq!(command("/file", "/file"), Some(""));
        assert_eq!(command("/files", "/file"), None);
        assert_eq!(command(" /file", "/file"), None);
    }

    #[test]
    fn typed_lines_are_read_one_by_one_and_end_with_the_question() {
        let (answers, lines) = sync_channel(LINES);
        let mut lines = Lines { lines, line: Vec::new(), read: 0 };
        answers.send("yes\n".into()).unwrap();
        answers.send("no\n".into()).unwrap();
        drop(answers);
        let mut text = String::new();
        assert_eq!(lines.read_line(&mut text).unwrap(), 4);
        assert_eq!(text, "yes\n");
        assert_eq!(lines.read_to_string(&mut text).unwrap(), 3);
        assert_eq!(text, "yes\nno\n");
    }
}
