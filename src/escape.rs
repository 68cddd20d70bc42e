//! One escaping function for each place that text of the peer's can reach. After it, the text is
//! letters and nothing else: it cannot move a cursor, change a colour, turn the line around, hide,
//! or end a JSON line.

use serde_json::ser::Formatter;
use std::io;

/// Text as one line for a terminal: whatever is not plainly visible becomes its `\u{1b}`-like name,
/// line breaks and tabs too.
#[must_use]
pub fn terminal(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    text.chars().for_each(|c| push(&mut shown, c));
    shown
}

/// Text of several lines for a terminal: as [`terminal`], with line breaks (`\n`, `\r\n`) and tabs
/// kept. A lone carriage return, which would let a line overwrite itself, is named.
#[must_use]
pub fn terminal_text(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    push_text(&mut shown, text);
    shown
}

/// [`terminal_text`] into a string of the caller's, which grows at most to [`LONGEST`] times the
/// text's length.
pub fn push_text(shown: &mut String, text: &str) {
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\n' | '\t' => shown.push(c),
            '\r' if chars.peek() == Some(&'\n') => {}
            _ => push(shown, c),
        }
    }
}

/// Most times that escaping can lengthen a text: a control byte becomes the six characters of
/// `\u{1b}`.
pub const LONGEST: usize = 6;

/// A name for a terminal, in double quotes unless it is of letters, digits and a few harmless
/// signs: so a name cannot pass for the words around it (`report.pdf, 1 MB` is a lawful name).
/// Blanks other than the space are named too: a terminal does not fold at all of them.
#[must_use]
pub fn name(name: &str) -> String {
    let harmless = |c: char| c.is_alphanumeric() || "._-+=@%~/:".contains(c);
    let plain = !name.is_empty() && name.chars().all(harmless) && !name.chars().any(is_hidden);
    if plain { name.to_owned() } else { quoted(name) }
}

/// A name in double quotes, whatever it is of: in a sentence of ours that programs read too.
#[must_use]
pub fn quoted(name: &str) -> String {
    let mut shown = String::from('"');
    for c in name.chars() {
        if c == '"' || c == '\\' {
            shown.push('\\');
        }
        if c.is_whitespace() && c != ' ' {
            shown.extend(c.escape_unicode());
        } else {
            push(&mut shown, c);
        }
    }
    shown.push('"');
    shown
}

fn push(shown: &mut String, c: char) {
    if is_hidden(c) {
        shown.extend(c.escape_unicode());
    } else {
        shown.push(c);
    }
}

