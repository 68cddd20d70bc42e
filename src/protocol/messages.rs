//! Numbered messages: each received exactly once and in order, kept until acknowledged (SPEC 5).

use crate::limits::{FRAGMENT, MESSAGE, PART_BYTES, UNACKNOWLEDGED, WINDOW, WINDOW_SHARE};
use crate::wire::{Control, ItemId, Message, encoded, read};
use alloc::{collections::VecDeque, string::String, vec::Vec};
use minicbor::Decoder;
use zeroize::Zeroizing;

/// Room that a text's or secret's encoding needs beside its body and label: the message's own framing.
const FRAMING: usize = 64;
/// Largest label of a secret, in bytes: a file name.
const LABEL: usize = 255;

/// The number of [`Message::Entries`] on the wire.
const ENTRIES: u32 = 3;

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

/// The peer broke the protocol: nothing more is taken from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Violation(
    /// What it did, for a log of this side's own making.
    pub &'static str,
);

/// Both directions' numbers, acknowledgements and queues.
pub(crate) struct Messages {
    /// Number of the next message out.
    number: u64,
    /// Messages out that are not acknowledged, oldest first.
    unacknowledged: VecDeque<Zeroizing<Vec<u8>>>,
    /// Texts and secrets out that the window does not admit yet; they have no number.
    waiting: VecDeque<Message>,
    /// Body bytes sent, and how many the peer allows, since the beginning.
    sent: u64,
    allowed: u64,
    /// Number of the next message in, and what has come of it.
    expected: u64,
    assembling: Zeroizing<Vec<u8>>,
    /// Body bytes received and collected since the beginning.
    received: u64,
    collected: u64,
}

impl Messages {
    pub(crate) fn new() -> Self {
        Self {
            number: 0,
            unacknowledged: VecDeque::new(),
            waiting: VecDeque::new(),
            sent: 0,
            allowed: WINDOW,
            expected: 0,
            assembling: Zeroizing::new(Vec::new()),
            received: 0,
            collected: 0,
        }
    }

    /// Takes a message to send and returns the control that carries it now: none if it waits for the window.
    pub(crate) fn send(&mut self, message: Message) -> Vec<Control> {
        if window_bytes(&message) > 0 {
            self.waiting.push_back(message);
            self.admit()
        } else {
            self.number(&message)
        }
    }

    /// What the window admits of the texts and secrets that wait.
    fn admit(&mut self) -> Vec<Control> {
        let mut out = Vec::new();
        while let Some(next) = self.waiting.front() {
            let sent = self.sent.saturating_add(window_bytes(next));
            if sent > self.allowed {
                break;
            }
            self.sent = sent;
            if let Some(message) = self.waiting.pop_front() {
                out.extend(self.number(&message));
            }
        }
        out
    }

    fn number(&mut self, message: &Message) -> Vec<Control> {
        let encoded = encoded(message, encoded_room(message));
        let number = self.number;
        self.number = number.saturating_add(1);
        let control = fragments(number, &encoded);
        self.unacknowledged.push_back(encoded);
        control
    }

