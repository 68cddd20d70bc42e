use super::*;
use axum::http::{HeaderValue, Request};
use pinhole_protocol::rendezvous::Verb;
use proptest::prelude::*;

const OWNER: &str = "0000019a7c3f21c45e0c41d20b9f4f7d8a6b3c2d1e0f9a8b7766554433221100";
const SLOT: &str = "5e0c41d20b9f4f7d8a6b3c2d1e0f9a8b";
const TOKEN: &str = "0123456789-operator";

/// A request as a side sends it, with other headers where it names some: `None` leaves one out.
fn request(changes: &[(&str, Option<&str>)]) -> Parts {
    let usual = [
        ("host", "relay"),
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-protocol", "pinhole.1, host"),
    ];
    let mut request = Request::new(());
    let unchanged =
        usual.into_iter().filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    for (name, value) in
        unchanged.map(|(name, value)| (name, Some(value))).chain(changes.iter().copied())
    {
        if let Some(value) = value {
            request.headers_mut().append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            );
        }
    }
    request.into_parts().0
}

/// Says in words which verb a request asks for, and if it shows a token.
fn asks(changes: &[(&str, Option<&str>)]) -> Result<String, Refusal> {
    parse(&request(changes)).map(|asked| {
        let shown = if asked.request.host_token.is_some() { ", with a token" } else { "" };
        match asked.request.verb {
            Verb::Host => format!("host{shown}"),
            Verb::HostAgain(number, owner) => {
                format!("back {} {:x?}{shown}", number.number(), owner.bytes()[7])
            }
            Verb::Join(number) => format!("join {}{shown}", number.number()),
            Verb::Link(token, side) => format!("link {side:?} {:x}{shown}", token.bytes()[15]),
        }
    })
}

fn word(word: &str) -> Result<String, Refusal> {
    asks(&[("sec-websocket-protocol", Some(&format!("pinhole.1, {word}")))])
}

fn authorized(word: &str, authorization: &str) -> Result<String, Refusal> {
    asks(&[
        ("sec-websocket-protocol", Some(&format!("{word},pinhole.1"))),
        ("authorization", Some(authorization)),
    ])
}

