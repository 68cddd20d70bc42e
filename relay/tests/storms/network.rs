//! The pretend network: links that are made, what passes on them, and their ends.

use super::*;

impl Storm {
    /// A side that is over closes its links once its last words are on their way.
    pub(super) fn leave_links(&mut self, side: usize) {
        for link in self.wires.keys().copied().collect::<Vec<_>>() {
            self.end(side, link).grants.clear();
            if self.stand(side, link) == Stand::Up && self.end(side, link).control.is_empty() {
                self.close(side, link);
            }
        }
    }

    /// Handshakes, whenever a side needs a link: one, some at once, or half of one.
    pub(super) fn made_at_random(&mut self) {
        self.making = false;
        if self.parties.iter().any(|party| party.over.is_some()) {
            return;
        }
        if self.parties.iter().any(|party| party.conversation.needs_link()) {
            let asleep = self.parties.iter().any(|party| party.asleep > self.now);
            if self.outage <= self.now && !asleep {
                for _ in 0..[1, 1, 1, 1, 2, 3][self.below(6) as usize] {
                    let half = !self.calm && self.one_in(8);
                    let which = self.below(2) == 0;
                    self.made([!half || which, !half || !which]);
                }
            }
            self.making = true;
            let wait = 200 + self.below(3000);
            self.at(wait, Happening::Made);
        }
    }

    /// Handshakes, while a side wishes for stripes: one, some at once, or half of one.
    pub(super) fn made_beside(&mut self) {
        self.making_stripes = false;
        let asleep = self.parties.iter().any(|party| party.asleep > self.now);
        if !(0..2).any(|side| self.wants_stripes(side)) {
            return;
        }
        if self.outage <= self.now && !asleep {
            for _ in 0..1 + self.below(3) {
                let half = !self.calm && self.one_in(8);
                let which = self.below(2) == 0;
                self.made([!half || which, !half || !which]);
            }
        }
        self.making_stripes = true;
        let wait = 100 + self.below(1500);
        self.at(wait, Happening::Beside);
    }

    /// A side that is not over makes links beside the one that works.
    pub(super) fn wants_stripes(&self, side: usize) -> bool {
        let party = &self.parties[side];
        party.over.is_none() && party.conversation.needs_stripes() > 0
    }

    /// A handshake is through, at these sides.
    pub(super) fn made(&mut self, at: [bool; 2]) -> LinkId {
        let latency = if self.tidy { LATENCY } else { 1 + self.below(150) };
        let waits = [0, 1].map(|_| self.while_of(latency));
        self.connects(at, waits, latency)
    }

    /// The same, confirmed after these times.
    pub(super) fn made_in(&mut self, at: [bool; 2], waits: [u64; 2]) -> LinkId {
        self.connects(at, waits, LATENCY)
    }

    fn connects(&mut self, at: [bool; 2], waits: [u64; 2], latency: u64) -> LinkId {
        let link = LinkId(self.next);
        self.next += 1;
        // While the host needs one, the joiner may not know of the next that it puts into use.
        let needed = self.parties[0].conversation.needs_link();
        let linked = self.parties[1].conversation.is_linked() || needed;
        let awaited = |side: usize| Stand::Awaited(self.now.after(millis(waits[side])));
        let stands = [0, 1].map(|side| if at[side] { awaited(side) } else { Stand::Down });
        self.lay(link, stands, latency, None);
        for side in (0..2).filter(|side| at[*side]) {
            self.at(waits[side], Happening::Confirmed(side, link, linked));
        }
        link
    }

    /// Lays a wire for a link.
    pub(super) fn lay(
        &mut self,
        link: LinkId,
        stands: [Stand; 2],
        latency: u64,
        lines: Option<[Connection; 2]>,
    ) {
        let now = self.now;
        let ends = stands.map(|stand| End {
            stand,
            control: VecDeque::new(),
            grants: VecDeque::new(),
            writing: false,
            unwritten: 0,
            waits: now,
            last: now,
            mute: None,
            tampered: None,
        });
        // Some are so slow that they are lost in the midst of a message.
        let pace = if self.one_in(4) { self.below(300) } else { self.while_of(4) };
        self.wires.insert(link, Wire { ends, latency, pace, lines });
    }

    pub(super) fn write_soon(&mut self, side: usize, link: LinkId) {
        let pace = self.wires[&link].pace;
        if !std::mem::replace(&mut self.end(side, link).writing, true) {
            self.at(pace, Happening::Writes(side, link));
        }
    }

    /// The writer of a link: control before each chunk.
    pub(super) fn writes(&mut self, side: usize, link: LinkId) {
        self.end(side, link).writing = false;
        if self.stand(side, link) != Stand::Up {
            return;
        }
        if let Some(body) = self.end(side, link).control.pop_front() {
            self.send(side, link, Flight::Control(body));
            self.tell(side, Input::Taken(link));
        } else if let Some((item, range, from)) = self.end(side, link).grants.pop_front() {
            let Some(source) = self.parties[side].sources.get(&item) else {
                self.tell(side, Input::Unserved(link));
                return self.write_more(side, link);
            };
            let hole = source.holes.iter().find(|(hole, _)| hole.end > from).cloned();
            let end = range.end.min(from + CHUNK_DATA as u64);
            let to = match hole {
                Some((hole, why)) if hole.start <= from => {
                    self.tell(side, Input::Gap(item, from..hole.end, why));
                    hole.end.min(range.end)
                }
                hole => {
                    let to = hole.map_or(end, |(hole, _)| end.min(hole.start));
                    self.send(side, link, Flight::Chunk(item, from..to));
                    to
                }
            };
            if to < range.end {
                self.end(side, link).grants.push_front((item, range, to));
            } else {
                self.tell(side, Input::Sent(link, item));
            }
        }
        self.write_more(side, link);
    }

