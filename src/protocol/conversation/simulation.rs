//! Two conversations on a pretend network with a pretend clock: whole channels in microseconds.

mod tests;

use super::greeting_tests::commitment;
use super::*;
use crate::limits::{FILE_CREDIT, LINK_GRANTS, LINK_RECORDS};
use crate::links::LinkId;
use crate::messages::Body;
use crate::wire::{
    Differences, Entry, EntryKind, Fate, Item, ItemKind, Part, PeerName, PeerText, Reason, Want,
};
use alloc::collections::VecDeque;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::Range;
use core::time::Duration;
use std::collections::BTreeMap;
use std::vec;
use zeroize::Zeroizing;

const LATENCY: u64 = 20;

/// A packet under way: a control record, or a chunk as positions of a transfer.
enum Packet {
    Control(Zeroizing<Vec<u8>>),
    Chunk(ItemId, Range<u64>),
}

/// The next event on a side.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    Wake,
    Arrival,
    Sent,
}

/// One side with an application that accepts and keeps everything, and a record of all that it was
/// told.
struct Side {
    conversation: Conversation,
    wake_at: Option<Instant>,
    /// Our transfers: the parts still to be produced, and the bytes of all.
    sources: BTreeMap<ItemId, (VecDeque<Vec<Entry>>, u64)>,
    /// Packets that its link has not sent yet, and since when it sends the first of them.
    sending: VecDeque<Packet>,
    since: Instant,
    /// Packets on their way to this side, with the moment of arrival.
    arriving: VecDeque<(Instant, Packet)>,
    heard_at: Instant,
    texts: Vec<String>,
    received: BTreeMap<ItemId, u64>,
    whole: Vec<(ItemId, u64, u32)>,
    delivered: Vec<ItemId>,
    /// The peer's parts.
    parts: Vec<Part>,
    /// Of what is sent, positions of which no bytes come; of what arrives, those that were said.
    gaps: Vec<(Range<u64>, Option<Reason>)>,
    /// The differences that it reports, or that were reported to it.
    differing: Differences,
    failed: Vec<(ItemId, Reason)>,
    told: Vec<&'static str>,
    over: Option<Outcome>,
    /// True if its texts are held until they are collected.
    holds: bool,
}

impl Side {
    fn new(role: Role, want: Want, change: impl FnOnce(&mut Setup)) -> Self {
        let mut setup = Setup {
            want,
            ttl: crate::limits::TTL,
            verify: false,
            faithful: true,
            resuming: false,
            proving: true,
            striping: false,
        };
        change(&mut setup);
        Self {
            conversation: Conversation::new(Instant::from_millis(0), commitment(role), setup),
            wake_at: None,
            sources: BTreeMap::new(),
            sending: VecDeque::new(),
            since: Instant::from_millis(0),
            arriving: VecDeque::new(),
            heard_at: Instant::from_millis(0),
            texts: Vec::new(),
            received: BTreeMap::new(),
            whole: Vec::new(),
            delivered: Vec::new(),
            parts: Vec::new(),
            gaps: Vec::new(),
            differing: Differences::default(),
            failed: Vec::new(),
            told: Vec::new(),
            over: None,
            holds: false,
        }
    }
}

impl Side {
    /// Serves a grant: what of it are bytes, and what is said of the rest.
    fn read(&self, item: ItemId, range: Range<u64>) -> (Vec<Packet>, Vec<Input<'static>>) {
        let (mut packets, mut told, mut from) = (vec![], vec![], range.start);
        for (gap, why) in
            self.gaps.iter().filter(|(gap, _)| gap.start < range.end && range.start < gap.end)
        {
            if from < gap.start {
                packets.push(Packet::Chunk(item, from..gap.start));
            }
            told.push(Input::Gap(item, from.max(gap.start)..gap.end, *why));
            from = gap.end;
        }
        if from < range.end {
            packets.push(Packet::Chunk(item, from..range.end));
        }
        told.push(Input::Sent(LinkId::CODE, item));
        (packets, told)
    }
}

/// Both sides and the clock.
struct Pair {
    sides: [Side; 2],
    now: Instant,
    /// Milliseconds that a link takes for each packet.
    pace: u64,
    /// Packets sent from now on never arrive.
    cut: bool,
}