    /// Texts and secrets that the window does not admit yet.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &Message> {
        self.waiting.iter()
    }

    /// Everything unacknowledged once more, for a new link.
    pub(crate) fn again(&self) -> Vec<Control> {
        let first = self.number.saturating_sub(self.unacknowledged.len() as u64);
        (first..).zip(&self.unacknowledged).flat_map(|(number, encoded)| fragments(number, encoded)).collect()
    }

    /// The peer's state: forgets what it has, and returns what its window admits now.
    pub(crate) fn acknowledged(&mut self, next: u64, allowed: u64) -> Result<Vec<Control>, Violation> {
        if next > self.number {
            return Err(Violation("acknowledged a message that was never sent"));
        }
        while self.number.saturating_sub(self.unacknowledged.len() as u64) < next {
            self.unacknowledged.pop_front();
        }
        self.allowed = self.allowed.max(allowed);
        Ok(self.admit())
    }

    /// Takes a piece of a message; returns the message that it completes.
    pub(crate) fn fragment(&mut self, number: u64, last: bool, bytes: &[u8]) -> Result<Option<Message>, Violation> {
        if number < self.expected {
            return Ok(None); // A repetition after a change of links.
        }
        if number > self.expected {
            return Err(Violation("left out a message"));
        }
        let length = self.assembling.len().saturating_add(bytes.len());
        if length > MESSAGE {
            return Err(Violation("sent a message over its limit"));
        }
        if self.assembling.capacity() < length {
            // Grown by hand so that no plaintext stays behind in a freed block.
            let mut grown = Zeroizing::new(Vec::with_capacity(length.saturating_mul(2).min(MESSAGE)));
            grown.extend_from_slice(&self.assembling);
            self.assembling = grown;
        }
        self.assembling.extend_from_slice(bytes);
        if !last {
            return Ok(None);
        }
        let encoded = core::mem::take(&mut self.assembling);
        if is_part(&encoded) && encoded.len() > PART_BYTES {
            return Err(Violation("sent a part over its limit"));
        }
        let message: Message = read(&encoded).ok_or(Violation("sent a message that cannot be read"))?;
        if !fits(&message) {
            return Err(Violation("sent a text or secret over its limit"));
        }
        self.received = self.received.saturating_add(window_bytes(&message));
        if self.received > self.collected.saturating_add(WINDOW) {
            return Err(Violation("sent more than the window allows"));
        }
        self.expected = self.expected.saturating_add(1);
        Ok(Some(message))
    }

    /// A link is gone and with it the rest of a message: its pieces come again from the first.
    pub(crate) fn link_lost(&mut self) {
        self.assembling = Zeroizing::new(Vec::new());
    }

    /// A text or secret of `bytes` is where it belongs, so the peer may send that much more.
    pub(crate) fn collected(&mut self, bytes: u64) {
        self.collected = self.collected.saturating_add(bytes);
    }

    /// The number of the next message in, and the body bytes the peer may have sent since the beginning.
    pub(crate) fn state(&self) -> (u64, u64) {
        (self.expected, self.collected.saturating_add(WINDOW))
    }

    /// Whether the peer has everything that was to be sent.
    pub(crate) fn all_acknowledged(&self) -> bool {
        self.unacknowledged.is_empty() && self.waiting.is_empty()
    }

    /// Whether the peer acknowledges so little that keeping messages for it has to end.
    pub(crate) fn ignored(&self) -> bool {
        self.unacknowledged.len() > UNACKNOWLEDGED
    }

    /// Number that the next message out will get; the peer has it once it expects a later one.
    pub(crate) fn next_number(&self) -> u64 {
        self.number
    }

    /// Whether the peer has acknowledged message `number`.
    pub(crate) fn has(&self, number: u64) -> bool {
        number < self.number.saturating_sub(self.unacknowledged.len() as u64)
    }
}

/// True unless a text or secret is longer than [`Body`] makes one. A label is not counted by the window: without a limit it would be as long
/// as a message, for each of its smallest secrets.
fn fits(message: &Message) -> bool {
    match message {
        Message::Text { body, .. } => body.len() <= Body::MAX,
        Message::Secret { label, body, .. } => body.len() <= Body::MAX && label.as_ref().is_none_or(|label| label.len() <= LABEL),
        _ => true,
    }
}

/// Bytes that count against the window: those of the bodies of texts and secrets, and a share for each (SPEC 5.3).
pub(crate) fn window_bytes(message: &Message) -> u64 {
    match message {
        Message::Text { body, .. } => WINDOW_SHARE.saturating_add(body.len() as u64),
        Message::Secret { body, .. } => WINDOW_SHARE.saturating_add(body.len() as u64),
        _ => 0,
    }
}

/// Whether a message is a part, seen before it is decoded: a part of names without content would be many times as long in memory.
fn is_part(encoded: &[u8]) -> bool {
    let mut decoder = Decoder::new(encoded);
    decoder.array().and_then(|_| decoder.u32()).is_ok_and(|kind| kind == ENTRIES)
}

