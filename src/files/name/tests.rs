use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::fs;

fn parse(raw: &str) -> Result<Parsed, NameError> {
    FileName::parse(raw.as_bytes())
}

#[test]
fn names_stay_as_they_are() {
    let kept = [
        "report.pdf",
        "a",
        "Ünïcødé ☃.txt",
        "日本語",
        " leading space",
        "trailing space ",
        "dots...",
        "...",
        ".git",
        ".bashrc",
        "-rf",
        "--",
        "a\\b",
        "C:",
        "c:evil",
        "a<b>c:d\"e|f?g*h",
        "file.txt::$DATA",
        "CON",
        "con.tar.gz",
        "COM1",
        "_",
        // Persian and Hindi need joiners, and many emoji are sequences with them.
        "می\u{200c}خواهم.txt",
        "क्\u{200d}ष",
        "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}",
        "\u{2764}\u{fe0f}",
        "\u{200e}\u{200f}\u{61c}",
        "zero\u{200b}width\u{feff}",
        "tag\u{e0041}",
        // One name in both forms of Unicode is two.
        "e\u{301}",
        "\u{e9}",
        "\u{2028}",
    ];
    for name in kept {
        let parsed = parse(name).unwrap();
        assert_eq!((parsed.name.as_str(), parsed.changed), (name, false));
    }
    for name in [&b"caf\xe9"[..], b"\xff\xfe", b"\x9b", b"a\xed\xa0\x80"] {
        let parsed = FileName::parse(name).unwrap();
        assert_eq!((parsed.name.bytes(), parsed.changed), (name, false));
    }
    assert!(parse(&"x".repeat(255)).is_ok());
}

#[test]
fn a_journal_of_ours_is_never_the_peers() {
    for (raw, stored) in [
        (".pinhole-0123456789abcdef.journal", "_.pinhole-0123456789abcdef.journal"),
        (".pinhole-x.journal", "_.pinhole-x.journal"),
        (".pinhole-journal", ".pinhole-journal"),
        (".pinhole-0123456789abcdef.part", ".pinhole-0123456789abcdef.part"),
        ("a.journal", "a.journal"),
    ] {
        let parsed = parse(raw).unwrap();
        assert_eq!((parsed.name.as_str(), parsed.changed), (stored, raw != stored));
        assert_eq!(parse(stored).unwrap().name, parsed.name);
    }
    let longest = format!(".pinhole-{}.journal", "x".repeat(238));
    assert_eq!(parse(&longest).unwrap().name.bytes().len(), 255);
}

#[test]
fn what_could_lead_elsewhere_is_refused() {
    let cases = [
        ("", NameError::Empty),
        (".", NameError::Dots),
        ("..", NameError::Dots),
        ("/etc/passwd", NameError::Separator),
        ("../x", NameError::Separator),
        ("a/", NameError::Separator),
        ("a\0b", NameError::Nul),
    ];
    for (raw, error) in cases {
        assert_eq!(parse(raw), Err(error), "{raw:?}");
    }
    assert_eq!(parse(&"x".repeat(256)), Err(NameError::TooLong));
}

#[test]
fn what_moves_the_cursor_or_turns_text_around_is_rewritten() {
    let cases = [
        ("a\nb\u{1b}[31m\u{7f}\u{9b}", "a_b_[31m__"),
        ("\t", "_"),
        ("\u{85}", "_"),
        ("gpj.\u{202e}exe", "gpj._exe"),
        ("\u{202a}\u{202b}\u{202c}\u{202d}", "____"),
        ("\u{2066}\u{2067}\u{2068}\u{2069}", "____"),
    ];
    for (raw, safe) in cases {
        let parsed = parse(raw).unwrap();
        assert_eq!((parsed.name.as_str(), parsed.changed), (safe, true), "{raw:?}");
    }
    assert_eq!(FileName::parse(b"\x1b\xff\n").unwrap().name.bytes(), b"_\xff_");
}

