//! A name of the peer's becomes one safe component that parses to itself, or nothing (SPEC 7.3).
#![no_main]

use libfuzzer_sys::fuzz_target;
use name::FileName;

// The file itself, because the whole program around it would take minutes to build for libFuzzer.
#[allow(dead_code, reason = "the program uses more of it")]
#[rustfmt::skip] // It would look for the tests of that file beside it.
#[path = "../../../src/files/name.rs"]
mod name;

#[allow(dead_code, reason = "the program uses more of it")]
#[path = "../../../src/platform/unix/name.rs"]
mod bytes;

/// The part of the program that `name.rs` uses.
mod platform {
    pub(crate) use super::bytes as name;
}

fuzz_target!(|raw: &[u8]| {
    let Ok(parsed) = FileName::parse(raw) else { return };
    let name = parsed.name.bytes();
    assert_eq!(parsed.changed, name != raw);
    assert!(
        (1..=255).contains(&name.len())
            && name != b"."
            && name != b".."
            && !name.contains(&b'/')
            && !name.contains(&0)
    );
    let unsafe_char = |c: char| {
        c.is_control()
            || ('\u{202a}'..='\u{202e}').contains(&c)
            || ('\u{2066}'..='\u{2069}').contains(&c)
    };
    assert!(!name.utf8_chunks().any(|chunk| chunk.valid().chars().any(unsafe_char)), "{name:?}");
    let unchanged = |name: &FileName| {
        FileName::parse(name.bytes()).is_ok_and(|again| !again.changed && again.name == *name)
    };
    assert!(unchanged(&parsed.name));
    let (numbered, plain) = (parsed.name.numbered(9_999), parsed.name.plain(143));
    assert!(
        unchanged(&numbered) && unchanged(&plain) && plain.bytes().len() <= 143,
        "{numbered:?} {plain:?}"
    );
});
