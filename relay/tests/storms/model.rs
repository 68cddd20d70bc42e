//! The model: what holds of two conversations, whatever becomes of their links.

use super::*;
use pinhole_protocol::conversation::Grant;
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
    /// Its `use` is said or read.
    Asked,
    AskedAsStripe,
    Used,
    Stripe,
    /// Was in use, and is cut: something may still be read from it.
    Cut,
    /// The same of a stripe.
    CutStripe,
    /// Cut before it was in use, or down.
    Gone,
}

/// Positions of items.
type Brought = Vec<(ItemId, Range<u64>)>;

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
    /// Positions that were read of each stripe, and those that were named in credits on the link
    /// in use.
    brought: [BTreeMap<LinkId, Brought>; 2],
    named: [BTreeMap<ItemId, Ranges>; 2],
    /// Stripes that have ended beside the link in use, and are yet to be said.
    ended: [BTreeSet<LinkId>; 2],
    /// Stripes that each side was told to wish for, and those that it has read the other's wish of.
    pub(super) wishes: [Option<usize>; 2],
    theirs: [u32; 2],
    /// Positions that were given to a stripe, and have not come.
    given: [BTreeMap<LinkId, Ranges>; 2],
    /// Counts of what runs are meant to bring about.
    pub(super) seen: BTreeMap<&'static str, u64>,
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
        *way = match *way {
            Way::Used | Way::Cut => Way::Cut,
            Way::Stripe | Way::CutStripe => Way::CutStripe,
            // The joiner may have sent behind its answer.
            Way::AskedAsStripe if side == 0 => Way::CutStripe,
            _ => Way::Gone,
        };
    }

    fn has(&self, side: usize, ways: &[Way]) -> bool {
        self.links[side].values().any(|way| ways.contains(way))
    }

    fn saw(&mut self, what: &'static str) {
        *self.seen.entry(what).or_default() += 1;
    }

    pub(super) fn down(&mut self, side: usize, link: LinkId, how: LinkEnd) {
        let was = self.links[side].insert(link, Way::Gone);
        let stripe = matches!(was, Some(Way::Stripe | Way::CutStripe))
            || was == Some(Way::AskedAsStripe) && side == 0;
        if stripe && self.has(side, &[Way::Used]) {
            self.ended[side].insert(link);
        }
        self.tampered[side] += u32::from(how == LinkEnd::Tampered);
    }

    /// A link comes into use at a side: nothing is left of those before it.
    fn comes_into_use(&mut self, side: usize, link: LinkId) {
        let before = [Way::Used, Way::Cut, Way::Stripe, Way::CutStripe, Way::AskedAsStripe];
        assert!(!self.has(side, &before), "{side} uses {link:?} beside {:?}", self.links[side]);
        self.links[side].insert(link, Way::Used);
        self.ended[side].clear();
        self.theirs[side] = 0;
        self.brought[side].clear();
        self.named[side].clear();
    }

    /// Nothing but a greeting is said on a link that is not in use, and no greeting before all is
    /// read from the one before. What is acknowledged has come, and is written.
    pub(super) fn says(&mut self, side: usize, link: LinkId, control: &Control) {
        let asked = self.has(side, &[Way::Asked, Way::AskedAsStripe]);
        let used = self.has(side, &[Way::Used]);
        let way = self.links[side][&link];
        let known = [Way::Used, Way::Cut, Way::Stripe, Way::CutStripe];
        let free = !self.has(side, &known);
        match (control, way) {
            (Control::Use(greeting), Way::Confirmed) if side == 0 => {
                let stripe = greeting.stripe.is_some();
                let lawful = if stripe { used } else { free && !asked };
                assert!(lawful, "{link:?} is asked at the wrong time");
                let asked = if stripe { Way::AskedAsStripe } else { Way::Asked };
                self.links[0].insert(link, asked);
            }
            (Control::Using(greeting), Way::Asked) if side == 1 && greeting.stripe.is_none() => {
                self.comes_into_use(1, link);
            }
            (Control::Using(greeting), Way::AskedAsStripe)
                if side == 1 && used && greeting.stripe.is_some() =>
            {
                self.links[1].insert(link, Way::Stripe);
                self.saw("a stripe");
            }
            (Control::Use(_) | Control::Using(_), _) => panic!("{side} greets on {way:?} {link:?}"),
            (_, Way::Used) | (Control::Heartbeat { .. }, Way::Stripe) => {}
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
                let named = self.named[side].entry(*transfer).or_default();
                written.iter().for_each(|span| named.insert(span.start..span.end));
            }
            Control::Drop { link } => self.drops(side, LinkId(*link)),
            _ => {}
        }
    }

    /// A side says that nothing more comes of a stripe: all that came is written, and is named, if
    /// its transfer goes on.
    fn drops(&mut self, side: usize, link: LinkId) {
        assert!(self.ended[side].remove(&link), "{side} says the end of {link:?}");
        self.saw("a stripe's end said");
        for (item, range) in self.brought[side].remove(&link).unwrap_or_default() {
            let own = &self.items[1 - side][&item];
            assert!(own.written.covers(&range), "{range:?} of {item:?} is not written");
            let goes_on = !own.kept && !own.refused && !own.withdrawn;
            let named = self.named[side].get(&item).is_some_and(|named| named.covers(&range));
            assert!(named || !goes_on, "{range:?} of {item:?} was not named");
        }
        let given = self.given[1 - side].remove(&link).unwrap_or_default();
        if !given.is_empty() {
            self.saw("a stripe that took something along");
        }
    }

    pub(super) fn reads(&mut self, side: usize, link: LinkId, control: &Control) {
        let way = self.links[side][&link];
        match (control, way) {
            (Control::Use(greeting), Way::Confirmed) => {
                let stripe = greeting.stripe.is_some();
                let asked = if stripe { Way::AskedAsStripe } else { Way::Asked };
                self.links[side].insert(link, asked);
            }
            (Control::Using(_), Way::Asked) => self.comes_into_use(side, link),
            (Control::Using(_), Way::AskedAsStripe) => {
                self.links[side].insert(link, Way::Stripe);
            }
            (Control::Stripes { count }, Way::Used | Way::Cut) => self.theirs[side] = *count,
            (Control::Fragment { number, last: true, .. }, Way::Used | Way::Cut) => {
                self.came[side] = self.came[side].max(number + 1);
            }
            _ => {}
        }
    }

    /// Bulk goes over the stripes while any are wished for.
    pub(super) fn grants(&mut self, side: usize, grant: &Grant) {
        let way = self.links[side][&grant.link];
        if way == Way::Stripe {
            self.given[side].entry(grant.link).or_default().insert(grant.range.clone());
            let stripes = self.links[side].values().filter(|way| **way == Way::Stripe).count();
            if stripes > 1 {
                self.saw("a grant on a stripe beside others");
            }
        } else {
            assert_eq!(way, Way::Used, "a grant on a link not in use");
            let wished = self.theirs[side] > 0 || self.wishes[side].is_some_and(|wish| wish > 0);
            assert!(!wished || !self.has(side, &[Way::Stripe]), "a grant beside stripes");
        }
    }

    /// No byte that was read comes again: every record is read whole here, or not at all.
    pub(super) fn arrives(&mut self, side: usize, link: LinkId, item: ItemId, range: &Range<u64>) {
        let way = self.links[side][&link];
        let used = !matches!(way, Way::Confirmed | Way::Asked | Way::AskedAsStripe);
        assert!(used, "a chunk on {link:?} that is {way:?}");
        if matches!(way, Way::Stripe | Way::CutStripe) {
            self.brought[side].entry(link).or_default().push((item, range.clone()));
            self.given[1 - side].entry(link).or_default().remove(range.clone());
        }
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
            Event::Link(LinkNews::Stalled) => {
                self.stalled[side] = true;
                assert!(!self.has(side, &[Way::Stripe]), "stripes beside one that is silent");
            }
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
