//! Numbered messages: each received exactly once and in order, kept until acknowledged (SPEC 5).

use crate::limits::{FRAGMENT, MESSAGE, PART_BYTES, UNACKNOWLEDGED, WINDOW, WINDOW_SHARE};
use crate::violation::Violation;
use crate::wire::{Control, ItemId, Message, encoded, read};
use alloc::{
    collections::{BTreeSet, VecDeque},
    string::String,
    vec::Vec,
};
use minicbor::Decoder;
use zeroize::Zeroizing;

/// Room that a text's or secret's encoding needs beside its body and label: the message's own
/// framing.
const FRAMING: usize = 64;
/// Largest label of a secret, in bytes: a file name.
const LABEL: usize = 255;

/// The numbers of [`Message::Paths`] and [`Message::Entries`] on the wire.
const PARTS: [u32; 2] = [3, 10];

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

/// A message out that has its number.
struct Numbered {
    encoded: Zeroizing<Vec<u8>>,
    key: Option<Key>,
}

/// Names a message out for as long as the peer cannot have it, which makes what it says of it a
/// guess.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    /// The text, secret or offer of this number.
    Item(ItemId),
    /// The acceptance of the peer's offer.
    Accept(ItemId),
}

/// Both directions' numbers, acknowledgements and queues.
pub(crate) struct Messages {
    /// Number of the next message out.
    number: u64,
    /// Messages out that are not acknowledged, oldest first.
    unacknowledged: VecDeque<Numbered>,
    /// Place in these of the next piece for the link in use, and how much of that message it has.
    place: usize,
    offset: usize,
    /// Messages below this number were handed to a link whole, so the peer may have them.
    said: u64,
    /// Messages out that no link has begun. They get their numbers when one does.
    ready: VecDeque<Message>,
    /// Texts and secrets among them, which also wait for the window.
    waiting: VecDeque<Message>,
    /// Names of those that no link has whole.
    unsaid: BTreeSet<Key>,
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
            place: 0,
            offset: 0,
            said: 0,
            ready: VecDeque::new(),
            waiting: VecDeque::new(),
            unsaid: BTreeSet::new(),
            sent: 0,
            allowed: WINDOW,
            expected: 0,
            assembling: Zeroizing::new(Vec::new()),
            received: 0,
            collected: 0,
        }
    }

    /// Takes a message to send; [`Messages::piece`] hands it out once a link has room.
    pub(crate) fn send(&mut self, message: Message) {
        self.unsaid.extend(key(&message));
        let queue = if window_bytes(&message) > 0 { &mut self.waiting } else { &mut self.ready };
        queue.push_back(message);
    }

    /// The next piece for the link in use; `None` if it has everything that the window admits.
    pub(crate) fn piece(&mut self) -> Option<Control> {
        if self.place >= self.unacknowledged.len() {
            self.begin()?;
        }
        let number = self.first().saturating_add(self.place as u64);
        let message = self.unacknowledged.get(self.place)?;
        let rest = message.encoded.get(self.offset..)?;
        let piece = rest.get(..FRAGMENT).unwrap_or(rest);
        let last = piece.len() == rest.len();
        let control = Control::Fragment { number, last, bytes: piece.to_vec().into() };
        if last {
            if let Some(key) = message.key {
                self.unsaid.remove(&key);
            }
            self.said = self.said.max(number.saturating_add(1));
            (self.place, self.offset) = (self.place.saturating_add(1), 0);
        } else {
            self.offset = self.offset.saturating_add(piece.len());
        }
        Some(control)
    }

    /// Numbers the next message that may be sent. What takes nothing of the window overtakes what
    /// does.
    fn begin(&mut self) -> Option<()> {
        let message = match self.ready.pop_front() {
            Some(message) => message,
            None => {
                let sent = self.sent.saturating_add(window_bytes(self.waiting.front()?));
                if sent > self.allowed {
                    return None;
                }
                self.sent = sent;
                self.waiting.pop_front()?
            }
        };
        let encoded = encoded(&message, encoded_room(&message));
        self.number = self.number.saturating_add(1);
        self.unacknowledged.push_back(Numbered { encoded, key: key(&message) });
        Some(())
    }

    /// Number of the oldest message that is not acknowledged.
    fn first(&self) -> u64 {
        self.number.saturating_sub(self.unacknowledged.len() as u64)
    }

    /// A new link gets everything unacknowledged from its first piece.
    pub(crate) const fn again(&mut self) {
        (self.place, self.offset) = (0, 0);
    }

    /// True while a text, secret or offer of ours waits for a link or for the window: the peer
    /// cannot have it.
    pub(crate) fn is_unsaid(&self, item: ItemId) -> bool {
        self.unsaid.contains(&Key::Item(item))
    }

    /// True while the acceptance of the peer's offer waits for a link.
    pub(crate) fn is_acceptance_unsaid(&self, item: ItemId) -> bool {
        self.unsaid.contains(&Key::Accept(item))
    }

    /// Takes back what no link has begun of our item; true if that is all there is of it, so that
    /// there is nothing to cancel.
    pub(crate) fn withdraw(&mut self, item: ItemId) -> bool {
        self.ready.retain(|message| match message {
            Message::Paths(part) => part.item != item,
            Message::Entries(part) => part.item != item,
            Message::Gap { item: of, .. } => *of != item,
            Message::End { item: ended, .. } => *ended != item,
            _ => true,
        });
        if !self.is_unsaid(item) {
            return false;
        }
        let before = self.ready.len().saturating_add(self.waiting.len());
        for queue in [&mut self.ready, &mut self.waiting] {
            queue.retain(|message| key(message) != Some(Key::Item(item)));
        }
        let withdrawn = self.ready.len().saturating_add(self.waiting.len()) < before;
        if withdrawn {
            self.unsaid.remove(&Key::Item(item));
        }
        withdrawn
    }

    /// Drops what no link has begun, before a last word that does not wait for it.
    pub(crate) fn abandon(&mut self) {
        self.ready.clear();
        self.waiting.clear();
        self.unsaid.clear();
    }

    /// The peer's state: forgets what it has, and knows what its window admits.
    pub(crate) fn acknowledged(&mut self, next: u64, allowed: u64) -> Result<(), Violation> {
        if next > self.said {
            return Err(Violation::AcknowledgedUnsent);
        }
        while self.first() < next {
            self.unacknowledged.pop_front();
            match self.place.checked_sub(1) {
                Some(place) => self.place = place,
                // A link before this one has brought it.
                None => self.offset = 0,
            }
        }
        self.allowed = self.allowed.max(allowed);
        Ok(())
    }

    /// Takes a piece of a message; returns the message that it completes.
    pub(crate) fn fragment(
        &mut self,
        number: u64,
        last: bool,
        bytes: &[u8],
    ) -> Result<Option<Message>, Violation> {
        if number < self.expected {
            return Ok(None); // A repetition after a change of links.
        }
        if number > self.expected {
            return Err(Violation::MissingMessage);
        }
        let length = self.assembling.len().saturating_add(bytes.len());
        if length > MESSAGE {
            return Err(Violation::LongMessage);
        }
        if self.assembling.capacity() < length {
            // Grown by hand so that no plaintext stays behind in a freed block.
            let mut grown =
                Zeroizing::new(Vec::with_capacity(length.saturating_mul(2).min(MESSAGE)));
            grown.extend_from_slice(&self.assembling);
            self.assembling = grown;
        }
        self.assembling.extend_from_slice(bytes);
        if !last {
            return Ok(None);
        }
        let encoded = core::mem::take(&mut self.assembling);
        if is_part(&encoded) && encoded.len() > PART_BYTES {
            return Err(Violation::LongPart);
        }
        let message: Message = read(&encoded).ok_or(Violation::UnreadableMessage)?;
        if !fits(&message) {
            return Err(Violation::LongBody);
        }
        self.received = self.received.saturating_add(window_bytes(&message));
        if self.received > self.collected.saturating_add(WINDOW) {
            return Err(Violation::OverWindow);
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

    /// The number of the next message in, and the body bytes the peer may have sent since the
    /// beginning.
    pub(crate) fn state(&self) -> (u64, u64) {
        (self.expected, self.collected.saturating_add(WINDOW))
    }

    /// Whether the peer has everything that was to be sent.
    pub(crate) fn all_acknowledged(&self) -> bool {
        self.unacknowledged.is_empty() && self.ready.is_empty() && self.waiting.is_empty()
    }

    /// True while texts or secrets wait for a link or the window.
    pub(crate) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// True if the link in use has everything that the window admits.
    pub(crate) fn all_handed_out(&self) -> bool {
        let admitted =
            |next: &Message| self.sent.saturating_add(window_bytes(next)) <= self.allowed;
        self.place >= self.unacknowledged.len()
            && self.ready.is_empty()
            && !self.waiting.front().is_some_and(admitted)
    }

    /// True if the peer acknowledges so little that keeping messages for it has to end. Texts and
    /// secrets that wait are not counted: the peer's window says how many may not.
    pub(crate) fn ignored(&self) -> bool {
        self.unacknowledged.len().saturating_add(self.ready.len()) > UNACKNOWLEDGED
    }

    /// Number that the next message out will get; the peer has it once it expects a later one.
    pub(crate) fn next_number(&self) -> u64 {
        self.number
    }

    /// Whether the peer has acknowledged message `number`.
    pub(crate) fn has(&self, number: u64) -> bool {
        number < self.first()
    }
}

/// True unless a text or secret is longer than [`Body`] makes one. A label is not counted by the
/// window: without a limit it would be as long as a message, for each of its smallest secrets.
fn fits(message: &Message) -> bool {
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

/// Whether a message is a part, seen before it is decoded: a part of names without content would be
/// many times as long in memory.
fn is_part(encoded: &[u8]) -> bool {
    let mut decoder = Decoder::new(encoded);
    decoder.array().and_then(|_| decoder.u32()).is_ok_and(|kind| PARTS.contains(&kind))
}

/// The name under which a message is known until a link has it whole, if anybody could speak of it.
const fn key(message: &Message) -> Option<Key> {
    match message {
        Message::Text { item, .. } | Message::Secret { item, .. } => Some(Key::Item(*item)),
        Message::Offer(offer) => Some(Key::Item(offer.item)),
        Message::Accept { item } => Some(Key::Accept(*item)),
        _ => None,
    }
}

fn encoded_room(message: &Message) -> usize {
    match message {
        Message::Text { body, .. } => body.len().saturating_add(FRAMING),
        Message::Secret { body, .. } => body.len().saturating_add(FRAMING).saturating_add(LABEL),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(item: u32, length: usize) -> Message {
        Body::text(ItemId(item), "x".repeat(length)).unwrap().into_message()
    }

    /// Everything that a link with room gets now.
    fn out(from: &mut Messages) -> Vec<Control> {
        core::iter::from_fn(|| from.piece()).collect()
    }

    fn send(from: &mut Messages, message: Message) -> Vec<Control> {
        from.send(message);
        out(from)
    }

    /// Everything unacknowledged once more.
    fn again(from: &mut Messages) -> Vec<Control> {
        from.again();
        out(from)
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
        assert_eq!(deliver(&mut b, send(&mut a, secret.into_message())).unwrap().len(), 1);
        assert_eq!(deliver(&mut b, send(&mut a, text(u32::MAX, Body::MAX))).unwrap().len(), 1);
        assert!(Body::text(ItemId(1), "x".repeat(Body::MAX + 1)).is_err());
        assert!(Body::secret(ItemId(1), None, &[7; Body::MAX + 1]).is_err());
        assert!(Body::secret(ItemId(1), Some(label + "l"), &[7]).is_err());
    }

    #[test]
    fn a_piece_of_a_secret_cannot_be_printed() {
        let secret = Body::secret(ItemId(1), None, b"s3cr3t").unwrap();
        let control = send(&mut Messages::new(), secret.into_message());
        let shown = std::format!("{control:?}");
        assert!(shown.contains("bytes: 13 bytes") && !shown.contains("115, 51"), "{shown}");
    }

    #[test]
    fn repetitions_after_a_lost_link_are_taken_once() {
        let (mut a, mut b) = (Messages::new(), Messages::new());
        let first = send(&mut a, text(1, 3));
        let second = send(&mut a, text(2, FRAGMENT * 2));
        assert_eq!(deliver(&mut b, first).unwrap().len(), 1);
        // Only the first piece of the second arrives, then the link is lost.
        assert!(deliver(&mut b, second.into_iter().take(1).collect()).unwrap().is_empty());
        b.link_lost();
        let (next, allowed) = b.state();
        a.acknowledged(next, allowed).unwrap();
        assert!(!a.all_acknowledged() && out(&mut a).is_empty());
        let arrived = deliver(&mut b, again(&mut a)).unwrap();
        assert_eq!(arrived.len(), 1);
        assert!(matches!(&arrived[0], Message::Text { item, .. } if *item == ItemId(2)));
        assert!(deliver(&mut b, again(&mut a)).unwrap().is_empty());
        let (next, allowed) = b.state();
        a.acknowledged(next, allowed).unwrap();
        assert!(a.all_acknowledged() && a.has(1));
    }

    #[test]
    fn only_bodies_wait_for_the_window_and_keep_their_order() {
        let (mut a, mut b) = (Messages::new(), Messages::new());
        let mut arrived = Vec::new();
        let big = Body::MAX;
        let count = WINDOW as usize / big + 2;
        for item in 1..=count as u32 {
            arrived.extend(deliver(&mut b, send(&mut a, text(item, big))).unwrap());
        }
        assert_eq!(arrived.len(), count - 2);
        // Something else is not held up.
        arrived.extend(deliver(&mut b, send(&mut a, Message::Verified)).unwrap());
        assert_eq!(arrived.len(), count - 1);
        b.collected(2 * big as u64);
        let (next, allowed) = b.state();
        a.acknowledged(next, allowed).unwrap();
        let late = out(&mut a);
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
        let sent = (0..).take_while(|item| !send(&mut a, text(*item, 0)).is_empty()).count();
        assert_eq!(sent as u64, WINDOW / WINDOW_SHARE);
        assert!(!a.ignored());
        // Counted whether a link has them or not.
        for number in a.unacknowledged.len()..UNACKNOWLEDGED {
            assert!(!a.ignored());
            a.send(Message::Result { item: ItemId(1), failed: None, differences: None });
            assert!(number % 2 == 0 || a.piece().is_some());
        }
        assert!(!a.ignored());
        a.send(Message::Result { item: ItemId(1), failed: None, differences: None });
        assert!(a.ignored());
    }

    #[test]
    fn what_no_link_has_begun_can_be_taken_back_and_cannot_be_acknowledged() {
        let mut a = Messages::new();
        a.send(text(1, FRAGMENT * 2));
        a.send(text(2, 3));
        assert!(a.piece().is_some());
        // The first has gone in part, the second not at all.
        assert!(a.is_unsaid(ItemId(1)) && a.is_unsaid(ItemId(2)));
        assert!(a.acknowledged(1, 0).is_err());
        assert!(!a.withdraw(ItemId(1)) && a.withdraw(ItemId(2)) && !a.withdraw(ItemId(2)));
        assert_eq!(out(&mut a).len(), 2);
        assert!(!a.is_unsaid(ItemId(1)) && a.all_handed_out());
        assert!(a.acknowledged(2, 0).is_err());
        a.acknowledged(1, 0).unwrap();
        assert!(a.all_acknowledged());
    }

    #[test]
    fn a_last_word_waits_for_what_was_begun_and_for_nothing_else() {
        let (mut a, mut b) = (Messages::new(), Messages::new());
        a.send(text(1, FRAGMENT * 2));
        a.send(text(2, 3));
        let begun = a.piece().into_iter().collect();
        assert!(deliver(&mut b, begun).unwrap().is_empty());
        a.abandon();
        let last = send(&mut a, Message::Leave { reason: crate::wire::Reason::Interrupted });
        let arrived = deliver(&mut b, last).unwrap();
        assert!(matches!(
            arrived[..],
            [Message::Text { item: ItemId(1), .. }, Message::Leave { .. }]
        ));
    }

    #[test]
    fn a_part_over_its_bytes_is_refused_undecoded() {
        let part = |names: usize| {
            let name = crate::wire::PeerName::new(alloc::vec![0; names]);
            let entry = crate::wire::Entry::inside(0, name, crate::wire::EntryKind::Folder);
            encoded(
                &Message::Entries(crate::wire::Part {
                    item: ItemId(1),
                    first: 0,
                    entries: alloc::vec![entry],
                }),
                0,
            )
        };
        let around = part(PART_BYTES / 2).len() - PART_BYTES / 2;
        let longest = part(PART_BYTES - around);
        assert_eq!(longest.len(), PART_BYTES);
        assert!(matches!(
            Messages::new().fragment(0, true, &longest),
            Ok(Some(Message::Entries(_)))
        ));
        let refused = Messages::new().fragment(0, true, &part(PART_BYTES - around + 1)).err();
        assert_eq!(refused, Some(Violation::LongPart));
    }

    #[test]
    fn a_label_over_its_bytes_is_refused() {
        let secret = |label: usize| {
            encoded(
                &Message::Secret {
                    item: ItemId(1),
                    label: Some("l".repeat(label)),
                    body: Vec::new(),
                },
                0,
            )
        };
        assert!(matches!(
            Messages::new().fragment(0, true, &secret(LABEL)),
            Ok(Some(Message::Secret { .. }))
        ));
        let refused = Messages::new().fragment(0, true, &secret(LABEL + 1)).err();
        assert_eq!(refused, Some(Violation::LongBody));
    }

    #[test]
    fn a_body_over_its_bytes_is_refused() {
        let bodies: [fn(usize) -> Message; 2] = [
            |length| Message::Text { item: ItemId(1), body: "x".repeat(length) },
            |length| Message::Secret { item: ItemId(1), label: None, body: alloc::vec![7; length] },
        ];
        for body in bodies {
            let taken = |length| {
                Messages::new()
                    .fragment(0, true, &encoded(&body(length), 0))
                    .map(|message| message.is_some())
            };
            assert_eq!(taken(1_048_257), Ok(true));
            assert_eq!(taken(1_048_258), Err(Violation::LongBody));
        }
    }

    #[test]
    fn a_peer_that_breaks_the_rules_is_stopped() {
        let violated = |message: &Message, over: &mut Messages| {
            let encoded = encoded(message, 0);
            over.fragment(over.expected, true, &encoded).is_err()
        };
        let mut b = Messages::new();
        assert_eq!(b.fragment(1, true, &[]).err(), Some(Violation::MissingMessage));
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
