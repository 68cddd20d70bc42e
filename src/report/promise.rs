//! The words of EVENTS.md for a program that asks: its tables are the one list of them.

use super::sentences::{Side, failure_from};
use crate::failure::Exit;
use pinhole_protocol::wire::Reason;
use serde::Serialize;
use std::collections::BTreeSet;

const DOCUMENT: &str = include_str!("EVENTS.md");

/// An error as `error` and `end` lines name it.
#[derive(Serialize)]
pub struct ErrorWord {
    /// Its fixed word.
    pub error: String,
    /// The exit status that it leads to.
    pub exit: u8,
    /// What has happened, in a few words.
    pub meaning: String,
}

/// An exit status.
#[derive(Serialize)]
pub struct Status {
    /// The number.
    pub exit: u8,
    /// What it stands for, in a few words.
    pub meaning: String,
}

/// Every exit status with its meaning, ascending.
#[must_use]
pub fn exits() -> Vec<Status> {
    let status = |cells: Vec<&str>| match cells.as_slice() {
        [exit, meaning] => Some(Status { exit: exit.parse().ok()?, meaning: (*meaning).to_owned() }),
        _ => None,
    };
    rows("Exit statuses").filter_map(status).collect()
}

/// Every word of an error, each once: those of the reasons of this side and the other, then all others.
#[must_use]
pub fn errors() -> Vec<ErrorWord> {
    let reasons = Reason::all().flat_map(|reason| [Side::Here, Side::There].map(|side| failure_from(reason, side)));
    let failures = reasons.filter(|failure| failure.exit != Exit::Done);
    let of_reasons =
        failures.map(|failure| ErrorWord { error: failure.word.to_owned(), exit: failure.exit.code(), meaning: failure.detail });
    let other = |cells: Vec<&str>| match cells.as_slice() {
        [word, exit, meaning] => {
            Some(ErrorWord { error: word.trim_matches('`').to_owned(), exit: exit.parse().ok()?, meaning: (*meaning).to_owned() })
        }
        _ => None,
    };
    let mut seen = BTreeSet::new();
    of_reasons.chain(rows("Other errors").filter_map(other)).filter(|error| seen.insert(error.error.clone())).collect()
}

/// The cells of each row of the table in this section, its heading left out by what the callers ask of a cell.
fn rows(section: &str) -> impl Iterator<Item = Vec<&'static str>> {
    let text = DOCUMENT.split("\n## ").find_map(|part| part.strip_prefix(section)).unwrap_or_default();
    text.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |")).map(|row| row.split(" | ").collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_a_meaning_for_each_status_that_there_is() {
        let (exits, all) = (exits(), Exit::ALL.map(Exit::code));
        assert_eq!(exits.iter().map(|status| status.exit).collect::<Vec<_>>(), all);
        assert!(all.is_sorted() && exits.iter().all(|status| !status.meaning.is_empty()));
        // What is not listed has no number that would be reached by counting on.
        assert_eq!(all.len(), usize::from(Exit::Unfinished.code()) + 2);
    }

    /// A row in a form that is not understood would be left out: the words are counted otherwise.
    #[test]
    fn no_row_of_the_tables_of_errors_is_left_out() {
        let errors = errors();
        let (_, tables) = DOCUMENT.split_once("\n## Reasons").unwrap();
        let mut words: BTreeSet<&str> = BTreeSet::new();
        for row in tables.lines().filter(|line| line.starts_with("| `")) {
            let ends = if row.matches(" | ").count() == 3 { 4 } else { 2 };
            words.extend(row.split('`').take(ends).skip(1).step_by(2));
        }
        words.remove("done");
        assert_eq!(errors.iter().map(|error| error.error.as_str()).collect::<BTreeSet<_>>(), words);
        assert!(errors.len() > 60 && errors.iter().all(|error| !error.meaning.is_empty()));
        assert!(errors.iter().all(|error| exits().iter().any(|status| status.exit == error.exit && status.exit != 0)));
    }
}