impl Pair {
    fn new(host: Want, joiner: Want) -> Self {
        Self::with(Side::new(Role::Host, host, |_| ()), Side::new(Role::Joiner, joiner, |_| ()))
    }

    fn with(host: Side, joiner: Side) -> Self {
        let mut pair =
            Self { sides: [host, joiner], now: Instant::from_millis(0), pace: 0, cut: false };
        pair.tell(0, Input::LinkUp { link: LinkId::CODE, linked: false, most: 1 });
        pair.tell(1, Input::LinkUp { link: LinkId::CODE, linked: false, most: 1 });
        pair
    }

    fn tell(&mut self, side: usize, input: Input<'_>) {
        let mut actions = vec![self.sides[side].conversation.handle(self.now, input)];
        while let Some(next) = actions.pop() {
            let this = &mut self.sides[side];
            if this.sending.is_empty() {
                this.since = self.now;
            }
            this.sending.extend(next.control.into_iter().map(|(_, body)| Packet::Control(body)));
            this.sending.extend(
                next.grants.into_iter().map(|grant| Packet::Chunk(grant.transfer, grant.range)),
            );
            assert!(this.sending.len() <= LINK_RECORDS + LINK_GRANTS, "more than a link takes");
            this.wake_at = next.wake_at;
            let answers = next
                .events
                .into_iter()
                .filter_map(|event| self.app(side, event))
                .collect::<Vec<_>>();
            let mut inputs = if self.pace == 0 { self.sent(side) } else { Vec::new() };
            inputs.extend(answers);
            for input in inputs {
                actions.insert(0, self.sides[side].conversation.handle(self.now, input));
            }
        }
    }

