//! What a relay says in text, and why it closes (SPEC 10.3, 10.5).

use super::verb::Owner;
use pinhole_protocol::code::Nameplate;
use serde::Deserialize;

/// A control message of a relay's. What a host or a joiner has no use for is `Other`.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Text {
    Number {
        number: u32,
        owner: String,
        attempt: u32,
    },
    Next {
        attempt: u32,
    },
    #[serde(other)]
    Other,
}

/// Longest control message (SPEC 10.3).
const LONGEST: usize = 512;

/// What a relay said.
pub(super) enum Reply {
    /// This host's number, its proof, and the attempt whose message 1 is wanted.
    Number(Nameplate, Owner, u32),
    /// Message 1 of this attempt is wanted.
    Next(u32),
    /// Nothing that matters here.
    Other,
}

impl Reply {
    /// Reads a text frame; nothing if no relay of this protocol says that.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        Some(match serde_json::from_str(text).ok()? {
            Text::Number { number, owner, attempt } => {
                let nameplate =
                    Nameplate::new(number).ok().filter(|nameplate| nameplate.is_relay())?;
                Self::Number(nameplate, Owner::parse(owner)?, attempt)
            }
            Text::Next { attempt } => Self::Next(attempt),
            Text::Other => Self::Other,
        })
    }
}

/// Why a connection to a relay has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
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
    /// What one of both said cannot be read by the other: another version.
    Foreign,
}

impl Ending {
    /// The meaning of a WebSocket close code.
    pub(super) const fn of(code: u16) -> Self {
        match code {
            1000 => Self::Done,
            1001 => Self::Restart,
            4001 => Self::Unavailable,
            4002 => Self::Limit,
            4003 => Self::Full,
            4004..=4006 => Self::Again,
            4007 => Self::Expired,
            4000.. => Self::Foreign,
            _ => Self::Lost,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_the_specification_shows_is_read() {
        let text = r#"{"type":"number","number":417,"owner":"0000019ad3f0a1c85e0c41d20b9f4f7d8a6b3c2d1e0f9a8b4c1d7e2f90a3b586","attempt":1,"seen":"203.0.113.7"}"#;
        assert!(matches!(
            Reply::parse(text),
            Some(Reply::Number(nameplate, _, 1)) if nameplate.number() == 417
        ));
        assert!(matches!(Reply::parse(r#"{"type":"next","attempt":2}"#), Some(Reply::Next(2))));
        for other in [
            r#"{"type":"waiting","seen":"203.0.113.7"}"#,
            r#"{"type":"paired"}"#,
            r#"{"type":"tomorrow","x":[1]}"#,
        ] {
            assert!(matches!(Reply::parse(other), Some(Reply::Other)), "{other}");
        }
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
            "{}".into(),
            "[]".into(),
            String::new(),
            format!(r#"{{"type":"next","attempt":2,"pad":"{}"}}"#, "x".repeat(512)),
        ] {
            assert!(Reply::parse(&bad).is_none(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_and_any_code_is_survived(text in ".{0,600}", code: u16) {
            let _ = Reply::parse(&text);
            let _ = Ending::of(code);
        }
    }
}
