//! Ends of pairs, of waiting sides and of the relay itself, and what outlives them.

use super::Running;
use super::client::{BINARY, CLOSE, Client, Heard, SOON, dial};
use crate::owner::{KEY, OwnerKey};
use crate::settings::Settings;
use core::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

#[tokio::test]
async fn when_a_side_ends_the_other_has_all_that_was_sent_to_it() {
    let relay = Running::start(Settings::default());
    for how in ["close", "end", "drop"] {
        let (mut host, mut joiner) = relay.pair(1, 2).await;
        // More than is held, for a side that reads late.
        let payload = vec![5; 60_000];
        let send = async {
            // A socket that is dropped with something unread resets its connection, and the kernel
            // forgets what it had to send.
            assert_eq!(host.binary().await, b"before");
            for _ in 0..100 {
                host.send(BINARY, &payload).await;
            }
            match how {
                "close" => host.send(CLOSE, &1000_u16.to_be_bytes()).await,
                "end" => host.stream.shutdown().await.unwrap(),
                _ => drop(host),
            }
        };
        let read = async {
            joiner.send(BINARY, b"before").await;
            for index in 0..100 {
                assert!(joiner.binary().await == payload, "{how} {index}");
            }
            assert_eq!(joiner.hear().await, Heard::Close(4006, "gone".into()), "{how}");
        };
        tokio::join!(send, read);
        drop(joiner);
        relay.empty().await;
    }
}

#[tokio::test]
async fn what_a_side_says_too_late_costs_it_nothing_that_was_sent_to_it() {
    let relay = Running::start(Settings::default());
    let (mut host, mut joiner) = relay.pair(1, 2).await;
    // More than the joiner's kernel takes at once, less than the relay's has room for besides.
    let payload = vec![5; 60_000];
    for _ in 0..3 {
        host.send(BINARY, &payload).await;
    }
    host.send(CLOSE, &1000_u16.to_be_bytes()).await;
    relay.until(|relay| relay.moment().population.pairs == 0).await;
    // Were the relay to close its socket with this unread, or before this comes, the joiner's
    // connection would be reset.
    joiner.send(BINARY, &payload).await;
    assert_eq!(host.closed().await, 1000);
    for index in 0..3 {
        assert!(joiner.binary().await == payload, "{index}");
    }
    assert_eq!(joiner.closed().await, 4006);
}

#[tokio::test]
async fn a_half_frame_is_no_frame() {
    let relay = Running::start(Settings::default());
    let (mut host, mut joiner) = relay.pair(1, 2).await;
    host.send(BINARY, b"whole").await;
    host.stream.write_all(&super::client::frame(BINARY, &[1; 5000])[..4000]).await.unwrap();
    host.stream.shutdown().await.unwrap();
    assert_eq!(joiner.binary().await, b"whole");
    assert_eq!(joiner.closed().await, 4006);
}

