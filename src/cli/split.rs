//! A code whose words were typed one by one where it has to be one argument: what belongs to it and
//! what is sent is not guessed.

use crate::failure::{Failure, Kind};
use pinhole_protocol::code::WORDS;
use pinhole_protocol::wordlist;

/// A number, or the beginning of a code, and the words of the list behind it.
pub(super) struct Split {
    /// All of them as one code.
    code: String,
    /// The first argument.
    first: String,
    /// The words behind it, as they would be a text.
    text: String,
    /// Arguments behind those words.
    rest: Vec<String>,
}

impl Split {
    /// The code that `first` begins and `after` goes on with, if that is how it can be read. One
    /// word behind a number alone is a text: no code is so short.
    pub(super) fn of<'a>(first: &str, after: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut begun = parts(first);
        let number =
            begun.next().filter(|number| number.bytes().all(|digit| digit.is_ascii_digit()))?;
        let mut words = known(begun)?;
        if words.len() >= *WORDS.start() {
            return None;
        }
        let (mut text, mut rest) = (Vec::new(), Vec::new());
        for argument in after {
            match known(parts(argument)).filter(|more| rest.is_empty() && !more.is_empty()) {
                Some(more) => {
                    words.extend(more);
                    text.push(argument);
                }
                None => rest.push(argument.to_owned()),
            }
        }
        let code = format!("{number}-{}", words.join("-"));
        let whole = (2..=*WORDS.end()).contains(&words.len()) && !text.is_empty();
        whole.then(|| Self { code, first: first.to_owned(), text: text.join(" "), rest })
    }

    /// Refuses to send the words into the channel of the number.
    pub(super) fn sent(&self) -> Failure {
        let text =
            if self.rest.is_empty() { "TEXT".to_owned() } else { quoted(&self.rest.join(" ")) };
        unclear().next(step(
            &format!("pinhole send {} {text}", self.code),
            &format!("a text: pinhole send {} --text {}", self.first, quoted(&self.text)),
        ))
    }

    /// Refuses to ask them in it.
    pub(super) fn asked(&self) -> Failure {
        let question = if self.rest.is_empty() {
            "\"QUESTION\"".to_owned()
        } else {
            quoted(&self.rest.join(" "))
        };
        unclear().ask_user(step(
            &format!("pinhole ask {} {question}", self.code),
            &format!(
                "the question: printf %s {} | pinhole ask {} -",
                quoted(&self.text),
                self.first
            ),
        ))
    }

    /// Refuses to look for files that are called so.
    pub(super) fn given(&self) -> Failure {
        let paths = if self.rest.is_empty() {
            "PATH...".to_owned()
        } else {
            self.rest.iter().map(|path| quoted(path)).collect::<Vec<_>>().join(" ")
        };
        let files: Vec<_> =
            self.text.split_whitespace().map(|name| quoted(&format!("./{name}"))).collect();
        unclear().ask_user(step(
            &format!("pinhole give --code {} {paths}", self.code),
            &format!("files: pinhole give --code CODE {}", files.join(" ")),
        ))
    }
}

fn unclear() -> Failure {
    Failure::new(
        Kind::AmbiguousArgument,
        "it is not clear whether the words after the number belong to the code; nothing was sent",
    )
}

/// Both ways on: the line if the words belong to the code, and the line if they do not.
fn step(code: &str, other: &str) -> String {
    format!("if they do: {code}; if they are {other}")
}

/// A text as it is typed after a number; a long one, and what a shell or a terminal would take for
/// something else, is not repeated.
pub(super) fn quoted(text: &str) -> String {
    let plain = text.len() <= 200 && !text.contains(char::is_control);
    let dashes = if text.starts_with('-') { "-- " } else { "" };
    shlex::try_quote(text)
        .ok()
        .filter(|_| plain)
        .map_or_else(|| "TEXT".into(), |text| format!("{dashes}{text}"))
}

fn parts(text: &str) -> impl Iterator<Item = &str> {
    let separates = |letter: char| {
        letter.is_whitespace()
            || matches!(letter, '-' | '_' | '.' | '\u{2010}'..='\u{2015}' | '\u{2212}')
    };
    text.split(separates).filter(|part| !part.is_empty())
}

/// The parts as words of the list, if all of them are.
fn known<'a>(parts: impl Iterator<Item = &'a str>) -> Option<Vec<&'static str>> {
    parts.map(wordlist::find).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_list_behind_a_number_are_not_guessed_about() {
        let split = |line: &[&str]| {
            Split::of(line[0], line[1..].iter().copied())
                .map(|split| (split.code, split.rest.join(" ")))
        };
        let code = "9471-walrus-clipboard-mango";
        for line in [
            &["9471", "walrus", "clipboard", "mango"][..],
            &["9471", "walrus clipboard mango"],
            &["9471", "Walrus-clipboard", "mango"],
            &["9471-walrus", "clipboard", "mango"],
            &["9471-walrus-clipboard", "mango"],
            &["9471 walrus", "clipboard mango"],
        ] {
            assert_eq!(split(line), Some((code.to_owned(), String::new())), "{line:?}");
        }
        assert_eq!(
            split(&["9471", "walrus", "clipboard", "mango", "on", "my way"]),
            Some((code.to_owned(), "on my way".to_owned()))
        );
        for line in [
            &["9471", "hello"][..],
            &["9471", "mango"],
            &["9471", "walrus on a clipboard"],
            &["9471", "walrus, clipboard"],
            &[code, "mango"],
            &["9471"],
            &["9471-walrus-clipboard"],
            &["9471", "-"],
            &["9471", ""],
            &["notes", "walrus", "mango"],
            &["", "walrus", "mango"],
            &["9471", "mango mango mango mango mango mango mango mango mango"],
        ] {
            assert!(split(line).is_none(), "{line:?}");
        }
    }
}
