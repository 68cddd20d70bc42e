//! The `Code:` prompt: the Tab key completes words, and what is typed is kept nowhere.

use crate::failure::{Failure, Kind};
use rustyline::completion::Completer;
use rustyline::config::{Behavior, CompletionType, Config};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::MemHistory;
use rustyline::validate::Validator;
use rustyline::{Context, Editor, Helper};
use zeroize::Zeroizing;

/// Asks for a code; nothing if only Enter is pressed. `candidates` gives the code words that begin
/// with some letters.
///
/// # Errors
/// Exit 10 if there is no terminal or it ends, 130 on Ctrl-C.
pub fn read_code<C: Fn(&str) -> Vec<String>>(
    candidates: C,
) -> Result<Option<Zeroizing<String>>, Failure> {
    if !super::somebody_is_there() {
        return Err(super::nobody_to_ask(
            "the code",
            "give the code as an argument, in PINHOLE_CODE, or on standard input",
        ));
    }
    let config = Config::builder()
        .behavior(Behavior::PreferTerm)
        .completion_type(CompletionType::List)
        .build();
    // A history in memory, to which nothing is added.
    let line = Editor::<Words<C>, MemHistory>::with_history(config, MemHistory::new()).and_then(
        |mut editor| {
            editor.set_helper(Some(Words(candidates)));
            editor.readline("Code (Tab completes, Enter makes one): ")
        },
    );
    match line.map(Zeroizing::new) {
        Ok(line) if line.trim().is_empty() => Ok(None),
        Ok(line) => Ok(Some(Zeroizing::new(line.trim().to_owned()))),
        Err(ReadlineError::Interrupted) => Err(Failure::new(Kind::Interrupted, "interrupted")),
        Err(error) => Err(Failure::new(Kind::NoAnswer, format!("no code was typed: {error}"))),
    }
}

/// Completes the word at the cursor.
struct Words<C>(C);

impl<C: Fn(&str) -> Vec<String>> Words<C> {
    /// The start of the word, and its completions. The number in front has none.
    fn at(&self, line: &str, cursor: usize) -> (usize, Vec<String>) {
        let typed = line.get(..cursor).unwrap_or(line);
        match typed.rfind(['-', ' ']) {
            Some(separator) => (
                separator + 1,
                (self.0)(&typed.get(separator + 1..).unwrap_or_default().to_lowercase()),
            ),
            None => (cursor, Vec::new()),
        }
    }
}

impl<C: Fn(&str) -> Vec<String>> Completer for Words<C> {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(self.at(line, pos))
    }
}

impl<C> Hinter for Words<C> {
    type Hint = String;
}
impl<C> Highlighter for Words<C> {}
impl<C> Validator for Words<C> {}
impl<C: Fn(&str) -> Vec<String>> Helper for Words<C> {}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(line: &str) -> (usize, Vec<String>) {
        let words = ["walnut", "walrus", "mango"];
        Words(|start: &str| {
            words
                .iter()
                .filter(|word| word.starts_with(start))
                .map(|word| (*word).to_owned())
                .collect()
        })
        .at(line, line.len())
    }

    #[test]
    fn the_word_at_the_cursor_is_completed() {
        assert_eq!(complete("417-wal"), (4, vec!["walnut".into(), "walrus".into()]));
        assert_eq!(complete("417 walrus WALN"), (11, vec!["walnut".into()]));
        assert_eq!(complete("417-walrus-x"), (11, vec![]));
    }

    #[test]
    fn the_number_is_not() {
        assert_eq!(complete("4"), (1, vec![]));
        assert_eq!(complete(""), (0, vec![]));
    }

    #[test]
    fn a_cursor_inside_a_letter_is_no_panic() {
        assert_eq!(Words(|_: &str| vec![]).at("417-ä", 5), (4, vec![]));
    }
}
