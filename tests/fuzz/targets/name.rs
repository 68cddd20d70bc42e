//! A name of the peer's becomes one safe component that parses to itself, or nothing (DESIGN 5).
#![no_main]

use libfuzzer_sys::fuzz_target;
use name::FileName;
use pinhole_protocol::wire::PeerText;

// The file itself, because the whole program around it would take minutes to build for libFuzzer.
#[allow(dead_code, reason = "the program uses more of it")]
#[rustfmt::skip] // It would look for the tests of that file beside it.
#[path = "../../../src/files/name.rs"]
mod name;

fuzz_target!(|raw: &str| {
    let Ok(parsed) = FileName::parse(&PeerText::new(raw.into())) else { return };
    let name = parsed.name.as_str();
    assert_eq!(parsed.changed, name != raw);
    assert!((1..=255).contains(&name.len()) && !name.starts_with(['.', '-']) && !name.ends_with(['.', ' ']));
    assert!(!name.chars().any(|c| c.is_control() || "/\\:*?\"<>|\u{202e}\u{200b}\u{feff}".contains(c)), "{name:?}");
    let again = FileName::parse(&PeerText::new(name.into())).unwrap();
    assert!(!again.changed && again.name == parsed.name);
    let numbered = parsed.name.numbered(9_999);
    assert!(!FileName::parse(&PeerText::new(numbered.as_str().into())).unwrap().changed, "{numbered:?}");
});
