//! The model: what holds of two conversations, whatever becomes of their links.

use super::*;
use pinhole_protocol::ranges::Ranges;
use pinhole_protocol::wire::Span;

/// A side's item, as both sides know it.
#[derive(Default)]
pub(super) struct Own {
    /// Its bytes.
    bytes: u64,
    withdrawn: bool,
    /// Its result as its sender heard it: true if it is delivered.
    pub(super) result: Option<bool>,
    /// The receiver has heard of it, has refused it, has it where it belongs.
    pub(super) heard: bool,
    refused: bool,
    pub(super) kept: bool,
    /// Positions that the receiver has read or had, and those that are written.
    read: Ranges,
    written: Ranges,
}

/// A link's way at one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Confirmed,
    Asked,
    Used,
    /// Was in use, and is cut: something may still be read from it.
    Cut,
    /// Cut before it was in use, or down.
    Gone,
}

#[derive(Default)]
pub(super) struct Model {
    pub(super) items: [BTreeMap<ItemId, Own>; 2],
    links: [BTreeMap<LinkId, Way>; 2],
    /// Messages that have come whole to each side.
    came: [u64; 2],
    /// The latest text that each side has heard.
    latest: [Option<ItemId>; 2],
    /// Sides at which the words are yet to be compared.
    pub(super) unverified: [bool; 2],
    missing: [bool; 2],
    stalled: [bool; 2],
    /// Places that each side has had to say, and the last of the other's that it has heard of.
    pub(super) places: [Vec<Places>; 2],
    heard: [Option<Places>; 2],
    tampered: [u32; 2],
    /// The first to end.
    first: Option<usize>,
}

impl Model {
    pub(super) fn new(unverified: [bool; 2]) -> Self {
        Self { unverified, ..Self::default() }
    }

    pub(super) fn begins(&mut self, side: usize, item: ItemId, bytes: u64) {
        self.items[side].insert(item, Own { bytes, ..Own::default() });
    }

    fn own(&mut self, side: usize, item: ItemId) -> &mut Own {
        self.items[side].get_mut(&item).unwrap()
    }

    pub(super) fn up(&mut self, side: usize, link: LinkId) {
        assert!(self.links[side].insert(link, Way::Confirmed).is_none(), "an index twice");
    }

    pub(super) fn cuts(&mut self, side: usize, link: LinkId) {
        let way = self.links[side].get_mut(&link).unwrap();
        *way = if *way == Way::Used { Way::Cut } else { Way::Gone };
    }

    pub(super) fn down(&mut self, side: usize, link: LinkId, how: LinkEnd) {
        self.links[side].insert(link, Way::Gone);
        self.tampered[side] += u32::from(how == LinkEnd::Tampered);
    }

    /// Nothing but a greeting is said on a link that is not in use, and no greeting before all is
    /// read from the one before. What is acknowledged has come, and is written.
    pub(super) fn says(&mut self, side: usize, link: LinkId, control: &Control) {
        let is_free = |way: &Way| !matches!(way, Way::Used | Way::Cut);
        let free = self.links[side].values().all(is_free);
        let asked = self.links[side].values().any(|way| *way == Way::Asked);
        let way = self.links[side].get_mut(&link).unwrap();
        match (control, *way) {
            (Control::Use(_), Way::Confirmed) if side == 0 && free && !asked => *way = Way::Asked,
            (Control::Using(_), Way::Asked) if side == 1 && free => *way = Way::Used,
            (Control::Use(_) | Control::Using(_), _) => panic!("{side} greets on {way:?} {link:?}"),
            (_, Way::Used) => {}
            (_, way) => panic!("{side} says {control:?} on {link:?} that is {way:?}"),
        }
        match control {
            Control::Received { next, .. } => assert!(*next <= self.came[side], "not come"),
            Control::Use(greeting) | Control::Using(greeting) => {
                assert!(greeting.next <= self.came[side], "not come");
            }
            Control::Credit { transfer, written, .. } => {
                let own = &self.items[1 - side][transfer];
                let is_written = |span: &Span| own.written.covers(&(span.start..span.end));
                assert!(written.iter().all(is_written), "acknowledged before it was written");
            }
            _ => {}
        }
    }

    pub(super) fn reads(&mut self, side: usize, link: LinkId, control: &Control) {
        let way = self.links[side].get_mut(&link).unwrap();
        match (control, *way) {
            (Control::Use(_), Way::Confirmed) => *way = Way::Asked,
            (Control::Using(_), Way::Asked) => *way = Way::Used,
            (Control::Fragment { number, last: true, .. }, Way::Used | Way::Cut) => {
                self.came[side] = self.came[side].max(number + 1);
            }
            _ => {}
        }
    }

    pub(super) fn grants(&self, side: usize, link: LinkId) {
        assert_eq!(self.links[side][&link], Way::Used, "a grant on a link not in use");
    }

    /// No byte that was read comes again: every record is read whole here, or not at all.
    pub(super) fn arrives(&mut self, side: usize, link: LinkId, item: ItemId, range: &Range<u64>) {
        assert_ne!(self.links[side][&link], Way::Confirmed, "a chunk on a link not in use");
        let own = self.own(1 - side, item);
        let new = own.read.missing(range.clone()).count();
        assert_eq!(new, range.end - range.start, "{range:?} of {item:?} comes again");
        own.read.insert(range.clone());
    }

