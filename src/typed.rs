//! The command line that was typed, as it can be typed again with more options before the command's
//! name.

use serde::{Deserialize, Serialize};
use std::ffi::{OsStr, OsString};

/// Bytes of the longest line that is repeated.
const LONGEST: usize = 2_000;

/// The words behind the program's name.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub enum Typed {
    /// This, quoted for a shell.
    Line(String),
    /// The command that started a server. Its user has not typed it.
    Server,
    /// A line too long to repeat, or no text that a terminal and a shell take as it is.
    #[default]
    Unrepeatable,
}

impl Typed {
    /// These words.
    #[must_use]
    pub fn of(words: &[OsString]) -> Self {
        let words: Option<Vec<String>> = words.iter().map(|word| quoted(word)).collect();
        let line = words
            .map(|words| words.join(" "))
            .filter(|line| !line.is_empty() && line.len() <= LONGEST);
        line.map_or(Self::Unrepeatable, Self::Line)
    }

    /// The whole line.
    #[must_use]
    pub fn whole(&self) -> Option<String> {
        match self {
            Self::Line(line) => Some(format!("pinhole {line}")),
            Self::Server | Self::Unrepeatable => None,
        }
    }

    /// The whole line with these options in front, which are quoted already.
    #[must_use]
    pub fn with(&self, options: &str) -> String {
        match self {
            Self::Line(line) => format!("pinhole {options} {line}"),
            Self::Server => {
                format!("a person can have the server started as: pinhole mcp {options}")
            }
            Self::Unrepeatable => format!(
                "the same command with {options} before its name, as in: pinhole {options} give \
                PATH"
            ),
        }
    }
}

/// A word as a shell takes it. Of an option only what it is set to is quoted: rules go by its name.
fn quoted(word: &OsStr) -> Option<String> {
    let word = word
        .to_str()
        .filter(|word| word.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()))?;
    let is_option = |name: &str| {
        name.starts_with("--") && name.bytes().all(|byte| byte == b'-' || byte.is_ascii_lowercase())
    };
    match word.split_once('=').filter(|(name, _)| is_option(name)) {
        Some((_, "")) => Some(word.to_owned()),
        Some((name, value)) => Some(format!("{name}={}", shlex::try_quote(value).ok()?)),
        None => shlex::try_quote(word).ok().map(Into::into),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt;

    #[test]
    fn a_line_is_repeated_as_a_shell_takes_it_or_not_at_all() {
        let with = |words: &[&str]| {
            Typed::of(&words.iter().map(OsString::from).collect::<Vec<_>>()).with("--allow x")
        };
        assert_eq!(
            with(&["give", "--to=a b", "--x=", "A=b"]),
            "pinhole --allow x give --to='a b' --x= 'A=b'"
        );
        assert_eq!(
            with(&["give", "a b", "it's", "$HOME", "*"]),
            "pinhole --allow x give 'a b' \"it's\" '$HOME' '*'"
        );
        for words in [
            &[][..],
            &["give", "a\nb"],
            &["give", "é\u{202e}"],
            &["give", "\u{1b}[2J"],
            &["give", &"x".repeat(LONGEST)],
        ] {
            assert!(
                with(words).starts_with("the same command with --allow x before its name"),
                "{words:?}"
            );
        }
        assert_eq!(Typed::of(&[OsString::from_vec(vec![0xff])]), Typed::Unrepeatable);
    }
}
