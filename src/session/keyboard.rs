//! The line editor of an open channel. Lines that come all at once were not typed, so they are
//! texts, whatever they begin with.

use super::happened::{Desk, Happened};
use crate::failure::{Failure, Kind};
use crate::files::secret_source::SecretSource;
use crate::report::screen::Screen;
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::MemHistory;
use rustyline::validate::Validator;
use rustyline::{
    Cmd, ConditionalEventHandler, Config, Context, Editor, Event, EventContext, EventHandler,
    Helper, KeyCode, KeyEvent, Modifiers, RepeatCount,
};
use std::collections::VecDeque;
use std::io::{self, BufRead, Read};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A key that comes this long after its prompt had not come before it: the editor takes those at
/// once.
const READ_AHEAD: Duration = Duration::from_millis(5);
/// Unlike the mark before what the other side says.
const PROMPT: &str = "you> ";

/// Begins to read lines on a thread of its own, into `keys`.
///
/// # Errors
/// If the terminal or a thread cannot be had.
pub(super) fn start(screen: &Screen, keys: Arc<Keys>, desk: Desk) -> Result<(), Failure> {
    let cannot = |error: &dyn std::fmt::Display| {
        Failure::new(Kind::Failed, format!("lines cannot be typed here: {error}"))
    };
    let mut editor = Editor::<Pace, MemHistory>::with_history(Config::default(), MemHistory::new())
        .map_err(|error| cannot(&error))?;
    screen.share(editor.create_external_printer().map_err(|error| cannot(&error))?);
    editor.set_helper(Some(Pace(Arc::clone(&keys))));
    let paste = KeyEvent(KeyCode::BracketedPasteStart, Modifiers::NONE);
    editor.bind_sequence(paste, EventHandler::Conditional(Box::new(Paste(Arc::clone(&keys)))));
    for enter in
        [KeyEvent(KeyCode::Enter, Modifiers::NONE), KeyEvent::ctrl('J'), KeyEvent::ctrl('M')]
    {
        editor.bind_sequence(enter, EventHandler::Conditional(Box::new(Enter(Arc::clone(&keys)))));
    }
    let mut keyboard =
        Keyboard { editor, keys: Arc::clone(&keys), desk: desk.clone(), after_secret: false };
    let shown = screen.clone();
    let thread = |name: &str| std::thread::Builder::new().name(name.into());
    thread("typing").spawn(move || while keyboard.read_one() {}).map_err(|error| cannot(&error))?;
    thread("pauses").spawn(move || keys.watch(&shown, &desk)).map_err(|error| cannot(&error))?;
    Ok(())
}

/// Lines and their pace. The editor reads ahead, and shows a message only when it has read all
/// that was typed: by that a pause is known.
#[derive(Default)]
pub(super) struct Keys {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The prompt is there, and Enter has not been pressed.
    prompting: bool,
    /// When it was there, before the first key of the line.
    prompted: Option<Instant>,
    /// The first key was waited for.
    waited: bool,
    /// Presses of Enter.
    enters: u64,
    /// `enters` when all that was typed had been read.
    paused: u64,
    /// The editor has not been seen to wait before the last line.
    read_ahead: bool,
    /// The last line came at once with the one before it, as far as its first key tells too.
    at_once: bool,
    /// The line being typed begins with a paste.
    pasted: bool,
    /// Lines on their way to the driver.
    lines: VecDeque<TypedLine>,
}

/// A line that was typed.
pub(super) enum TypedLine {
    /// A text.
    Text(String),
    /// A command, unless another line comes at once.
    Command(String),
}

impl Keys {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for each pause, and tells the driver of it.
    fn watch(&self, screen: &Screen, desk: &Desk) {
        loop {
            let busy = |state: &mut State| !state.prompting || state.paused == state.enters + 1;
            let enters = self
                .changed
                .wait_while(self.state(), busy)
                .unwrap_or_else(PoisonError::into_inner)
                .enters;
            screen.settle();
            let mut state = self.state();
            if state.enters == enters {
                state.paused = enters + 1;
                drop(state);
                desk.put(Happened::TypedAlone);
            }
        }
    }

    /// The line that waits longest.
    pub(super) fn next(&self) -> Option<TypedLine> {
        self.state().lines.pop_front()
    }

    /// Hands a line over. Only the first that waits is said to be there, so this never waits for a
    /// driver that waits for a pause.
    fn put(&self, line: TypedLine, desk: &Desk) {
        if self.push(line) == 1 {
            desk.put(Happened::Typed);
        }
    }

