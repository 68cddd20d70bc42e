//! The other side's texts alone, for people who asked for nothing else and for pipes: exactly as
//! they are, but escaped and marked at a terminal, where what is said besides stands too.

use super::look::{Look, MARK};
use crate::escape::terminal_text;
use pinhole_protocol::wire::PeerText;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// An output for such texts. Its reader may take its time, so it is not for the loop that keeps a
/// channel alive.
#[derive(Clone)]
pub struct Bare {
    out: Arc<Mutex<Box<dyn Write + Send>>>,
    /// The look of the terminal, if it is one.
    look: Option<Look>,
    /// True if nothing is added, not even the end of the last line.
    exact: bool,
}

impl Bare {
    /// To this stream, which may be a terminal of this look.
    #[must_use]
    pub fn new(out: Box<dyn Write + Send>, look: Option<Look>) -> Self {
        Self { out: Arc::new(Mutex::new(out)), look, exact: false }
    }

    /// To this stream byte for byte, unless it is a terminal of this look.
    #[must_use]
    pub fn exact(out: Box<dyn Write + Send>, look: Option<Look>) -> Self {
        Self { exact: true, ..Self::new(out, look) }
    }

    /// Writes a text. Unless it is to be exact, the end of its last line follows if it has none.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn text(&self, text: &PeerText) -> io::Result<()> {
        let marked = |look: Look| {
            let shown = terminal_text(text.raw());
            look.quote(shown.strip_suffix('\n').unwrap_or(&shown), MARK)
        };
        let mut shown = self.look.map_or_else(|| text.raw().to_owned(), marked);
        if !shown.ends_with('\n') && (self.look.is_some() || !self.exact) {
            shown.push('\n');
        }
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        out.write_all(shown.as_bytes()).and_then(|()| out.flush())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_pipe_has_the_text_and_a_terminal_marked_lines() {
        let said = |to: fn(Box<dyn Write + Send>, Option<Look>) -> Bare, look| {
            let out = Shared::default();
            to(Box::new(out.clone()), look)
                .text(&PeerText::new("yes\n✓ Delivered it\u{1b}[2J".into()))
                .unwrap();
            String::from_utf8(out.0.lock().unwrap().clone()).unwrap()
        };
        assert_eq!(said(Bare::new, None), "yes\n✓ Delivered it\u{1b}[2J\n");
        assert_eq!(said(Bare::exact, None), "yes\n✓ Delivered it\u{1b}[2J");
        for to in [Bare::new, Bare::exact] {
            assert_eq!(said(to, Some(Look::PLAIN)), "| yes\n| ✓ Delivered it\\u{1b}[2J\n");
        }
    }
}
