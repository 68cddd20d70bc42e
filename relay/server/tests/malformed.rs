//! Frames and messages that a side may not send: its connection ends with a code, and nobody else
//! notices.

use super::Running;
use super::client::{BINARY, CLOSE, Client, Heard, PING, TEXT, frame};
use crate::settings::Settings;
use tokio::io::AsyncWriteExt;

const LINK: &str = "link-host-00112233445566778899aabbccddeeff";

/// Bytes that no side may send, whatever its part.
fn broken() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = (0..=255)
        .filter(|first| ![BINARY, TEXT, CLOSE, PING, 0x8a].contains(first))
        .map(|first| frame(first, b"x"))
        .collect();
    let unmasked = |first: u8| vec![first, 1, b'x'];
    all.extend([BINARY, TEXT, PING, CLOSE].map(unmasked));
    // Too long, by their heads alone.
    all.extend(
        [(BINARY, 66_049), (TEXT, 513), (PING, 126), (CLOSE, 126), (0x8a, 126)]
            .map(|(first, length)| frame(first, &vec![b'x'; length])[..14].to_vec()),
    );
    all.push([&[BINARY, 0xff], &u64::MAX.to_be_bytes()[..], &[0; 4]].concat());
    // Longer than it needs to be.
    all.push(vec![BINARY, 0xfe, 0, 5, 0, 0, 0, 0, 1, 2, 3, 4, 5]);
    all.extend(
        [0_u16, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535]
            .map(|code| frame(CLOSE, &code.to_be_bytes())),
    );
    all.push(frame(CLOSE, &[3]));
    all.push(frame(CLOSE, b"\x03\xe8\xff"));
    all
}

#[tokio::test]
async fn who_breaks_the_framing_is_closed_as_protocol_whatever_it_is() {
    let relay = Running::start(Settings::default());
    let all = broken();
    assert!(all.len() > 260);
    let (mut near, mut far) = relay.pair(101, 102).await;
    for (index, bytes) in all.iter().enumerate() {
        let last = (index % 50) as u8 + 10;
        let mut side = Client::ask(relay.address, last, LINK, None).await;
        assert_eq!(side.text().await["type"], "waiting");
        side.stream.write_all(bytes).await.unwrap();
        assert_eq!(side.closed().await, 4008, "{bytes:x?}");
        near.send(BINARY, &[index as u8]).await;
        assert_eq!(far.binary().await, [index as u8]);
    }
    // The same of one that is paired; the other hears that it has gone.
    for (index, bytes) in all.iter().enumerate().step_by(5) {
        let (mut host, mut joiner) =
            relay.pair((index % 50) as u8 + 10, (index % 50) as u8 + 110).await;
        let (breaks, other) =
            if index % 2 == 0 { (&mut host, &mut joiner) } else { (&mut joiner, &mut host) };
        breaks.send(BINARY, b"before").await;
        breaks.stream.write_all(bytes).await.unwrap();
        assert_eq!(other.binary().await, b"before");
        assert_eq!((other.closed().await, breaks.closed().await), (4006, 4008), "{bytes:x?}");
    }
    drop((near, far));
    relay.empty().await;
}

#[tokio::test]
async fn good_close_frames_are_answered_with_their_code() {
    let relay = Running::start(Settings::default());
    for code in [1000_u16, 1001, 1011, 3000, 4001, 4999] {
        let mut side = Client::ask(relay.address, 1, LINK, None).await;
        assert_eq!(side.text().await["type"], "waiting");
        side.send(CLOSE, &[&code.to_be_bytes()[..], b"because"].concat()).await;
        assert_eq!(side.hear().await, Heard::Close(code, String::new()));
    }
    let mut side = Client::ask(relay.address, 1, LINK, None).await;
    assert_eq!(side.text().await["type"], "waiting");
    side.send(CLOSE, b"").await;
    assert_eq!(side.closed().await, 1005);
    relay.empty().await;
}

#[tokio::test]
async fn who_says_what_is_not_its_to_say_is_closed_as_protocol() {
    let relay = Running::start(Settings::default());
    let (mut waiting, number, _) = Client::host(relay.address, 1).await;
    waiting.send(BINARY, b"\0\0\0\x01one").await;
    let texts = [
        "",
        "{}",
        "null",
        "[]",
        "\u{fffd}",
        r#"{"type":"number"}"#,
        r#"{"type":"confirmed"}"#,
        r#"{"type":"confirmed","attempt":-1}"#,
    ]
    .map(|text| frame(TEXT, text.as_bytes()))
    .into_iter()
    .chain([
        frame(TEXT, b"{\"type\":\"burn\xff\"}"),
        frame(TEXT, br#"{"type":"confirmed","attempt":1}"#),
        frame(BINARY, b"abc"),
        frame(BINARY, &[0; 1032]),
    ]);
    for (index, bytes) in texts.enumerate() {
        let (mut host, ..) = Client::host(relay.address, index as u8 + 10).await;
        host.stream.write_all(&bytes).await.unwrap();
        assert_eq!(host.closed().await, 4008, "{bytes:x?}");
    }
    for (index, bytes) in
        [frame(TEXT, br#"{"type":"burn"}"#), frame(BINARY, &[0; 1028])[..8].to_vec()]
            .into_iter()
            .enumerate()
    {
        for verb in [&format!("join-{number}"), LINK] {
            let mut side = Client::ask(relay.address, index as u8 + 50, verb, None).await;
            assert_eq!(side.text().await["type"], "waiting");
            side.stream.write_all(&bytes).await.unwrap();
            while !matches!(side.hear().await, Heard::Close(4008, _)) {}
        }
    }
    let (mut host, mut joiner) = relay.pair(3, 4).await;
    joiner.say("{}").await;
    assert_eq!((joiner.closed().await, host.closed().await), (4008, 4006));
}

#[tokio::test]
async fn a_flood_of_pings_disturbs_nobody() {
    let relay = Running::start(Settings::default());
    let (mut near, mut far) = relay.pair(101, 102).await;
    let (mut flood, _other) = relay.pair(1, 2).await;
    let pings: Vec<u8> = (0..20_000).flat_map(|_| frame(PING, b"again")).collect();
    flood.stream.write_all(&pings).await.unwrap();
    for index in 0..100 {
        near.send(BINARY, &[index]).await;
        assert_eq!(far.binary().await, [index]);
    }
    assert_eq!(flood.hear().await, Heard::Pong(b"again".to_vec()));
}
