use super::*;
use proptest::prelude::*;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use std::format;
use std::vec::Vec;

const CODE: &str = "417-walrus-clipboard-mango";

fn fault(text: &str) -> CodeFault {
    CodeAddress::parse(text).err().unwrap().fault()
}

fn place(text: &str) -> Place {
    CodeAddress::parse(text).unwrap().at.unwrap()
}

fn host(name: &str, port: u16) -> Place {
    Place::Host { host: name.into(), port }
}

fn relay(url: &str) -> Place {
    let read = RelayUrl::parse(url).unwrap();
    assert_eq!(read.to_string(), url);
    Place::Relay(read)
}

#[test]
fn numbers_are_ports_or_relay_numbers() {
    for port in [1024, 9000, 65_535] {
        let nameplate = Nameplate::new(port).unwrap();
        assert_eq!((nameplate.port().map(u32::from), nameplate.is_relay()), (Some(port), false));
    }
    for number in [100, 999, 100_000, 999_999_999] {
        let nameplate = Nameplate::new(number).unwrap();
        assert_eq!((nameplate.port(), nameplate.is_relay()), (None, true));
    }
    for number in [
        "0",
        "99",
        "1000",
        "1023",
        "65536",
        "99999",
        "1000000000",
        "4294967396",
        "99999999999999999999",
        "0417",
    ] {
        assert_eq!(Nameplate::parse(number).unwrap_err().fault(), CodeFault::Number, "{number}");
    }
    for text in ["", "+417", "-417", "4 17", "417a", "٤١٧", "0x1ff"] {
        assert_eq!(Nameplate::parse(text).unwrap_err().fault(), CodeFault::NoNumber, "{text}");
    }
    assert_eq!(Nameplate::parse("417").unwrap().to_string(), "417");
}

#[test]
fn a_code_is_read_however_it_is_written() {
    let typed = [
        CODE,
        " 417 walrus clipboard mango\n",
        "417-WALRUS-Clipboard - mango",
        "417–walrus—clipboard−mango",
        "417\u{a0}walrus  clipboard--mango\u{a0}",
    ];
    for text in typed {
        let code = Code::parse(text).unwrap();
        assert_eq!(*code.reveal(), CODE, "{text}");
        let (nameplate, password) = code.split();
        assert_eq!((nameplate.number(), password.canonical()), (417, "walrus-clipboard-mango"));
    }
}

#[test]
fn a_code_that_ends_with_a_dash_lacks_a_word() {
    for text in ["417-walrus-clipboard-", "417-walrus-clipboard – ", "417-"] {
        assert_eq!(fault(text), CodeFault::Unfinished, "{text}");
    }
}

#[test]
fn a_code_has_three_to_eight_words() {
    let words = |count| format!("417{}", "-walrus".repeat(count));
    for count in 3..=8 {
        assert_eq!(*Code::parse(&words(count)).unwrap().reveal(), words(count));
    }
    assert_eq!(
        [fault("417"), fault(&words(1)), fault(&words(2)), fault(&words(9)), fault(&words(5000))],
        [
            CodeFault::TooFewWords,
            CodeFault::TooFewWords,
            CodeFault::TooFewWords,
            CodeFault::TooManyWords,
            CodeFault::TooManyWords
        ]
    );
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let nameplate = Nameplate::new(417).unwrap();
    for count in 3..=8 {
        let code = Code::generate(nameplate, count, &mut rng).unwrap().reveal();
        assert_eq!(code.split('-').count(), count + 1);
        assert_eq!(*Code::parse(&code).unwrap().reveal(), *code);
    }
    assert_eq!(
        Code::generate(nameplate, 2, &mut rng).err().unwrap().fault(),
        CodeFault::TooFewWords
    );
    assert_eq!(
        Code::generate(nameplate, 9, &mut rng).err().unwrap().fault(),
        CodeFault::TooManyWords
    );
}

#[test]
fn a_mistyped_word_is_explained_to_its_user_and_nowhere_else() {
    let error = Code::parse("417-walruss-clipboard-mango").err().unwrap();
    assert_eq!(error.explain(), "`walruss` is not a code word; did you mean `walrus`?");
    assert_eq!(
        (format!("{error}"), format!("{error:?}")),
        ("a word is not a code word".into(), "UnknownWord".into())
    );
    assert_eq!(
        Code::parse("417-walrus-clip-mango").err().unwrap().explain(),
        "`clip` is not a code word; did you mean `clipboard`?"
    );
    assert_eq!(
        Code::parse("417-qqqqq-walrus-mango").err().unwrap().explain(),
        "`qqqqq` is not a code word"
    );
    assert_eq!(
        Code::parse("417-a\u{1b}[2Jb-mango").err().unwrap().explain(),
        "`a\\u{1b}[2Jb` is not a code word"
    );
    assert_eq!(
        Code::parse("417-walrus").err().unwrap().explain(),
        "a code has at least three words after its number, so a word is missing"
    );
}