fn encoded_room(message: &Message) -> usize {
    match message {
        Message::Text { body, .. } => body.len().saturating_add(FRAMING),
        Message::Secret { body, .. } => body.len().saturating_add(FRAMING).saturating_add(LABEL),
        _ => 0,
    }
}

fn fragments(number: u64, encoded: &[u8]) -> Vec<Control> {
    let count = encoded.len().div_ceil(FRAGMENT);
    (1..=count)
        .zip(encoded.chunks(FRAGMENT))
        .map(|(index, piece)| Control::Fragment { number, last: index == count, bytes: piece.to_vec().into() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(item: u32, length: usize) -> Message {
        Body::text(ItemId(item), "x".repeat(length)).unwrap().into_message()
    }

    fn deliver(to: &mut Messages, control: Vec<Control>) -> Result<Vec<Message>, Violation> {
        let mut arrived = Vec::new();
        for piece in control {
            let Control::Fragment { number, last, bytes } = piece else { panic!("not a fragment") };
            arrived.extend(to.fragment(number, last, &bytes)?);
        }
        Ok(arrived)
    }

    #[test]
    fn the_longest_bodies_fit_a_message_and_one_byte_more_does_not() {
        let label = "l".repeat(LABEL);
        let secret = Body::secret(ItemId(u32::MAX), Some(label.clone()), &[7; Body::MAX]).unwrap();
        let (mut a, mut b) = (Messages::new(), Messages::new());
        assert_eq!(deliver(&mut b, a.send(secret.into_message())).unwrap().len(), 1);
        assert_eq!(deliver(&mut b, a.send(text(u32::MAX, Body::MAX))).unwrap().len(), 1);
        assert!(Body::text(ItemId(1), "x".repeat(Body::MAX + 1)).is_err());
        assert!(Body::secret(ItemId(1), None, &[7; Body::MAX + 1]).is_err());
        assert!(Body::secret(ItemId(1), Some(label + "l"), &[7]).is_err());
    }

    #[test]
    fn a_piece_of_a_secret_cannot_be_printed() {
        let secret = Body::secret(ItemId(1), None, b"s3cr3t").unwrap();
        let control = Messages::new().send(secret.into_message());
        let shown = std::format!("{control:?}");
        assert!(shown.contains("bytes: 13 bytes") && !shown.contains("115, 51"), "{shown}");
    }

    #[test]
    fn repetitions_after_a_lost_link_are_taken_once() {
        let (mut a, mut b) = (Messages::new(), Messages::new());
        let first = a.send(text(1, 3));
        let second = a.send(text(2, FRAGMENT * 2));
        assert_eq!(deliver(&mut b, first).unwrap().len(), 1);
        // Only the first piece of the second arrives, then the link is lost.
        assert!(deliver(&mut b, second.into_iter().take(1).collect()).unwrap().is_empty());
        b.link_lost();
        let (next, allowed) = b.state();
        assert!(a.acknowledged(next, allowed).unwrap().is_empty());
        assert!(!a.all_acknowledged());
        let arrived = deliver(&mut b, a.again()).unwrap();
        assert_eq!(arrived.len(), 1);
        assert!(matches!(&arrived[0], Message::Text { item, .. } if *item == ItemId(2)));
        assert!(deliver(&mut b, a.again()).unwrap().is_empty());
        let (next, allowed) = b.state();
        assert!(a.acknowledged(next, allowed).unwrap().is_empty());
        assert!(a.all_acknowledged() && a.has(1));
    }

    #[test]
    fn only_bodies_wait_for_the_window_and_keep_their_order() {
        let (mut a, mut b) = (Messages::new(), Messages::new());
        let mut arrived = Vec::new();
        let big = Body::MAX;
        let count = WINDOW as usize / big + 2;
        for item in 1..=count as u32 {
            arrived.extend(deliver(&mut b, a.send(text(item, big))).unwrap());
        }
        assert_eq!(arrived.len(), count - 2);
        // Something else is not held up.
        arrived.extend(deliver(&mut b, a.send(Message::Verified)).unwrap());
        assert_eq!(arrived.len(), count - 1);
        b.collected(2 * big as u64);
        let (next, allowed) = b.state();
        let late = a.acknowledged(next, allowed).unwrap();
        let items: Vec<_> = deliver(&mut b, late)
            .unwrap()
            .iter()
            .map(|message| if let Message::Text { item, .. } = message { item.0 } else { 0 })
            .collect();
        assert_eq!(items, [count as u32 - 1, count as u32]);
    }

    #[test]
    fn empty_texts_fill_the_window_too() {
        let mut a = Messages::new();
        let sent = (0..).take_while(|item| !a.send(text(*item, 0)).is_empty()).count();
        assert_eq!(sent as u64, WINDOW / WINDOW_SHARE);
        assert!(!a.ignored());
        let results = |a: &mut Messages| a.send(Message::Result { item: ItemId(1), failed: None });
        while !a.ignored() {
            assert!(a.unacknowledged.len() <= UNACKNOWLEDGED);
            results(&mut a);
        }
    }

    #[test]
    fn a_part_over_its_bytes_is_refused_undecoded() {
        let part = |names: usize| {
            let path = (0..names).map(|_| crate::wire::PeerText::new(String::new())).collect();
            let entry = crate::wire::Entry {
                path,
                kind: crate::wire::EntryKind::File,
                size: Some(0),
                executable: false,
                modified: None,
                modified_nanos: 0,
            };
            encoded(&Message::Entries(crate::wire::Part { item: ItemId(1), first: 0, entries: alloc::vec![entry] }), 0)
        };
        let around = part(PART_BYTES / 2).len() - PART_BYTES / 2;
        let longest = part(PART_BYTES - around);
        assert_eq!(longest.len(), PART_BYTES);
        assert!(matches!(Messages::new().fragment(0, true, &longest), Ok(Some(Message::Entries(_)))));
        let refused = Messages::new().fragment(0, true, &part(PART_BYTES - around + 1)).err();
        assert_eq!(refused, Some(Violation("sent a part over its limit")));
    }

    #[test]
    fn a_label_over_its_bytes_is_refused() {
        let secret = |label: usize| encoded(&Message::Secret { item: ItemId(1), label: Some("l".repeat(label)), body: Vec::new() }, 0);
        assert!(matches!(Messages::new().fragment(0, true, &secret(LABEL)), Ok(Some(Message::Secret { .. }))));
        let refused = Messages::new().fragment(0, true, &secret(LABEL + 1)).err();
        assert_eq!(refused, Some(Violation("sent a text or secret over its limit")));
    }

    #[test]
    fn a_body_over_its_bytes_is_refused() {
        let bodies: [fn(usize) -> Message; 2] = [
            |length| Message::Text { item: ItemId(1), body: "x".repeat(length) },
            |length| Message::Secret { item: ItemId(1), label: None, body: alloc::vec![7; length] },
        ];
        for body in bodies {
            let taken = |length| Messages::new().fragment(0, true, &encoded(&body(length), 0)).map(|message| message.is_some());
            assert_eq!(taken(1_048_257), Ok(true));
            assert_eq!(taken(1_048_258), Err(Violation("sent a text or secret over its limit")));
        }
    }

    #[test]
    fn a_peer_that_breaks_the_rules_is_stopped() {
        let violated = |message: &Message, over: &mut Messages| {
            let encoded = encoded(message, 0);
            over.fragment(over.expected, true, &encoded).is_err()
        };
        let mut b = Messages::new();
        assert_eq!(b.fragment(1, true, &[]).err(), Some(Violation("left out a message")));
        assert!(b.fragment(0, true, b"not cbor").is_err());
        let mut b = Messages::new();
        for _ in 0..MESSAGE / FRAGMENT {
            assert!(matches!(b.fragment(0, false, &[0; FRAGMENT]), Ok(None)));
        }
        assert!(b.fragment(0, false, &[0; FRAGMENT]).is_err());
        let mut b = Messages::new();
        assert!((0..17).any(|item| violated(&text(item, 1_000_000), &mut b)));
        let mut a = Messages::new();
        assert!(a.acknowledged(1, 0).is_err());
    }
}