/// True for a character that does something other than being seen. These are controls (C0, DEL,
/// C1), line and paragraph separators, annotation marks, and the set that Unicode calls
/// default-ignorable. The last (DerivedCoreProperties, Unicode 16) holds the zero-width, bidi and
/// tag characters. The two selectors between a sign's text and emoji form stay: they only choose
/// how it is drawn.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0d}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Writes JSON in ASCII: every other character, and DEL, as `\uXXXX`, so that a line is one line
/// for every reader and a terminal that it is pasted into sees no control function.
pub struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        for c in fragment.chars() {
            if c.is_ascii() && c != '\u{7f}' {
                writer.write_all(&[c as u8])?;
            } else {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::Serialize;

    /// Remembers every call that is not the printing of a character.
    #[derive(Default)]
    struct Functions(Vec<String>);

    impl vte::Perform for Functions {
        fn execute(&mut self, byte: u8) {
            self.0.push(format!("control {byte:#x}"));
        }
        fn csi_dispatch(&mut self, _: &vte::Params, _: &[u8], _: bool, action: char) {
            self.0.push(format!("CSI {action}"));
        }
        fn esc_dispatch(&mut self, _: &[u8], _: bool, byte: u8) {
            self.0.push(format!("ESC {byte:#x}"));
        }
        fn osc_dispatch(&mut self, _: &[&[u8]], _: bool) {
            self.0.push("OSC".into());
        }
        fn hook(&mut self, _: &vte::Params, _: &[u8], _: bool, action: char) {
            self.0.push(format!("DCS {action}"));
        }
        fn print(&mut self, c: char) {
            if is_hidden(c) {
                self.0.push(format!("hidden {c:?}"));
            }
        }
    }

    /// The functions that a terminal would perform for a text beside printing it. The `A` at the
    /// end must be printed too: an open sequence would swallow it.
    pub(crate) fn functions(text: &str) -> Vec<String> {
        let mut seen = Functions::default();
        let mut parser = vte::Parser::new();
        parser.advance(&mut seen, text.as_bytes());
        parser.advance(&mut seen, b"\x07");
        assert_eq!(
            seen.0.pop().as_deref(),
            Some("control 0x7"),
            "a sequence is left open by {text:?}"
        );
        seen.0
    }

    /// Text made of what terminals act on, and of anything.
    fn hostile() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            any::<char>().prop_map(String::from),
            proptest::char::range('\0', '\u{a0}').prop_map(String::from),
            proptest::char::range('\u{2000}', '\u{206f}').prop_map(String::from),
            proptest::sample::select(vec![
                "\x1b[31m",
                "\x1b[2J",
                "\x1b]0;t\x07",
                "\x1b]8;;http://x\x1b\\",
                "\x1bP1$r",
                "\x1bc",
                "\u{9b}2J",
                "\u{202e}",
                "\u{200d}",
                "\r",
                "\r\n",
                "\n",
                "\t",
                "\x08",
            ])
            .prop_map(String::from),
        ];
        proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        // TESTPLAN C11 asks for 10^6: PROPTEST_CASES sets the number.
        #[test]
        fn a_line_has_no_control_function(text in hostile()) {
            prop_assert_eq!(functions(&terminal(&text)), Vec::<String>::new());
            prop_assert_eq!(functions(&name(&text)), Vec::<String>::new());
        }

        #[test]
        fn a_text_has_line_breaks_and_tabs_only(text in hostile()) {
            let shown = terminal_text(&text);
            prop_assert!(shown.len() <= text.len() * LONGEST);
            let breaks = functions(&shown);
            prop_assert!(
                breaks.iter().all(|f| f == "control 0xa" || f == "control 0x9"),
                "{breaks:?}"
            );
        }

        #[test]
        fn json_is_printable_ascii_and_the_same_text(text in hostile()) {
            let mut line = Vec::new();
            text.serialize(&mut serde_json::Serializer::with_formatter(&mut line, Ascii)).unwrap();
            prop_assert!(line.iter().all(|b| (0x20..0x7f).contains(b)));
            prop_assert_eq!(serde_json::from_slice::<String>(&line).unwrap(), text);
        }
    }

    #[test]
    fn colours_and_titles_are_named() {
        assert_eq!(terminal("a\x1b[31mred\x07"), "a\\u{1b}[31mred\\u{7}");
        assert_eq!(terminal("c1 \u{9b}2J"), "c1 \\u{9b}2J");
    }

    #[test]
    fn turned_and_hidden_letters_are_named() {
        assert_eq!(terminal("txt\u{202e}fdp\u{200b}"), "txt\\u{202e}fdp\\u{200b}");
        assert_eq!(terminal("tag\u{e0041}"), "tag\\u{e0041}");
    }

    #[test]
    fn letters_of_all_scripts_stay() {
        let text = "Grüße e\u{301} 日本語\u{3000}עברית ❤\u{fe0f}";
        assert_eq!(terminal(text), text);
    }

    #[test]
    fn a_line_cannot_overwrite_itself() {
        assert_eq!(terminal_text("bad\rgood\r\nnext\n"), "bad\\u{d}good\nnext\n");
        assert_eq!(terminal("one\r\ntwo"), "one\\u{d}\\u{a}two");
    }

    #[test]
    fn a_name_cannot_pass_for_a_sentence() {
        assert_eq!(name("report-2.pdf"), "report-2.pdf");
        assert_eq!(name("a.pdf, 1 MB"), "\"a.pdf, 1 MB\"");
        assert_eq!(name("q\"\\"), "\"q\\\"\\\\\"");
        assert_eq!(name("a\u{a0}b"), "\"a\\u{a0}b\"");
        assert_eq!(name(""), "\"\"");
    }
}
