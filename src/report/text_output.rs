//! An output for the peer's texts alone, for pipes and for people who asked for nothing else. They
//! are exactly as sent; only at a terminal, beside other lines, they are escaped and marked.

use super::style::{MARK, Style};
use crate::escape::terminal_text;
use pinhole_protocol::wire::PeerText;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// An output for such texts. Its reader may take its time, so it is not for the loop that keeps a
/// channel alive.
#[derive(Clone)]
pub struct TextOutput {
    out: Arc<Mutex<Box<dyn Write + Send>>>,
    /// The style of the terminal, if it is one.
    style: Option<Style>,
    /// True if nothing is added, not even the end of the last line.
    exact: bool,
}

impl TextOutput {
    /// To this stream, which may be a terminal of this style.
    #[must_use]
    pub fn new(out: Box<dyn Write + Send>, style: Option<Style>) -> Self {
        Self { out: Arc::new(Mutex::new(out)), style, exact: false }
    }

    /// To this stream byte for byte, unless it is a terminal of this style.
    #[must_use]
    pub fn exact(out: Box<dyn Write + Send>, style: Option<Style>) -> Self {
        Self { exact: true, ..Self::new(out, style) }
    }

    /// Writes a text. Unless it is to be exact, the end of its last line follows if it has none.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn text(&self, text: &PeerText) -> io::Result<()> {
        let marked = |style: Style| {
            let shown = terminal_text(text.raw());
            style.quote(shown.strip_suffix('\n').unwrap_or(&shown), MARK)
        };
        let mut shown = self.style.map_or_else(|| text.raw().to_owned(), marked);
        if !shown.ends_with('\n') && (self.style.is_some() || !self.exact) {
            shown.push('\n');
        }
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        out.write_all(shown.as_bytes()).and_then(|()| out.flush())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::captured::Captured;

    #[test]
    fn a_pipe_has_the_text_and_a_terminal_marked_lines() {
        let said = |to: fn(Box<dyn Write + Send>, Option<Style>) -> TextOutput, style| {
            let out = Captured::default();
            to(Box::new(out.clone()), style)
                .text(&PeerText::new("yes\n✓ Delivered it\u{1b}[2J".into()))
                .unwrap();
            out.text()
        };
        assert_eq!(said(TextOutput::new, None), "yes\n✓ Delivered it\u{1b}[2J\n");
        assert_eq!(said(TextOutput::exact, None), "yes\n✓ Delivered it\u{1b}[2J");
        for to in [TextOutput::new, TextOutput::exact] {
            assert_eq!(said(to, Some(Style::PLAIN)), "| yes\n| ✓ Delivered it\\u{1b}[2J\n");
        }
    }
}
