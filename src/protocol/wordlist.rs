//! The 1,295 words that codes are made of (SPEC 2.2).
//!
//! Every three-letter prefix is unique and any two words are at least three edits apart, so a slip
//! can be named and is never another word. A prefix is expanded only where the user sees it happen
//! (completion): a slip in three letters can be another word and cost the code.

use alloc::vec::Vec;
use rand_core::{CryptoRng, RngCore};

/// The list as `wordlists/README.md` describes it; this copy is inside the package so that the
/// package builds alone.
const TEXT: &str = include_str!("words.txt");

/// Number of words: 10.34 bits a word.
pub const COUNT: usize = 1295;

/// The words, sorted; split at compile time, where a list of another length does not build.
static WORDS: [&str; COUNT] = split(TEXT);

/// Letters of the prefixes that are unique (`wordlists/README.md`).
const PREFIX: usize = 3;

/// A typo this many edits away still names its word: half the least distance between two words
/// leaves 1 for sure, 2 if nothing else is as near.
const SLIPS: usize = 2;

/// Longer than any word and its slips (the longest has 10 letters): nothing near is looked for,
/// however much was pasted.
const LONGEST_TYPO: usize = 12;

/// The words that begin with `prefix`, in any case, sorted: completion at a prompt.
pub fn complete(prefix: &str) -> impl Iterator<Item = &'static str> + use<> {
    let prefix = prefix.to_ascii_lowercase();
    let start = WORDS.partition_point(|word| *word < prefix.as_str());
    WORDS.iter().skip(start).copied().take_while(move |word| word.starts_with(prefix.as_str()))
}

/// The word of the list that `typed` is, in any case; whole words only.
#[must_use]
pub fn find(typed: &str) -> Option<&'static str> {
    let found = WORDS
        .binary_search_by(|word| {
            word.bytes().cmp(typed.bytes().map(|letter| letter.to_ascii_lowercase()))
        })
        .ok()?;
    WORDS.get(found).copied()
}

/// The word that `typed` probably means: the one nearest by edits, or the one that it begins.
pub(crate) fn suggest(typed: &str) -> Option<&'static str> {
    let letters = typed.chars().count();
    if letters > LONGEST_TYPO {
        return None;
    }
    // A letter at least is right, or there is nothing to go by.
    let slips = SLIPS.min(letters.saturating_sub(1));
    let typed = typed.to_ascii_lowercase();
    let near = WORDS
        .iter()
        .map(|word| (distance(&typed, word), *word))
        .filter(|(edits, _)| *edits <= slips);
    let mut nearest: Vec<(usize, &'static str)> = near.collect();
    nearest.sort_unstable();
    match nearest.as_slice() {
        [(_, only)] => Some(only),
        [(first, word), (second, _), ..] if first < second => Some(word),
        _ => typed.get(..PREFIX).and_then(|prefix| complete(prefix).next()),
    }
}

/// A word drawn evenly from the list.
pub(crate) fn draw(rng: &mut (impl RngCore + CryptoRng)) -> &'static str {
    at(rng.next_u64())
}

/// The word at `number` modulo the length of the list. For an even `number` of 64 bits, no word is
/// more likely than another by more than 1 in 2^53.
#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a remainder by the length is an index"
)]
pub(crate) fn at(number: u64) -> &'static str {
    WORDS[(number % COUNT as u64) as usize]
}

