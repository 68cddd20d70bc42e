//! The terminal page that lines and the progress bar share. The only file that knows indicatif.

use crate::amounts::{roughly, size, speed};
use crate::report::meter::left;
use crate::report::style::Style;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};
use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Ten pictures a second look smooth and cost nothing.
const REDRAW: Duration = Duration::from_millis(100);
/// Columns from which amounts fit beside a bar that is still worth looking at.
const ROOMY: u16 = 66;

/// Bytes done, bytes in all if known, bytes a second.
pub type Sum = (u64, Option<u64>, u64);

/// Lines, with at most one below them that changes: a bar, or words.
pub struct Page<W> {
    out: Arc<Mutex<W>>,
    style: Style,
    bar: Option<ProgressBar>,
    drawn: Option<Instant>,
    suspended: bool,
}

impl<W: Write + Send + 'static> Page<W> {
    /// An empty page.
    pub fn new(out: W, style: Style) -> Self {
        Self { out: Arc::new(Mutex::new(out)), style, bar: None, drawn: None, suspended: false }
    }

    /// Writes whole lines above the bar.
    pub fn write(&self, lines: &str) -> io::Result<()> {
        let lines = &*self.style.spelt(lines);
        match &self.bar {
            Some(bar) => bar.suspend(|| put(&self.out, lines.as_bytes())),
            None => put(&self.out, lines.as_bytes()),
        }
    }

    /// Draws the bar, if the page has a cursor and the last picture is old enough.
    pub fn draw(&mut self, sum: Sum, now: Instant) {
        if !self.style.cursor
            || self.suspended
            || self.drawn.is_some_and(|last| now.saturating_duration_since(last) < REDRAW)
        {
            return;
        }
        self.drawn = Some(now);
        let width = self.style.width;
        let (done, total, _) = sum;
        let thousandths = part(done, total.unwrap_or(0), 1_000);
        let words = in_words(sum);
        let template = match total {
            None => words.join("  "),
            Some(_) => {
                // Without the amounts where there is no room for them.
                let from = if width() < ROOMY { 1 } else { 0 };
                format!(
                    "{:3}% {{wide_bar}} {}",
                    thousandths / 10,
                    words.get(from..).unwrap_or_default().join("  ")
                )
            }
        };
        self.picture(&template, thousandths);
    }

    /// Draws words of ours in the place of the bar. Returns false if the page has no cursor, or a
    /// question is on it.
    pub fn draw_words(&mut self, words: &str) -> bool {
        let draws = self.style.cursor && !self.suspended;
        if draws {
            let words = self.style.spelt(words).into_owned();
            self.picture(&words, 0);
        }
        draws
    }

    /// Draws a picture below the lines.
    fn picture(&mut self, template: &str, thousandths: u64) {
        let (out, width) = (&self.out, self.style.width);
        let bar = self.bar.get_or_insert_with(|| {
            let screen = Screen { out: Arc::clone(out), width, pending: Mutex::default() };
            // Its length is in thousandths: bytes may be unknown, and amounts and speed are said in
            // our own words.
            ProgressBar::with_draw_target(
                Some(1_000),
                ProgressDrawTarget::term_like(Box::new(screen)),
            )
        });
        // All words are in the template, because each change of a message would draw a picture of
        // its own.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars(if self.style.ascii {
                "=> "
            } else {
                "█▉▊▋▌▍▎▏ "
            }));
        }
        bar.update(|state| state.set_pos(thousandths));
    }

    /// Takes the bar away.
    pub fn clear(&mut self) {
        self.drawn = None;
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// Takes the bar away and draws none until [`Page::resume`]: a question is on the screen.
    pub fn suspend(&mut self) {
        self.clear();
        self.suspended = true;
    }

    /// Lets the bar come back with the next progress.
    pub fn resume(&mut self) {
        self.suspended = false;
    }
}

/// Progress in words: amounts, speed, time left.
pub fn in_words((done, total, rate): Sum) -> Vec<String> {
    let amount =
        total.map_or_else(|| size(done), |total| format!("{} of {}", size(done), size(total)));
    let mut words = vec![amount, speed(rate)];
    words.extend(left(done, total, rate).map(|left| format!("{} left", roughly(left))));
    words
}

/// `done` of `total` in parts of `whole`, all of it only when all is done.
pub fn part(done: u64, total: u64, whole: u64) -> u64 {
    let part = (u128::from(done) * u128::from(whole)).checked_div(u128::from(total));
    part.and_then(|part| u64::try_from(part).ok()).map_or(whole, |part| part.min(whole))
}

fn put<W: Write>(out: &Mutex<W>, bytes: &[u8]) -> io::Result<()> {
    // A panic elsewhere while writing leaves half a line, nothing worse.
    let mut out = out.lock().unwrap_or_else(PoisonError::into_inner);
    out.write_all(bytes)?;
    out.flush()
}

/// The page as indicatif sees it; each picture goes out in one write.
struct Screen<W> {
    out: Arc<Mutex<W>>,
    width: fn() -> u16,
    pending: Mutex<Vec<u8>>,
}

impl<W> Screen<W> {
    fn push(&self, text: &str) -> io::Result<()> {
        self.pending
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(text.as_bytes());
        Ok(())
    }

    /// `CSI n` and the letter of a cursor movement (ECMA-48, 8.3.19 to 8.3.22).
    fn go(&self, n: usize, letter: char) -> io::Result<()> {
        if n > 0 { self.push(&format!("\x1b[{n}{letter}")) } else { Ok(()) }
    }
}

impl<W> fmt::Debug for Screen<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Screen")
    }
}

impl<W: Write + Send> TermLike for Screen<W> {
    fn width(&self) -> u16 {
        (self.width)()
    }
    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.go(n, 'A')
    }
    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.go(n, 'B')
    }
    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.go(n, 'C')
    }
    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.go(n, 'D')
    }
    fn write_line(&self, text: &str) -> io::Result<()> {
        self.push(text)?;
        self.push("\n")
    }
    fn write_str(&self, text: &str) -> io::Result<()> {
        self.push(text)
    }
    fn clear_line(&self) -> io::Result<()> {
        self.push("\r\x1b[2K")
    }
    fn flush(&self) -> io::Result<()> {
        let pending =
            std::mem::take(&mut *self.pending.lock().unwrap_or_else(PoisonError::into_inner));
        put(&self.out, &pending)
    }
}