    /// The link of a side sends what it can now; what the side hears of that.
    fn sent(&mut self, side: usize) -> Vec<Input<'static>> {
        let most = if self.pace == 0 { usize::MAX } else { 1 };
        let count = self.sides[side].sending.len().min(most);
        let packets: Vec<Packet> = self.sides[side].sending.drain(..count).collect();
        self.sides[side].since = self.now;
        let arrival = self.now.after(Duration::from_millis(LATENCY));
        let mut heard = Vec::new();
        for packet in packets {
            let (packets, told) = match packet {
                Packet::Control(_) => (vec![packet], vec![Input::Taken(LinkId::CODE)]),
                Packet::Chunk(item, range) => self.sides[side].read(item, range),
            };
            heard.extend(told);
            if !self.cut {
                self.sides[1 - side]
                    .arriving
                    .extend(packets.into_iter().map(|packet| (arrival, packet)));
            }
        }
        heard
    }

    fn app(&mut self, side: usize, event: Event) -> Option<Input<'static>> {
        let side = &mut self.sides[side];
        match event {
            Event::Text(item, text) => {
                side.texts.push(text.raw().to_string());
                Some(if side.holds { Input::Held(item) } else { Input::Kept(item) })
            }
            Event::Secret(item, _, secret) => {
                assert!(!std::format!("{secret:?}").contains('['));
                Some(Input::Kept(item))
            }
            Event::Offered(offer) => Some(Input::Accept(offer.item, FILE_CREDIT)),
            Event::PartWanted(item) => {
                let (parts, bytes) = side.sources.get_mut(&item).unwrap();
                // A stream says its end only when it is there.
                let end = (*bytes != u64::MAX).then_some(Input::Total(item, *bytes));
                parts.pop_front().map(|part| Input::Part(item, part)).or(end)
            }
            Event::AllRead(item) => Some(Input::Checked(item, Differences::default())),
            Event::Register(part) => {
                let item = part.item;
                side.parts.push(part);
                Some(Input::Registered(item))
            }
            Event::Whole(item, whole) => {
                side.whole.push((item, whole.bytes(), whole.entries()));
                Some(Input::Committed(item, side.differing.clone()))
            }
            Event::Gap { transfer, range, why } => {
                side.gaps.push((range.clone(), why));
                Some(Input::Passed(transfer, range))
            }
            Event::Delivered(item, differences) => {
                side.delivered.push(item);
                side.differing = differences;
                None
            }
            Event::Failed(item, reason) => {
                side.failed.push((item, reason));
                None
            }
            Event::Link(LinkNews::Stalled) => {
                side.told.push("stalled");
                None
            }
            Event::Link(LinkNews::Flowing) => {
                side.told.push("flowing");
                None
            }
            Event::Expiring(_) => {
                side.told.push("expiring");
                None
            }
            Event::PeerLeft(_) => {
                side.told.push("peer left");
                None
            }
            Event::Connected(_) => {
                side.told.push("connected");
                None
            }
            Event::Over(outcome) => {
                assert!(side.over.replace(outcome).is_none());
                None
            }
            _ => None,
        }
    }

    /// Lets time pass until nothing is under way and no timer fires before `until`.
    fn run(&mut self, until: Instant) {
        loop {
            let next = (0..2)
                .filter_map(|side| {
                    let this = &self.sides[side];
                    let arrival = this.arriving.front().map(|(at, _)| (*at, side, Next::Arrival));
                    let wake = this
                        .wake_at
                        .filter(|_| this.over.is_none())
                        .map(|at| (at, side, Next::Wake));
                    let sent = this.sending.front().map(|_| {
                        (this.since.after(Duration::from_millis(self.pace)), side, Next::Sent)
                    });
                    [arrival, wake, sent].into_iter().flatten().min()
                })
                .min();
            let Some((at, side, what)) = next.filter(|(at, ..)| *at <= until) else { break };
            self.now = self.now.max(at);
            if what == Next::Sent {
                for input in self.sent(side) {
                    self.tell(side, input);
                }
                continue;
            }
            if what == Next::Wake {
                let quiet = self.now.since(self.sides[side].heard_at);
                self.tell(side, Input::Quiet(LinkId::CODE, quiet));
                self.tell(side, Input::Tick);
                continue;
            }
            self.sides[side].heard_at = self.now;
            match self.sides[side].arriving.pop_front().unwrap().1 {
                Packet::Control(body) => self.tell(side, Input::Control(LinkId::CODE, &body)),
                Packet::Chunk(item, range) => {
                    *self.sides[side].received.entry(item).or_default() += range.end - range.start;
                    self.tell(side, Input::Wrote(item, range));
                }
            }
        }
        self.now = self.now.max(until);
    }

    fn run_for(&mut self, seconds: u64) {
        self.run(self.now.after(Duration::from_secs(seconds)));
    }

    fn text(&mut self, side: usize, body: &str) -> ItemId {
        let item = self.sides[side].conversation.next_item();
        self.tell(side, Input::Body(item, Body::text(item, body.to_string()).unwrap()));
        item
    }

    /// Offers files of these sizes, in parts of this many.
    fn offer(&mut self, side: usize, sizes: &[u64], part: usize) -> ItemId {
        let item = self.sides[side].conversation.next_item();
        let name = || PeerText::new("d".to_string());
        let entry = |size: &u64| Entry {
            size: Some(*size),
            ..Entry::inside(0, PeerName::new(b"f".to_vec()), EntryKind::File)
        };
        let parts = sizes.chunks(part).map(|sizes| sizes.iter().map(entry).collect()).collect();
        self.sides[side].sources.insert(item, (parts, sizes.iter().sum()));
        let items = vec![Item { name: name(), kind: ItemKind::Folder, size: None, exact: None }];
        self.tell(
            side,
            Input::Offer(Offer {
                item,
                items,
                bytes: 0,
                entries: 0,
                counted: false,
                allocated: None,
            }),
        );
        item
    }

    /// Offers a stream.
    fn stream(&mut self, side: usize) -> ItemId {
        let item = self.sides[side].conversation.next_item();
        let name = PeerText::new("-".to_string());
        let items = vec![Item { name, kind: ItemKind::Stream, size: None, exact: None }];
        let entry = Entry::of_item(0, EntryKind::File);
        self.sides[side].sources.insert(item, (VecDeque::from([vec![entry]]), u64::MAX));
        let offer = Offer { item, items, bytes: 0, entries: 1, counted: false, allocated: None };
        self.tell(side, Input::Offer(offer));
        item
    }

    fn over(&self) -> [Option<Outcome>; 2] {
        [self.sides[0].over, self.sides[1].over]
    }
}
