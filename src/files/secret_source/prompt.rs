//! A secret that a person types or pastes at the terminal, without an echo. One of several lines is
//! taken whole, and nothing of it is left in the terminal for the shell, which would run it.

use super::LONGEST;
use crate::amounts::exactly;
use crate::platform::process::interrupt_own_group;
use crate::platform::terminal::{self, Quiet};
use std::fs::File;
use std::io::{self, Read, Write};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// Silence of a terminal after which all of a paste has come, in the tenths of a second that it
/// counts. Over a slow line pieces come apart.
const SILENCE: u8 = 3;
/// Bracketed paste (xterm control sequences): makes a terminal mark where a paste begins and ends,
/// and ends that.
const MARKED: (&[u8], &[u8]) = (b"\x1b[?2004h", b"\x1b[?2004l");
/// Those marks; true for the one that begins a paste.
const MARKS: [(&[u8], bool); 2] = [(b"\x1b[200~", true), (b"\x1b[201~", false)];
/// Beginnings of the first and the last line of a key or certificate (RFC 7468).
const BLOCK: (&[u8], &[u8]) = (b"-----BEGIN ", b"-----END ");

/// Asks at the terminal of this process. The end of a single line is not part of it.
///
/// # Errors
/// If there is no terminal; `Interrupted` on Ctrl-C.
pub fn ask() -> io::Result<Zeroizing<Vec<u8>>> {
    let mut terminal = terminal::open()?;
    // The echo is off before the question is there, or what is pasted at once would be shown.
    let quiet = Quiet::begin(&terminal, SILENCE)?;
    let typed = read(&mut terminal);
    quiet.end(&terminal)?;
    terminal.write_all(MARKED.1)?;
    let typed = typed?;
    if typed.interrupted {
        // As the terminal does it, now that nothing of this is left to be undone.
        interrupt_own_group();
        return Err(io::ErrorKind::Interrupted.into());
    }
    let secret = typed.end();
    terminal.write_all(format!("\n{}", summary(&secret)).as_bytes())?;
    Ok(secret)
}

/// Reads until all is there and the terminal is silent.
fn read(terminal: &mut File) -> io::Result<Typed> {
    terminal.write_all(MARKED.0)?;
    terminal.write_all(b"Secret (not shown): ")?;
    let (mut typed, mut bytes) = (Typed::default(), Zeroizing::new([0; 1024]));
    loop {
        let begun = Instant::now();
        let read = match terminal.read(&mut *bytes) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        bytes.iter().take(read).for_each(|byte| typed.take(*byte));
        // A terminal that has gone says so at once.
        let gone =
            read == 0 && begun.elapsed() < Duration::from_millis(100 * u64::from(SILENCE)) / 2;
        if typed.interrupted || gone || read == 0 && typed.is_whole() {
            return Ok(typed);
        }
    }
}

/// `27 lines, 1,704 bytes` and the line's end; nothing for a single line, whose length is nobody's
/// business.
fn summary(secret: &[u8]) -> String {
    match secret.split_inclusive(|byte| *byte == b'\n').count() {
        0 | 1 => String::new(),
        lines => {
            format!("{}, {}\n", exactly(lines as u64, "line"), exactly(secret.len() as u64, "byte"))
        }
    }
}

/// Input that was typed so far.
struct Typed {
    /// It never grows beyond what it was made for, so no copy of it is left behind.
    bytes: Zeroizing<Vec<u8>>,
    /// The beginning of a mark.
    mark: Vec<u8>,
    /// A paste has begun and not ended.
    pasting: bool,
    /// There was one with marks.
    pasted: bool,
    /// True if later input is no part of it.
    ended: bool,
    /// A line has ended that is too long.
    over: bool,
    interrupted: bool,
}

impl Default for Typed {
    fn default() -> Self {
        // One byte more than a secret can have, and the end of a last line.
        let bytes = Zeroizing::new(Vec::with_capacity(LONGEST + 2));
        Self {
            bytes,
            mark: Vec::new(),
            pasting: false,
            pasted: false,
            ended: false,
            over: false,
            interrupted: false,
        }
    }
}

impl Typed {
    fn take(&mut self, byte: u8) {
        self.mark.push(byte);
        match MARKS.iter().find(|(mark, _)| mark.starts_with(&self.mark)) {
            Some((mark, begins)) if mark.len() == self.mark.len() => {
                (self.pasting, self.pasted) = (*begins, true);
                self.mark.clear();
            }
            Some(_) => {}
            None => std::mem::take(&mut self.mark).into_iter().for_each(|byte| self.key(byte)),
        }
    }

    fn key(&mut self, byte: u8) {
        const CTRL_C: u8 = 3;
        const CTRL_D: u8 = 4;
        const BACKSPACE: [u8; 2] = [8, 127];
        const CTRL_U: u8 = 21;
        const CTRL_W: u8 = 23;
        const CTRL_Z: u8 = 26;
        const CTRL_BACKSLASH: u8 = 28;
        match byte {
            CTRL_C => self.interrupted = true,
            CTRL_BACKSLASH if !self.pasting => self.interrupted = true,
            _ if self.ended => {}
            CTRL_D if !self.pasting => self.ended = true,
            // There is nothing to go back to that could show where one was.
            CTRL_Z if !self.pasting => {}
            // Behind a paste whose end was marked it is no part of that.
            b'\r' | b'\n' if self.pasted && !self.pasting => self.ended = true,
            b'\r' => self.push(b'\n'),
            CTRL_U if !self.pasting => {
                let line =
                    self.bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
                self.bytes.truncate(line);
            }
            CTRL_W if !self.pasting => {
                let word = self
                    .bytes
                    .iter()
                    .rposition(|byte| !matches!(byte, b' ' | b'\t'))
                    .map_or(0, |last| last + 1);
                let begin = self
                    .bytes
                    .iter()
                    .take(word)
                    .rposition(u8::is_ascii_whitespace)
                    .map_or(0, |blank| blank + 1);
                self.bytes.truncate(begin);
            }
            _ if BACKSPACE.contains(&byte) && !self.pasting => {
                while self.bytes.pop().is_some_and(|byte| byte & 0xC0 == 0x80) {}
            }
            _ => self.push(byte),
        }
    }

