//! `tests/vectors/control.json`: every control and every message as bytes, beside what it says. `control.py` beside it reads them with
//! another CBOR library, and SPEC 5 to 7 print them.

use super::*;
use alloc::borrow::ToOwned;
use std::{env, format, fs, string::String, vec, vec::Vec};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/control.json");
const SPEC: &str = include_str!("../SPEC.md");

/// A name, the bytes, and what they say: a map's keys are strings, a byte string is `{"bytes": hex}`.
struct Example(&'static str, Vec<u8>, &'static str);

fn example<T: Encode<()> + for<'b> Decode<'b, ()>>(name: &'static str, value: &T, says: &'static str) -> Example {
    let bytes = encoded(value, 0).to_vec();
    let read: T = minicbor::decode(&bytes).unwrap();
    assert_eq!(*encoded(&read, 0), bytes, "{name}");
    Example(name, bytes, says)
}

fn controls() -> Vec<Example> {
    let id = ItemId(2);
    let greeting = Greeting { next: 0, window: 16_777_216, want: Some(Want::Give), ttl: Some(3_600), nonce: Some([0x5e; 32].into()) };
    let bytes = encoded(&Message::Verified, 0).to_vec().into();
    vec![
        example("fragment", &Control::Fragment { number: 7, last: true, bytes }, r#"[0, {"0": 7, "1": true, "2": {"bytes": "820880"}}]"#),
        example("received", &Control::Received { next: 8, window: 16_777_221 }, r#"[1, {"0": 8, "1": 16777221}]"#),
        example(
            "credit",
            &Control::Credit { transfer: id, limit: 17_825_792, parts: 1, written: vec![Span { start: 0, end: 1_048_576 }] },
            r#"[2, {"0": 2, "1": 17825792, "2": 1, "3": [[0, 1048576]]}]"#,
        ),
        example("heartbeat", &Control::Heartbeat { work: true }, r#"[3, {"0": true}]"#),
        example(
            "use",
            &Control::Use(greeting),
            r#"[4, [{"0": 0, "1": 16777216, "2": 0, "3": 3600, "4": {"bytes": "5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e"}}]]"#,
        ),
        example(
            "using",
            &Control::Using(Greeting { next: 3, window: 16_777_216, want: None, ttl: None, nonce: None }),
            r#"[5, [{"0": 3, "1": 16777216}]]"#,
        ),
        example("drop", &Control::Drop, "[6, []]"),
        example(
            "counted",
            &Control::Counted { transfer: id, bytes: 12_300_000_000, entries: 14, counted: false },
            r#"[7, {"0": 2, "1": 12300000000, "2": 14, "3": false}]"#,
        ),
    ]
}

fn messages() -> Vec<Example> {
    let (id, text) = (ItemId(2), |text: &str| PeerText::new(text.to_owned()));
    let folder = Item { name: text("logs"), kind: ItemKind::Folder, size: None };
    let file = Item { name: text("a.txt"), kind: ItemKind::File, size: Some(300) };
    let inner = Entry {
        path: vec![text("logs"), text("day.log")],
        kind: EntryKind::File,
        size: Some(300),
        executable: false,
        modified: Some(1_764_000_000),
        modified_nanos: 500,
    };
    let outer =
        Entry { path: vec![text("logs")], kind: EntryKind::Folder, size: None, executable: false, modified: None, modified_nanos: 0 };
    vec![
        example("text", &Message::Text { item: ItemId(1), body: "hello".to_owned() }, r#"[0, {"0": 1, "1": "hello"}]"#),
        example(
            "secret",
            &Message::Secret { item: id, label: Some("API_KEY".to_owned()), body: b"k3y".to_vec() },
            r#"[1, {"0": 2, "1": "API_KEY", "2": {"bytes": "6b3379"}}]"#,
        ),
        example(
            "offer",
            &Message::Offer(Offer { item: id, items: vec![folder, file], bytes: 300, entries: 2, counted: false }),
            r#"[2, [{"0": 2, "1": [{"0": "logs", "1": 1}, {"0": "a.txt", "1": 0, "2": 300}], "2": 300, "3": 2, "4": false}]]"#,
        ),
        example(
            "entries",
            &Message::Entries(Part { item: id, first: 0, entries: vec![outer, inner] }),
            r#"[3, [{"0": 2, "1": 0, "2": [{"0": ["logs"], "1": 1, "3": false, "5": 0}, {"0": ["logs", "day.log"], "1": 0, "2": 300, "3": false, "4": 1764000000, "5": 500}]}]]"#,
        ),
        example("accept", &Message::Accept { item: id }, r#"[4, {"0": 2}]"#),
        example("end", &Message::End { item: id, entries: 3, bytes: 600 }, r#"[5, {"0": 2, "1": 3, "2": 600}]"#),
        example("result, delivered", &Message::Result { item: id, failed: None }, r#"[6, {"0": 2}]"#),
        example("result, declined", &Message::Result { item: id, failed: Some(Reason::Declined) }, r#"[6, {"0": 2, "1": 1}]"#),
        example("cancel", &Message::Cancel { item: id, reason: Reason::SourceChanged }, r#"[7, {"0": 2, "1": 8}]"#),
        example("verified", &Message::Verified, "[8, []]"),
        example("leave", &Message::Leave { reason: Reason::Done }, r#"[9, {"0": 0}]"#),
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn object(Example(name, bytes, says): &Example) -> String {
    format!("    {{ \"name\": \"{name}\", \"cbor\": \"{}\",\n      \"says\": {says} }}", hex(bytes))
}

fn generated() -> String {
    let list = |examples: Vec<Example>| examples.iter().map(object).collect::<Vec<_>>().join(",\n");
    format!(
        "{{\n  \"about\": \"Controls and messages of SPEC 5. In what one says, keys of maps are strings, and a byte string is an object with its hex as bytes.\",\n  \
         \"controls\": [\n{}\n  ],\n  \"messages\": [\n{}\n  ]\n}}\n",
        list(controls()),
        list(messages())
    )
}

/// `PINHOLE_WRITE_VECTORS=1 cargo test -p pinhole-protocol wire::vectors` writes the file anew, after a change of SPEC 5.
#[test]
fn examples_are_those_of_the_file() {
    if env::var_os("PINHOLE_WRITE_VECTORS").is_some() {
        fs::write(FILE, generated()).unwrap();
    }
    assert!(fs::read_to_string(FILE).unwrap() == generated(), "tests/vectors/control.json is not what this code makes");
}

#[test]
fn the_page_prints_every_example() {
    // Long ones are broken over lines there.
    let page: String = SPEC.split_whitespace().collect();
    for Example(name, bytes, _) in controls().into_iter().chain(messages()) {
        assert!(page.contains(&hex(&bytes)), "SPEC.md lacks {name}: {}", hex(&bytes));
    }
}

#[test]
fn what_a_later_version_may_add_is_skipped_and_nothing_else() {
    let read = |digits: &str| {
        let bytes: Vec<u8> = (0..digits.len() / 2).map(|i| u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).unwrap()).collect();
        minicbor::decode::<Control>(&bytes).is_ok()
    };
    let taken = [
        ("an unknown field", "8203a200f518630a"),
        ("an unknown field that is a map", "8203a200f5188182a1010240"),
        ("a field with a negative number", "8203a200f5200a"),
        ("an element more of a structure's array", "820582a20003011a010000000a"),
        ("an element more of a range", "8202a400020100020003818300010a"),
        ("fields in another order", "8200a30241aa01f50007"),
        ("a number in a longer form", "8203a11800f5"),
        ("a map of indefinite length", "8203bf00f5ff"),
        ("null for an absent field", "820581a30003011a0100000002f6"),
        ("content of a variant that has none", "8206820102"),
        ("bytes after the item", "8203a100f500"),
    ];
    let refused = [
        ("another variant", "8208a0"),
        ("a variant of three elements", "8303a100f500"),
        ("a variant of indefinite length", "9f03a100f5ff"),
        ("a field missing", "8203a0"),
        ("a key that is a text", "8203a200f561610a"),
        ("a field of another type", "8200a3000101f50261aa"),
        ("a field over its range", "8202a4001b0000000100000000010002000380"),
        ("bytes of indefinite length", "8200a3000101f5025f41aaff"),
        ("a tag", "c68203a100f5"),
        ("an array for a map", "820381f5"),
    ];
    for (what, bytes) in taken {
        assert!(read(bytes), "not taken: {what}");
    }
    for (what, bytes) in refused {
        assert!(!read(bytes), "not refused: {what}");
    }
    // A want that does not exist, and text that is not UTF-8.
    assert!(!read("820581a30003011a010000000203"));
    assert!(minicbor::decode::<Message>(&[0x82, 0, 0xa2, 0, 1, 1, 0x61, 0xff]).is_err());
}

#[test]
fn an_unknown_reason_is_never_read_as_none() {
    // A later version's reason 99, alone, before another field, and before a stray byte: none of them may become "delivered".
    let results: [&[u8]; 3] =
        [&[0x82, 6, 0xa2, 0, 2, 1, 0x18, 99], &[0x82, 6, 0xa3, 0, 2, 1, 0x18, 99, 5, 6, 7], &[0x82, 6, 0xa2, 0, 2, 1, 0x18, 99, 0]];
    assert!(results.iter().all(|bytes| minicbor::decode::<Message>(bytes).is_err()));
    // Nor may an unknown want become no want at all.
    assert!(minicbor::decode::<Control>(&[0x82, 5, 0x81, 0xa4, 0, 3, 1, 4, 2, 3, 5, 6, 7]).is_err());
}