#[test]
fn a_plain_name_is_one_that_every_file_system_holds() {
    let plain =
        |raw: &[u8], longest| FileName::parse(raw).unwrap().name.plain(longest).as_str().to_owned();
    let cases = [
        (&b"a<b>c:d\"e|f?g*h\\i"[..], "a_b_c_d_e_f_g_h_i"),
        (b"dots...", "dots___"),
        (b"space . ", "space___"),
        (b"...", "___"),
        (b"caf\xe9.txt", "caf_.txt"),
        (b".git", ".git"),
        (b"con", "con_"),
        (b"Nul .tar.gz", "Nul_ .tar.gz"),
        (b"LPT1.", "LPT1__"),
        ("COM²".as_bytes(), "COM²_"),
        (b"COM10", "COM10"),
        (b"console", "console"),
        ("日本語".as_bytes(), "日本語"),
    ];
    for (raw, name) in cases {
        assert_eq!(plain(raw, 255), name, "{raw:?}");
    }
    assert_eq!(
        plain(format!("{}.tar.gz", "x".repeat(240)).as_bytes(), 143),
        format!("{}.tar.gz", "x".repeat(136))
    );
    assert_eq!(plain("ü".repeat(100).as_bytes(), 143), "ü".repeat(71));
}

#[test]
fn names_that_differ_in_case_alone_fold_to_one() {
    let folded = |raw| parse(raw).unwrap().name.folded();
    assert_eq!(folded("README"), folded("ReadMe"));
    assert_eq!(folded("ΣΑΣ"), folded("σας"));
    assert_eq!(folded("E\u{301}"), folded("é"));
    assert_ne!(folded("a"), folded("b"));
    assert_ne!(
        FileName::parse(b"\xe9").unwrap().name.folded(),
        FileName::parse(b"\xe8").unwrap().name.folded()
    );
}

#[test]
fn a_number_goes_before_the_extension_and_fits() {
    let numbered = |raw| parse(raw).unwrap().name.numbered(1).as_str().to_owned();
    assert_eq!(numbered("report.pdf"), "report (1).pdf");
    assert_eq!(numbered("src.tar.gz"), "src (1).tar.gz");
    assert_eq!(numbered("folder"), "folder (1)");
    assert_eq!(parse("folder").unwrap().name.numbered_within(0, 1).as_str(), "folder");
    assert_eq!(numbered(".git"), ".git (1)");
    assert_eq!(numbered("a.tar"), "a (1).tar");
    let long = format!("{}.txt", "ü".repeat(125));
    let shortened = numbered(&long);
    assert!(shortened.len() <= 255 && shortened.ends_with("ü (1).txt"), "{shortened}");
    let no_extension = format!("a.{}", "x".repeat(253));
    assert!(numbered(&no_extension).ends_with("x (1)"));
    assert_eq!(FileName::parse(b"\xff.txt").unwrap().name.numbered(2).bytes(), b"\xff (2).txt");
}