    /// One byte too many is enough to know that it is too long.
    fn push(&mut self, byte: u8) {
        if self.bytes.len() <= LONGEST {
            self.bytes.push(byte);
        } else if byte == b'\n' {
            self.over = true;
        }
    }

    /// True if all is there once the terminal is silent.
    fn is_whole(&self) -> bool {
        self.ended
            || !self.pasting
                && (self.over || self.bytes.contains(&b'\n') && !self.is_within_block())
    }

    fn is_within_block(&self) -> bool {
        let ends = |line: &[u8]| {
            line.starts_with(BLOCK.1)
                && line.trim_ascii_end().ends_with(b"-----")
                && line.len() > BLOCK.1.len()
        };
        let lines = self.bytes.split(|byte| *byte == b'\n');
        lines.fold(
            false,
            |within, line| if within { !ends(line) } else { line.starts_with(BLOCK.0) },
        )
    }

    /// The secret: a single line without its end; a key or certificate with that of its last line,
    /// as they are in a file.
    fn end(mut self) -> Zeroizing<Vec<u8>> {
        let text = self.bytes.iter().rposition(|byte| *byte != b'\n').map_or(0, |last| last + 1);
        if !self.bytes.iter().take(text).any(|byte| *byte == b'\n') {
            self.bytes.truncate(text);
        } else if self.bytes.starts_with(BLOCK.0) && self.bytes.last() != Some(&b'\n') {
            self.bytes.push(b'\n');
        }
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret that these keys give, and true if all is there when the terminal is silent then.
    fn typed(keys: &[u8]) -> (Vec<u8>, bool) {
        let mut typed = Typed::default();
        keys.iter().for_each(|byte| typed.take(*byte));
        let whole = typed.is_whole();
        (typed.end().to_vec(), whole)
    }

    #[test]
    fn a_line_is_what_was_typed_without_its_end() {
        assert_eq!(typed(b"typed words "), (b"typed words ".into(), false));
        assert_eq!(typed(b"typed words \r"), (b"typed words ".into(), true));
        assert_eq!(typed(b"twice\n\n"), (b"twice".into(), true));
        assert_eq!(typed("wrong\u{15}r\u{e9}\u{7f}ight\n".as_bytes()), (b"right".into(), true));
        assert_eq!(typed(b"two words \x17one\n"), (b"two one".into(), true));
        assert_eq!(typed(b"\x17one \x17\x17tw\x1ao\n"), (b"two".into(), true));
        assert_eq!(typed(b"\x1b[200~a\x17\x1a\x1b[201~\r"), (b"a\x17\x1a".into(), true));
        assert_eq!(typed(b"\n"), (b"".into(), true));
        assert_eq!(typed(b"no line\x04"), (b"no line".into(), true));
        assert_eq!(typed(b"\x1b[A\n"), (b"\x1b[A".into(), true));
    }

    #[test]
    fn lines_are_one_secret_with_or_without_marks() {
        assert_eq!(typed(b"{\n  1\n}"), (b"{\n  1\n}".into(), true));
        assert_eq!(typed(b"{\n  1\n}\n"), (b"{\n  1\n}\n".into(), true));
        assert_eq!(typed(b"\x1b[200~{\r  1\r}\x1b[201~"), (b"{\n  1\n}".into(), true));
        assert_eq!(typed(b"\x1b[200~{\n  1\n"), (b"{\n  1\n".into(), false));
        // Enter behind it is a key, and no part.
        assert_eq!(typed(b"\x1b[200~{\n}\n\x1b[201~\rmore"), (b"{\n}\n".into(), true));
        assert_eq!(typed(b"\x1b[200~one\x04\x1b[201~"), (b"one\x04".into(), false));
        assert_eq!(typed(b"\x1b[200~one\x1b[201~\r"), (b"one".into(), true));
    }

    #[test]
    fn a_block_goes_on_to_its_end() {
        let block = "-----BEGIN X KEY-----\nMIIE\n\nabc=\n-----END X KEY-----\n";
        for cut in 22..block.len() {
            assert_eq!(typed(&block.as_bytes()[..cut]).1, cut + 1 >= block.len(), "{cut}");
        }
        assert_eq!(typed(block.as_bytes()), (block.into(), true));
        assert_eq!(typed(block.trim_end().as_bytes()), (block.into(), true));
        assert!(!typed(format!("{block}-----BEGIN X-----\n").as_bytes()).1);
        assert!(typed(format!("{block}{block}").as_bytes()).1);
    }

    #[test]
    fn what_is_too_long_is_known_to_be() {
        let (bytes, whole) = typed(&[vec![b'x'; 2 * LONGEST], b"\n".to_vec()].concat());
        assert!(bytes.len() == LONGEST + 1 && whole);
    }

    #[test]
    fn several_lines_are_counted() {
        assert_eq!(summary(b"one"), "");
        assert_eq!(
            summary(&[b"x\n".repeat(26), vec![b'y'; 1_652]].concat()),
            "27 lines, 1,704 bytes\n"
        );
    }
}