    /// Adds a line, and returns how many wait then.
    pub(super) fn push(&self, line: TypedLine) -> usize {
        let mut state = self.state();
        state.lines.push_back(line);
        state.lines.len()
    }
}

/// Hears of the prompt.
struct Pace(Arc<Keys>);

impl Hinter for Pace {
    type Hint = String;

    fn hint(&self, line: &str, _: usize, _: &Context<'_>) -> Option<String> {
        let mut state = self.0.state();
        if !state.prompting {
            (state.prompting, state.prompted, state.waited) = (true, Some(Instant::now()), false);
            self.0.changed.notify_all();
        } else if !line.is_empty()
            && let Some(prompted) = state.prompted.take()
        {
            state.waited = prompted.elapsed() >= READ_AHEAD;
        }
        None
    }
}

impl Completer for Pace {
    type Candidate = String;
}
impl Highlighter for Pace {}
impl Validator for Pace {}
impl Helper for Pace {}

/// Hears of Enter, which does what it does.
struct Enter(Arc<Keys>);

impl ConditionalEventHandler for Enter {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, _: &EventContext<'_>) -> Option<Cmd> {
        let mut state = self.0.state();
        state.read_ahead = state.enters > 0 && state.paused != state.enters + 1;
        state.at_once = state.read_ahead && !state.waited;
        state.enters += 1;
        state.prompting = false;
        None
    }
}

/// Hears of a paste, which is put into the line.
struct Paste(Arc<Keys>);

impl ConditionalEventHandler for Paste {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, line: &EventContext<'_>) -> Option<Cmd> {
        if line.pos() == 0 {
            self.0.state().pasted = true;
        }
        None
    }
}

/// The thread that reads lines.
struct Keyboard {
    editor: Editor<Pace, MemHistory>,
    keys: Arc<Keys>,
    desk: Desk,
    /// The last line was a secret, or came at once with one.
    after_secret: bool,
}

impl Keyboard {
    /// Reads a line and hands it over; false when there are no more.
    fn read_one(&mut self) -> bool {
        let line = self.editor.readline(PROMPT);
        let mut state = self.keys.state();
        let (at_once, read_ahead, pasted) =
            (state.at_once, state.read_ahead, std::mem::take(&mut state.pasted));
        drop(state);
        let after_secret = std::mem::take(&mut self.after_secret);
        match line {
            // It may be the secret, from a program that waits for no prompt.
            // A stalled terminal makes its first key seem late.
            Ok(_) if read_ahead && after_secret => {
                self.after_secret = true;
                self.desk.put(Happened::Reply("What came together with /secret was not sent.\n"));
                true
            }
            Ok(line) if at_once || pasted || line.contains('\n') || !line.starts_with('/') => {
                self.keys.put(TypedLine::Text(line), &self.desk);
                true
            }
            Ok(line) => {
                match command(&line, "/secret") {
                    Some(label) => {
                        // Nobody waits to see if a line follows at once: that may be the secret.
                        let (label, secret) = (
                            (!label.is_empty()).then(|| label.to_owned()),
                            SecretSource::Prompt.read(None),
                        );
                        self.after_secret = true;
                        self.desk.put(Happened::TypedSecret(label, secret));
                    }
                    None => self.keys.put(TypedLine::Command(line), &self.desk),
                }
                true
            }
            Err(ReadlineError::Interrupted) => {
                self.desk.put(Happened::Interrupted);
                false
            }
            Err(ReadlineError::Eof) => {
                // The end of what is typed ends no channel.
                self.desk.put(Happened::Reply("To leave, type /close or press Ctrl-C.\n"));
                true
            }
            Err(_) => false,
        }
    }
}

/// The rest behind a command's word, if `line` is that command.
pub(super) fn command<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    let rest = line.trim_end().strip_prefix(word)?;
    (rest.is_empty() || rest.starts_with(char::is_whitespace)).then(|| rest.trim())
}

/// Lines as something to read from.
pub(super) struct Lines {
    lines: Receiver<String>,
    line: Vec<u8>,
    read: usize,
}

impl Lines {
    /// Those that come from `lines`.
    pub(super) const fn new(lines: Receiver<String>) -> Self {
        Self { lines, line: Vec::new(), read: 0 }
    }
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
        let (answers, lines) = std::sync::mpsc::sync_channel(2);
        let mut lines = Lines::new(lines);
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