/// TESTPLAN C1: every hostile piece in every position of a name, and each that is not refused is
/// created for real.
#[test]
fn no_hostile_name_leaves_the_folder_or_shows_a_control_byte() {
    let pieces = [
        "",
        ".",
        "..",
        "...",
        "/",
        "\\",
        "../",
        "..\\",
        "\u{2215}",
        "\u{2044}",
        "\u{ff0f}",
        "\u{ff3c}",
        "\u{29f8}",
        "\0",
        "\n",
        "\r",
        "\t",
        "\u{1b}[2J",
        "\u{1b}]0;x\u{7}",
        "\u{9b}",
        "\u{85}",
        "\u{7f}",
        "\u{202e}",
        "\u{2066}",
        "\u{200b}",
        "\u{200d}",
        "\u{feff}",
        "\u{e0020}",
        "\u{ad}",
        "\u{34f}",
        "C:",
        "c:",
        ":",
        "::$DATA",
        "CON",
        "nul",
        "COM1",
        "COM¹",
        "lpt9",
        "CONOUT$",
        "AUX.h",
        "-",
        "-rf",
        "--",
        "~",
        "$HOME",
        "`id`",
        "$(id)",
        "%2e%2e%2f",
        ".git",
        ".git/hooks/x",
        ".ssh/authorized_keys",
        ".bashrc",
        ".pinhole-x.part",
        "e\u{301}",
        "é",
        "\u{212b}",
        "\u{1100}\u{1161}",
        "A",
        "a",
        "ß",
        "SS",
        "ﬀ",
        "İ",
        " ",
        "*",
        "?",
        "|",
        "<",
        ">",
        "\"",
        "\u{338}",
        "\u{fffd}",
        "\u{10ffff}",
    ];
    let mut corpus: BTreeSet<String> = BTreeSet::new();
    for first in pieces {
        for second in pieces {
            corpus.extend([
                format!("{first}{second}"),
                format!("{first}x{second}"),
                format!("x{first}{second}"),
            ]);
        }
        corpus.extend(
            [253, 254, 255, 256, 4096].map(|length| format!("{first}{}", "x".repeat(length))),
        );
        corpus.extend([253, 254, 255, 256].map(|length| format!("{}{first}", "x".repeat(length))));
        corpus.insert(first.repeat(40));
    }
    assert!(corpus.len() >= 2_000, "{}", corpus.len());
    let outer = tempfile::tempdir().unwrap();
    let root = outer.path().join("root");
    fs::create_dir(&root).unwrap();
    let mut accepted = BTreeSet::new();
    for raw in &corpus {
        let Ok(parsed) = parse(raw) else { continue };
        let name = parsed.name.as_str();
        assert!(!name.chars().any(is_unsafe), "{raw:?}");
        fs::write(root.join(name), b"").unwrap();
        accepted.insert(name.to_owned());
    }
    let found: BTreeSet<String> = fs::read_dir(&root)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(found, accepted);
    assert!(accepted.len() > 500, "the corpus is more than refusals: {}", accepted.len());
    assert_eq!(fs::read_dir(outer.path()).unwrap().count(), 1);
}

/// Any bytes, any text, and text made of what the rules are about.
fn any_name() -> impl Strategy<Value = Vec<u8>> {
    let special =
        vec!['.', ' ', '-', ':', '_', '\u{301}', '<', '\\', '\u{9b}', '\u{202e}', '\n', '/'];
    let text = proptest::collection::vec(
        prop_oneof![proptest::sample::select(special), any::<char>()],
        0..90,
    );
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..300),
        text.prop_map(|chars| String::from_iter(chars).into_bytes())
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn a_parsed_name_is_one_safe_component_and_parses_to_itself(
        raw in any_name(),
        longest in 10..=NAME_BYTES,
    ) {
        if let Ok(Parsed { name, changed }) = FileName::parse(&raw) {
            let safe = name.bytes();
            prop_assert!(
                !safe.is_empty() && safe.len() <= NAME_BYTES && safe != b"." && safe != b".."
            );
            prop_assert!(!safe.contains(&b'/') && !safe.contains(&0));
            prop_assert!(!safe.utf8_chunks().any(|chunk| chunk.valid().chars().any(is_unsafe)));
            prop_assert_eq!(changed, safe != raw);
            let same = |name: FileName| {
                FileName::parse(name.bytes()) == Ok(Parsed { name, changed: false })
            };
            prop_assert!(same(name.clone()));
            for number in [1, 9_999] {
                let numbered = name.numbered(number);
                prop_assert!(numbered != name && same(numbered));
            }
            let plain = name.plain(longest);
            prop_assert!(
                plain.bytes().len() <= longest
                    && plain.0.to_str().is_some()
                    && !plain.bytes().ends_with(b".")
            );
            prop_assert!(same(plain));
        }
    }
}
