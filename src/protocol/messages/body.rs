//! Texts and secrets as they fit a message and the window (SPEC 5.3).

use crate::limits::{MESSAGE, WINDOW_SHARE};
use crate::wire::{ItemId, Message};
use alloc::string::String;

/// Room that a text's or secret's encoding needs beside its body and label: the message's own
/// framing.
const FRAMING: usize = 64;
/// Largest label of a secret, in bytes: a file name.
pub(super) const LABEL: usize = 255;

/// The body of a text or secret is too long for one message, or its label for a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

/// A text or secret that is known to fit a message.
pub struct Body(Message);

impl Body {
    /// The longest text or secret, in bytes.
    pub const MAX: usize = MESSAGE.saturating_sub(FRAMING).saturating_sub(LABEL);

    /// A text under the sender's number for it.
    ///
    /// # Errors
    /// [`TooLong`] over [`Body::MAX`] bytes: send a file instead.
    pub fn text(item: ItemId, body: String) -> Result<Self, TooLong> {
        if body.len() > Self::MAX { Err(TooLong) } else { Ok(Self(Message::Text { item, body })) }
    }

    /// A secret under the sender's number for it.
    ///
    /// # Errors
    /// [`TooLong`] over [`Body::MAX`] bytes, or with a label over 255 bytes.
    pub fn secret(item: ItemId, label: Option<String>, body: &[u8]) -> Result<Self, TooLong> {
        if body.len() > Self::MAX || label.as_ref().is_some_and(|label| label.len() > LABEL) {
            return Err(TooLong);
        }
        Ok(Self(Message::Secret { item, label, body: body.to_vec() }))
    }

    pub(crate) fn into_message(self) -> Message {
        self.0
    }
}

/// True unless a text or secret is longer than [`Body`] makes one. A label is not counted by the
/// window: without a limit it would be as long as a message, for each of its smallest secrets.
pub(super) fn fits(message: &Message) -> bool {
    match message {
        Message::Text { body, .. } => body.len() <= Body::MAX,
        Message::Secret { label, body, .. } => {
            body.len() <= Body::MAX && label.as_ref().is_none_or(|label| label.len() <= LABEL)
        }
        _ => true,
    }
}

/// Bytes that count against the window: those of the bodies of texts and secrets, and a share for
/// each (SPEC 5.3).
pub(crate) fn window_bytes(message: &Message) -> u64 {
    match message {
        Message::Text { body, .. } => WINDOW_SHARE.saturating_add(body.len() as u64),
        Message::Secret { body, .. } => WINDOW_SHARE.saturating_add(body.len() as u64),
        _ => 0,
    }
}

/// Bytes to reserve for a message's encoding, so that no plaintext stays in a freed block.
pub(super) fn encoded_room(message: &Message) -> usize {
    match message {
        Message::Text { body, .. } => body.len().saturating_add(FRAMING),
        Message::Secret { body, .. } => body.len().saturating_add(FRAMING).saturating_add(LABEL),
        _ => 0,
    }
}
