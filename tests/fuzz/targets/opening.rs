//! Message 0: whatever knocks is an opening that encodes to the same bytes, or is none (SPEC 3.8).
#![no_main]

use libfuzzer_sys::fuzz_target;
use pinhole_protocol::rendezvous::{OPENING, Opening};

fuzz_target!(|bytes: &[u8]| {
    match Opening::parse(bytes) {
        Ok(Some(opening)) => assert_eq!(&opening.encode()[..], &bytes[..OPENING]),
        Ok(None) => assert!(bytes.len() < OPENING),
        // More bytes do not make it one.
        Err(_) => assert!(Opening::parse(&[bytes, &[0; OPENING]].concat()).is_err()),
    }
});
