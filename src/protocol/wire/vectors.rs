//! `tests/vectors/control.json`: every control and every message as bytes, beside what it says.
//! `control.py` beside it reads them with another CBOR library, and SPEC 5 to 7 print them.

use super::*;
use alloc::borrow::ToOwned;
use std::{env, format, fs, string::String, vec, vec::Vec};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/control.json");
const SPEC: &str = include_str!("../SPEC.md");

/// A name, the bytes, and what they say: a map's keys are strings, a byte string is
/// `{"bytes": hex}`.
struct Example(&'static str, Vec<u8>, &'static str);

fn example<T: Encode<()> + for<'b> Decode<'b, ()>>(
    name: &'static str,
    value: &T,
    says: &'static str,
) -> Example {
    let bytes = encoded(value, 0).to_vec();
    let again: T = read(&bytes).unwrap();
    assert_eq!(*encoded(&again, 0), bytes, "{name}");
    Example(name, bytes, says)
}

fn controls() -> Vec<Example> {
    let id = ItemId(2);
    let greeting = Greeting {
        next: 0,
        window: 16_777_216,
        want: Some(Want::Give),
        ttl: Some(3_600),
        nonce: Some([0x5e; 32].into()),
        stripe: None,
    };
    let bytes = encoded(&Message::Verified, 0).to_vec().into();
    vec![
        example(
            "fragment",
            &Control::Fragment { number: 7, last: true, bytes },
            r#"[0, {"0": 7, "1": true, "2": {"bytes": "820880"}}]"#,
        ),
        example(
            "received",
            &Control::Received { next: 8, window: 16_777_221 },
            r#"[1, {"0": 8, "1": 16777221}]"#,
        ),
        example(
            "credit",
            &Control::Credit {
                transfer: id,
                limit: 17_825_792,
                parts: 1,
                written: vec![Span { start: 0, end: 1_048_576 }],
            },
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
            &Control::Using(Greeting {
                next: 3,
                window: 16_777_216,
                want: None,
                ttl: None,
                nonce: None,
                stripe: None,
            }),
            r#"[5, [{"0": 3, "1": 16777216}]]"#,
        ),
        example(
            "use, of a stripe",
            &Control::Use(Greeting::of_stripe()),
            r#"[4, [{"0": 0, "1": 0, "5": true}]]"#,
        ),
        example(
            "using, of a stripe",
            &Control::Using(Greeting::of_stripe()),
            r#"[5, [{"0": 0, "1": 0, "5": true}]]"#,
        ),
        example("drop", &Control::Drop { link: 3 }, r#"[6, {"0": 3}]"#),
        example(
            "counted",
            &Control::Counted { transfer: id, bytes: 12_300_000_000, entries: 14, counted: false },
            r#"[7, {"0": 2, "1": 12300000000, "2": 14, "3": false}]"#,
        ),
        example(
            "places",
            &Control::Places(Places {
                direct: vec![
                    "192.0.2.7:41234".parse().unwrap(),
                    "[2001:db8::7]:41234".parse().unwrap(),
                ],
                relay: Some(PeerText::new("wss://relay.example/".to_owned())),
            }),
            r#"[8, [{"0": [[{"bytes": "c0000207"}, 41234], [{"bytes": "20010db8000000000000000000000007"}, 41234]], "1": "wss://relay.example/"}]]"#,
        ),
        example("stripes", &Control::Stripes { count: 2 }, r#"[9, {"0": 2}]"#),
    ]
}

fn messages() -> Vec<Example> {
    let (id, text) = (ItemId(2), |text: &str| PeerText::new(text.to_owned()));
    let folder = Item { name: text("logs"), kind: ItemKind::Folder, size: None, exact: None };
    let file = Item { name: text("a.txt"), kind: ItemKind::File, size: Some(300), exact: None };
    let path = |names: &[&str], kind| {
        let path = names.iter().map(|name| text(name)).collect();
        PathEntry { path, kind, size: None, executable: false, modified: None, modified_nanos: 0 }
    };
    let dated = PathEntry {
        size: Some(300),
        modified: Some(1_764_000_000),
        modified_nanos: 500,
        ..path(&["logs", "day.log"], PathKind::File)
    };
    let name = |name: &[u8]| PeerName::new(name.to_vec());
    let inner = Entry {
        size: Some(300),
        mode: Some(0o640),
        modified: Some(1_764_000_000),
        modified_nanos: 500,
        ..Entry::inside(0, name(b"day\xff.log"), EntryKind::File)
    };
    let link = Entry {
        target: Some(name(b"day\xff.log")),
        ..Entry::inside(0, name(b"last"), EntryKind::Link)
    };
    let outer = Entry { mode: Some(0o750), ..Entry::of_item(0, EntryKind::Folder) };
    let odd = Item {
        name: text("b\u{fffd}"),
        kind: ItemKind::Folder,
        size: None,
        exact: Some(name(b"b\xff")),
    };
    let mut differences = Differences::default();
    differences.add(b"logs/a\tb", Fate::Renamed(name(b"a_b")));
    differences.add(b"logs/day.log", Fate::Missing(Reason::SourceChanged));
    differences.add(b"logs/tty", Fate::LeftOut(Reason::Special));
    vec![
        example(
            "text",
            &Message::Text { item: ItemId(1), body: "hello".to_owned() },
            r#"[0, {"0": 1, "1": "hello"}]"#,
        ),
        example(
            "secret",
            &Message::Secret { item: id, label: Some("API_KEY".to_owned()), body: b"k3y".to_vec() },
            r#"[1, {"0": 2, "1": "API_KEY", "2": {"bytes": "6b3379"}}]"#,
        ),
        example(
            "offer",
            &Message::Offer(Offer {
                item: id,
                items: vec![folder, file],
                bytes: 300,
                entries: 2,
                counted: false,
                allocated: None,
            }),
            r#"[2, [{"0": 2, "1": [{"0": "logs", "1": 1}, {"0": "a.txt", "1": 0, "2": 300}], "2": 300, "3": 2, "4": false}]]"#,
        ),
        example(
            "offer, exact",
            &Message::Offer(Offer {
                item: id,
                items: vec![odd],
                bytes: 0,
                entries: 1,
                counted: false,
                allocated: None,
            }),
            r#"[2, [{"0": 2, "1": [{"0": "b�", "1": 1, "3": {"bytes": "62ff"}}], "2": 0, "3": 1, "4": false}]]"#,
        ),
        example(
            "paths",
            &Message::Paths(PathPart {
                item: id,
                first: 0,
                entries: vec![path(&["logs"], PathKind::Folder), dated],
            }),
            r#"[3, [{"0": 2, "1": 0, "2": [{"0": ["logs"], "1": 1, "3": false, "5": 0}, {"0": ["logs", "day.log"], "1": 0, "2": 300, "3": false, "4": 1764000000, "5": 500}]}]]"#,
        ),
        example("accept", &Message::Accept { item: id }, r#"[4, {"0": 2}]"#),
        example(
            "end",
            &Message::End { item: id, entries: 3, bytes: 600, differences: None },
            r#"[5, {"0": 2, "1": 3, "2": 600}]"#,
        ),
        example(
            "result, delivered",
            &Message::Result { item: id, failed: None, differences: None },
            r#"[6, {"0": 2}]"#,
        ),
        example(
            "result, declined",
            &Message::Result { item: id, failed: Some(Reason::Declined), differences: None },
            r#"[6, {"0": 2, "1": 1}]"#,
        ),
        example(
            "cancel",
            &Message::Cancel { item: id, reason: Reason::SourceChanged },
            r#"[7, {"0": 2, "1": 8}]"#,
        ),
        example("verified", &Message::Verified, "[8, []]"),
        example("leave", &Message::Leave { reason: Reason::Done }, r#"[9, {"0": 0}]"#),
        example(
            "entries",
            &Message::Entries(Part { item: id, first: 0, entries: vec![outer, inner, link] }),
            r#"[10, [{"0": 2, "1": 0, "2": [{"0": 0, "3": 1, "5": 488, "7": 0}, {"1": 0, "2": {"bytes": "646179ff2e6c6f67"}, "3": 0, "4": 300, "5": 416, "6": 1764000000, "7": 500}, {"1": 0, "2": {"bytes": "6c617374"}, "3": 2, "7": 0, "8": {"bytes": "646179ff2e6c6f67"}}]}]]"#,
        ),
        example(
            "gap, zeros",
            &Message::Gap { item: id, start: 4_096, end: 1 << 40, why: None },
            r#"[11, {"0": 2, "1": 4096, "2": 1099511627776}]"#,
        ),
        example(
            "gap, not to be had",
            &Message::Gap { item: id, start: 0, end: 300, why: Some(Reason::SourceChanged) },
            r#"[11, {"0": 2, "1": 0, "2": 300, "3": 8}]"#,
        ),
        example(
            "have",
            &Message::Have { item: id, ranges: vec![Span { start: 300, end: 16_777_217 }] },
            r#"[12, {"0": 2, "1": [[300, 16777217]]}]"#,
        ),
        example(
            "proof",
            &Message::Proof { item: id, hashes: [[0xb3; 32], [0; 32]].concat() },
            r#"[13, {"0": 2, "1": {"bytes": "b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b30000000000000000000000000000000000000000000000000000000000000000"}}]"#,
        ),
        example(
            "end, with differences",
            &Message::End { item: id, entries: 3, bytes: 300, differences: Some(differences) },
            r#"[5, {"0": 2, "1": 3, "2": 300, "3": {"0": [{"0": {"bytes": "6c6f67732f610962"}, "1": [0, [{"bytes": "615f62"}]]}, {"0": {"bytes": "6c6f67732f6461792e6c6f67"}, "1": [1, [8]]}, {"0": {"bytes": "6c6f67732f747479"}, "1": [2, [20]]}], "1": 1, "2": 1, "3": 1}}]"#,
        ),
    ]
}

/// Controls that have another form than SPEC 5 gives them, and would be read without it.
const MALFORMED: [(&str, &str); 28] = [
    ("a variant of indefinite length", "9f03a100f5ff"),
    ("a key that is a text", "8203a200f561610a"),
    ("a key that is negative", "8203a200f5200a"),
    ("a key over 32 bits", "8203a200f51b00000001000000000a"),
    ("a key over 63 bits", "8203a200f51bffffffffffffffff0a"),
    ("a field twice", "8203a200f500f5"),
    ("fields in another order", "8200a30241aa01f50007"),
    ("a number in a longer form", "8203a11800f5"),
    ("a length in a longer form", "8200a3000701f502580180"),
    ("a map of indefinite length", "8203bf00f5ff"),
    ("an array of indefinite length", "8202a4000101000200039fff"),
    ("bytes of indefinite length", "8200a3000101f5025f41aaff"),
    ("bytes of indefinite length in a skipped field", "8203a200f518635f41aaff"),
    ("text of indefinite length in a skipped field", "8203a200f518637f6161ff"),
    ("an array of indefinite length in a skipped field", "8203a200f518639f01ff"),
    ("text that is not UTF-8 in a skipped field", "8203a200f5186361ff"),
    ("null for an absent field", "820581a30003011a0100000002f6"),
    ("null in a skipped field", "8203a200f51863f6"),
    ("a simple value in a skipped field", "8203a200f51863e0"),
    ("a bad simple value in a skipped field", "8203a200f51863f801"),
    ("a float in a skipped field", "8203a200f51863f93c00"),
    ("a tag in a skipped field", "8203a200f51863c100"),
    ("a break in a skipped field", "8203a200f51863ff"),
    ("a tag", "c68203a100f5"),
    ("bytes after the item", "8203a100f500"),
    ("17 levels", "8203a200f51863818181818181818181818181818180"),
    ("half an item", "8203a2"),
    ("nothing", ""),
];

fn bytes(digits: &str) -> Vec<u8> {
    (0..digits.len() / 2)
        .map(|i| u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).unwrap())
        .collect()
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
        "{{\n  \"about\": \"Controls and messages of SPEC 5. In what one says, keys of maps are \
         strings, and a byte string is an object with its hex as bytes. What is malformed has \
         another form than SPEC 5 gives it.\",\n  \
         \"controls\": [\n{}\n  ],\n  \"messages\": [\n{}\n  ],\n  \"malformed\": [\n{}\n  ]\n}}\n",
        list(controls()),
        list(messages()),
        MALFORMED
            .map(|(name, digits)| format!("    {{ \"name\": \"{name}\", \"cbor\": \"{digits}\" }}"))
            .join(",\n")
    )
}

/// `PINHOLE_WRITE_VECTORS=1 cargo test -p pinhole-protocol wire::vectors` writes the file anew,
/// after a change of SPEC 5.
#[test]
fn examples_are_those_of_the_file() {
    if env::var_os("PINHOLE_WRITE_VECTORS").is_some() {
        fs::write(FILE, generated()).unwrap();
    }
    assert!(
        fs::read_to_string(FILE).unwrap() == generated(),
        "tests/vectors/control.json is not what this code makes"
    );
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
fn what_a_later_version_may_add_is_skipped() {
    let taken = [
        ("an unknown field", "8203a200f518630a"),
        ("the highest field", "8203a200f51affffffff0a"),
        ("an unknown field that is a map", "8203a200f5188182a1010240"),
        ("an element more of a structure's array", "820582a20003011a010000000a"),
        ("an element more of a range", "8202a400010100020003818300010a"),
        ("an element more of an address", "820881a100818344c000020719a1120a"),
        ("16 levels", "8203a200f518638181818181818181818181818180"),
    ];
    for (what, digits) in taken {
        assert!(read::<Control>(&bytes(digits)).is_some(), "not taken: {what}");
    }
    let content = "content of a variant that has none";
    assert!(read::<Message>(&bytes("8208820102")).is_some(), "not taken: {content}");
}

#[test]
fn an_item_has_one_form_also_where_it_is_skipped() {
    let refused = [
        ("another variant", "820aa0"),
        ("a stripe that is false", "820581a30000010005f4"),
        ("a stripe that is a number", "820581a3000001000501"),
        ("nothing for the link of a drop", "820680"),
        ("a variant of three elements", "8303a100f500"),
        ("a field missing", "8203a0"),
        ("a field of another type", "8200a3000101f50261aa"),
        ("a field over its range", "8202a4001b0000000100000000010002000380"),
        ("an array for a map", "820381f5"),
        ("item 0", "8202a40000010002000380"),
        ("places without addresses", "820881a0"),
        ("an address without a port", "820881a100818144c0000207"),
        ("an address of 5 bytes", "820881a100818245c00002070119a112"),
        ("a port below 1024", "820881a100818244c00002071903ff"),
        ("a port over its range", "820881a100818244c00002071a00010000"),
        ("an address as text", "820881a10081826931302e302e302e313119a112"),
    ];
    let taken: Vec<_> = refused
        .iter()
        .chain(&MALFORMED)
        .filter(|(_, digits)| read::<Control>(&bytes(digits)).is_some())
        .collect();
    assert!(taken.is_empty(), "not refused: {taken:?}");
    // A want that does not exist, and text that is not UTF-8.
    assert!(read::<Control>(&bytes("820581a30003011a010000000203")).is_none());
    assert!(read::<Message>(&[0x82, 0, 0xa2, 0, 1, 1, 0x61, 0xff]).is_none());
}

#[test]
fn an_item_of_number_0_is_none() {
    for body in ["8204a10000", "8206a10000", "8207a200000108", "8200a20000016568656c6c6f"] {
        assert!(read::<Message>(&bytes(body)).is_none(), "{body}");
        assert!(
            read::<Message>(&bytes(
                &body.replacen("a10000", "a10001", 1).replacen("a20000", "a20001", 1)
            ))
            .is_some(),
            "{body}"
        );
    }
}

#[test]
fn written_ranges_ascend_with_a_gap_between_them() {
    let read = |written: &[(u64, u64)]| {
        let written =
            written.iter().map(|(start, end)| Span { start: *start, end: *end }).collect();
        let credit = Control::Credit { transfer: ItemId(1), limit: 9, parts: 1, written };
        read::<Control>(&encoded(&credit, 0)).is_some()
    };
    let singles = |count: u64| (0..count).map(|n| (2 * n, 2 * n + 1)).collect::<Vec<_>>();
    assert!(read(&[]) && read(&[(0, 5), (6, 9)]) && read(&singles(64)));
    for wrong in [
        &[(5, 9), (0, 4)][..],
        &[(0, 5), (4, 9)],
        &[(0, 5), (5, 9)],
        &[(3, 3)],
        &[(0, 0)],
        &[(9, 3)],
        &singles(65),
    ] {
        assert!(!read(wrong), "{wrong:?}");
    }
}

#[test]
fn eight_addresses_are_said_and_a_relay_of_so_many_bytes() {
    let read = |count: u16, relay: usize| {
        let direct = (0..count).map(|n| ([192, 0, 2, 1], 1_024 + n).into()).collect();
        let relay = Some(PeerText::new("x".repeat(relay)));
        read::<Control>(&encoded(&Control::Places(Places { direct, relay }), 0)).is_some()
    };
    assert!(read(0, 0) && read(8, 1_024));
    assert!(!read(9, 0) && !read(8, 1_025));
}

#[test]
fn an_unknown_reason_is_never_read_as_none() {
    // A later version's reason 99, alone, before another field, and before a stray byte: none of
    // them may become "delivered".
    let results: [&[u8]; 3] = [
        &[0x82, 6, 0xa2, 0, 2, 1, 0x18, 99],
        &[0x82, 6, 0xa3, 0, 2, 1, 0x18, 99, 5, 6, 7],
        &[0x82, 6, 0xa2, 0, 2, 1, 0x18, 99, 0],
    ];
    assert!(results.iter().all(|bytes| read::<Message>(bytes).is_none()));
    // Nor may an unknown want become no want at all.
    assert!(read::<Control>(&[0x82, 5, 0x81, 0xa4, 0, 3, 1, 4, 2, 3, 5, 6, 7]).is_none());
}
