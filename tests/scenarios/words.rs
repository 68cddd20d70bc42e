//! The words of errors are public: each stands in EVENTS.md with one exit status.

use crate::harness::contract::statuses;
use std::path::PathBuf;

/// The exit statuses by their names in the source.
const STATUSES: [(&str, i32); 12] = [
    ("Done", 0),
    ("Other", 1),
    ("Usage", 2),
    ("Code", 3),
    ("Expired", 4),
    ("Unreachable", 5),
    ("Peer", 6),
    ("Tampering", 7),
    ("Disk", 8),
    ("SourceChanged", 9),
    ("NoAnswer", 10),
    ("Interrupted", 130),
];

/// What stands in the source as `Exit::Status, "word"`, in any file of the program.
fn written() -> Vec<(i32, String, PathBuf)> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path.extension().is_none_or(|ending| ending != "rs") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for piece in text.split("Exit::").skip(1) {
                let Some((status, rest)) = piece.split_once(',') else { continue };
                let word = rest.trim_start().strip_prefix('"').and_then(|rest| rest.split_once('"'));
                if let (Some((_, number)), Some((word, _))) = (STATUSES.iter().find(|(name, _)| *name == status), word) {
                    found.push((*number, word.to_owned(), path.clone()));
                }
            }
        }
    }
    found
}

#[test]
fn every_word_is_in_the_table_with_its_status() {
    let (table, written) = (statuses(), written());
    assert!(written.len() > 80, "only {} were found", written.len());
    let wrong: Vec<_> = written.iter().filter(|(status, word, _)| table.get(word.as_str()) != Some(status)).collect();
    // What is only said on the way, and ends nothing, has no status of its own.
    let wrong: Vec<_> = wrong
        .into_iter()
        .filter(|(status, word, _)| !(*status == 0 && ["skipped", "turns-over", "options-ignored"].contains(&word.as_str())))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
