//! Sides that look for each other at the relay while a link is needed (SPEC 6.6), as the program
//! does. Of a handshake only what it proves is left.

use super::*;

pub(super) const FIRST_PAUSE: u64 = 200;
const LONGEST_PAUSE: u64 = 5_000;
/// Another link is made beside one that is not in use by then.
const USE_TIME: u64 = 1_000;

/// A handshake message. Only a side of conversation `of` can make one that says so, and each names
/// the connection for which it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hand {
    One { of: usize, index: u32, from: Connection },
    Two { of: usize, answers: Connection, from: Connection, linked: bool },
    Noise,
}

/// Something that a side says to the relay, or does to its connection there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    Link(Role, SlotToken),
    Frame(Hand),
    /// The end of it, which the relay notices.
    Gone,
    /// Nothing passes on it any more.
    Dead,
}

/// Something that a side hears from the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    Paired,
    Frame(Hand),
    Ended,
}

/// A side's progress in looking for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seek {
    Idle,
    /// Until its next try, by number.
    Pausing(u64),
    /// In its slot.
    Waiting(Connection),
    /// Paired, before message 1.
    Paired(Connection),
    /// At a host that has sent message 1 of this index: it needed a link then, or not.
    Asked(Connection, u32, bool),
    /// At a joiner that has sent message 2.
    Answered(Connection),
}

impl Seek {
    pub(super) const fn connection(self) -> Option<Connection> {
        match self {
            Self::Idle | Self::Pausing(_) => None,
            Self::Waiting(connection)
            | Self::Paired(connection)
            | Self::Asked(connection, ..)
            | Self::Answered(connection) => Some(connection),
        }
    }
}

/// The side of a connection's number, and the conversation.
pub(super) const fn owner(connection: Connection) -> (usize, usize) {
    ((connection.0 >> 32) as usize, (connection.0 & 1) as usize)
}

impl Storm {
    pub(super) fn connection(&mut self, side: usize) -> Connection {
        self.tries += 1;
        Connection((self.number as u64) << 32 | self.tries << 1 | side as u64)
    }

    /// A side says something to the relay, after all that it has said before.
    fn asks(&mut self, side: usize, connection: Connection, ask: Ask) {
        let at = self.now.after(millis(self.while_of(100)));
        let party = &mut self.parties[side];
        party.said = party.said.max(at);
        self.asks.push((party.said, connection, ask));
    }

    /// The end of a connection gets to the relay at some time.
    pub(super) fn is_gone(&mut self, connection: Connection, most: u64) {
        let at = self.now.after(millis(self.while_of(most)));
        self.asks.push((at, connection, Ask::Gone));
    }

    /// The need of a side for a link may have changed.
    pub(super) fn seeks(&mut self, side: usize) {
        let party = &self.parties[side];
        let over = party.over.is_some();
        let needs = !over && (party.conversation.needs_link() || self.wants_stripes(side));
        let wanted = self.slot.is_some() && needs;
        match party.seek {
            Seek::Idle if wanted => self.tries_in(side, 0),
            // A handshake is not given up: the other side may have confirmed.
            Seek::Paired(_) | Seek::Asked(..) | Seek::Answered(_) if !over => {}
            seek if !wanted => {
                if let Some(connection) = seek.connection() {
                    self.asks(side, connection, Ask::Gone);
                }
                let party = &mut self.parties[side];
                (party.seek, party.pause) = (Seek::Idle, FIRST_PAUSE);
            }
            _ => {}
        }
    }

    fn tries_in(&mut self, side: usize, wait: u64) {
        self.tries += 1;
        self.stands(side, Seek::Pausing(self.tries), wait);
    }

    /// A side stands there for so long at most.
    fn stands(&mut self, side: usize, seek: Seek, wait: u64) {
        self.parties[side].seek = seek;
        self.at(wait, Happening::Seeks(side, seek));
    }

    pub(super) fn fails(&mut self, side: usize) {
        let pause = self.parties[side].pause;
        self.parties[side].pause = LONGEST_PAUSE.min(pause * 2);
        let wait = pause / 2 + self.while_of(pause / 2);
        self.tries_in(side, wait);
    }

    /// The time of a side's stand is over.
    pub(super) fn seeks_on(&mut self, side: usize, seek: Seek) {
        if self.parties[side].seek != seek {
            return;
        }
        if let Some(connection) = seek.connection() {
            self.asks(side, connection, Ask::Gone);
            return self.loses(side, connection);
        }
        if self.outage > self.now {
            return self.fails(side);
        }
        let connection = self.connection(side);
        self.parties[side].seek = Seek::Waiting(connection);
        let (role, slot) = ([Role::Host, Role::Joiner][side], self.slot.unwrap());
        self.asks(side, connection, Ask::Link(role, slot));
    }

    /// A side's connection at the relay has ended before it carried a link.
    fn loses(&mut self, side: usize, connection: Connection) {
        if let Some(link) = self.link_over(connection) {
            self.end(side, link).stand = Stand::Down;
        }
        self.fails(side);
    }

    /// The link that a connection carries.
    fn link_over(&self, connection: Connection) -> Option<LinkId> {
        let over = |wire: &Wire| wire.lines.is_some_and(|lines| lines.contains(&connection));
        self.wires.iter().find_map(|(link, wire)| over(wire).then_some(*link))
    }

