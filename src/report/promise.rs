//! The words of EVENTS.md for a program that asks: its tables are the one list of them.

use crate::failure::Kind;
use crate::failure::sentences::{Side, failure_from};
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
    /// A few words on what has happened.
    pub meaning: String,
}

/// An exit status.
#[derive(Serialize)]
pub struct Status {
    /// The number.
    pub exit: u8,
    /// A few words on its meaning.
    pub meaning: String,
}

/// Every exit status with its meaning, ascending.
#[must_use]
pub fn exits() -> Vec<Status> {
    let status = |cells: Vec<&str>| match cells.as_slice() {
        [exit, meaning] => {
            Some(Status { exit: exit.parse().ok()?, meaning: (*meaning).to_owned() })
        }
        _ => None,
    };
    rows("Exit statuses").filter_map(status).collect()
}

/// Every word of an error, each once: those of the reasons of this side and the other, then all
/// others.
#[must_use]
pub fn errors() -> Vec<ErrorWord> {
    let sides = |reason| [Side::Here, Side::There].map(|side| (reason, side));
    // Being done is a reason, and no error where it happens.
    let reasons = Reason::all().flat_map(sides).filter(|of| *of != (Reason::Done, Side::Here));
    let of_reasons = reasons
        .map(|(reason, side)| failure_from(reason, side))
        .map(|failure| (failure.kind, failure.detail));
    let others = rows("Other errors").filter_map(|cells| match cells.as_slice() {
        [word, _, meaning] => Some((Kind::of(word.trim_matches('`'))?, (*meaning).to_owned())),
        _ => None,
    });
    let mut seen = BTreeSet::new();
    let each_once = of_reasons.chain(others).filter(|(kind, _)| seen.insert(*kind));
    each_once
        .map(|(kind, meaning)| ErrorWord {
            error: kind.as_str().to_owned(),
            exit: kind.exit().code(),
            meaning,
        })
        .collect()
}

/// The cells of each row of the table in this section, its heading left out by what the callers ask
/// of a cell.
fn rows(section: &str) -> impl Iterator<Item = Vec<&'static str>> {
    let text =
        DOCUMENT.split("\n## ").find_map(|part| part.strip_prefix(section)).unwrap_or_default();
    text.lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"))
        .map(|row| row.split(" | ").collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Exit;

    #[test]
    fn the_document_has_a_meaning_for_each_status_that_there_is() {
        let (exits, all) = (exits(), Exit::ALL.map(Exit::code));
        assert_eq!(exits.iter().map(|status| status.exit).collect::<Vec<_>>(), all);
        assert!(all.is_sorted() && exits.iter().all(|status| !status.meaning.is_empty()));
        // Counting on reaches no status that is not listed.
        assert_eq!(all.len(), usize::from(Exit::Unfinished.code()) + 2);
    }

    /// A row in a form that is not understood would be left out: words and statuses are read
    /// otherwise here.
    #[test]
    fn each_kind_has_a_row_with_its_status_and_each_row_a_kind() {
        let (_, tables) = DOCUMENT.split_once("\n## Reasons").unwrap();
        let mut documented = BTreeSet::new();
        for row in tables.lines().filter_map(|line| line.strip_prefix("| `")) {
            let cells: Vec<&str> =
                row.split(" | ").map(|cell| cell.trim_matches(['`', ' ', '|'])).collect();
            for word_and_exit in cells[..cells.len() / 2 * 2].chunks(2) {
                documented.insert((word_and_exit[0], word_and_exit[1].parse().unwrap()));
            }
        }
        assert!(documented.remove(&("done", 0)));
        assert_eq!(
            Kind::ALL
                .iter()
                .map(|kind| (kind.as_str(), kind.exit().code()))
                .collect::<BTreeSet<_>>(),
            documented
        );
        let errors = errors();
        assert_eq!(
            errors.iter().map(|error| (error.error.as_str(), error.exit)).collect::<BTreeSet<_>>(),
            documented
        );
        assert!(errors.iter().all(|error| !error.meaning.is_empty()));
    }
}
