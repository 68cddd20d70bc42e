//! Which of a session's lines a command wants.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The type of a numbered line (EVENTS.md).
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LineType {
    /// A turn of the channel.
    Status,
    /// A text of the other side's.
    Text,
    /// A file or folder of the other side's.
    File,
    /// One of which something is missing.
    Incomplete,
    /// A secret of the other side's.
    Secret,
    /// Files or folders that it offers.
    Offer,
    /// Something of ours that is offered.
    Queued,
    /// Something of ours that is where it belongs.
    Delivered,
    /// Something of ours of which a part is.
    Partly,
}

impl LineType {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Status,
        Self::Text,
        Self::File,
        Self::Incomplete,
        Self::Secret,
        Self::Offer,
        Self::Queued,
        Self::Delivered,
        Self::Partly,
    ];

    /// Its word in EVENTS.md.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Text => "text",
            Self::File => "file",
            Self::Incomplete => "incomplete",
            Self::Secret => "secret",
            Self::Offer => "offer",
            Self::Queued => "queued",
            Self::Delivered => "delivered",
            Self::Partly => "partly",
        }
    }
}

/// The sort of a line: its type, and the event of a `status`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(super) struct Sort {
    #[serde(rename = "type")]
    line_type: LineType,
    #[serde(default)]
    event: Turn,
}

/// An event that everybody wants to know of, or another.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Turn {
    Connected,
    Expiring,
    Closed,
    #[default]
    #[serde(other)]
    Other,
}

impl Sort {
    /// The sort of a line; `None` if it is no line of EVENTS.md.
    pub(super) fn of(line: &str) -> Option<Self> {
        serde_json::from_str(line).ok()
    }
}

/// The lines that a command wants.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Those after this number, also what was received before; else what nobody has received.
    pub after: Option<u64>,
    /// Those of these types alone, and what everybody wants to know of; else all.
    pub only: Option<BTreeSet<LineType>>,
}

impl From<Option<u64>> for Wanted {
    fn from(after: Option<u64>) -> Self {
        Self { after, only: None }
    }
}

impl Wanted {
    pub(super) fn takes(&self, sort: Option<Sort>) -> bool {
        let listed = |sort: Sort, only: &BTreeSet<LineType>| {
            sort.event != Turn::Other || only.contains(&sort.line_type)
        };
        self.only.as_ref().is_none_or(|only| sort.is_some_and(|sort| listed(sort, only)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_what_its_line_says_and_some_events_are_for_all() {
        let texts = Wanted { after: None, only: Some([LineType::Text].into()) };
        for (line, wanted) in [
            (
                r#"{"v":1,"seq":1,"type":"text","id":1,"from":"peer","trust":"untrusted","body":"{\"type\":\"file\"}"}"#,
                true,
            ),
            (r#"{"v":1,"seq":1,"type":"file","id":1,"event":"text","name":"x"}"#, false),
            (r#"{"v":1,"seq":1,"type":"status","event":"waiting"}"#, false),
            (
                r#"{"v":1,"seq":1,"type":"status","event":"peer_left","reason":"done","detail":"x"}"#,
                false,
            ),
            (r#"{"v":1,"seq":1,"type":"status","event":"connected","path":"lan"}"#, true),
            (r#"{"v":1,"seq":1,"type":"status","event":"expiring","seconds_left":9}"#, true),
            (r#"{"v":1,"seq":1,"type":"status","event":"closed"}"#, true),
        ] {
            assert_eq!(texts.takes(Sort::of(line)), wanted, "{line}");
            assert!(Wanted::default().takes(Sort::of(line)));
        }
        for line_type in LineType::ALL {
            let line = format!(r#"{{"v":1,"seq":1,"type":"{}"}}"#, line_type.word());
            assert!(
                Wanted { after: None, only: Some([line_type].into()) }.takes(Sort::of(&line)),
                "{line}"
            );
        }
    }
}
