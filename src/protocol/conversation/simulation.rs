//! Two conversations on a pretend network with a pretend clock: whole channels in microseconds.

use super::greeting_tests::commitment;
use super::*;
use crate::limits::{LINK_GRANTS, LINK_RECORDS};
use crate::messages::Body;
use crate::wire::{EntryKind, Fate, Item, ItemKind, PeerName};
use alloc::string::{String, ToString};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::vec;

const LATENCY: u64 = 20;

/// What travels: a control record, or a chunk as positions of a transfer.
enum Packet {
    Control(Zeroizing<Vec<u8>>),
    Chunk(ItemId, Range<u64>),
}

/// What happens next on a side.
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
    /// What its link has not sent yet, and since when it sends the first of it.
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
    /// What it says, or heard, to differ.
    differing: Differences,
    failed: Vec<(ItemId, Reason)>,
    told: Vec<&'static str>,
    over: Option<Outcome>,
    /// Whether its texts are held until they are collected.
    holds: bool,
}

impl Side {
    fn new(role: Role, want: Want, change: impl FnOnce(&mut Setup)) -> Self {
        let mut setup = Setup { want, ttl: crate::limits::TTL, verify: false, faithful: true };
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
        told.push(Input::Sent(LinkId::CODE, item, range));
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
        pair.tell(0, Input::LinkUp(LinkId::CODE));
        pair.tell(1, Input::LinkUp(LinkId::CODE));
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
            Event::Offered(offer) => Some(Input::Accept(offer.item)),
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
            Event::Stalled => {
                side.told.push("stalled");
                None
            }
            Event::Flowing => {
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

    fn over(&self) -> [Option<Outcome>; 2] {
        [self.sides[0].over, self.sides[1].over]
    }
}

#[test]
fn a_channel_carries_texts_and_files_both_ways_and_ends_for_both() {
    let mut pair = Pair::new(Want::Both, Want::Both);
    let first = pair.text(0, "before the link");
    let file = pair.offer(0, &[0, 70_000_000, 5], 2);
    pair.run_for(1);
    let answer = pair.text(1, "an answer");
    let folder = pair.offer(1, &[3; 2500], 1000);
    pair.run_for(5);
    assert_eq!(pair.sides[0].delivered, [first, file]);
    assert_eq!(pair.sides[1].delivered, [answer, folder]);
    assert_eq!(pair.sides[1].texts, ["before the link"]);
    assert_eq!(pair.sides[1].whole, [(file, 70_000_005, 3)]);
    assert_eq!(pair.sides[1].received[&file], 70_000_005);
    assert_eq!(pair.sides[0].whole, [(folder, 7500, 2500)]);
    pair.tell(0, Input::Leave);
    pair.run_for(1);
    assert_eq!(pair.over(), [Some(Outcome::Done), Some(Outcome::Done)]);
    assert_eq!(pair.sides[1].told, ["connected", "peer left"]);
}

#[test]
fn gaps_and_differences_cross_and_cost_no_bytes() {
    const HUGE: u64 = 1 << 42;
    let mut pair = Pair::new(Want::Both, Want::Both);
    let lost = (HUGE + 50_000_000..HUGE + 70_000_000, Some(Reason::SourceChanged));
    pair.sides[0].gaps = vec![(5..10, None), (100_000..HUGE, None), lost.clone()];
    pair.sides[1].differing.add(b"d/f", Fate::Missing(Reason::SourceChanged));
    let item = pair.offer(0, &[HUGE + 50_000_000, 20_000_000, 3], 1);
    pair.run_for(9);
    assert_eq!(pair.sides[1].whole, [(item, HUGE + 70_000_003, 3)]);
    assert_eq!(pair.sides[1].received[&item], 5 + 99_990 + 50_000_000 + 3);
    let (said, heard) = (&pair.sides[0].gaps, &pair.sides[1].gaps);
    assert!(said.iter().all(|gap| heard.contains(gap)), "{heard:?}");
    assert_eq!((&pair.sides[0].delivered, pair.sides[0].differing.missing()), (&vec![item], 1));
}

#[test]
fn a_peer_that_is_not_faithful_hears_paths_and_no_differences() {
    let unfaithful = |setup: &mut Setup| setup.faithful = false;
    let mut pair = Pair::with(
        Side::new(Role::Host, Want::Give, unfaithful),
        Side::new(Role::Joiner, Want::Take, unfaithful),
    );
    let item = pair.sides[0].conversation.next_item();
    let items = vec![Item {
        name: PeerText::new("d".to_string()),
        kind: ItemKind::Folder,
        size: None,
        exact: None,
    }];
    let name = PeerName::new(b"f".to_vec());
    let file =
        Entry { size: Some(9), mode: Some(0o644), ..Entry::inside(0, name, EntryKind::File) };
    let part = vec![Entry::of_item(0, EntryKind::Folder), file];
    pair.sides[0].sources.insert(item, (VecDeque::from([part]), 9));
    pair.sides[1].differing.add(b"d/f", Fate::Missing(Reason::Disk));
    pair.tell(
        0,
        Input::Offer(Offer { item, items, bytes: 0, entries: 0, counted: false, allocated: None }),
    );
    pair.run_for(2);
    let paths = &pair.sides[1].parts[0].entries;
    assert_eq!((paths[1].folder, paths[1].mode, paths[1].size), (Some(0), Some(0o666), Some(9)));
    assert_eq!((&pair.sides[0].delivered, pair.sides[0].differing.is_empty()), (&vec![item], true));
}

#[test]
fn what_nobody_collects_is_delivered_and_holds_up_only_more_of_its_kind() {
    let mut pair = Pair::new(Want::Both, Want::Both);
    pair.sides[1].holds = true;
    pair.run_for(1);
    let body = "x".repeat(Body::MAX);
    let fit = crate::limits::WINDOW as usize / (Body::MAX + crate::limits::WINDOW_SHARE as usize);
    let items: Vec<ItemId> = (0..fit + 2).map(|_| pair.text(0, &body)).collect();
    pair.run_for(5);
    assert_eq!(pair.sides[0].delivered, items[..fit]);
    // Files and the other direction go on.
    let (file, answer) = (pair.offer(0, &[70_000_000], 1), pair.text(1, "an answer"));
    pair.run_for(5);
    assert_eq!(pair.sides[0].delivered[fit..], [file]);
    assert_eq!(pair.sides[1].delivered, [answer]);
    for collected in 1..=2 {
        pair.tell(1, Input::Collected(items[collected - 1]));
        pair.tell(1, Input::Collected(items[collected - 1]));
        pair.run_for(5);
        assert_eq!(pair.sides[1].texts.len(), fit + collected, "one for one");
    }
    pair.tell(0, Input::Leave);
    pair.run_for(1);
    assert_eq!(pair.over(), [Some(Outcome::Done), Some(Outcome::Done)]);
}

#[test]
fn thousands_of_texts_wait_for_links_that_are_slow_both_ways() {
    let mut pair = Pair::new(Want::Both, Want::Both);
    pair.run_for(1);
    pair.pace = 7;
    let texts: Vec<String> = (0..20_000).map(|number| number.to_string()).collect();
    let mut items = [vec![], vec![]];
    for text in &texts {
        for (side, items) in items.iter_mut().enumerate() {
            items.push(pair.text(side, text));
        }
    }
    pair.run_for(1_000);
    for (side, items) in pair.sides.iter().zip(&items) {
        assert_eq!((&side.texts, &side.delivered), (&texts, items));
    }
    pair.tell(0, Input::Leave);
    pair.run_for(2);
    assert_eq!(pair.over(), [Some(Outcome::Done), Some(Outcome::Done)]);
    assert!(!pair.sides.iter().any(|side| side.told.contains(&"stalled")));
}

#[test]
fn thousands_of_credits_wait_for_links_that_are_slow_both_ways() {
    let mut pair = Pair::new(Want::Both, Want::Both);
    pair.run_for(1);
    pair.pace = 7;
    let items = [0, 1].map(|side| pair.offer(side, &[1; 5_000], 1));
    // Texts meanwhile neither hold it up nor are held up by it.
    for number in 0..1_000 {
        pair.text(number % 2, "text");
    }
    pair.run_for(1_000);
    for side in 0..2 {
        assert_eq!(
            (pair.sides[side].texts.len(), &pair.sides[side].whole),
            (500, &vec![(items[1 - side], 5_000, 5_000)])
        );
    }
    assert_eq!(pair.over(), [None, None]);
}

#[test]
fn an_abort_overtakes_what_no_link_has_begun() {
    let mut pair = Pair::new(Want::Both, Want::Both);
    pair.run_for(1);
    pair.pace = 7;
    for _ in 0..1_000 {
        pair.text(0, "text");
    }
    pair.tell(0, Input::Abort(Reason::Interrupted));
    pair.run_for(1);
    assert_eq!(
        pair.over(),
        [Some(Outcome::Aborted(Reason::Interrupted)), Some(Outcome::PeerLeft(Reason::Interrupted))]
    );
    assert!(pair.sides[0].conversation.has_said_all() && pair.sides[1].texts.len() <= LINK_RECORDS);
}

#[test]
fn an_offer_that_crosses_a_goodbye_is_finished_however_long_it_takes() {
    let mut pair = Pair::new(Want::Both, Want::Both);
    pair.run_for(1);
    let file = pair.offer(1, &[5, 1 << 33], 1);
    pair.tell(0, Input::Leave);
    let until = pair.now.after(Duration::from_millis(LATENCY));
    pair.run(until);
    // Whoever said goodbye may not end now, and is not done if the link ends.
    pair.sides[1].arriving.retain(|(_, packet)| matches!(packet, Packet::Control(_)));
    pair.tell(0, Input::Tick);
    assert!(!pair.sides[0].conversation.nothing_owed());
    pair.run_for(60);
    assert_eq!(pair.sides[1].delivered, [file]);
    assert_eq!(pair.over(), [Some(Outcome::Done), Some(Outcome::Done)]);
}

#[test]
fn an_empty_transfer_and_a_stream_are_whole_at_their_end() {
    let mut pair = Pair::new(Want::Give, Want::Take);
    let empty = pair.offer(0, &[0, 0], 1);
    pair.run_for(1);
    assert_eq!(
        (&pair.sides[0].delivered, &pair.sides[1].whole),
        (&vec![empty], &vec![(empty, 0, 2)])
    );

    let item = pair.sides[0].conversation.next_item();
    let name = PeerText::new("-".to_string());
    let items = vec![Item { name: name.clone(), kind: ItemKind::Stream, size: None, exact: None }];
    let entry = Entry::of_item(0, EntryKind::File);
    pair.sides[0].sources.insert(item, (VecDeque::from([vec![entry]]), u64::MAX));
    pair.tell(
        0,
        Input::Offer(Offer { item, items, bytes: 0, entries: 1, counted: false, allocated: None }),
    );
    pair.run_for(1);
    pair.tell(0, Input::Available(item, 40_000_000));
    pair.run_for(5);
    assert_eq!(pair.sides[1].received[&item], 40_000_000);
    pair.tell(0, Input::Available(item, 40_000_007));
    pair.tell(0, Input::Total(item, 40_000_007));
    pair.run_for(1);
    assert_eq!(pair.sides[1].whole[1..], [(item, 40_000_007, 1)]);
    assert_eq!(pair.sides[0].delivered, [empty, item]);
}

#[test]
fn never_more_is_on_its_way_than_the_receiver_granted() {
    let mut pair = Pair::new(Want::Give, Want::Take);
    let item = pair.offer(0, &[1 << 40], 1);
    for _ in 0..200 {
        let until = pair.now.after(Duration::from_millis(7));
        pair.run(until);
        let flying = |side: &Side| {
            side.arriving
                .iter()
                .map(
                    |(_, packet)| {
                        if let Packet::Chunk(_, r) = packet { r.end - r.start } else { 0 }
                    },
                )
                .sum::<u64>()
        };
        assert!(flying(&pair.sides[1]) <= crate::limits::CREDIT);
    }
    assert!(pair.sides[1].received[&item] > 10 * crate::limits::CREDIT);
}

#[test]
fn a_fifth_transfer_waits_for_one_of_four() {
    let mut pair = Pair::new(Want::Both, Want::Both);
    let items: Vec<ItemId> = (0..9).map(|_| pair.offer(0, &[3_000_000], 1)).collect();
    pair.run_for(9);
    assert_eq!(pair.sides[0].delivered, items);
    assert_eq!(pair.over(), [None, None]);
}

#[test]
fn two_givers_and_two_takers_both_learn_it() {
    for want in [Want::Give, Want::Take] {
        let mut pair = Pair::new(want, want);
        pair.run_for(1);
        assert_eq!(pair.over(), [Some(Outcome::SameRole), Some(Outcome::SameRole)]);
    }
}

#[test]
fn verify_holds_back_payload_and_acceptance_of_the_side_that_asked() {
    for asking in 0..2 {
        let side =
            |index, role| Side::new(role, Want::Both, |setup| setup.verify = index == asking);
        let mut pair = Pair::with(side(0, Role::Host), side(1, Role::Joiner));
        pair.text(asking, "held");
        pair.offer(asking, &[5], 1);
        pair.offer(1 - asking, &[5], 1);
        pair.run_for(3);
        assert_eq!(pair.sides[1 - asking].texts.len(), 0);
        assert!(
            pair.sides.iter().all(|side| side.delivered.is_empty() && side.received.is_empty())
        );
        pair.tell(asking, Input::Verified);
        pair.run_for(3);
        assert_eq!(pair.sides[asking].delivered.len(), 2);
        assert_eq!(pair.sides[1 - asking].delivered.len(), 1);
    }
}

#[test]
fn an_hour_of_heartbeats_ends_it_and_a_word_keeps_it() {
    let mut pair = Pair::new(Want::Both, Want::Both);
    pair.run_for(3599);
    assert_eq!(
        (pair.over(), &pair.sides[0].told[..]),
        ([None, None], &["connected", "expiring"][..])
    );
    pair.text(1, "still here");
    pair.run_for(3599);
    assert_eq!(pair.over(), [None, None]);
    pair.run_for(2);
    assert_eq!(pair.over().map(|over| over.is_some()), [true, true]);
    assert!(pair.over().contains(&Some(Outcome::Expired)));
}

#[test]
fn the_shorter_of_two_ttls_holds_and_sleep_counts() {
    let ttl = |role, minutes: u64| {
        Side::new(role, Want::Both, |setup| setup.ttl = Duration::from_secs(minutes * 60))
    };
    let mut pair = Pair::with(ttl(Role::Host, 4 * 60), ttl(Role::Joiner, 10));
    pair.run_for(1);
    // The machine sleeps: nothing is handled until it wakes.
    pair.now = pair.now.after(Duration::from_secs(601));
    pair.tell(0, Input::Tick);
    assert_eq!(pair.over()[0], Some(Outcome::Expired));
}

#[test]
fn a_dead_link_is_said_aloud_then_given_up() {
    let mut pair = Pair::new(Want::Both, Want::Both);
    pair.offer(0, &[1 << 40], 1);
    pair.run_for(1);
    pair.cut = true;
    pair.run_for(4);
    assert_eq!(pair.sides[0].told, ["connected"]);
    pair.run_for(4);
    assert_eq!(pair.sides[0].told, ["connected", "stalled"]);
    pair.cut = false;
    pair.text(1, "again");
    pair.run_for(1);
    assert_eq!(pair.sides[0].told, ["connected", "stalled", "flowing"]);
}

#[test]
fn silence_ends_a_channel_and_nothing_is_called_delivered() {
    let mut pair = Pair::new(Want::Both, Want::Both);
    pair.offer(0, &[1 << 40], 1);
    pair.run_for(1);
    pair.cut = true;
    pair.run_for(60);
    assert_eq!(pair.over(), [Some(Outcome::LinkLost), Some(Outcome::LinkLost)]);
    assert!(pair.sides[0].delivered.is_empty() && pair.sides[1].whole.is_empty());
}

#[test]
fn an_abort_reaches_the_other_side_with_its_reason() {
    for side in 0..2 {
        let mut pair = Pair::new(Want::Give, Want::Take);
        let item = pair.offer(0, &[1 << 40], 1);
        pair.run_for(1);
        pair.tell(side, Input::Abort(Reason::Interrupted));
        pair.run_for(1);
        assert_eq!(pair.over()[side], Some(Outcome::Aborted(Reason::Interrupted)));
        assert_eq!(pair.over()[1 - side], Some(Outcome::PeerLeft(Reason::Interrupted)));
        assert_eq!(pair.sides[0].failed, [(item, Reason::Interrupted)]);
    }
}

#[test]
fn a_joiner_that_never_speaks_is_given_up_after_40_seconds() {
    let mut pair = Pair::new(Want::Give, Want::Take);
    pair.sides[1].arriving.clear();
    pair.run_for(39);
    assert_eq!(pair.over()[0], None);
    pair.run_for(2);
    assert_eq!(pair.over()[0], Some(Outcome::NeverHeard));
}

#[test]
fn a_peer_that_breaks_the_rules_is_told_and_left() {
    use crate::wire::{Control, Span, encoded};
    let bad = [
        Control::Received { next: 9, window: 0 },
        Control::Credit { transfer: ItemId(1), limit: 9, parts: 7, written: vec![] },
        Control::Credit {
            transfer: ItemId(1),
            limit: 9,
            parts: 0,
            written: vec![Span { start: 0, end: u64::MAX }],
        },
        Control::Fragment { number: 99, last: true, bytes: vec![].into() },
    ];
    for control in bad {
        let mut pair = Pair::new(Want::Both, Want::Both);
        pair.offer(0, &[1 << 40], 1);
        pair.run_for(1);
        pair.tell(0, Input::Control(LinkId::CODE, &encoded(&control, 0)));
        assert!(matches!(pair.over()[0], Some(Outcome::Violated(_))), "{control:?}");
        pair.run_for(1);
        assert_eq!(pair.over()[1], Some(Outcome::PeerLeft(Reason::Protocol)));
    }
}

#[test]
fn delivery_is_never_believed_before_the_end_was_said() {
    use crate::wire::{Control, encoded};
    let mut pair = Pair::new(Want::Both, Want::Both);
    let item = pair.offer(0, &[1 << 40], 1);
    pair.run_for(1);
    let lie = Message::Result { item, failed: None, differences: None };
    let number = pair.sides[1].conversation.messages.next_number();
    let control = Control::Fragment { number, last: true, bytes: encoded(&lie, 0).to_vec().into() };
    pair.tell(0, Input::Control(LinkId::CODE, &encoded(&control, 0)));
    assert!(pair.sides[0].delivered.is_empty());
    assert!(matches!(pair.over()[0], Some(Outcome::Violated(_))));
}

/// Something a side does.
#[derive(Clone, Debug)]
enum Act {
    Text(usize, usize),
    Offer(usize, Vec<u64>, usize),
    Wait(u64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        (0usize..2, 0usize..200_000).prop_map(|(side, length)| Act::Text(side, length)),
        (
            0usize..2,
            prop::collection::vec(prop_oneof![Just(0), 1u64..100, 1u64..9_000_000], 1..30),
            1usize..9
        )
            .prop_map(|(side, sizes, part)| Act::Offer(side, sizes, part)),
        (0u64..3000).prop_map(Act::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn everything_arrives_once_and_in_order_or_the_loss_is_said(
        acts in prop::collection::vec(act(), 0..20),
        cut in prop::option::of(0usize..20),
    ) {
        let mut pair = Pair::new(Want::Both, Want::Both);
        let (mut texts, mut items) = ([vec![], vec![]], [vec![], vec![]]);
        for (index, act) in acts.into_iter().enumerate() {
            if cut == Some(index) {
                pair.cut = true;
            }
            match act {
                Act::Text(side, length) => {
                    texts[side].push("t".repeat(length));
                    items[side].push(pair.text(side, &"t".repeat(length)));
                }
                Act::Offer(side, sizes, part) => items[side].push(pair.offer(side, &sizes, part)),
                Act::Wait(millis) => pair.run(pair.now.after(Duration::from_millis(millis))),
            }
        }
        pair.tell(0, Input::Leave);
        pair.run_for(100);
        let lost = pair.cut && cut.is_some();
        for side in 0..2 {
            let mut delivered = pair.sides[side].delivered.clone();
            delivered.sort();
            let sent = &texts[side];
            let got = &pair.sides[1 - side].texts;
            prop_assert!(got.len() <= sent.len() && got.iter().eq(&sent[..got.len()]));
            if lost {
                prop_assert!(delivered.iter().all(|item| items[side].contains(item)));
                prop_assert!(pair.over()[side].is_some());
            } else {
                prop_assert_eq!(got.len(), sent.len());
                prop_assert_eq!(&delivered, &items[side]);
                prop_assert_eq!(pair.over()[side], Some(Outcome::Done));
            }
        }
    }

    #[test]
    fn no_control_from_a_peer_can_make_it_panic(
        bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..20),
    ) {
        let mut pair = Pair::new(Want::Both, Want::Both);
        pair.run_for(1);
        for body in bodies {
            pair.tell(0, Input::Control(LinkId::CODE, &body));
        }
    }
}
