use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::fs;

fn parse(raw: &str) -> Result<Parsed, NameError> {
    FileName::parse(&PeerText::new(raw.to_owned()))
}

fn stored(raw: &str) -> String {
    parse(raw).unwrap().name.as_str().to_owned()
}

#[test]
fn ordinary_names_stay_as_they_are() {
    for name in [
        "report.pdf",
        "a",
        "Ünïcødé ☃.txt",
        "日本語",
        "no extension",
        " leading space",
        "a..b",
        "COM10",
        "COM",
        "CONSOLE.txt",
        "x.con",
        "_",
    ] {
        let parsed = parse(name).unwrap();
        assert_eq!((parsed.name.as_str(), parsed.changed), (name, false));
    }
    assert!(parse(&"x".repeat(255)).is_ok());
}

#[test]
fn what_could_lead_elsewhere_is_refused() {
    let cases = [
        ("", NameError::Empty),
        (".", NameError::Dots),
        ("..", NameError::Dots),
        ("/etc/passwd", NameError::Separator),
        ("../x", NameError::Separator),
        ("..\\x", NameError::Separator),
        ("\\\\server\\share", NameError::Separator),
        ("a/", NameError::Separator),
        ("C:", NameError::Drive),
        ("c:evil", NameError::Drive),
        ("a\0b", NameError::Nul),
    ];
    for (raw, error) in cases {
        assert_eq!(parse(raw), Err(error), "{raw:?}");
    }
    assert_eq!(parse(&"x".repeat(256)), Err(NameError::TooLong));
    // 85 letters of three bytes fit; each becomes two of three bytes in NFC.
    assert_eq!(parse(&"\u{958}".repeat(85)), Err(NameError::TooLong));
    assert_eq!(parse(&format!("CON.{}", "x".repeat(251))), Err(NameError::TooLong));
}

#[test]
fn what_could_deceive_is_rewritten() {
    let cases = [
        ("-rf", "_rf"),
        ("--", "_-"),
        (".bashrc", "_bashrc"),
        (".pinhole-0123456789abcdef.part", "_pinhole-0123456789abcdef.part"),
        ("...", "___"),
        ("a.", "a_"),
        ("a. .", "a___"),
        ("   ", "___"),
        ("a\nb\u{1b}[31m\u{7f}\u{9b}", "a_b_[31m__"),
        ("gpj.\u{202e}exe", "gpj._exe"),
        ("zero\u{200b}width\u{feff}", "zero_width_"),
        ("tag\u{e0041}", "tag_"),
        ("fill\u{3164}er", "fill_er"),
        ("a<b>c:d\"e|f?g*h", "a_b_c_d_e_f_g_h"),
        ("file.txt::$DATA", "file.txt__$DATA"),
        ("CON", "_CON"),
        ("con.tar.gz", "_con.tar.gz"),
        ("Nul .txt", "_Nul .txt"),
        ("COM1", "_COM1"),
        ("com¹.log", "_com¹.log"),
        ("LPT³", "_LPT³"),
        ("CONIN$", "_CONIN$"),
    ];
    for (raw, safe) in cases {
        let parsed = parse(raw).unwrap();
        assert_eq!((parsed.name.as_str(), parsed.changed), (safe, true), "{raw:?}");
    }
}

#[test]
fn two_spellings_of_one_name_are_one_name() {
    assert_eq!(stored("e\u{301}"), "é");
    assert_eq!(stored("\u{212b}"), "Å");
    let folded = |raw| parse(raw).unwrap().name.folded();
    assert_eq!(folded("README"), folded("ReadMe"));
    assert_eq!(folded("ΣΑΣ"), folded("σας"));
    assert_eq!(folded("E\u{301}"), folded("é"));
    assert_ne!(folded("a"), folded("b"));
}

#[test]
fn a_number_goes_before_the_extension_and_fits() {
    let numbered = |raw| parse(raw).unwrap().name.numbered(1).as_str().to_owned();
    assert_eq!(numbered("report.pdf"), "report (1).pdf");
    assert_eq!(numbered("src.tar.gz"), "src (1).tar.gz");
    assert_eq!(numbered("folder"), "folder (1)");
    assert_eq!(numbered("a.tar"), "a (1).tar");
    let long = format!("{}.txt", "ü".repeat(125));
    let shortened = numbered(&long);
    assert!(shortened.len() <= 255 && shortened.ends_with("ü (1).txt"), "{shortened}");
    let no_extension = format!("a.{}", "x".repeat(253));
    assert!(numbered(&no_extension).ends_with("x (1)"));
}

/// TESTPLAN C1: every hostile piece in every position of a name, and each that is not refused is created for real.
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
            corpus.extend([format!("{first}{second}"), format!("{first}x{second}"), format!("x{first}{second}")]);
        }
        corpus.extend([253, 254, 255, 256, 4096].map(|length| format!("{first}{}", "x".repeat(length))));
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
        assert!(!name.chars().any(|c| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c)), "{raw:?}");
        fs::write(root.join(name), b"").unwrap();
        accepted.insert(name.to_owned());
    }
    let found: BTreeSet<String> = fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(found, accepted);
    assert!(accepted.len() > 500, "the corpus is more than refusals: {}", accepted.len());
    assert_eq!(fs::read_dir(outer.path()).unwrap().count(), 1);
}

/// Any text, and text made of what the rules are about.
fn any_name() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        proptest::collection::vec(
            prop_oneof![
                proptest::sample::select(vec![
                    '.', ' ', '-', ':', '_', 'C', 'O', 'N', 'M', '1', '¹', '\u{301}', '\u{338}', '<', '\u{958}', '\u{1100}', '\u{1161}'
                ]),
                any::<char>()
            ],
            0..90
        )
        .prop_map(String::from_iter),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn a_parsed_name_is_one_safe_component_and_parses_to_itself(raw in any_name()) {
        if let Ok(Parsed { name, changed }) = parse(&raw) {
            let safe = name.as_str();
            prop_assert!(!safe.is_empty() && safe.len() <= NAME_BYTES);
            prop_assert!(!safe.starts_with(['-', '.']) && !safe.ends_with(['.', ' ']));
            prop_assert!(!safe.contains(['/', '\\', '\0']) && !safe.chars().any(is_unsafe));
            prop_assert_eq!(changed, safe != raw);
            prop_assert_eq!(parse(safe), Ok(Parsed { name: name.clone(), changed: false }));
            for number in [1, 9_999] {
                let numbered = name.numbered(number);
                prop_assert_ne!(&numbered, &name);
                prop_assert_eq!(parse(numbered.as_str()), Ok(Parsed { name: numbered, changed: false }));
            }
        }
    }
}
