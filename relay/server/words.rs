//! Control messages as they are on the wire (SPEC 10.3).

use crate::owner::TOKEN;
use crate::pairing::Reply;
use core::net::IpAddr;
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// What a relay says.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Said {
    Number { number: u32, owner: String, attempt: u32, seen: IpAddr },
    Waiting { seen: IpAddr },
    Next { attempt: u32 },
    Paired,
}

/// What a host says.
#[derive(Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Heard {
    /// The tag in this attempt's message 2 is right.
    Confirmed {
        /// The attempt.
        attempt: u32,
    },
    /// The number is given back.
    Burn,
}

/// A reply to the connection that is seen at this address.
pub fn say(reply: Reply, seen: IpAddr) -> String {
    let said = match reply {
        Reply::Number { nameplate, owner, attempt } => {
            let owner =
                owner.bytes().iter().fold(String::with_capacity(2 * TOKEN), |mut text, byte| {
                    // Writing to a string does not fail.
                    let _ = write!(text, "{byte:02x}");
                    text
                });
            Said::Number { number: nameplate.number(), owner, attempt, seen }
        }
        Reply::Waiting => Said::Waiting { seen },
        Reply::Next { attempt } => Said::Next { attempt },
        Reply::Paired => Said::Paired,
    };
    serde_json::to_string(&said).unwrap_or_default()
}

/// What a side said; nothing if it is none of what a host may say.
pub fn hear(text: &[u8]) -> Option<Heard> {
    serde_json::from_slice(text).ok()
}
