//! Whatever a side asks a relay for: a verb, or one of the statuses of SPEC 10.1. One header a
//! line, as they come over the wire.
#![no_main]

use http::{HeaderName, HeaderValue, Request};
use libfuzzer_sys::fuzz_target;
use pinhole_protocol::rendezvous::{Refusal, Verb};
use pinhole_relay::request::{parse, wants_upgrade};

fuzz_target!(|bytes: &[u8]| {
    let (mut parts, ()) = Request::new(()).into_parts();
    for line in bytes.split(|byte| *byte == b'\n') {
        let mut halves = line.splitn(2, |byte| *byte == b':');
        let (Some(name), Some(value)) = (halves.next(), halves.next()) else { continue };
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name), HeaderValue::from_bytes(value))
        {
            parts.headers.append(name, value);
        }
    }
    match parse(&parts) {
        Ok(asked) => {
            assert!(wants_upgrade(&parts.headers));
            // 20 bytes in base64.
            assert_eq!(asked.accept.len(), 28);
            if let Verb::Join(nameplate) | Verb::HostAgain(nameplate, _) = asked.request.verb {
                assert!(nameplate.is_relay());
            }
            // A joiner has nothing to prove, and shows no token.
            assert!(
                !matches!(asked.request.verb, Verb::Join(_)) || asked.request.host_token.is_none()
            );
        }
        Err(refusal) => assert!(matches!(refusal, Refusal::Upgrade | Refusal::Malformed)),
    }
});