    fn write_more(&mut self, side: usize, link: LinkId) {
        let end = self.end(side, link);
        if !end.control.is_empty() || !end.grants.is_empty() {
            self.write_soon(side, link);
        } else if self.parties[side].over.is_some() {
            self.leave_links(side);
        }
    }

    pub(super) fn send(&mut self, side: usize, link: LinkId, flight: Flight) {
        if let (Flight::Fin, Some(lines)) = (&flight, self.wires[&link].lines) {
            // The relay closes the other once it has passed on all that came before.
            return self.is_gone(lines[side], self.wires[&link].latency);
        }
        self.sent[side] += 1;
        if self.doomed.take_if(|doomed| *doomed == (side, self.sent[side])).is_some() {
            self.lose(link, Loss::Noticed(0, 0));
        }
        let latency = self.wires[&link].latency;
        let now = self.now;
        let end = self.end(side, link);
        end.last = end.last.max(now.after(millis(latency)));
        self.sequence += 1;
        let (at, sequence) = (self.end(side, link).last, self.sequence);
        self.queue.insert((at, sequence), Happening::Arrives(1 - side, link, flight, now));
    }

    pub(super) fn arrives(&mut self, side: usize, link: LinkId, flight: Flight) {
        let now = self.now;
        self.end(side, link).waits = now;
        let whole = self.end(side, link).tampered;
        if whole == Some(0) {
            return self.ends(side, link, LinkEnd::Tampered);
        }
        self.end(side, link).tampered = whole.map(|whole| whole - 1);
        match flight {
            Flight::Control(body) => {
                let control: Control = read(&body).unwrap();
                self.model.reads(side, link, &control);
                self.tell(side, Input::Control(link, &body));
            }
            Flight::Chunk(item, range) => {
                self.model.arrives(side, link, item, &range);
                self.end(side, link).unwritten += 1;
                let wait = self.while_of(30);
                self.at(wait, Happening::Written(side, link, item, range));
            }
            Flight::Fin => self.ends(side, link, LinkEnd::Closed),
            Flight::Confirmation => {}
        }
    }

    /// Nothing more is read at a side's end of a link.
    fn ends(&mut self, side: usize, link: LinkId, how: LinkEnd) {
        if how == LinkEnd::Tampered && self.stand(side, link) == Stand::Up {
            self.send(side, link, Flight::Fin);
        }
        if self.stand(side, link) == Stand::Up {
            self.down(side, link, how);
        }
    }

    /// A side closes its end of a link.
    pub(super) fn close(&mut self, side: usize, link: LinkId) {
        if self.stand(side, link) == Stand::Up {
            let until = self.while_of(40);
            let now = self.now;
            self.end(side, link).stand = Stand::Closing(now.after(millis(until)));
            self.send(side, link, Flight::Fin);
            let wait = until + self.while_of(1_500);
            self.at(wait, Happening::Down(side, link, LinkEnd::Closed));
        }
    }

    /// A side hears that a link ended, once all that it has read of it is written.
    pub(super) fn down(&mut self, side: usize, link: LinkId, how: LinkEnd) {
        match self.stand(side, link) {
            Stand::Down => return,
            Stand::Awaited(_) => {
                self.end(side, link).stand = Stand::Down;
                let line = self.wires[&link].lines.map(|lines| lines[side]);
                if line.is_some() && line == self.parties[side].seek.connection() {
                    self.fails(side);
                }
                return;
            }
            Stand::Closing(until) if until > self.now => {
                return self.at(5, Happening::Down(side, link, how));
            }
            _ if self.end(side, link).unwritten > 0 => {
                let now = self.now;
                self.end(side, link).stand = Stand::Closing(now);
                return self.at(5, Happening::Down(side, link, how));
            }
            Stand::Up | Stand::Closing(_) => {}
        }
        let end = self.end(side, link);
        end.stand = Stand::Down;
        let control = std::mem::take(&mut end.control);
        let grants = std::mem::take(&mut end.grants);
        if self.one_in(3) {
            // Its writer ends later than its reader.
            control.iter().for_each(|_| self.answers(side, 30, Input::Taken(link)));
            for (item, ..) in grants {
                let sent = Input::Sent(link, item);
                let told = if self.one_in(2) { Input::Unserved(link) } else { sent };
                self.answers(side, 30, told);
            }
        }
        self.note(|| format!("{side} has lost {} ({how:?})", link.0));
        self.model.down(side, link, how);
        self.tell(side, Input::LinkDown(link, how));
    }
}
