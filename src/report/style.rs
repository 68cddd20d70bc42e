//! The abilities of an output for people: colours, cursor movement, columns.

use crate::platform::terminal;
use crate::stdio::Sink;
use std::borrow::Cow;
use std::io;
use unicode_width::UnicodeWidthStr;

/// Mark before each line of a single text of the peer's. Pasted into a shell with it, a line does
/// nothing.
pub(super) const MARK: &str = "| ";

/// The abilities of an output for people.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// True if lines may be drawn over: without it there is no bar and no control function at all.
    pub cursor: bool,
    /// True if colours are welcome.
    pub colour: bool,
    /// True if nothing but ASCII may be written (`LC_ALL=C`).
    pub ascii: bool,
    /// Columns, asked again for each line because windows change; 0 for no end.
    pub width: fn() -> u16,
}

impl Style {
    /// Plain lines without an end, for anything that is not a terminal.
    pub const PLAIN: Self = Self { cursor: false, colour: false, ascii: false, width: || 0 };

    /// The style of a stream: plain if it is no terminal or `TERM` is missing or `dumb`; without
    /// colours if `NO_COLOR` is set and not empty (no-color.org).
    #[must_use]
    pub fn of(sink: Sink, is_terminal: bool, term: Option<&str>, no_color: Option<&str>) -> Self {
        if !is_terminal || matches!(term, None | Some("" | "dumb")) {
            return Self::PLAIN;
        }
        let width = match sink {
            Sink::Stdout => || window(terminal::columns(io::stdout())),
            Sink::Stderr => || window(terminal::columns(io::stderr())),
        };
        Self { cursor: true, colour: no_color.is_none_or(str::is_empty), ascii: false, width }
    }

    /// The style of a stream of this process, by its environment.
    #[must_use]
    pub fn here(sink: Sink) -> Self {
        let variable = |name: &str| std::env::var(name).ok();
        let style = Self::of(
            sink,
            sink.is_terminal(),
            variable("TERM").as_deref(),
            variable("NO_COLOR").as_deref(),
        );
        Self { ascii: is_ascii_here(), ..style }
    }

    /// Text as it may be written.
    pub(super) fn spelt(self, text: &str) -> Cow<'_, str> {
        if self.ascii { ascii(text) } else { Cow::Borrowed(text) }
    }

    /// Text in a colour, if those are welcome. A text of several lines is coloured line by line.
    pub(super) fn paint(self, ink: Ink, text: &str) -> String {
        if !self.colour || text.is_empty() {
            return text.to_owned();
        }
        let lines: Vec<String> =
            text.split('\n').map(|line| format!("\x1b[{}m{line}\x1b[0m", ink as u8)).collect();
        lines.join("\n")
    }

    /// Text whose lines are broken between words so that none is wider than the window. All lines
    /// but the first begin with `indent`, which says that they belong to it: nothing inside a text
    /// can pass for a line of its own.
    pub(super) fn fold(self, text: &str, indent: &str) -> String {
        self.broken(text, ["", indent], |broken, word, column| {
            broken.push_str(word);
            column + columns(word)
        })
    }

    /// The peer's text with `mark` before each of its lines, and before each part of a line that is
    /// too long for the window: broken between words, else inside of one, so that nothing of it
    /// stands where a line of ours begins.
    pub(super) fn quote(self, text: &str, mark: &str) -> String {
        let width = usize::from((self.width)());
        self.broken(text, [mark, mark], |broken, word, mut column| {
            for letter in word.chars() {
                let more = columns(letter.encode_utf8(&mut [0; 4]));
                let full = width > 0 && column > mark.width() && column + more > width;
                if full && !letter.is_whitespace() {
                    column = turn(broken, mark);
                }
                broken.push(letter);
                column += more;
            }
            column
        })
    }

    /// Text broken between words where they are too much for the window. `first` and `next` are
    /// before its first line and all others; `add` adds a word at a column and returns the next.
    fn broken(
        self,
        text: &str,
        [first, next]: [&str; 2],
        add: impl Fn(&mut String, &str, usize) -> usize,
    ) -> String {
        let text = &*self.spelt(text);
        let width = usize::from((self.width)());
        let mut broken = String::with_capacity(text.len() + first.len());
        broken.push_str(first);
        let (mut column, mut begin) = (first.width(), first.len());
        for (number, line) in text.split('\n').enumerate() {
            if number > 0 {
                column = turn(&mut broken, next);
                begin = broken.len();
            }
            for piece in line.split_inclusive(char::is_whitespace) {
                let word = piece.trim_end();
                let full = width > 0 && column > next.width() && column + columns(word) > width;
                if full && !word.is_empty() {
                    broken.truncate(broken.trim_end().len().max(begin));
                    column = turn(&mut broken, next);
                    begin = broken.len();
                }
                column = add(&mut broken, piece, column);
            }
        }
        broken
    }
}

