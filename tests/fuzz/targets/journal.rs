//! Whatever is in a journal: it is read as far as it is lawful, and names nothing but what lies
//! below an item.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lines::{Line, read, text};

// The file itself, because the whole program around it would take minutes to build for libFuzzer.
#[allow(dead_code, reason = "the program uses more of it")]
#[path = "../../../src/files/inbox/journal/lines.rs"]
mod lines;

fuzz_target!(|bytes: &[u8]| {
    let told = read(bytes);
    for file in &told.wrote.files {
        assert!(file.item < told.items.len() && file.here().count() <= file.size);
        for path in [&file.path.0, &file.here.0] {
            let mut names = path.split(|byte| *byte == b'/');
            assert_eq!(names.next(), Some(&b""[..]));
            assert!(names.all(|name| !matches!(name, b"" | b"." | b"..") && !name.contains(&0)));
        }
    }
    // Written, it is read as the same.
    let items = told.items.iter().cloned().map(Line::Item);
    let again = text(items.chain([Line::Wrote(told.wrote.clone())]));
    assert_eq!(read(again.as_slice()), told);
});
