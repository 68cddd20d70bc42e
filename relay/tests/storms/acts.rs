//! Everything that users and the weather do in a storm.

use super::*;

/// One thing that is done.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Act {
    /// A text of so many bytes.
    Text(usize, usize),
    /// Files of these sizes, in parts of this many, with or without holes.
    Offer(usize, Vec<u64>, usize, bool),
    /// A stream that grows in these steps, a few a second.
    Stream(usize, Vec<u64>),
    /// Withdraws one of its own, the nth last.
    Cancel(usize, u32),
    /// Refuses one of the peer's.
    Refuse(usize, u32),
    Leave(usize),
    /// The person here has compared the words.
    Verified(usize),
    /// Something becomes of one of the links.
    Lose(Loss, usize),
    /// A side's machine sleeps for so many milliseconds.
    Sleep(usize, u64),
    /// Nothing that a side sends arrives for so long, and then all of it.
    Stall(usize, u64, usize),
    /// No link can be made for so long.
    Outage(u64),
    /// A side can be met at this port from now on.
    Moves(usize, u16),
    /// The connection by which a side waits at the relay dies, and it notices after so long.
    Dies(usize, u64),
    /// So many stripes are wished for the bulk of a side.
    Wish(usize, usize),
    /// Somebody else takes an end of a slot there for so long, this one's if its token was seen.
    Stranger(usize, bool, u64),
    /// The relay starts again, and is away for so long. It remembers nothing.
    Restart(u64),
    /// Everything that passes anywhere is lost, and no link can be made for so long.
    Blackout(u64),
}

/// The end of a link.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Loss {
    /// Both sides notice, after these times.
    Noticed(u64, u64),
    /// This side notices, and nothing more passes.
    Half(usize, u64),
    /// Nothing of this side's arrives any more.
    Deaf(usize),
    /// Nothing passes any more.
    Silent,
    /// A record to this side is changed.
    Tampered(usize),
}

/// The things done in a run, each with its moment and the conversation that it concerns.
pub(super) fn acts(rng: &mut ChaCha8Rng, gives: &[Option<usize>]) -> Vec<(u64, usize, Act)> {
    let mut below = |end: u64| rng.next_u64() % end;
    let most = 1 + below(200);
    let count = 1 + below(most);
    let pace = 1 + below(1500);
    // At most so many bytes of a run: it is to be short.
    let mut bytes = 9_000_000;
    let mut tampered = vec![0; gives.len()];
    let mut at = 0;
    (0..count)
        .map(|_| {
            // Some come in gusts.
            at += below(pace) / if below(4) == 0 { 30 } else { 1 };
            let who = below(gives.len() as u64) as usize;
            let side = below(2) as usize;
            let from = gives[who].unwrap_or(side);
            let act = match below(32) {
                0..6 => {
                    // A few come in pieces; to wipe them takes most of a run's time.
                    let most = if below(8) == 0 { 130_000 } else { 300 };
                    Act::Text(from, below(most) as usize)
                }
                6..9 => {
                    let most = [5, 200_000, 3_000_000][below(3) as usize];
                    let mut sizes: Vec<u64> = (0..1 + below(9)).map(|_| below(most)).collect();
                    sizes.iter_mut().for_each(|size| *size = (*size).min(bytes / 4));
                    bytes -= sizes.iter().sum::<u64>().min(bytes);
                    Act::Offer(from, sizes, 1 + below(4) as usize, below(3) == 0)
                }
                9 => {
                    let steps = (0..1 + below(30)).map(|_| below(40_000)).collect::<Vec<_>>();
                    Act::Stream(from, steps)
                }
                10 => Act::Cancel(side, below(4) as u32),
                11 => Act::Refuse(side, below(4) as u32),
                12..15 => Act::Lose(Loss::Noticed(below(3_000), below(3_000)), below(8) as usize),
                15 => Act::Lose(Loss::Half(side, below(2_000)), below(8) as usize),
                16 | 17 => Act::Lose(Loss::Deaf(side), below(8) as usize),
                18 => Act::Lose(Loss::Silent, below(8) as usize),
                19 if tampered[who] < 7 => {
                    tampered[who] += 1;
                    Act::Lose(Loss::Tampered(side), below(8) as usize)
                }
                20 => Act::Sleep(side, below(20_000)),
                21 => Act::Stall(side, below(12_000), below(8) as usize),
                22 => Act::Outage(below(15_000)),
                23 if below(2) == 0 => Act::Moves(side, 2_000 + below(32) as u16),
                24 => Act::Dies(side, below(40_000)),
                25 | 26 => Act::Stranger(side, below(4) != 0, below(20_000)),
                27 => Act::Restart(if below(2) == 0 { 0 } else { below(15_000) }),
                28 if below(2) == 0 => Act::Blackout(below(15_000)),
                29.. => Act::Wish(side, if below(3) == 0 { 0 } else { below(10) as usize }),
                _ => Act::Text(from, 1),
            };
            (at, who, act)
        })
        .collect()
}