/// True if the locale of this process is the one that has ASCII alone: the first of its variables
/// that is set says so (POSIX XBD 8.2).
#[must_use]
pub fn is_ascii_here() -> bool {
    let set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let said =
        ["LC_ALL", "LC_CTYPE", "LANG"].iter().find(|name| set(name)).and_then(std::env::var_os);
    said.is_some_and(|locale| locale == "C" || locale == "POSIX")
}

/// Text in ASCII alone: signs of ours as something like them, all else by its number.
#[must_use]
pub fn ascii(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut spelt = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            letter if letter.is_ascii() => spelt.push(letter),
            '✓' => spelt.push('+'),
            '✗' => spelt.push('!'),
            '–' => spelt.push('-'),
            '→' => spelt.push_str("->"),
            '…' => spelt.push_str("..."),
            letter => spelt.extend(letter.escape_unicode()),
        }
    }
    Cow::Owned(spelt)
}

/// Begins another line. Returns its column.
fn turn(broken: &mut String, next: &str) -> usize {
    broken.push('\n');
    broken.push_str(next);
    next.width()
}

/// Columns that a text takes at most; a tab can take eight.
fn columns(text: &str) -> usize {
    text.width() + 8 * text.matches('\t').count()
}

/// Colours by what they say, as their SGR numbers (ECMA-48, 8.3.117).
#[derive(Clone, Copy)]
pub(super) enum Ink {
    /// For the code, which matters most.
    Bold = 1,
    /// For failures.
    Red = 31,
    /// For things that are done.
    Green = 32,
    /// For the peer's words.
    Cyan = 36,
}

/// Columns of a window: 80 where the terminal does not know, as everywhere.
fn window(known: Option<u16>) -> u16 {
    known.unwrap_or(80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_terminal_gets_plain_lines() {
        let style = |is_terminal, term, no_color| {
            let style = Style::of(Sink::Stdout, is_terminal, term, no_color);
            (style.cursor, style.colour)
        };
        assert_eq!(style(true, Some("xterm"), None), (true, true));
        assert_eq!(style(true, Some("xterm"), Some("")), (true, true));
        assert_eq!(style(true, Some("xterm"), Some("1")), (true, false));
        assert_eq!(style(true, Some("dumb"), None), (false, false));
        assert_eq!(style(true, None, None), (false, false));
        assert_eq!(style(false, Some("xterm"), None), (false, false));
    }

    #[test]
    fn lines_break_between_words_and_show_that_they_go_on() {
        let narrow = Style { width: || 10, ..Style::PLAIN };
        assert_eq!(
            narrow.fold("one two three four-words-long five", "  "),
            "one two\n  three\n  four-words-long\n  five"
        );
        assert_eq!(
            narrow.fold("> four-words-long  a\n\n  b\n", "> "),
            "> four-words-long\n> a\n> \n>   b\n> "
        );
        assert_eq!(narrow.fold("> a\tb", "> "), "> a\n> b");
        assert_eq!(Style::PLAIN.fold("one two  three four five", "  "), "one two  three four five");
    }

    #[test]
    fn in_ascii_no_letter_is_lost_and_no_line_longer_than_the_window() {
        let narrow = Style { ascii: true, width: || 14, ..Style::PLAIN };
        assert_eq!(narrow.quote("\u{e9}\u{e9} \u{2713}", "| "), "| \\u{e9}\\u{e9}\n| +");
        assert_eq!(narrow.fold("✗ a – b …", "  "), "! a - b ...");
        assert_eq!(Style::PLAIN.spelt("✓ é"), "✓ é");
    }

    #[test]
    fn wide_letters_and_other_blanks_break_no_line_by_surprise() {
        let narrow = Style { width: || 10, ..Style::PLAIN };
        assert_eq!(narrow.fold("> 全全全全 ✓ a", "> "), "> 全全全全\n> ✓ a");
        assert_eq!(narrow.fold("> aaaaaaaa\u{a0}✓\u{3000}b", "> "), "> aaaaaaaa\n> ✓\u{3000}b");
    }

    #[test]
    fn a_text_has_its_mark_at_the_left_edge_of_every_line() {
        let narrow = Style { width: || 10, ..Style::PLAIN };
        assert_eq!(
            narrow.quote("one two three\n\nfour-words-long x\n", "| "),
            "| one two\n| three\n| \n| four-wor\n| ds-long\n| x\n| "
        );
        assert_eq!(narrow.quote("全全全全全 ✓", "| "), "| 全全全全\n| 全 ✓");
        assert_eq!(narrow.quote("          x", "| "), "| \n| x");
        assert_eq!(Style::PLAIN.quote("four-words-long x\ny", "| "), "| four-words-long x\n| y");
    }

    #[test]
    fn colours_end_with_their_line() {
        let style = Style { colour: true, ..Style::PLAIN };
        assert_eq!(style.paint(Ink::Red, "a\nb"), "\x1b[31ma\x1b[0m\n\x1b[31mb\x1b[0m");
        assert_eq!(Style::PLAIN.paint(Ink::Red, "a"), "a");
    }
}
