//! Data held for a side that does not read, and the effect of a rate.

use super::Running;
use super::client::{BINARY, Client, Heard, PING, SOON, frame};
use crate::limits::{Limits, RateLimits};
use crate::pool::LARGE;
use crate::settings::Settings;
use core::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, timeout};

const RECORD: usize = 60_000;

fn record(index: usize) -> Vec<u8> {
    (0..RECORD).map(|at| (at / 7 + index) as u8).collect()
}

#[tokio::test]
async fn who_does_not_read_holds_one_buffer_and_loses_nothing() {
    let relay = Running::start(Settings::default());
    let (mut host, mut joiner) = relay.pair(1, 2).await;
    // Until no more is taken: what the kernel has room for, and a buffer.
    let (mut sent, mut rest) = (0, Vec::new());
    loop {
        let mut bytes = frame(BINARY, &record(sent));
        sent += 1;
        while !bytes.is_empty() {
            match timeout(Duration::from_millis(300), host.stream.write(&bytes)).await {
                Ok(count) => drop(bytes.drain(..count.unwrap())),
                Err(_) => break,
            }
        }
        assert!(relay.relay.pool.held() <= LARGE, "{}", relay.relay.pool.held());
        if !bytes.is_empty() {
            rest.extend(bytes);
            break;
        }
    }
    // Full of whole records, but for less than one more.
    assert!(relay.relay.pool.held() == LARGE);
    // The other direction is not held up, nor are others, and pings on the way back are answered.
    joiner.send(BINARY, b"slow down").await;
    assert_eq!(host.binary().await, b"slow down");
    joiner.send(PING, b"here").await;
    relay.serves().await;
    let finish = async {
        host.stream.write_all(&rest).await.unwrap();
        host.send(BINARY, b"last").await;
    };
    let read = async {
        let (mut next, mut ponged) = (0, false);
        loop {
            match timeout(SOON, joiner.hear()).await.unwrap() {
                Heard::Pong(payload) => {
                    assert_eq!(payload, b"here");
                    ponged = true;
                }
                Heard::Binary(payload) if payload == b"last" => return (next, ponged),
                Heard::Binary(payload) => {
                    assert!(payload == record(next), "record {next} differs");
                    next += 1;
                }
                other => panic!("{other:?}"),
            }
        }
    };
    let ((), read) = tokio::join!(finish, read);
    assert_eq!(read, (sent, true));
    // All is given back, while both are still there.
    relay.until(|relay| relay.pool.held() == 0).await;
}