impl Storm {
    /// Does something, now.
    pub(super) fn acts(&mut self, act: Act) {
        self.note(|| format!("{act:?}"));
        match act {
            Act::Text(side, length) => {
                if self.parties[side].over.is_none() {
                    self.text(side, length);
                }
            }
            Act::Offer(side, sizes, part, holes) => {
                if self.parties[side].over.is_none() {
                    self.offer(side, &sizes, part, holes);
                }
            }
            Act::Stream(side, steps) => {
                if self.parties[side].over.is_none() {
                    self.stream(side, &steps);
                }
            }
            Act::Cancel(side, back) => {
                let item = self.latest(side, back);
                self.answers(side, 1, Input::Cancel(item, Reason::Interrupted));
            }
            Act::Refuse(side, back) => {
                let item = self.latest(1 - side, back);
                if self.model.items[1 - side].get(&item).is_some_and(|own| own.heard) {
                    self.answers(side, 1, Input::Refuse(item, Reason::Disk));
                }
            }
            Act::Leave(side) => self.tell(side, Input::Leave),
            Act::Verified(side) => {
                self.model.unverified[side] = false;
                self.tell(side, Input::Verified);
            }
            Act::Lose(loss, which) => {
                let up = self.links_up();
                if let Some(link) = up.get(which % up.len().max(1)) {
                    self.lose(*link, loss);
                }
            }
            Act::Sleep(side, time) => {
                let wakes = self.parties[side].asleep.max(self.now.after(millis(time)));
                self.parties[side].asleep = wakes;
                // Time asleep is not spent in a read.
                self.wires.values_mut().for_each(|wire| wire.ends[side].waits = wakes);
            }
            Act::Stall(side, time, which) => {
                let later = self.now.after(millis(time));
                let which = which % self.wires.len().max(1);
                if let Some(wire) = self.wires.values_mut().rev().nth(which) {
                    wire.ends[side].last = wire.ends[side].last.max(later);
                }
            }
            Act::Moves(side, port) => {
                let direct = vec![([192, 0, 2, 1], port).into()];
                let places = Places { direct, relay: None };
                if self.parties[side].over.is_none() {
                    self.model.places[side].push(places.clone());
                    self.tell(side, Input::Places(places));
                }
            }
            Act::Wish(side, count) => self.wish(side, count),
            Act::Outage(time) => self.outage = self.outage.max(self.now.after(millis(time))),
            Act::Dies(side, after) => self.dies(side, after),
            Act::Blackout(time) => {
                self.loses_all();
                self.acts(Act::Outage(time));
            }
            Act::Stranger(..) | Act::Restart(_) => unreachable!("the world's"),
        }
    }

    /// A side's nth last item.
    fn latest(&self, side: usize, back: u32) -> ItemId {
        let count = self.model.items[side].len() as u32;
        ItemId(count.saturating_sub(back).max(1))
    }

    /// Links that are up at a side.
    pub(super) fn links_up(&self) -> Vec<LinkId> {
        let up = |wire: &Wire| wire.ends.iter().any(|end| end.stand == Stand::Up);
        self.wires.iter().filter_map(|(link, wire)| up(wire).then_some(*link)).collect()
    }

