//! Whatever a relay says, or closes a connection with: what a side can use, or nothing (SPEC 10.3,
//! 10.5).
#![no_main]

use libfuzzer_sys::fuzz_target;
use pinhole_protocol::rendezvous::FromRelay;
use replies::{Closed, read};

// The file itself, because the whole program around them would take minutes to build for
// libFuzzer.
#[allow(dead_code, reason = "the program uses more of it")]
#[path = "../../../src/transport/relay/replies.rs"]
mod replies;

fuzz_target!(|bytes: &[u8]| {
    if let Some(code) = bytes.first_chunk() {
        let code = u16::from_be_bytes(*code);
        // SPEC 10.5 knows 4001 to 4007 of those that a relay may choose, and 4008 says that client
        // and relay do not understand each other.
        assert_eq!(Closed::of(code) == Closed::Foreign, code == 4000 || code >= 4008);
    }
    // Text frames are UTF-8 before anybody reads them.
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let said = read(text).map(|said| said.message);
    if let Some(FromRelay::Number { nameplate, .. }) = said {
        assert!(text.len() <= 512 && nameplate.is_relay());
    }
});
