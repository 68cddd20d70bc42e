//! A relay's words as a side takes them: control messages, and why it closes (SPEC 10.3, 10.5).

use pinhole_protocol::limits::RELAY_TEXT;
use pinhole_protocol::rendezvous::{Addressed, CloseReason};

/// Reads a text frame; `None` if no relay of this protocol says that.
pub(super) fn read(text: &str) -> Option<Addressed> {
    (text.len() <= RELAY_TEXT).then(|| serde_json::from_str(text).ok())?
}

/// The end of a connection to a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closed {
    /// Cut, or silent for too long.
    Lost,
    /// The relay ends, and may be back in a moment.
    Restart,
    /// A side that is through says so.
    Done,
    /// No such host, or not for this side.
    Unavailable,
    /// This source has or does too much.
    Limit,
    /// The relay has no number left.
    Full,
    /// Too slow, or its other side has gone: a side may come again.
    Again,
    /// Waited too long.
    Expired,
    /// One of both cannot read the other: another version.
    Foreign,
}

impl Closed {
    /// The meaning of a WebSocket close code.
    pub(super) fn of(code: u16) -> Self {
        let Some(reason) = CloseReason::of(code) else {
            return if code >= CloseReason::OWN { Self::Foreign } else { Self::Lost };
        };
        match reason {
            CloseReason::Done => Self::Done,
            CloseReason::Away => Self::Restart,
            CloseReason::Unavailable => Self::Unavailable,
            CloseReason::Limit => Self::Limit,
            CloseReason::Full => Self::Full,
            CloseReason::Late | CloseReason::Replaced | CloseReason::Gone => Self::Again,
            CloseReason::Expired => Self::Expired,
            CloseReason::Protocol => Self::Foreign,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pinhole_protocol::rendezvous::FromRelay;
    use proptest::prelude::*;

    fn message(text: &str) -> Option<FromRelay> {
        read(text).map(|said| said.message)
    }

    #[test]
    fn what_the_specification_shows_is_read() {
        let text = r#"{"type":"number","number":417,"owner":"0000019ad3f0a1c85e0c41d20b9f4f7d8a6b3c2d1e0f9a8b4c1d7e2f90a3b586","attempt":1,"seen":"203.0.113.7"}"#;
        assert!(matches!(
            message(text),
            Some(FromRelay::Number { nameplate, attempt: 1, .. }) if nameplate.number() == 417
        ));
        let next = r#"{"type":"next","attempt":2}"#;
        assert!(matches!(message(next), Some(FromRelay::Next { attempt: 2 })));
        let waiting = r#"{"type":"waiting","seen":"203.0.113.7","delays":true}"#;
        assert!(matches!(message(waiting), Some(FromRelay::Waiting)));
        assert!(read(waiting).unwrap().delays && !read(text).unwrap().delays);
        assert!(matches!(message(r#"{"type":"paired"}"#), Some(FromRelay::Paired)));
        let later = r#"{"type":"tomorrow","x":[1]}"#;
        assert!(matches!(message(later), Some(FromRelay::Unknown)));
    }

    #[test]
    fn what_no_relay_says_is_refused() {
        let owner = "0000019ad3f0a1c85e0c41d20b9f4f7d8a6b3c2d1e0f9a8b4c1d7e2f90a3b586";
        // A relay never gives a port, and its token and attempt have one form.
        for bad in [
            format!(r#"{{"type":"number","number":9471,"owner":"{owner}","attempt":1}}"#),
            r#"{"type":"number","number":417,"owner":"","attempt":1}"#.into(),
            format!(r#"{{"type":"number","number":417,"owner":"{owner}","attempt":-1}}"#),
            r#"{"type":"next"}"#.into(),
            r#"{"type":"waiting","delays":"much"}"#.into(),
            "{}".into(),
            "[]".into(),
            String::new(),
            format!(r#"{{"type":"next","attempt":2,"pad":"{}"}}"#, "x".repeat(512)),
        ] {
            assert!(read(&bad).is_none(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_and_any_code_is_survived(text in ".{0,600}", code: u16) {
            let _ = read(&text);
            let _ = Closed::of(code);
        }
    }
}
