//! Whatever comes on a connection to a relay, however it is cut: frames to forward, or the end of
//! it, and never more held than is allowed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pinhole_protocol::limits::{ATTEMPT, RELAY_FRAME, RELAY_MESSAGE, RELAY_TEXT};
use pinhole_relay::frames::{Frames, HEAD, Kind, Stop};
use pinhole_relay::pool::{LARGE, Pool, SMALL};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// The longest binary frame before two sides are paired.
const MESSAGE: usize = ATTEMPT + RELAY_MESSAGE;

/// Reads from bytes that are all there.
fn fill(frames: &mut Frames, from: &mut &[u8]) -> usize {
    let mut filling = pin!(frames.fill(from));
    match filling.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(read) => read.unwrap(),
        Poll::Pending => panic!("bytes do not wait"),
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((how, bytes)) = bytes.split_first() else { return };
    let pool = Pool::new(RELAY_FRAME + HEAD);
    let (paired, piece) = (how & 1 == 1, usize::from(how >> 1).max(1) * 11);
    let mut frames = Frames::new(pool.clone(), if paired { RELAY_FRAME } else { MESSAGE });
    for mut come in bytes.chunks(piece) {
        while !come.is_empty() {
            assert!(fill(&mut frames, &mut come) > 0);
            assert!(pool.held() <= if paired { LARGE } else { SMALL });
            if paired {
                let stop = loop {
                    match frames.gather().1 {
                        Stop::Ping(_) => {}
                        stop => break stop,
                    }
                };
                // All of it is whole frames as a relay sends them: without a mask, and without
                // gaps.
                let mut ready = frames.gathered();
                while let Some((head, rest)) = ready.split_first_chunk::<2>() {
                    assert_eq!(head[0], 0x82);
                    let (length, rest) = match head[1] {
                        126 => rest
                            .split_first_chunk()
                            .map(|(length, rest)| (u64::from(u16::from_be_bytes(*length)), rest))
                            .unwrap(),
                        127 => rest
                            .split_first_chunk()
                            .map(|(length, rest)| (u64::from_be_bytes(*length), rest))
                            .unwrap(),
                        short => (u64::from(short), rest),
                    };
                    ready = &rest[usize::try_from(length).unwrap()..];
                }
                frames.forwarded();
                if stop != Stop::Incomplete {
                    return;
                }
            } else {
                loop {
                    match frames.next() {
                        Ok(Some((kind, payload))) => assert!(
                            payload.len()
                                <= if kind == Kind::Binary { MESSAGE } else { RELAY_TEXT }
                        ),
                        Ok(None) => break,
                        Err(_) => return,
                    }
                }
            }
        }
    }
});