#[tokio::test]
async fn who_takes_nothing_for_as_long_as_a_pair_may_be_idle_ends_it() {
    let limits = Limits { inactivity: Duration::from_secs(1), ..Limits::default() };
    let relay = Running::start(Settings { limits, ..Settings::default() });
    let (mut host, mut joiner) = relay.pair(1, 2).await;
    let bytes = frame(BINARY, &record(0));
    let began = Instant::now();
    // The joiner says that it is there, all the time, and does not read.
    let pings = async {
        while joiner.stream.write_all(&frame(PING, b"")).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let send = async { while host.stream.write_all(&bytes).await.is_ok() {} };
    timeout(SOON, async { tokio::join!(pings, send) }).await.expect("an end");
    assert!(began.elapsed() >= Duration::from_secs(1));
    relay.empty().await;
}

#[tokio::test]
async fn a_pair_that_says_nothing_is_closed_as_expired_and_one_that_does_is_not() {
    let limits = Limits { inactivity: Duration::from_millis(600), ..Limits::default() };
    let relay = Running::start(Settings { limits, ..Settings::default() });
    let ((mut idle, mut too), (mut host, mut joiner)) =
        (relay.pair(1, 2).await, relay.pair(3, 4).await);
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(1500) {
        host.send(PING, b"").await;
        assert_eq!(host.hear().await, Heard::Pong(Vec::new()));
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!((idle.closed().await, too.closed().await), (4007, 4007));
    host.send(BINARY, b"still here").await;
    assert_eq!(joiner.binary().await, b"still here");
}

#[tokio::test]
async fn a_rate_slows_and_everything_arrives() {
    // A minute's worth at once, then a hundredth of it in 0.6 s.
    let rates = RateLimits { bytes: 1_200_000, ..RateLimits::OWN };
    let relay = Running::start(Settings { rates, ..Settings::default() });
    let (mut host, mut joiner) = relay.pair(1, 2).await;
    let began = Instant::now();
    let send = async {
        for index in 0..21 {
            host.send(BINARY, &record(index)).await;
        }
    };
    let read = async {
        for index in 0..21 {
            assert!(joiner.binary().await == record(index), "{index}");
        }
    };
    tokio::join!(send, read);
    // 60,000 bytes too many at 20,000 a second.
    assert!(began.elapsed() >= Duration::from_millis(2500), "{:?}", began.elapsed());
    assert!(relay.relay.counters.delayed.get() > 0);
    // Another source is as fast as ever.
    let began = Instant::now();
    relay.serves().await;
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn the_13th_ping_of_a_connection_within_a_minute_waits_and_nothing_behind_it_is_read() {
    let relay = Running::start(Settings::default());
    let (mut pings, _, _) = Client::host(relay.address, 1).await;
    let (mut paired, mut other) = relay.pair(3, 4).await;
    let began = Instant::now();
    // More than the kernel and the relay have room for, were it read.
    let flood: Vec<u8> = (0..12)
        .flat_map(|_| frame(PING, b"mine"))
        .chain((0..500).flat_map(|_| frame(PING, b"more")))
        .collect();
    for flooder in [&mut pings, &mut paired] {
        flooder.stream.write_all(&flood).await.unwrap();
    }
    // A waiting side has an answer to each; a paired one of some that came at once only to the
    // last.
    for _ in 0..12 {
        assert_eq!(pings.hear().await, Heard::Pong(b"mine".to_vec()));
    }
    relay.until(|relay| relay.counters.delayed.get() >= 2).await;
    // A side that is not read still receives, and others go on.
    other.send(BINARY, b"to who floods").await;
    loop {
        match paired.hear().await {
            Heard::Pong(_) => {}
            heard => break assert_eq!(heard, Heard::Binary(b"to who floods".to_vec())),
        }
    }
    relay.serves().await;
    let delayed = relay.relay.counters.delayed.get();
    assert!(
        delayed <= 2 + 2 * began.elapsed().as_secs() / 5,
        "{delayed} after {:?}",
        began.elapsed()
    );
    drop((pings, paired, other));
    relay.empty().await;
}

#[tokio::test]
async fn sixty_four_connections_of_one_source_ping_as_they_should_and_none_is_delayed() {
    let limits = Limits { public: true, ..Limits::default() };
    let relay =
        Running::start(Settings { limits, rates: RateLimits::PUBLIC, ..Settings::default() });
    let mut all = Vec::new();
    for index in 0..64 {
        let mut link =
            Client::ask(relay.address, 1, &format!("link-host-{index:032x}"), None).await;
        assert_eq!(link.text().await["type"], "waiting");
        all.push(link);
    }
    // As many as they send in five minutes.
    for _ in 0..12 {
        for link in &mut all {
            link.send(PING, b"").await;
            assert_eq!(link.hear().await, Heard::Pong(Vec::new()));
        }
    }
    assert_eq!(relay.relay.counters.delayed.get(), 0);
}

#[tokio::test]
async fn who_is_closed_and_goes_on_to_send_is_read_no_further() {
    let relay = Running::start(Settings::default());
    let mut side =
        Client::ask(relay.address, 1, "link-host-00112233445566778899aabbccddeeff", None).await;
    let flood = frame(BINARY, &[7; 1000]).repeat(1000);
    let mut sent = 0;
    // Until the relay has dropped it, which is after the time that it has to take its close frame.
    while let Ok(count) = side.stream.write(&flood).await {
        sent += count;
    }
    // The kernel's buffers have room for some of it; what the relay reads is a small part.
    assert!(sent < 32 << 20, "{sent}");
    relay.empty().await;
}
