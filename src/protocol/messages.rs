//! Numbered messages: each received exactly once and in order, kept until acknowledged (SPEC 5).

mod body;

pub(crate) use body::window_bytes;
pub use body::{Body, TooLong};

use crate::limits::{FAR, FRAGMENT, MESSAGE, PART_BYTES, UNACKNOWLEDGED, WINDOW};
use crate::time::Instant;
use crate::violation::Violation;
use crate::wire::{Control, ItemId, Message, encoded, read};
use alloc::{
    collections::{BTreeSet, VecDeque},
    vec::Vec,
};
use body::{encoded_room, fits};
use core::time::Duration;
use minicbor::Decoder;
use zeroize::Zeroizing;

/// The numbers of [`Message::Paths`] and [`Message::Entries`] on the wire.
const PARTS: [u32; 2] = [3, 10];

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
    /// The result of the peer's item, which is where it belongs.
    Result(ItemId),
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
    /// The message whose acknowledgement is timed, and the moment from which.
    timed: Option<(u64, Instant)>,
    /// The shortest time that the link in use has taken for one.
    round_trip: Option<Duration>,
    /// Messages out that no link has begun. They get their numbers when one does.
    ready: VecDeque<Message>,
    /// Texts and secrets among them, which also wait for the window.
    waiting: VecDeque<Message>,
    /// Names of those that no link has whole, and of those that the link in use has not.
    unsaid: BTreeSet<Key>,
    unrepeated: BTreeSet<Key>,
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
            timed: None,
            round_trip: None,
            ready: VecDeque::new(),
            waiting: VecDeque::new(),
            unsaid: BTreeSet::new(),
            unrepeated: BTreeSet::new(),
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
    pub(crate) fn piece(&mut self, now: Instant) -> Option<Control> {
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
                self.unrepeated.remove(&key);
            }
            self.said = self.said.max(number.saturating_add(1));
            self.timed.get_or_insert((number, now));
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
    pub(crate) fn again(&mut self) {
        (self.place, self.offset) = (0, 0);
        (self.timed, self.round_trip) = (None, None);
        self.unrepeated = self.unacknowledged.iter().filter_map(|message| message.key).collect();
    }

    /// True while a text, secret or offer of ours waits for a link or for the window: the peer
    /// cannot have it.
    pub(crate) fn is_unsaid(&self, item: ItemId) -> bool {
        self.unsaid.contains(&Key::Item(item))
    }

    /// True while a text, secret or offer of ours waits for the link in use: state of it that goes
    /// there now would mean nothing to the peer.
    pub(crate) fn is_on_its_way(&self, item: ItemId) -> bool {
        self.waits(Key::Item(item))
    }

    /// As [`Messages::is_on_its_way`], for the acceptance of the peer's offer.
    pub(crate) fn is_acceptance_on_its_way(&self, item: ItemId) -> bool {
        self.waits(Key::Accept(item))
    }

    fn waits(&self, key: Key) -> bool {
        self.unsaid.contains(&key) || self.unrepeated.contains(&key)
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

    /// The peer's state: forgets what it has, and knows what its window admits. `None` if it has no
    /// more than before; else the peer's items of which it has heard now that they are delivered.
    pub(crate) fn acknowledged(
        &mut self,
        now: Instant,
        next: u64,
        allowed: u64,
    ) -> Result<Option<Vec<ItemId>>, Violation> {
        if next > self.said {
            return Err(Violation::AcknowledgedUnsent);
        }
        let mut news = (self.first() < next).then(Vec::new);
        while self.first() < next {
            let message = self.unacknowledged.pop_front();
            if let Some(key) = message.and_then(|message| message.key) {
                self.unrepeated.remove(&key);
                if let (Some(heard), Key::Result(item)) = (&mut news, key) {
                    heard.push(item);
                }
            }
            match self.place.checked_sub(1) {
                Some(place) => self.place = place,
                // A link before this one has brought it.
                None => self.offset = 0,
            }
        }
        self.allowed = self.allowed.max(allowed);
        if let Some((_, since)) = self.timed.take_if(|(number, _)| *number < next) {
            let took = now.since(since);
            self.round_trip = Some(self.round_trip.map_or(took, |least| least.min(took)));
        }
        Ok(news)
    }

    /// The shortest time in which the link in use has brought a message there and its
    /// acknowledgement back; `None` before the first.
    pub(crate) const fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// True if that is long enough for several links to bring more than one.
    pub(crate) fn is_far(&self) -> bool {
        self.round_trip.is_some_and(|round_trip| round_trip >= FAR)
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

    /// True if the peer has everything that was to be sent.
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
        self.answers_handed_out() && !self.waiting.front().is_some_and(admitted)
    }

    /// True if the link in use has all but texts and secrets: every answer goes before.
    pub(crate) fn answers_handed_out(&self) -> bool {
        self.place >= self.unacknowledged.len() && self.ready.is_empty()
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

    /// True if the peer has acknowledged message `number`.
    pub(crate) fn has(&self, number: u64) -> bool {
        number < self.first()
    }
}

/// True if a message is a part, before it is decoded: a part of names without content would be many
/// times as long in memory.
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
        Message::Result { item, failed: None, .. } => Some(Key::Result(*item)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