#[test]
fn a_code_may_name_its_place() {
    let nine = "9417-walrus-clipboard-mango";
    assert!(CodeAddress::parse(CODE).unwrap().at.is_none());
    assert_eq!(place(&format!("{nine}@box.local")), host("box.local", 9417));
    assert_eq!(place(&format!("{nine}@10.0.0.7:12345")), host("10.0.0.7", 12345));
    assert_eq!(place(&format!("{nine}@[fe80::1%eth0]:12345")), host("fe80::1%eth0", 12345));
    assert_eq!(place(&format!("{nine}@[::1]")), host("::1", 9417));
    assert_eq!(place(&format!("{nine}@2001:db8::7")), host("2001:db8::7", 9417));
    assert_eq!(place(&format!("{CODE}@relay.example")), relay("wss://relay.example/"));
    assert_eq!(place(&format!("{CODE}@relay.example:8443/p")), relay("wss://relay.example:8443/p"));
    assert_eq!(place(&format!("{CODE}@127.0.0.1:4000")), relay("ws://127.0.0.1:4000/"));
    assert_eq!(place(&format!("{CODE}@[::1]:4000")), relay("ws://[::1]:4000/"));
    assert_eq!(place(&format!("{CODE}@10.0.0.7:4000")), relay("wss://10.0.0.7:4000/"));
    assert_eq!(place(&format!("{CODE}@WSS://relay.example/")), relay("wss://relay.example/"));
    assert_eq!(place(&format!("{CODE}@ws://10.0.0.7")), relay("ws://10.0.0.7/"));
    assert_eq!(place(&format!("{CODE}@https://relay.example/p")), relay("wss://relay.example/p"));
    assert_eq!(place(&format!(" https://relay.example/#{CODE}\n")), relay("wss://relay.example/"));
    assert_eq!(
        place(&format!("HTTP://[2001:db8::7]:81/p#{CODE}")),
        relay("ws://[2001:db8::7]:81/p")
    );
    assert_eq!(
        *CodeAddress::parse(&format!("https://relay.example#{CODE}")).unwrap().code.reveal(),
        CODE
    );
}

#[test]
fn what_is_no_place_is_refused() {
    let nine = "9417-walrus-clipboard-mango";
    for place in [
        "",
        "a b",
        "a:0",
        "a:70000",
        "a:+80",
        "a:",
        "a:1:2",
        "[::1",
        "[::1]x",
        "[10.0.0.1]",
        "-a",
        ".a",
        "a@b",
        "ä",
        "::1%",
        "a\u{1b}b",
    ] {
        assert_eq!(fault(&format!("{nine}@{place}")), CodeFault::Place, "{place}");
    }
    for url in ["wss://", "wss://a/?q", "wss://u@a", "wss://a/\u{7}", "ws:///x", "wss://a b/"] {
        assert_eq!(fault(&format!("{CODE}@{url}")), CodeFault::Place, "{url}");
    }
    assert_eq!(fault(&format!("{nine}@wss://relay.example")), CodeFault::PortAtRelay);
    assert_eq!(fault(&format!("https://relay.example/#{nine}")), CodeFault::PortAtRelay);
    assert_eq!(fault("https://relay.example/"), CodeFault::LinkWithoutCode);
    assert_eq!(fault("https://relay.example/#"), CodeFault::NoNumber);
}

#[test]
fn the_first_word_is_routed_by_its_shape_alone() {
    let shapes = [
        (CODE, Shape::Code),
        ("417-walruss-nonsense", Shape::Code),
        ("1000-walrus-mango", Shape::Code),
        ("417 walrus mango", Shape::Code),
        ("417-walrus-mango@host:1", Shape::Code),
        ("https://relay.example/#417-walrus-mango", Shape::Link),
        ("HTTP://x", Shape::Link),
        ("417", Shape::Number),
        ("9", Shape::Number),
        ("", Shape::Other),
        ("417-walrus", Shape::Other),
        ("2024-01-15-notes", Shape::Other),
        ("2024-q1-report.pdf", Shape::Other),
        ("./417-walrus-mango", Shape::Other),
        ("report.pdf", Shape::Other),
        ("417@host", Shape::Other),
        ("-417", Shape::Other),
        ("ftp://x", Shape::Other),
    ];
    for (text, expected) in shapes {
        assert_eq!(shape(text), expected, "{text}");
    }
}

fn typed() -> impl Strategy<Value = std::string::String> {
    prop_oneof![
        any::<std::string::String>(),
        "[0-9]{1,10}([- –]{0,2}[a-zA-Z]{0,12}){0,10}(@[\\[\\]a-z0-9:/.%]{0,20})?",
        "https?://[a-z.:0-9]{0,9}/?#?.{0,30}"
    ]
}

proptest! {
    #[test]
    fn anything_may_be_typed_as_a_code(text in typed()) {
        let _ = shape(&text);
        match CodeAddress::parse(&text) {
            Ok(read) => {
                prop_assert_eq!(
                    &*Code::parse(&read.code.reveal()).unwrap().reveal(),
                    &*read.code.reveal()
                );
                prop_assert!(
                    shape(text.trim()) == Shape::Code || shape(text.trim()) == Shape::Link
                );
            }
            Err(error) => prop_assert!(error.explain().chars().all(|letter| !letter.is_control())),
        }
    }

    #[test]
    fn every_code_is_read_back(
        number in prop_oneof![100..=999_u32, 1024..=65_535_u32, 100_000..=999_999_999_u32],
        words in WORDS,
        seed: u64,
    ) {
        let code = Code::generate(
            Nameplate::new(number).unwrap(),
            words,
            &mut ChaCha20Rng::seed_from_u64(seed),
        )
        .unwrap()
        .reveal();
        let spoken: Vec<&str> = code.split('-').collect();
        prop_assert_eq!(&*Code::parse(&spoken.join(" ").to_uppercase()).unwrap().reveal(), &*code);
        prop_assert_eq!(shape(&code), Shape::Code);
    }
}