/// Edits (letters put in, left out or changed) between two words: Wagner and Fischer's row by row.
fn distance(typed: &str, word: &str) -> usize {
    let mut row: Vec<usize> = (0..=word.chars().count()).collect();
    for (done, letter) in typed.chars().enumerate() {
        let mut diagonal = done;
        let mut left = done.saturating_add(1);
        let mut cells = row.iter_mut();
        if let Some(first) = cells.next() {
            *first = left;
        }
        for (cell, other) in cells.zip(word.chars()) {
            let here = if letter == other {
                diagonal
            } else {
                diagonal.min(left).min(*cell).saturating_add(1)
            };
            diagonal = *cell;
            *cell = here;
            left = here;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "runs at compile time, where a panic is a failed build"
)]
const fn split(text: &str) -> [&str; COUNT] {
    let bytes = text.as_bytes();
    let mut words = [""; COUNT];
    let (mut count, mut start, mut end) = (0, 0, 0);
    while end < bytes.len() {
        if bytes[end] == b'\n' {
            words[count] = match core::str::from_utf8(bytes.split_at(end).0.split_at(start).1) {
                Ok(word) => word,
                Err(_) => panic!(),
            };
            count += 1;
            start = end + 1;
        }
        end += 1;
    }
    assert!(count == COUNT && start == bytes.len());
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
    use std::collections::BTreeSet;

    #[test]
    fn the_list_is_what_its_readme_says() {
        assert_eq!(WORDS.len(), 1295);
        assert!(WORDS.is_sorted());
        assert!(
            WORDS.iter().all(|word| word.bytes().all(|letter| letter.is_ascii_lowercase())
                && word.len() >= PREFIX)
        );
        let prefixes: BTreeSet<&str> = WORDS.iter().map(|word| &word[..PREFIX]).collect();
        assert_eq!(prefixes.len(), COUNT);
        let longest = WORDS.iter().map(|word| word.len()).max().unwrap();
        assert_eq!(longest + SLIPS, LONGEST_TYPO);
        for (number, word) in WORDS.iter().enumerate() {
            assert!(WORDS[number + 1..].iter().all(|other| distance(word, other) >= 3), "{word}");
        }
    }

    #[test]
    fn distance_counts_edits() {
        let pairs = [
            ("walrus", "walrus", 0),
            ("walruss", "walrus", 1),
            ("wlarus", "walrus", 2),
            ("", "abc", 3),
            ("abc", "", 3),
        ];
        for (typed, word, edits) in pairs {
            assert_eq!(distance(typed, word), edits, "{typed} {word}");
        }
    }

    #[test]
    fn slips_and_prefixes_name_their_word() {
        for typed in ["walruss", "wlarus", "WALRU", "wal", "walr", "walnus"] {
            assert_eq!(suggest(typed), Some("walrus"), "{typed}");
        }
        for typed in ["qqqqqqq", "", "walrusandmuchmorethanthat", "\u{202e}"] {
            assert_eq!(suggest(typed), None, "{typed}");
        }
    }

    #[test]
    fn a_letter_alone_names_no_word() {
        assert!(('a'..='z').all(|letter| suggest(letter.encode_utf8(&mut [0; 4])).is_none()));
        assert_eq!(suggest(""), None);
    }

    #[test]
    fn a_single_slip_in_any_word_names_that_word() {
        // Every ninth: each costs a whole pass over the list.
        for word in WORDS.into_iter().step_by(9) {
            assert_eq!(suggest(&word[1..]), Some(word));
            assert_eq!(suggest(&std::format!("{word}q")), Some(word));
        }
    }

    #[test]
    fn completion_lists_the_words_of_a_prefix() {
        assert_eq!(complete("wal").collect::<Vec<_>>(), ["walrus"]);
        assert_eq!(complete("WALRUS").collect::<Vec<_>>(), ["walrus"]);
        assert_eq!(complete("").count(), COUNT);
        assert_eq!(complete("walruss").count(), 0);
        assert!(complete("z").all(|word| word.starts_with('z')));
        assert_eq!(complete("z").last(), WORDS.last().copied());
    }

    #[test]
    fn words_are_drawn_from_the_whole_list() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let drawn: BTreeSet<&str> = (0..COUNT * 12).map(|_| draw(&mut rng)).collect();
        // After 12 rounds a given word is missing with probability e^-12, so about 0.008 words are.
        assert_eq!(drawn.len(), COUNT);
    }

    proptest! {
        #[test]
        fn anything_may_be_typed(typed: std::string::String) {
            let found = find(&typed);
            prop_assert_eq!(found.is_some(), WORDS.contains(&typed.to_ascii_lowercase().as_str()));
            let _ = suggest(&typed);
            let _ = complete(&typed).count();
        }
    }
}
