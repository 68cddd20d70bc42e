//! Lines typed into an open channel: each is sent as a text, a pasted block as one, and a slash
//! begins a command. Lines that come all at once were not typed, so they are texts, whatever they
//! begin with.

use super::driver::{Desk, Driver};
use super::plan::Ware;
use crate::failure::{Failure, Kind};
use crate::files::outbox::Options;
use crate::files::secret_source::SecretSource;
use crate::report::amounts::roughly;
use crate::report::escape;
use crate::report::prompt::{ANSWERS, OwnTerminal, Terminal};
use crate::report::screen::Screen;
use pinhole_protocol::secret::SecretVec;
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
use std::io::{self, BufRead, Read, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What can be typed, for people.
const HELP: &str = "\
What you type is sent as text when you press Enter; a pasted block is one text, whatever it begins \
                   with.
  /file PATH       send a file or folder
  /secret [LABEL]  send a secret; what you type then is not shown
  /yes, /no        answer a question
  /status          what is in progress, and how long the channel lasts
  /close           finish what is in progress and leave; Ctrl-C leaves at once
  //TEXT           a text that begins with a slash
";
/// Answers that may wait for a question that reads them.
const LINES: usize = 64;
/// A key that comes this long after its prompt had not come before it: the editor takes those at
/// once.
const READ_AHEAD: Duration = Duration::from_millis(5);
/// Unlike the mark before what the other side says.
const PROMPT: &str = "you> ";

/// What the person here types, on its way to the driver.
pub(super) struct Typing {
    screen: Screen,
    keys: Arc<Keys>,
    /// Answers to a question go this way.
    answers: Option<SyncSender<String>>,
    /// A command, which is done unless another line comes at once.
    command: Option<String>,
    /// This side leaves, so nothing more is sent.
    leaving: bool,
}

impl Typing {
    /// Begins to read lines on a thread of its own.
    pub(super) fn start(screen: &Screen, desk: Desk) -> Result<Self, Failure> {
        let cannot = |error: &dyn std::fmt::Display| {
            Failure::new(Kind::Failed, format!("lines cannot be typed here: {error}"))
        };
        let mut editor =
            Editor::<Pace, MemHistory>::with_history(Config::default(), MemHistory::new())
                .map_err(|error| cannot(&error))?;
        screen.share(editor.create_external_printer().map_err(|error| cannot(&error))?);
        let keys = Arc::new(Keys::default());
        editor.set_helper(Some(Pace(Arc::clone(&keys))));
        let paste = KeyEvent(KeyCode::BracketedPasteStart, Modifiers::NONE);
        editor.bind_sequence(paste, EventHandler::Conditional(Box::new(Paste(Arc::clone(&keys)))));
        for enter in
            [KeyEvent(KeyCode::Enter, Modifiers::NONE), KeyEvent::ctrl('J'), KeyEvent::ctrl('M')]
        {
            editor.bind_sequence(
                enter,
                EventHandler::Conditional(Box::new(Enter(Arc::clone(&keys)))),
            );
        }
        let mut keyboard =
            Keyboard { editor, keys: Arc::clone(&keys), desk: desk.clone(), after_secret: false };
        let (watched, shown) = (Arc::clone(&keys), screen.clone());
        let thread = |name: &str| std::thread::Builder::new().name(name.into());
        thread("typing")
            .spawn(move || while keyboard.read_one() {})
            .map_err(|error| cannot(&error))?;
        thread("pauses")
            .spawn(move || watched.watch(&shown, &desk))
            .map_err(|error| cannot(&error))?;
        Ok(Self { screen: screen.clone(), keys, answers: None, command: None, leaving: false })
    }

    /// A terminal for one question, answered by the next answers that are typed.
    pub(super) fn terminal(&mut self) -> OwnTerminal {
        let (answers, lines) = sync_channel(LINES);
        self.answers = Some(answers);
        Terminal::in_channel(
            Box::new(Lines { lines, line: Vec::new(), read: 0 }),
            Box::new(self.screen.clone()),
        )
    }

    /// The question is answered.
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

/// How lines come. The editor reads ahead, so whether more has come already is known by what it
/// shows: it shows what is said only when it has read all that was typed.
#[derive(Default)]
struct Keys {
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
    /// That came at once with the one before it, as far as its first key tells too.
    at_once: bool,
    /// The line being typed begins with a paste.
    pasted: bool,
    /// Lines on their way to the driver.
    lines: VecDeque<Line>,
}

/// What was typed.
enum Line {
    Text(String),
    /// It is one unless another line comes at once.
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
                desk.put(|driver| driver.typed_alone());
            }
        }
    }

    /// Hands a line over. Only the first that waits is said to be there, so this never waits for a
    /// driver that waits for a pause.
    fn put(&self, line: Line, desk: &Desk) {
        let mut state = self.state();
        state.lines.push_back(line);
        if state.lines.len() == 1 {
            drop(state);
            desk.put(|driver| driver.typed());
        }
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

/// What reads lines.
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
                self.desk.put(|driver| {
                    driver.reply(
                        "What was pasted together with /secret was not \
                                                sent.\n",
                    )
                });
                true
            }
            Ok(line) if at_once || pasted || line.contains('\n') || !line.starts_with('/') => {
                self.keys.put(Line::Text(line), &self.desk);
                true
            }
            Ok(line) => {
                match command(&line, "/secret") {
                    Some(label) => {
                        // That no line follows at once is not waited for: what follows may be the
                        // secret.
                        let (label, secret) = (
                            (!label.is_empty()).then(|| label.to_owned()),
                            SecretSource::Prompt.read(None),
                        );
                        self.after_secret = true;
                        self.desk.put(move |driver| driver.typed_secret(label, secret));
                    }
                    None => self.keys.put(Line::Command(line), &self.desk),
                }
                true
            }
            Err(ReadlineError::Interrupted) => {
                self.desk.put(|driver| driver.abort(pinhole_protocol::wire::Reason::Interrupted));
                false
            }
            Err(ReadlineError::Eof) => {
                // The end of what is typed ends no channel (DESIGN 4).
                self.desk.put(|driver| driver.reply("To leave, type /close or press Ctrl-C.\n"));
                true
            }
            Err(_) => false,
        }
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

    /// Lines were typed: a text is sent, and what looked like a command just before it is one too.
    fn typed(&mut self) {
        while let Some(typing) = &mut self.typing {
            let Some(line) = typing.keys.state().lines.pop_front() else { break };
            match line {
                Line::Command(line) => typing.command = Some(line),
                Line::Text(line) => {
                    let before = typing.command.take();
                    for line in before.into_iter().chain([line]).filter(|line| !line.is_empty()) {
                        self.send_typed(Ware::Text(line));
                    }
                }
            }
        }
        self.follow();
    }

    /// No line has followed a command, so it is done.
    fn typed_alone(&mut self) {
        let Some(line) = self.typing.as_mut().and_then(|typing| typing.command.take()) else {
            return;
        };
        let line = line.as_str();
        if let Some(answer) =
            ANSWERS.into_iter().find(|word| command(line, &format!("/{word}")) == Some(""))
        {
            self.typed_answer(answer);
        } else if let Some(rest) = line.strip_prefix("//") {
            self.send_typed(Ware::Text(format!("/{rest}")));
        } else if let Some(path) = command(line, "/file") {
            self.typed_file(path);
        } else if command(line, "/status").is_some() {
            self.typed_status();
        } else if command(line, "/close").is_some() {
            self.typed_close();
        } else if command(line, "/help").is_some() {
            self.reply(HELP);
        } else {
            self.reply(
                "There is no such command; /help lists them. To send a text that begins with a \
                 slash, type two.\n",
            );
        }
        self.follow();
    }

    fn typed_answer(&mut self, answer: &str) {
        match self.typing.as_ref().and_then(|typing| typing.answers.as_ref()) {
            // Whoever asked has just given up if nobody listens.
            Some(answers) => drop(answers.try_send(format!("{answer}\n"))),
            None => self.reply("There is no question to answer.\n"),
        }
    }

    /// Finishes what is under way and leaves, and says what that is.
    fn typed_close(&mut self) {
        let waits = self.under_way();
        if let Some(typing) = &mut self.typing {
            typing.leaving = true;
        }
        if !waits.is_empty() {
            let question = if self.questions.is_shown() {
                " The question above still needs an answer."
            } else {
                ""
            };
            self.reply(&format!(
                "Leaving when this is done: {}.{question} Ctrl-C leaves at once.\n",
                waits.join(", ")
            ));
        }
        self.leave();
    }

    /// Sends what was typed, unless this side leaves.
    fn send_typed(&mut self, ware: Ware) {
        if !self.is_left() {
            self.send(&ware);
        }
    }

    /// Whether this side leaves, so that nothing more is sent; then says so.
    fn is_left(&mut self) -> bool {
        let leaving = self.typing.as_ref().is_some_and(|typing| typing.leaving);
        if leaving {
            self.reply("That was not sent: this side is leaving. Ctrl-C leaves at once.\n");
        }
        leaving
    }

    fn typed_file(&mut self, path: &str) {
        if path.is_empty() {
            return self.reply("Which file? /file PATH\n");
        }
        if !self.is_left() {
            let options = Options { fence: self.plan.fence.clone(), ..Options::default() };
            self.send_paths(vec![path.into()], options);
        }
    }

    fn typed_secret(&mut self, label: Option<String>, secret: Result<SecretVec, Failure>) {
        match secret {
            Ok(secret) => self.send_typed(Ware::Secret(label, Arc::new(secret))),
            Err(failure) => self.say(&super::event::Event::Trouble(failure)),
        }
        self.follow();
    }

    /// What has begun and not ended, in a few words each.
    fn under_way(&self) -> Vec<String> {
        let ours = self.ours.values().map(|ours| escape::terminal(ours.what()));
        let theirs =
            self.theirs.values().map(|theirs| format!("{} of the other side's", theirs.what()));
        ours.chain(theirs).collect()
    }

    fn typed_status(&mut self) {
        let left = roughly(self.conversation.rests(crate::clock::now()));
        let under_way = self.under_way();
        let under_way =
            if under_way.is_empty() { "nothing".to_owned() } else { under_way.join(", ") };
        self.reply(&format!(
            "Connected; {under_way} is in progress; the channel ends after {left} of silence.\n"
        ));
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