    /// The relay has news for one of the connections of a side.
    pub(super) fn told_by_relay(&mut self, connection: Connection, news: News) {
        let (_, side) = owner(connection);
        if news == News::Ended {
            self.ended.insert(connection);
        }
        self.sequence += 1;
        let Some(link) = self.link_over(connection) else {
            let at = self.now.after(millis(self.while_of(100)));
            let party = &mut self.parties[side];
            party.heard = party.heard.max(at);
            let hears = Happening::Hears(side, connection, news);
            self.queue.insert((party.heard, self.sequence), hears);
            return;
        };
        assert_eq!(news, News::Ended, "it is not its end, on a link");
        let half = self.wires[&link].latency / 2;
        let (now, sequence) = (self.now, self.sequence);
        let peer = self.end(1 - side, link);
        if peer.mute.is_none_or(|mute| mute > now) {
            // Everything that the relay has passed on comes before.
            peer.mute = Some(Instant::from_millis(now.as_millis() - half + 1));
            let at = peer.last.max(now.after(millis(half)));
            let fin = Happening::Arrives(side, link, Flight::Fin, Instant::from_millis(0));
            self.queue.insert((at, sequence), fin);
        }
    }

    pub(super) fn hears_relay(&mut self, side: usize, connection: Connection, news: News) {
        let seek = self.parties[side].seek;
        if seek.connection() != Some(connection) {
            match self.link_over(connection) {
                Some(link) if news == News::Ended => self.arrives(side, link, Flight::Fin),
                _ => {}
            }
            return;
        }
        match (seek, news) {
            (Seek::Waiting(_), News::Paired) if side == 0 => {
                let (index, of) = (self.next, self.number);
                self.next += 1;
                let needed = self.parties[0].conversation.needs_link();
                self.stands(0, Seek::Asked(connection, index, needed), 10_000);
                let one = Hand::One { of, index, from: connection };
                self.asks(0, connection, Ask::Frame(one));
            }
            (Seek::Waiting(_), News::Paired) => self.stands(1, Seek::Paired(connection), 3_000),
            (Seek::Paired(_), News::Frame(Hand::One { of, index, from }))
                if of == self.number && !self.wires.contains_key(&LinkId(index)) =>
            {
                let linked = self.parties[1].conversation.is_linked();
                self.stands(1, Seek::Answered(connection), 10_000);
                let two = Hand::Two { of, answers: from, from: connection, linked };
                self.asks(1, connection, Ask::Frame(two));
            }
            (
                Seek::Asked(_, index, needed),
                News::Frame(Hand::Two { of, answers, from, linked }),
            ) if of == self.number && answers == connection => {
                self.confirms(LinkId(index), [connection, from], linked || needed);
            }
            (_, News::Ended) => self.loses(side, connection),
            _ => {
                self.asks(side, connection, Ask::Gone);
                self.loses(side, connection);
            }
        }
    }

    /// Both sides have met by a number, over these connections.
    pub(super) fn meets(&mut self, lines: [Connection; 2]) {
        let link = LinkId(self.next);
        self.next += 1;
        let latency = 1 + self.below(150);
        self.lay(link, [Stand::Awaited(self.now); 2], latency, Some(lines));
        [0, 1].into_iter().for_each(|side| self.confirmed(side, link, false));
    }

    /// A host has judged message 2: it has a link, which the joiner has once message 3 comes.
    fn confirms(&mut self, link: LinkId, lines: [Connection; 2], linked: bool) {
        let latency = 1 + self.below(150);
        let stands = [Stand::Up, Stand::Awaited(self.now)];
        self.lay(link, stands, latency, Some(lines));
        if lines.iter().any(|line| self.ended.contains(line)) {
            self.end(0, link).mute = Some(self.now);
            self.end(1, link).stand = Stand::Down;
        }
        self.send(0, link, Flight::Confirmation);
        self.has_made(0);
        self.confirmed(0, link, linked);
    }

    /// Message 3 has come.
    pub(super) fn finishes(&mut self, link: LinkId) {
        let lines = self.wires[&link].lines.unwrap();
        if self.parties[1].seek == Seek::Answered(lines[1]) {
            self.has_made(1);
            self.confirmed(1, link, false);
        } else {
            self.end(1, link).stand = Stand::Down;
        }
    }

    fn has_made(&mut self, side: usize) {
        self.parties[side].pause = FIRST_PAUSE;
        let needs = self.parties[side].conversation.needs_link();
        self.tries_in(side, if needs { USE_TIME } else { FIRST_PAUSE });
    }

    /// A side's connection at the relay, if it carries no link yet, is dead, and it notices after
    /// so long.
    pub(super) fn dies(&mut self, side: usize, after: u64) {
        if let Some(connection) = self.parties[side].seek.connection() {
            self.asks.push((self.now, connection, Ask::Dead));
            self.is_gone(connection, 60_000);
            self.at(after, Happening::Hears(side, connection, News::Ended));
        }
    }

    /// The relay has lost a connection of this conversation's. A side notices at once, or when it
    /// misses something.
    pub(super) fn cut_off(&mut self, connection: Connection) {
        let (_, side) = owner(connection);
        self.ended.insert(connection);
        let Some(link) = self.link_over(connection) else {
            let most = if self.one_in(5) { 40_000 } else { 1_000 };
            let wait = self.while_of(most);
            return self.at(wait, Happening::Hears(side, connection, News::Ended));
        };
        if side == 0 {
            let loss = self.any_loss();
            self.lose(link, loss);
        }
    }

    fn any_loss(&mut self) -> Loss {
        match self.below(6) {
            0 => Loss::Silent,
            1 => Loss::Half(self.below(2) as usize, self.below(2_000)),
            _ => Loss::Noticed(self.below(3_000), self.below(3_000)),
        }
    }

    /// All that passes here is lost.
    pub(super) fn loses_all(&mut self) {
        for link in self.links_up() {
            let loss = self.any_loss();
            self.lose(link, loss);
        }
        for side in [0, 1] {
            let after = self.while_of(40_000);
            self.dies(side, after);
        }
    }
}