    pub(super) fn wrote(&mut self, side: usize, item: ItemId, range: Range<u64>) {
        self.own(1 - side, item).written.insert(range);
    }

    /// The program of a side answers.
    pub(super) fn answers(&mut self, side: usize, input: &Input<'_>) {
        match input {
            Input::Kept(item) | Input::Held(item) | Input::Committed(item, _) => {
                self.own(1 - side, *item).kept = true;
            }
            Input::Refuse(item, _) => self.own(1 - side, *item).refused = true,
            Input::Passed(item, range) => self.wrote(side, *item, range.clone()),
            Input::Proved(item, ranges) => {
                for range in ranges {
                    self.own(1 - side, *item).read.insert(range.clone());
                    self.wrote(side, *item, range.clone());
                }
            }
            Input::Cancel(item, _) => {
                let own = self.items[side].get_mut(item);
                own.into_iter().for_each(|own| own.withdrawn = true);
            }
            _ => {}
        }
    }

    pub(super) fn hears(&mut self, side: usize, event: &Event) {
        if let Event::Text(..) | Event::Offered(_) = event {
            let heard = self.items[1 - side].values().filter(|own| own.heard).count() as u64;
            assert!(heard < self.came[side], "heard before it has come");
            assert!(!self.unverified[side], "heard before the words were compared");
        }
        match event {
            Event::Text(item, text) => {
                assert!(self.latest[side].replace(*item) < Some(*item), "{item:?} out of order");
                let own = self.own(1 - side, *item);
                assert_eq!(own.bytes, text.raw().len() as u64);
                own.heard = true;
            }
            Event::Offered(offer) => {
                let own = self.own(1 - side, offer.item);
                assert!(!std::mem::replace(&mut own.heard, true), "offered twice");
            }
            Event::Written { transfer, done, frontier } => {
                let own = self.own(side, *transfer);
                assert!(*done <= own.written.count(), "called written before it was");
                assert!(own.written.covers(&(0..*frontier)));
            }
            Event::Whole(item, whole) => {
                let own = self.own(1 - side, *item);
                assert_eq!(own.bytes, whole.bytes());
                assert!(own.written.covers(&(0..whole.bytes())));
            }
            Event::Delivered(item, _) => {
                let own = self.own(side, *item);
                assert!(own.kept, "{item:?} called delivered before it was");
                assert!(own.result.replace(true).is_none(), "a second result");
            }
            Event::Failed(item, reason) => {
                let own = self.own(side, *item);
                // Another reason is the end of the conversation, which comes next.
                let asked = matches!(reason, Reason::Declined | Reason::Disk | Reason::Interrupted);
                assert!(own.refused || own.withdrawn || !asked, "failed for no reason");
                assert!(own.result.replace(false).is_none(), "a second result");
            }
            Event::Link(LinkNews::Reconnecting) => {
                assert!(!std::mem::replace(&mut self.missing[side], true), "told twice");
            }
            Event::Link(LinkNews::Stalled) => self.stalled[side] = true,
            Event::Link(LinkNews::Flowing) => {
                assert!(std::mem::take(&mut self.stalled[side]), "nothing had stalled");
            }
            Event::Link(LinkNews::Reconnected(_)) => {
                let missed = [&mut self.missing, &mut self.stalled];
                let missed = missed.map(|of| std::mem::take(&mut of[side]));
                assert_ne!(missed, [false; 2], "nothing was missed");
            }
            Event::Places(places) => {
                assert!(self.places[1 - side].contains(places), "heard of places never said");
                self.heard[side] = Some(places.clone());
            }
            Event::Over(outcome) => {
                let first = *self.first.get_or_insert(side);
                match outcome {
                    Outcome::Done => assert!(self.is_answered(side), "done with something open"),
                    Outcome::Tampered => assert!(self.tampered[side] >= 8),
                    Outcome::NeverHeard => assert_eq!(self.came[side], 0, "it has been heard"),
                    Outcome::Unheard => {}
                    Outcome::Expired | Outcome::PeerLeft(Reason::Expired) => {
                        assert_ne!(first, side, "expired before the other side ended");
                    }
                    _ => panic!("ended as {outcome:?}"),
                }
            }
            _ => {}
        }
    }

    /// All that a side has given has its result.
    pub(super) fn is_answered(&self, side: usize) -> bool {
        self.items[side].values().all(|own| own.result.is_some())
    }

    /// Both sides are done: everything has come to what it was meant to.
    pub(super) fn is_done(&self) {
        for (item, own) in self.items.iter().flatten() {
            let meant = !own.refused && !own.withdrawn;
            assert!(own.result == Some(true) || !meant, "{item:?} ended as {:?}", own.result);
            assert!(own.heard || !meant, "{item:?} was not heard of");
        }
        for (said, heard) in self.places.iter().zip(self.heard.iter().rev()) {
            assert_eq!(said.last(), heard.as_ref(), "the last places were not heard of");
        }
    }
}