#[tokio::test]
async fn a_number_is_burned_and_a_joiner_that_holds_it_hears_what_was_said_to_it() {
    let relay = Running::start(Settings::default());
    let (mut host, number, _) = Client::host(relay.address, 1).await;
    host.send(BINARY, b"\0\0\0\x01one").await;
    let mut joiner = Client::join(relay.address, 2, number).await;
    assert_eq!(joiner.binary().await, b"one");
    joiner.send(BINARY, b"wrong").await;
    assert_eq!(host.binary().await, b"\0\0\0\x01wrong");
    host.send(BINARY, b"\0\0\0\x01\x04\0\0").await;
    host.say(r#"{"type":"burn"}"#).await;
    assert_eq!(joiner.binary().await, [4, 0, 0]);
    assert_eq!(joiner.closed().await, 1000);
    // The `next` that burning crosses need not be said any more.
    let mut heard = host.hear().await;
    if let Heard::Text(next) = &heard {
        assert_eq!(*next, serde_json::json!({"type": "next", "attempt": 2}));
        heard = host.hear().await;
    }
    assert_eq!(heard, Heard::Close(1000, "done".into()));
    let mut late = Client::ask(relay.address, 3, &format!("join-{number}"), None).await;
    assert_eq!(late.closed().await, 4001);
}

#[tokio::test]
async fn a_host_that_dropped_has_its_number_back_from_anywhere() {
    let relay = Running::start(Settings::default());
    let (mut host, number, owner) = Client::host(relay.address, 1).await;
    host.send(BINARY, b"\0\0\0\x01one").await;
    // A joiner may come while it is away.
    drop(host);
    relay.until(|relay| relay.moment().connections == 0).await;
    let mut joiner = Client::join(relay.address, 2, number).await;
    let back = format!("host-{number}");
    let mut thief =
        Client::ask(relay.address, 4, &back, Some(&format!("owner={}", "0".repeat(64)))).await;
    assert_eq!(thief.closed().await, 4001);
    let mut host = Client::ask(relay.address, 3, &back, Some(&format!("owner={owner}"))).await;
    let said = host.text().await;
    assert_eq!(
        (&said["number"], &said["owner"], &said["attempt"]),
        (&number.into(), &owner.clone().into(), &2.into())
    );
    host.send(BINARY, b"\0\0\0\x02again").await;
    assert_eq!(joiner.binary().await, b"again");
    // Its old connection need not have been seen to end.
    let mut third = Client::ask(relay.address, 3, &back, Some(&format!("owner={owner}"))).await;
    assert_eq!(third.text().await["attempt"], 3);
    assert_eq!((host.closed().await, joiner.closed().await), (4005, 4006));
}

#[tokio::test]
async fn a_relay_that_was_killed_gives_numbers_back_to_who_had_them() {
    let first = Running::start(Settings {
        owner_key: Some(OwnerKey::made(&[7; KEY])),
        ..Settings::default()
    });
    let (mut host, number, owner) = Client::host(first.address, 1).await;
    first.done.abort();
    assert_eq!(host.hear().await, Heard::End);
    let key = Some(OwnerKey::found(&[7; KEY]));
    let again = Running::start(Settings {
        listen: vec![first.address],
        owner_key: key,
        ..Settings::default()
    });
    let mut host =
        Client::ask(again.address, 1, &format!("host-{number}"), Some(&format!("owner={owner}")))
            .await;
    let said = host.text().await;
    assert_eq!((said["number"].as_u64(), said["owner"].as_str()), (Some(number), Some(&*owner)));
    host.send(BINARY, b"\0\0\0\x01one").await;
    let mut joiner = Client::join(again.address, 2, number).await;
    assert_eq!(joiner.binary().await, b"one");
}

#[tokio::test]
async fn a_relay_that_is_told_to_stop_lets_pairs_end_and_sends_everybody_else_away() {
    let relay = Running::start(Settings::default());
    let (mut host, number, _) = Client::host(relay.address, 1).await;
    let mut joiner = Client::join(relay.address, 2, number).await;
    let mut link =
        Client::ask(relay.address, 3, "link-host-00112233445566778899aabbccddeeff", None).await;
    assert_eq!(link.text().await["type"], "waiting");
    let (mut near, mut far) = relay.pair(4, 5).await;
    // Already accepted, not yet a side.
    let mut early = dial(relay.address, 6).await;
    relay.until(|relay| relay.moment().connections == 6).await;
    relay.stop.notify_one();
    assert_eq!(
        (host.closed().await, joiner.closed().await, link.closed().await),
        (1001, 1001, 1001)
    );
    early.write_all(super::client::request("host", None).as_bytes()).await.unwrap();
    assert_eq!(super::client::head(&mut early).await.unwrap().0, 503);
    assert!(TcpStream::connect(relay.address).await.is_err());
    // The next relay may listen already.
    drop(Running::start(Settings { listen: vec![relay.address], ..Settings::default() }));
    near.send(BINARY, &vec![1; 66_000]).await;
    assert_eq!(far.binary().await.len(), 66_000);
    assert!(!relay.done.is_finished());
    drop((near, far));
    timeout(SOON, relay.done).await.expect("an end").unwrap();
}

#[tokio::test]
async fn after_the_grace_pairs_are_sent_away_too_whether_they_read_or_not() {
    let relay =
        Running::start(Settings { drain: Duration::from_millis(200), ..Settings::default() });
    let ((mut near, mut far), (mut sends, mut reads_not)) =
        (relay.pair(1, 2).await, relay.pair(3, 4).await);
    let payload = super::client::frame(BINARY, &[1; 66_000]);
    while timeout(Duration::from_millis(200), sends.stream.write_all(&payload)).await.is_ok() {}
    relay.stop.notify_one();
    assert_eq!((near.closed().await, far.closed().await), (1001, 1001));
    timeout(SOON, relay.done).await.expect("an end").unwrap();
    let mut all = Vec::new();
    let _ = reads_not.stream.read_to_end(&mut all).await;
}

#[tokio::test]
async fn if_its_future_is_dropped_all_connections_are() {
    let relay = Running::start(Settings::default());
    let ((mut host, ..), (mut near, mut far)) =
        (Client::host(relay.address, 1).await, relay.pair(2, 3).await);
    relay.done.abort();
    for side in [&mut host, &mut near, &mut far] {
        assert_eq!(side.hear().await, Heard::End);
    }
    relay.empty().await;
}
