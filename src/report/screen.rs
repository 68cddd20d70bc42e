//! A terminal on which a person types while events are printed: lines appear above the one being
//! typed.

use crate::platform::terminal;
use rustyline::ExternalPrinter;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The printer above a line that is being typed.
type Printer = Box<dyn ExternalPrinter + Send>;

/// Text that ends a line and leaves the screen as it was.
const NOTHING: &str = "\x1b[A\n";

/// Standard output of a session in which lines are typed. What is written appears at each flush.
#[derive(Clone, Default)]
pub struct Screen {
    printer: Arc<Mutex<Option<Printer>>>,
    waiting: Vec<u8>,
}

impl Screen {
    /// From now on somebody types: what is written goes through `printer`.
    pub fn share(&self, printer: impl ExternalPrinter + Send + 'static) {
        *self.held() = Some(Box::new(printer));
    }

    /// Waits until everything written so far is on the screen.
    pub fn settle(&self) {
        if let Some(printer) = &mut *self.held() {
            // The printer has room for one piece of text at a time, so two more have room only when
            // all before them is printed. They show nothing: up a line and down again.
            let _ = printer.print(NOTHING.into()).and_then(|()| printer.print(NOTHING.into()));
        }
    }

    /// Nobody types any more: takes the line being typed off the screen. Some time after
    /// [`Screen::settle`], or its last redrawing of that line may come later than this.
    pub fn take_back(&self) {
        if self.held().take().is_some() {
            // Cursor to the line's start, line erased, pasted blocks no longer marked (xterm
            // control sequences).
            let _ = io::stdout().write_all(b"\r\x1b[K\x1b[?2004l");
            let _ = io::stdout().flush();
        }
    }

    fn held(&self) -> MutexGuard<'_, Option<Printer>> {
        self.printer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.waiting.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let text = String::from_utf8_lossy(&std::mem::take(&mut self.waiting)).into_owned();
        match &mut *self.held() {
            _ if text.is_empty() => Ok(()),
            Some(printer) => printer.print(text).map_err(io::Error::other),
            None => io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()),
        }
    }
}

/// The terminal's modes at the start of the program, to be there again at its end: a prompt without
/// an echo, or a line being typed, may be what the end interrupts.
pub struct Modes(terminal::Modes);

impl Modes {
    /// The modes as they are now.
    #[must_use]
    pub fn now() -> Self {
        Self(terminal::Modes::now())
    }

    /// Brings them back.
    pub fn restore(&self) {
        if !self.0.restore() {
            return;
        }
        if let Ok(mut terminal) = terminal::open() {
            // Whoever took the echo away may have had pastes marked too (xterm: bracketed paste).
            let _ = terminal.write_all(b"\x1b[?2004l");
        }
    }
}