    pub(super) fn lose(&mut self, link: LinkId, loss: Loss) {
        let lost = [1, 1].map(|_| self.while_of(200));
        let since =
            lost.map(|lost| Instant::from_millis(self.now.as_millis().saturating_sub(lost)));
        let mute = |storm: &mut Self, side: usize| {
            storm.end(side, link).mute.get_or_insert(since[side]);
        };
        match loss {
            Loss::Noticed(host, joiner) => {
                for (side, after) in [host, joiner].into_iter().enumerate() {
                    mute(self, side);
                    self.at(after, Happening::Down(side, link, LinkEnd::Closed));
                    if let Some(lines) = self.wires[&link].lines {
                        self.is_gone(lines[side], 3_000);
                    }
                }
            }
            Loss::Half(side, after) => {
                mute(self, 0);
                mute(self, 1);
                self.at(after, Happening::Down(side, link, LinkEnd::Closed));
            }
            Loss::Deaf(side) => mute(self, side),
            Loss::Silent => {
                mute(self, 0);
                mute(self, 1);
            }
            Loss::Tampered(side) => self.end(side, link).tampered = Some(0),
        }
    }

    /// So many stripes are wished for the bulk of a side.
    pub(super) fn wish(&mut self, side: usize, count: usize) {
        self.model.wishes[side] = Some(count);
        self.tell(side, Input::Stripes(Some(count)));
    }

    pub(super) fn text(&mut self, side: usize, length: usize) -> ItemId {
        let item = self.parties[side].conversation.next_item();
        self.model.begins(side, item, length as u64);
        let body = Body::text(item, "t".repeat(length)).unwrap();
        self.tell(side, Input::Body(item, body));
        item
    }

    pub(super) fn offer(&mut self, side: usize, sizes: &[u64], part: usize, holes: bool) -> ItemId {
        let total = sizes.iter().sum();
        let entry = |size: &u64| Entry {
            size: Some(*size),
            ..Entry::inside(0, PeerName::new(b"f".to_vec()), EntryKind::File)
        };
        let parts = sizes.chunks(part).map(|sizes| sizes.iter().map(entry).collect()).collect();
        let (mut missing, mut start) = (Vec::new(), 0);
        for size in sizes.iter().filter(|_| holes) {
            if *size > 9 {
                missing.push((start + size / 3..start + size / 2, None));
                missing.push((start + size / 2..start + size - 2, Some(Reason::Disk)));
            }
            start += size;
        }
        self.offered(
            side,
            ItemKind::Folder,
            Source { parts, total: Some(total), steps: Vec::new(), holes: missing },
            total,
        )
    }

    /// Offers a stream that grows in these steps, a few a second.
    pub(super) fn stream(&mut self, side: usize, steps: &[u64]) -> ItemId {
        let parts = VecDeque::from([vec![Entry::of_item(0, EntryKind::File)]]);
        let source = Source { parts, total: None, steps: steps.to_vec(), holes: Vec::new() };
        self.offered(side, ItemKind::Stream, source, steps.iter().sum())
    }

    /// A stream is wanted, if it is one.
    pub(super) fn streams(&mut self, side: usize, item: ItemId) {
        let source = self.parties[side].sources.get_mut(&item);
        let source = source.filter(|source| source.total.is_none());
        let Some(steps) = source.map(|source| std::mem::take(&mut source.steps)) else { return };
        let (mut wait, mut position) = (0, 0);
        for step in steps {
            wait += 150;
            position += step;
            self.at(wait, Happening::Answers(side, Input::Available(item, position)));
        }
        self.at(wait, Happening::Answers(side, Input::Total(item, position)));
    }

    fn offered(&mut self, side: usize, kind: ItemKind, source: Source, bytes: u64) -> ItemId {
        let item = self.parties[side].conversation.next_item();
        self.model.begins(side, item, bytes);
        self.parties[side].sources.insert(item, source);
        let items =
            vec![Item { name: PeerText::new("d".to_string()), kind, size: None, exact: None }];
        let offer = Offer { item, items, bytes: 0, entries: 0, counted: false, allocated: None };
        self.tell(side, Input::Offer(offer));
        item
    }
}
