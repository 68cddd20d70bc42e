use super::*;
use crate::transport::relay::dial::Stream;
use proptest::prelude::*;
use std::time::Duration;
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

/// A side's socket, and the relay's end of its connection.
async fn connected() -> (Socket, DuplexStream) {
    let (near, far) = duplex(1 << 20);
    let stream: Stream = Box::new(near);
    let web = WebSocketStream::from_raw_socket(stream, Role::Client, Some(limits())).await;
    (Socket::new(web), far)
}

async fn relay(far: DuplexStream) -> WebSocketStream<DuplexStream> {
    WebSocketStream::from_raw_socket(far, Role::Server, None).await
}

fn on_a_pretend_clock(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(test);
}

#[test]
fn a_relay_that_goes_silent_is_lost_40_seconds_later() {
    on_a_pretend_clock(async {
        let (mut side, far) = connected().await;
        let began = Instant::now();
        assert!(matches!(side.hear().await, Heard::Ended(Closed::Lost)));
        assert_eq!(began.elapsed().as_secs(), 40);
        // It was asked before it was given up.
        let mut relay = relay(far).await;
        assert!(matches!(relay.next().await, Some(Ok(Message::Ping(_)))));
    });
}

#[test]
fn a_relay_that_answers_pings_is_waited_for_as_long_as_it_takes() {
    on_a_pretend_clock(async {
        let (mut side, far) = connected().await;
        tokio::spawn(async move {
            let mut relay = relay(far).await;
            for _ in 0..100 {
                assert!(matches!(relay.next().await, Some(Ok(Message::Ping(_)))));
                relay.flush().await.unwrap();
            }
            relay.send(Message::text(r#"{"type":"next","attempt":2}"#)).await.unwrap();
            // The connection stays until the side has read that.
            let _ = relay.next().await;
        });
        let began = Instant::now();
        assert!(matches!(side.hear().await, Heard::Control(FromRelay::Next { attempt: 2 })));
        assert!(began.elapsed() >= Duration::from_secs(2_500));
    });
}

#[test]
fn what_a_side_sends_itself_puts_the_ping_off() {
    on_a_pretend_clock(async {
        let (mut side, far) = connected().await;
        let mut relay = relay(far).await;
        for _ in 0..5 {
            assert!(timeout(Duration::from_secs(20), side.hear()).await.is_err());
            side.send(vec![7]).await.unwrap();
            assert!(matches!(relay.next().await, Some(Ok(Message::Binary(_)))));
        }
    });
}

#[test]
fn a_relay_that_takes_nothing_is_not_waited_for() {
    on_a_pretend_clock(async {
        let (mut side, _far) = connected().await;
        let began = Instant::now();
        assert_eq!(side.send(vec![0; 4 << 20]).await, Err(Closed::Lost));
        assert_eq!(began.elapsed(), PONG_TIME);
    });
}

#[test]
fn why_a_relay_closed_is_heard() {
    on_a_pretend_clock(async {
        for (code, meant) in [
            (4001, Closed::Unavailable),
            (4007, Closed::Expired),
            (1001, Closed::Restart),
            (4999, Closed::Foreign),
        ] {
            let (mut side, far) = connected().await;
            let mut relay = relay(far).await;
            relay.close(Some(CloseFrame { code: code.into(), reason: "".into() })).await.unwrap();
            assert!(matches!(side.hear().await, Heard::Ended(ending) if ending == meant), "{code}");
        }
    });
}

#[test]
fn text_that_no_relay_says_ends_it() {
    on_a_pretend_clock(async {
        let (mut side, far) = connected().await;
        relay(far).await.send(Message::text("hello")).await.unwrap();
        assert!(matches!(side.hear().await, Heard::Ended(Closed::Foreign)));
    });
}

#[test]
fn what_it_says_of_its_rate_first_is_kept() {
    on_a_pretend_clock(async {
        for (first, delays) in [
            (r#"{"type":"waiting","seen":"203.0.113.7","delays":true}"#, true),
            // A relay that does not delay, and one before this version.
            (r#"{"type":"waiting","seen":"203.0.113.7"}"#, false),
        ] {
            let (mut side, far) = connected().await;
            let mut relay = relay(far).await;
            for text in [first, r#"{"type":"paired"}"#] {
                relay.send(Message::text(text)).await.unwrap();
                assert!(matches!(side.hear().await, Heard::Control(_)));
                assert_eq!(side.delays(), delays);
            }
        }
    });
}

#[test]
fn a_frame_longer_than_any_record_is_refused_before_it_has_come() {
    on_a_pretend_clock(async {
        let (mut side, mut far) = connected().await;
        // Binary, final, unmasked, of 2^40 bytes (RFC 6455, 5.2).
        far.write_all(&[0x82, 127, 0, 0, 1, 0, 0, 0, 0, 0]).await.unwrap();
        assert!(matches!(side.hear().await, Heard::Ended(Closed::Lost)));
    });
}

proptest! {
    /// D14: whatever a relay sends, a side that listens ends in peace.
    #[test]
    fn any_bytes_of_a_relay_are_survived(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..20),
    ) {
        on_a_pretend_clock(async {
            let (mut side, mut far) = connected().await;
            for piece in &pieces {
                far.write_all(piece).await.unwrap();
            }
            drop(far);
            while !matches!(side.hear().await, Heard::Ended(_)) {}
        });
    }
}
