//! The types of the numbered lines.

use super::body::Body;
use serde::{Deserialize, Serialize};

/// The type of a numbered line (EVENTS.md).
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LineType {
    /// Something that happened to the channel.
    Status,
    /// A text of the peer's.
    Text,
    /// A file or folder of the peer's.
    File,
    /// A file or folder of the peer's of which something is missing.
    Incomplete,
    /// A secret of the peer's.
    Secret,
    /// Files or folders that the peer offers.
    Offer,
    /// Something of ours that is offered.
    Queued,
    /// Something of ours that is where it belongs.
    Delivered,
    /// Something of ours of which a part is where it belongs.
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

    /// The type of a line of the session's, with a number; `None` for one that is made by the
    /// process that reads it.
    #[must_use]
    pub const fn of(body: &Body) -> Option<Self> {
        Some(match body {
            Body::Status(_) => Self::Status,
            Body::Text { .. } => Self::Text,
            Body::File { .. } => Self::File,
            Body::Incomplete { .. } => Self::Incomplete,
            Body::Secret { .. } => Self::Secret,
            Body::Offer { .. } => Self::Offer,
            Body::Queued(_) => Self::Queued,
            Body::Delivered { .. } => Self::Delivered,
            Body::Partly { .. } => Self::Partly,
            Body::Progress { .. }
            | Body::Pending { .. }
            | Body::Sent { .. }
            | Body::Error { .. }
            | Body::Check { .. }
            | Body::Session(_)
            | Body::End { .. } => return None,
        })
    }
}
