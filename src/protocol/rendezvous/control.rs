//! Control messages: JSON objects in text frames between a side and a relay (SPEC 10.3).

use super::OwnerToken;
use crate::code::Nameplate;
use core::net::IpAddr;
use serde::{Deserialize, Serialize};

/// A relay's control message.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromRelay {
    /// First to a host: message 1 of this attempt is wanted.
    Number {
        /// The host's number.
        #[serde(rename = "number", with = "number")]
        nameplate: Nameplate,
        /// Gets the number back after a drop.
        owner: OwnerToken,
        /// The attempt, counted from 1.
        attempt: u32,
    },
    /// First to a joiner or a link: it has a place.
    Waiting,
    /// The last attempt has come to nothing: message 1 of this one is wanted.
    Next {
        /// The attempt.
        attempt: u32,
    },
    /// Both ends of a link are here: binary frames reach the peer from now on.
    Paired,
    /// A later version's message, which a side ignores and no relay of this version sends.
    #[serde(other)]
    Unknown,
}

/// A control message as a relay sends it: the first on each connection says where the side comes
/// from, and how it is treated.
#[derive(Debug, Serialize, Deserialize)]
pub struct Addressed {
    /// The message.
    #[serde(flatten)]
    pub message: FromRelay,
    /// The side's address as the relay sees it, without a port.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    seen: Option<IpAddr>,
    /// True if the relay holds up a side that sends much.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub delays: bool,
}

impl Addressed {
    /// A message to the side at this address, by a relay that delays or does not.
    #[must_use]
    pub const fn new(message: FromRelay, address: IpAddr, delays: bool) -> Self {
        let first = matches!(message, FromRelay::Number { .. } | FromRelay::Waiting);
        Self { message, seen: if first { Some(address) } else { None }, delays: first && delays }
    }
}

/// A host's control message; no other side has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromHost {
    /// The tag in this attempt's message 2 is right.
    Confirmed {
        /// The attempt.
        attempt: u32,
    },
    /// The number is given back.
    Burn,
}

/// A number that relays hand out, as JSON's number.
mod number {
    use crate::code::Nameplate;
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    pub fn serialize<S: Serializer>(nameplate: &Nameplate, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u32(nameplate.number())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Nameplate, D::Error> {
        Nameplate::new(u32::deserialize(from)?)
            .ok()
            .filter(|nameplate| nameplate.is_relay())
            .ok_or_else(|| D::Error::custom("no relay's number"))
    }
}
