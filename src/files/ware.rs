//! Something that is sent.

use super::outbox::Selection;
use pinhole_protocol::secret::SecretVec;
use std::sync::Arc;

/// Something to send.
#[derive(Clone)]
pub enum Ware {
    /// A text.
    Text(String),
    /// A secret and what to call it.
    Secret(Option<String>, Arc<SecretVec>),
    /// Files, folders or a stream.
    Files(Arc<Selection>),
}

impl Ware {
    /// Describes it in a few words for people.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Text(_) => "a text".into(),
            Self::Secret(..) => "a secret".into(),
            Self::Files(selection) => selection.describe(),
        }
    }

    /// True if it can be sent on another channel.
    #[must_use]
    pub fn reusable(&self) -> bool {
        match self {
            Self::Text(_) | Self::Secret(..) => true,
            Self::Files(selection) => selection.reusable(),
        }
    }
}
