//! Hosts, joiners and links meet, and what they send reaches the other.

use super::Running;
use super::client::{BINARY, CLOSE, Client, Heard, PING};
use crate::limits::RateLimits;
use crate::settings::Settings;

#[tokio::test]
async fn a_host_and_a_joiner_meet_and_frames_pass_both_ways() {
    let relay = Running::start(Settings::default());
    let (mut host, mut joiner) = relay.pair(1, 2).await;
    for length in [0, 1, 125, 126, 1027, 4082, 4083, 4096, 65_535, 65_536, 66_048] {
        let payload: Vec<u8> = (0..length).map(|index| (index % 251) as u8).collect();
        host.send(BINARY, &payload).await;
        assert_eq!(joiner.binary().await, payload);
        joiner.send(BINARY, &payload).await;
        assert_eq!(host.binary().await, payload);
    }
    host.send(PING, b"alive?").await;
    assert_eq!(host.hear().await, Heard::Pong(b"alive?".to_vec()));
    host.send(BINARY, b"last").await;
    host.send(CLOSE, &1000_u16.to_be_bytes()).await;
    assert_eq!(host.closed().await, 1000);
    assert_eq!(joiner.binary().await, b"last");
    assert_eq!(joiner.hear().await, Heard::Close(4006, "gone".into()));
}

#[tokio::test]
async fn the_first_reply_names_the_address_seen() {
    let relay = Running::start(Settings::default());
    let mut host = Client::ask(relay.address, 7, "host", None).await;
    let number = host.text().await;
    assert_eq!(number["seen"], "127.0.0.7");
    let mut joiner =
        Client::ask(relay.address, 8, &format!("join-{}", number["number"]), None).await;
    assert_eq!(joiner.text().await, serde_json::json!({"type": "waiting", "seen": "127.0.0.8"}));
}

#[tokio::test]
async fn a_relay_that_delays_says_so_first_and_of_nothing_else() {
    for (rates, delays) in [
        (RateLimits::OWN, None),
        (RateLimits { bytes: RateLimits::OWN.bytes - 1, ..RateLimits::OWN }, Some(true.into())),
        (RateLimits::PUBLIC, Some(true.into())),
    ] {
        let relay = Running::start(Settings { rates, ..Settings::default() });
        let mut host = Client::ask(relay.address, 1, "host", None).await;
        let number = host.text().await;
        assert_eq!(number.get("delays"), delays.as_ref(), "{number}");
        let link = |side| format!("link-{side}-00112233445566778899aabbccddeeff");
        let mut ends = Vec::new();
        for verb in [format!("join-{}", number["number"]), link("host"), link("joiner")] {
            let mut end = Client::ask(relay.address, 2, &verb, None).await;
            assert_eq!(end.text().await.get("delays"), delays.as_ref(), "{verb}");
            ends.push(end);
        }
        for end in &mut ends[1..] {
            assert_eq!(end.text().await, serde_json::json!({"type": "paired"}));
        }
    }
}

#[tokio::test]
async fn both_ends_of_a_link_meet_whichever_comes_first() {
    let relay = Running::start(Settings::default());
    let token = "00112233445566778899aabbccddeeff";
    for (first, second) in [("host", "joiner"), ("joiner", "host")] {
        let mut one = Client::ask(relay.address, 1, &format!("link-{first}-{token}"), None).await;
        assert_eq!(one.text().await["type"], "waiting");
        let mut two = Client::ask(relay.address, 2, &format!("link-{second}-{token}"), None).await;
        assert_eq!(
            (&two.text().await["type"], &two.text().await["type"]),
            (&"waiting".into(), &"paired".into())
        );
        assert_eq!(one.text().await["type"], "paired");
        one.send(BINARY, b"here").await;
        assert_eq!(two.binary().await, b"here");
        two.send(BINARY, b"there").await;
        assert_eq!(one.binary().await, b"there");
    }
}

#[tokio::test]
async fn an_end_of_a_link_that_comes_again_before_it_has_spoken_meets_the_other_anew() {
    let relay = Running::start(Settings::default());
    let verb = |side| format!("link-{side}-00112233445566778899aabbccddeeff");
    let end = async |side| {
        let mut end = Client::ask(relay.address, 1, &verb(side), None).await;
        assert_eq!(end.text().await["type"], "waiting");
        end
    };
    let (mut dead, mut joiner) = (end("host").await, end("joiner").await);
    for paired in [&mut dead, &mut joiner] {
        assert_eq!(paired.text().await["type"], "paired");
    }
    // A ping is no word to the other end.
    dead.send(PING, b"").await;
    assert_eq!(dead.hear().await, Heard::Pong(Vec::new()));
    let mut host = end("host").await;
    assert_eq!(joiner.hear().await, Heard::Close(4006, "gone".into()));
    assert_eq!(dead.hear().await, Heard::Close(4005, "replaced".into()));
    let mut again = end("joiner").await;
    for paired in [&mut host, &mut again] {
        assert_eq!(paired.text().await["type"], "paired");
    }
    host.send(BINARY, b"one").await;
    assert_eq!(again.binary().await, b"one");
    // It has spoken, so the next of its side waits and breaks nothing.
    let _next = end("host").await;
    again.send(BINARY, b"two").await;
    assert_eq!(host.binary().await, b"two");
}
