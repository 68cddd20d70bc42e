//! The types of the numbered lines.

use super::body::Body;
use crate::spelt::spelt;

spelt! {
    /// The type of a numbered line (EVENTS.md).
    pub enum LineType {
        /// Something that happened to the channel.
        Status = "status",
        /// A text of the peer's.
        Text = "text",
        /// A file or folder of the peer's.
        File = "file",
        /// A file or folder of the peer's of which something is missing.
        Incomplete = "incomplete",
        /// A secret of the peer's.
        Secret = "secret",
        /// Files or folders that the peer offers.
        Offer = "offer",
        /// Something of ours that is offered.
        Queued = "queued",
        /// Something of ours that is where it belongs.
        Delivered = "delivered",
        /// Something of ours of which a part is where it belongs.
        Partly = "partly",
    }
}

impl LineType {
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
            | Body::Partial { .. }
            | Body::Session(_)
            | Body::End { .. } => return None,
        })
    }
}
