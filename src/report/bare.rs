//! The other side's texts alone, for people who asked for nothing else and for pipes: exactly as they are, but escaped at a terminal.

use super::escape::terminal_text;
use pinhole_protocol::wire::PeerText;
use std::io::{self, Write};

/// Where they go.
pub struct Bare {
    out: Box<dyn Write + Send>,
    terminal: bool,
}

impl Bare {
    /// To this stream, which may be a terminal.
    #[must_use]
    pub fn new(out: Box<dyn Write + Send>, terminal: bool) -> Self {
        Self { out, terminal }
    }

    /// Writes a text and, unless it has one, the end of its last line.
    pub(super) fn text(&mut self, text: &PeerText) -> io::Result<()> {
        let mut shown = if self.terminal { terminal_text(text.raw()) } else { text.raw().to_owned() };
        if !shown.ends_with('\n') {
            shown.push('\n');
        }
        self.out.write_all(shown.as_bytes()).and_then(|()| self.out.flush())
    }
}