#[test]
fn each_verb_is_one_token() {
    assert_eq!(word("host"), Ok("host".into()));
    for number in [100, 999, 100_000, 999_999_999] {
        assert_eq!(word(&format!("join-{number}")), Ok(format!("join {number}")));
    }
    assert_eq!(word(&format!("link-host-{SLOT}")), Ok("link Host 8b".into()));
    assert_eq!(word(&format!("link-joiner-{SLOT}")), Ok("link Joiner 8b".into()));
    assert_eq!(authorized("host-417", &format!("Pinhole owner={OWNER}")), Ok("back 417 c4".into()));
    assert_eq!(parse(&request(&[])).unwrap().accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

#[test]
fn what_is_no_verb_is_malformed() {
    let upper = SLOT.to_uppercase();
    let links = [&SLOT[1..], &upper, &format!("{SLOT}0"), &format!("+{}", &SLOT[1..]), OWNER, ""]
        .map(|token| format!("link-host-{token}"));
    let words = [
        "",
        "Host",
        "HOST",
        "host ",
        "host-",
        "host-417",
        "join",
        "join-",
        "join-0417",
        "join-99",
        "join-1000",
        "join-1024",
        "join-65535",
    ];
    let more = [
        "join-99999",
        "join-1000000000",
        "join-+417",
        "join-417-",
        "join-417 ",
        "link",
        "link-host",
        "link-guest-00",
        "host, join-417",
        "a,b",
    ];
    for text in words.into_iter().chain(more).map(str::to_owned).chain(links) {
        let expected =
            if text.trim() == "host" { Ok("host".to_owned()) } else { Err(Refusal::Malformed) };
        let expected = if text == "join-417 " { Ok("join 417".to_owned()) } else { expected };
        assert_eq!(word(&text), expected, "{text}");
    }
}

#[test]
fn tokens_come_in_any_order_and_over_any_number_of_lines() {
    let protocol = "sec-websocket-protocol";
    for lines in [
        vec!["join-417, pinhole.1"],
        vec!["join-417,pinhole.1"],
        vec!["pinhole.1", "join-417"],
        vec!["join-417", "pinhole.1"],
        vec!["pinhole.2, pinhole.1, join-417, pinhole.30"],
    ] {
        let changes: Vec<_> = lines.iter().map(|line| (protocol, Some(*line))).collect();
        assert_eq!(asks(&changes), Ok("join 417".into()), "{lines:?}");
    }
    for lines in [
        vec!["pinhole.1, pinhole.1, join-417"],
        vec!["pinhole.1, join-417", "join-417"],
        vec!["pinhole.1, pinhole., host"],
        vec!["pinhole.1"],
    ] {
        let changes: Vec<_> = lines.iter().map(|line| (protocol, Some(*line))).collect();
        assert_eq!(asks(&changes), Err(Refusal::Malformed), "{lines:?}");
    }
    for line in [
        None,
        Some("host"),
        Some("pinhole.2, host"),
        Some("chat"),
        Some("Pinhole.1, host"),
        Some("pinhole.10, host"),
    ] {
        assert_eq!(asks(&[(protocol, line)]), Err(Refusal::Upgrade), "{line:?}");
    }
}

#[test]
fn what_is_no_upgrade_of_version_13_is_426_and_a_bad_key_400() {
    for (name, values) in [
        ("connection", &[None, Some("keep-alive"), Some("close"), Some("upgrades")][..]),
        ("upgrade", &[None, Some("h2c"), Some("websockets")]),
        ("sec-websocket-version", &[None, Some("8"), Some("12"), Some("013"), Some("13, 8")]),
    ] {
        for value in values {
            assert_eq!(asks(&[(name, *value)]), Err(Refusal::Upgrade), "{name}: {value:?}");
        }
    }
    for value in [
        None,
        Some(""),
        Some("short=="),
        Some("dGhlIHNhbXBsZSBub25jZQ=a"),
        Some("dGhlIHNhbXBsZSBub25jZ!=="),
        Some("dGhlIHNhbXBsZSBub25jZQaa"),
    ] {
        assert_eq!(asks(&[("sec-websocket-key", value)]), Err(Refusal::Malformed), "{value:?}");
    }
    for name in ["sec-websocket-key", "sec-websocket-version"] {
        let value =
            Some(if name == "sec-websocket-key" { "dGhlIHNhbXBsZSBub25jZQ==" } else { "13" });
        assert_eq!(asks(&[(name, value), (name, value)]), Err(Refusal::Malformed));
    }
    for fine in ["upgrade", "keep-alive, Upgrade", "Keep-Alive,UPGRADE"] {
        assert_eq!(
            asks(&[("connection", Some(fine)), ("upgrade", Some("WebSocket"))]),
            Ok("host".into())
        );
    }
    for method in [Method::POST, Method::HEAD, Method::CONNECT, Method::PUT] {
        let mut parts = request(&[]);
        parts.method = method;
        assert_eq!(parse(&parts).unwrap_err(), Refusal::Upgrade);
    }
    let mut parts = request(&[]);
    parts.version = Version::HTTP_10;
    assert_eq!(parse(&parts).unwrap_err(), Refusal::Upgrade);
}

#[test]
fn secrets_stand_where_they_belong_and_nowhere_else() {
    let (owner, host, short) =
        (format!("owner={OWNER}"), format!("host={TOKEN}"), format!("owner={SLOT}"));
    let link = format!("link-host-{SLOT}");
    for (word, parts, expected) in [
        ("host", vec![&host], Some("host, with a token".to_owned())),
        ("host-417", vec![&owner, &host], Some("back 417 c4, with a token".into())),
        ("host-417", vec![&host, &owner], Some("back 417 c4, with a token".into())),
        (&link, vec![&host], Some("link Host 8b, with a token".into())),
        ("host-417", vec![&short], None),
        ("host", vec![&owner], None),
        ("host-417", vec![&host], None),
        ("host-417", vec![&owner, &owner], None),
        ("host", vec![&host, &host], None),
        ("join-417", vec![&owner], None),
        ("join-417", vec![&host], None),
        (&link, vec![&owner], None),
        (&link.replace("host", "joiner"), vec![&host], None),
    ] {
        for separator in [", ", ",", " ,  "] {
            let parts: Vec<&str> = parts.iter().map(|part| part.as_str()).collect();
            let expected = expected.clone().ok_or(Refusal::Malformed);
            assert_eq!(
                authorized(word, &format!("Pinhole {}", parts.join(separator))),
                expected,
                "{word} {parts:?}"
            );
        }
    }
    for text in [
        "Pinhole",
        "Pinhole ",
        "Basic Zm9v",
        "Bearer x",
        "",
        &host,
        "Pinhole host=short",
        "Pinhole host",
        "Pinhole other=x",
        "Pinhole host=\u{e4}",
    ] {
        assert_eq!(authorized("host", text), Err(Refusal::Malformed), "{text}");
    }
    assert_eq!(authorized("host", &format!("pinhole {host}")), Ok("host, with a token".into()));
    let once = format!("Pinhole {host}");
    assert_eq!(
        asks(&[("authorization", Some(&once)), ("authorization", Some(&once))]),
        Err(Refusal::Malformed)
    );
}

#[test]
fn no_secret_is_shown() {
    let asked = parse(&request(&[
        ("authorization", Some(&format!("Pinhole owner={OWNER}, host={TOKEN}"))),
        ("sec-websocket-protocol", Some("pinhole.1, host-417")),
    ]));
    let shown = format!("{:?}", asked.unwrap());
    assert!(
        !shown.contains(TOKEN) && !shown.contains("5e0c") && !shown.contains("94, 12"),
        "{shown}"
    );
}

proptest! {
    #[test]
    fn any_headers_are_answered(
        protocol in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..4),
        authorization in prop::collection::vec(any::<u8>(), 0..80),
        key in "[ -~]{0,30}",
    ) {
        let mut parts =
            request(&[("sec-websocket-key", Some(&key)), ("sec-websocket-protocol", None)]);
        for value in protocol.iter().filter_map(|bytes| HeaderValue::from_bytes(bytes).ok()) {
            parts.headers.append(header::SEC_WEBSOCKET_PROTOCOL, value);
        }
        if let Ok(value) = HeaderValue::from_bytes(&authorization) {
            parts.headers.append(header::AUTHORIZATION, value);
        }
        let _ = parse(&parts);
    }

    /// Near misses too.
    #[test]
    fn words_of_our_alphabet_are_answered(
        word in "(host|join|link|-|[0-9]|[a-f]|joiner|,| |pinhole\\.[0-9]){0,40}",
        authorization in "(Pinhole|owner|host|=|,| |[0-9a-f]){0,40}",
    ) {
        let _ = authorized(&word, &authorization);
    }
}
