//! A peer that knows the conversation's secret and abuses stripes (SPEC 6.2, 6.3): it says there
//! what is not for them, makes others than were asked for, and lies about their ends.
//!
//! No byte of it is taken for what it is not, and what it breaks is its own.

use crate::harness::content::names;
use crate::harness::{Machine, Running, port, wait};
use crate::peer::{FakeHost, Peer, Ready, Said, dial_from, rest};
use crate::relink::{Link, Ours};
use crate::sender::{ITEM, file, within_memory};
use pinhole_protocol::limits::{CAPABILITIES, FAITHFUL, RESUMING, WINDOW};
use pinhole_protocol::records::ChunkHead;
use pinhole_protocol::role::Role;
use pinhole_protocol::wire::{
    Control, Entry, EntryKind, Greeting, ItemId, Message, Offer, Part, Places, Reason, Span, Want,
};
use rustix::process::Signal;
use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::time::Duration;

/// Links that a real side is to have: three stripes.
const LINKS: &str = "4";
const ROLES: [Role; 2] = [Role::Host, Role::Joiner];
/// Bytes that a stripe is given at once.
const SHARE: u64 = 128 << 10;
const CHUNK: u64 = 64 << 10;

/// A real side of a conversation, whose other side is ours.
struct Real {
    running: Running,
    peer: Peer,
    host: Option<FakeHost>,
    code: String,
    /// The latest index of ours.
    index: u32,
    here: Machine,
}

fn start(here: &Machine, links: &str, args: &[&str]) -> Running {
    let mut command = here.command(args);
    command.env("PINHOLE_LINKS", links);
    Running::start(command)
}

impl Real {
    /// One end of a channel that takes all files.
    fn new(role: Role) -> Self {
        Self::able(role, LINKS, CAPABILITIES)
    }

    /// The same with so many links, and a peer with these abilities.
    fn able(role: Role, links: &str, capabilities: u64) -> Self {
        let here = Machine::new();
        let mut real = match role {
            Role::Host => Self::host(here, links, &["host", "-o", "."], (capabilities, Want::Both)),
            Role::Joiner => {
                let host = FakeHost::new();
                let running = start(&here, links, &["connect", &host.code, "-o", "."]);
                let mut peer = host.meet_with(capabilities);
                peer.put_in_use(Want::Both);
                while !matches!(peer.hear(), Some(Said::Control(Control::Using(_)))) {}
                let code = host.code.clone();
                Self { running, peer, host: Some(host), code, index: 0, here }
            }
        };
        real.running.until("status", "connected");
        real
    }

    /// A host, joined by a peer of ours with these abilities, that comes for this.
    fn host(here: Machine, links: &str, args: &[&str], (able, want): (u64, Want)) -> Self {
        let mut running = start(&here, links, args);
        let code = running.code();
        let mut peer = Ready::dial_with(1, &code, able).unwrap().join();
        peer.answer_use(want);
        Self { running, peer, host: None, code, index: 0, here }
    }

    /// The giver of a file of so many bytes, whose offer was accepted.
    fn giver(size: u64) -> Self {
        let here = Machine::new();
        here.write("gift", vec![7; usize::try_from(size).unwrap()]);
        let mut real = Self::host(here, LINKS, &["give", "gift"], (CAPABILITIES, Want::Take));
        let offered = real.peer.until(|said| matches!(said, Message::Offer(_)).then_some(()));
        assert!(offered.is_some() && real.peer.say(&Message::Accept { item: ITEM }));
        let part = real.peer.until(|said| matches!(said, Message::Entries(_)).then_some(()));
        assert!(part.is_some());
        real
    }

    /// A link on which nothing was said yet.
    fn link(&mut self) -> Link {
        let Some(host) = &self.host else {
            let socket = dial_from(1, port(&self.code)).unwrap();
            return self.peer.join_link(socket, Ours::Dialled, true).unwrap();
        };
        loop {
            self.index += 1;
            let socket = host.listener.accept().unwrap().0;
            socket.set_nodelay(true).unwrap();
            // One that it has given up may be there, too.
            if let Ok(link) = self.peer.host_link(socket, Ours::Accepted, self.index) {
                return link;
            }
        }
    }

    /// A stripe in use.
    fn stripe(&mut self) -> Link {
        let (mut link, ours) = (self.link(), self.greeting());
        let is_host = self.peer.role == Role::Host;
        self.peer.on(&mut link, |peer| {
            if is_host {
                peer.tell(&ours);
            }
            match peer.hear() {
                Some(Said::Control(Control::Use(said) | Control::Using(said))) => {
                    assert_eq!(said, Greeting::of_stripe());
                }
                said => panic!("{said:?}"),
            }
            if !is_host {
                peer.tell(&ours);
            }
        });
        link
    }

    /// Stripes of a giver that has them in use: as it has work, its heartbeat there says so at once.
    fn busy_stripes<const COUNT: usize>(&mut self) -> [Link; COUNT] {
        [(); COUNT].map(|()| {
            let mut stripe = self.stripe();
            let beats = self.peer.on(&mut stripe, Peer::hear);
            assert!(matches!(beats, Some(Said::Control(Control::Heartbeat { work: true }))));
            stripe
        })
    }

    /// Our greeting of a stripe.
    fn greeting(&self) -> Control {
        match self.peer.role {
            Role::Host => Control::Use(Greeting::of_stripe()),
            Role::Joiner => Control::Using(Greeting::of_stripe()),
        }
    }

    /// Offers a file of so many bytes, and says its entry.
    fn offers(&mut self, size: u64) {
        let items = vec![file("gift", size)];
        let (item, bytes, entries, counted) = (ITEM, size, 1, true);
        let allocated = None;
        self.peer.say(&Message::Offer(Offer { item, items, bytes, entries, counted, allocated }));
        let accepted = |said| matches!(said, Message::Accept { .. }).then_some(());
        assert!(self.peer.until(accepted).is_some(), "not accepted");
        let entry = Entry { size: Some(size), ..Entry::of_item(0, EntryKind::File) };
        self.peer.say(&Message::Entries(Part { item, first: 0, entries: vec![entry] }));
        while !matches!(
            self.peer.hear().expect("closed"),
            Said::Control(Control::Credit { parts: 1, .. })
        ) {}
    }

    /// Sends so many bytes of this value, over a stripe or the link in use.
    fn chunk(&mut self, on: Option<&mut Link>, offset: u64, count: u64, byte: u8) {
        let data = vec![byte; usize::try_from(count).unwrap()];
        let head = ChunkHead { transfer: ITEM, entry: 0, offset };
        match on {
            Some(link) => self.peer.on(link, |peer| peer.chunk(head, &data)),
            None => self.peer.chunk(head, &data),
        };
    }

    /// Waits until it has all bytes below a position.
    fn wrote(&mut self, end: u64) {
        let has = |span: &Span| span.start == 0 && span.end >= end;
        while !matches!(
            self.peer.hear().expect("closed"),
            Said::Control(Control::Credit { written, .. }) if written.first().is_some_and(has)
        ) {}
    }

    /// Ends the file that it was offered, which is delivered.
    fn delivers(&mut self, bytes: u64) -> Vec<u8> {
        self.peer.say(&Message::End { item: ITEM, entries: 1, bytes, differences: None });
        assert_eq!(self.result(), None);
        std::fs::read(self.here.path("gift")).unwrap()
    }

    fn result(&mut self) -> Option<Reason> {
        let result = |said| match said {
            Message::Result { failed, .. } => Some(failed),
            _ => None,
        };
        self.peer.until(result).expect("no result")
    }

    /// The next chunks on a stripe, so many, by their offsets.
    fn brings(&mut self, stripe: &mut Link, count: u64) -> Vec<u64> {
        let next = |peer: &mut Peer| loop {
            match peer.hear().expect("closed") {
                Said::Chunk(head) => return head.offset,
                Said::Control(Control::Heartbeat { .. }) => {}
                said => panic!("{said:?}"),
            }
        };
        (0..count).map(|_| self.peer.on(stripe, next)).collect()
    }

    fn credit(&mut self, limit: u64, written: Vec<Span>) {
        self.peer.tell(&Control::Credit { transfer: ITEM, limit, parts: 1, written });
    }

    /// It hears that all of its file is here, and ends well.
    #[track_caller]
    fn has_given(mut self, size: u64, beside: impl Sized) {
        self.credit(size, vec![Span { start: 0, end: size }]);
        let ends = |said| matches!(said, Message::End { .. }).then_some(());
        assert!(self.peer.until(ends).is_some());
        self.peer.say(&Message::Result { item: ITEM, failed: None, differences: None });
        let leaves = |said| matches!(said, Message::Leave { .. }).then_some(());
        assert!(self.peer.until(leaves).is_some());
        self.peer.say(&Message::Leave { reason: Reason::Done });
        self.ends(0, beside);
    }

    /// A text arrives: the conversation goes on.
    #[track_caller]
    fn works(&mut self) {
        self.peer.say(&Message::Text { item: ItemId(9), body: "hello".into() });
        assert_eq!(self.running.until("text", "")["body"], "hello");
    }

    /// It ends with this status, having kept to its memory, and says its last words before the links
    /// beside are closed; its errors.
    #[track_caller]
    fn ends(mut self, exit: i32, beside: impl Sized) -> String {
        while self.peer.hear().is_some() {}
        within_memory(&self.running);
        drop((self.peer, beside));
        let ended = self.running.end().expect(exit);
        assert!(ended.all("file").is_empty(), "{:#?}", ended.lines);
        ended.all("error").iter().map(ToString::to_string).collect()
    }

    #[track_caller]
    fn breaks(self, beside: impl Sized, breach: &str) {
        let errors = self.ends(7, beside);
        assert!(errors.contains(breach), "{errors}");
    }
}

/// Everything that comes of a link until it is closed, on which nobody says anything.
#[track_caller]
fn closed_unsaid(mut link: Link) {
    assert!(rest(&mut link.socket).is_empty());
}

#[test]
fn chunks_of_a_link_that_was_never_put_into_use_do_not_count() {
    for role in ROLES {
        let mut real = Real::new(role);
        real.offers(CHUNK);
        let mut unused = real.link();
        let index = unused.index;
        real.chunk(Some(&mut unused), 0, CHUNK, b'x');
        rest(&mut unused.socket);
        if role == Role::Host {
            // It had asked it to be a stripe, of which it says the end.
            let ended =
                |said| matches!(said, Some(Said::Control(Control::Drop { link })) if link == index);
            while !ended(real.peer.hear()) {}
        }
        real.chunk(None, 0, CHUNK, b'o');
        assert!(real.delivers(CHUNK).iter().all(|byte| *byte == b'o'));
        real.works();
        real.running.signal(Signal::KILL);
    }
}

#[test]
fn nothing_but_bulk_and_heartbeats_is_said_on_a_stripe() {
    let text = Message::Text { item: ITEM, body: "hello".into() };
    let bytes = minicbor::to_vec(text).unwrap().into();
    let (transfer, limit, parts, written) = (ITEM, 0, 0, Vec::new());
    let said = [
        Control::Fragment { number: 0, last: true, bytes },
        Control::Received { next: 0, window: WINDOW },
        Control::Credit { transfer, limit, parts, written },
        Control::Counted { transfer: ITEM, bytes: 0, entries: 0, counted: true },
        Control::Places(Places::default()),
        Control::Drop { link: 1 },
        Control::Stripes { count: 1 },
    ];
    std::thread::scope(|scope| {
        for role in ROLES {
            scope.spawn(move || {
                let mut real = Real::new(role);
                let (mut stripe, again) = (real.stripe(), real.greeting());
                real.peer.on(&mut stripe, |peer| peer.tell(&again));
                real.breaks(stripe, "put a link into use twice");
            });
            for said in &said {
                scope.spawn(move || {
                    let mut real = Real::new(role);
                    let mut stripe = real.stripe();
                    real.peer.on(&mut stripe, |peer| {
                        peer.tell(&Control::Heartbeat { work: true });
                        peer.tell(said)
                    });
                    real.breaks(stripe, "spoke on a link that is for bulk alone");
                });
            }
        }
    });
}

#[test]
fn bytes_that_come_twice_over_stripes_stay_as_they_came_first() {
    for role in ROLES {
        let mut real = Real::new(role);
        let [mut one, mut other] = [real.stripe(), real.stripe()];
        // Of transfers that do not exist, or not yet.
        for transfer in [ITEM, ItemId(0), ItemId(7)] {
            let head = ChunkHead { transfer, entry: 0, offset: 0 };
            real.peer.on(&mut one, |peer| peer.chunk(head, b"nothing"));
        }
        real.offers(3 * CHUNK);
        real.chunk(Some(&mut one), 0, CHUNK, b'1');
        real.wrote(CHUNK);
        real.chunk(Some(&mut other), CHUNK / 2, CHUNK, b'2');
        real.wrote(3 * CHUNK / 2);
        real.chunk(Some(&mut one), CHUNK, CHUNK, b'3');
        real.chunk(Some(&mut one), 2 * CHUNK, CHUNK, b'3');
        real.wrote(3 * CHUNK);
        // All is written by then.
        real.chunk(Some(&mut other), 0, CHUNK, b'4');
        let file = real.delivers(3 * CHUNK);
        let pieces = file.chunk_by(|a, b| a == b);
        let pieces: Vec<_> = pieces.map(|piece| (piece[0], piece.len() as u64)).collect();
        assert_eq!(pieces, [(b'1', CHUNK), (b'2', CHUNK / 2), (b'3', 3 * CHUNK / 2)]);
        real.works();
        real.running.signal(Signal::KILL);
    }
}

#[test]
fn bytes_on_stripes_that_nobody_asked_for_are_refused_or_end_it() {
    for role in ROLES {
        let mut real = Real::new(role);
        let mut stripe = real.stripe();
        real.offers(1 << 30);
        real.chunk(Some(&mut stripe), 17 << 20, CHUNK, b'x');
        real.breaks(stripe, "sent bytes that were not asked for");
        // Beyond its end, on all at once: it is refused once, and nothing else is.
        let mut real = Real::new(role);
        let mut stripes = [(); 3].map(|()| real.stripe());
        real.offers(4 * CHUNK);
        for (stripe, at) in stripes.iter_mut().zip(0..) {
            real.chunk(Some(stripe), at * CHUNK, CHUNK, b'x');
        }
        real.wrote(3 * CHUNK);
        for stripe in &mut stripes {
            real.chunk(Some(stripe), 4 * CHUNK, 1, b'x');
        }
        assert_eq!(real.result(), Some(Reason::Protocol));
        real.works();
        wait("all removed", || names(real.here.dir()).is_empty().then_some(()));
        real.running.signal(Signal::KILL);
        assert_eq!(real.running.end().all("error").len(), 1);
    }
}

#[test]
fn only_as_many_stripes_as_were_agreed_are_made_and_only_by_the_host() {
    // None on loopback, whatever the other side wishes.
    let mut real = Real::able(Role::Host, "", CAPABILITIES);
    real.peer.tell(&Control::Stripes { count: u32::MAX });
    closed_unsaid(real.link());
    real.works();
    real.running.signal(Signal::KILL);
    // One, and one more.
    let mut real = Real::able(Role::Host, "2", CAPABILITIES);
    let _stripe = real.stripe();
    real.peer.tell(&Control::Stripes { count: u32::MAX });
    closed_unsaid(real.link());
    real.works();
    real.running.signal(Signal::KILL);
    let mut real = Real::able(Role::Joiner, "2", CAPABILITIES);
    let _stripe = real.stripe();
    let place = loop {
        if let Said::Control(Control::Places(places)) = real.peer.hear().expect("closed") {
            break places.direct[0];
        }
    };
    let socket = TcpStream::connect(place).unwrap();
    let mut more = real.peer.host_link(socket, Ours::Dialled, 99).unwrap();
    real.peer.on(&mut more, |peer| peer.tell(&Control::Use(Greeting::of_stripe())));
    closed_unsaid(more);
    real.works();
    real.running.signal(Signal::KILL);
    // The greeting of the other role, or another than was asked for.
    let not_its = "put a link into use that is not its to use";
    for role in ROLES {
        let mut real = Real::new(role);
        let (mut link, greeting) = (real.link(), Greeting::of_stripe());
        let others = match role {
            Role::Host => Control::Use(greeting),
            Role::Joiner => Control::Using(greeting),
        };
        real.peer.on(&mut link, |peer| peer.tell(&others));
        real.breaks(link, not_its);
    }
    let mut real = Real::new(Role::Host);
    let mut link = real.link();
    let greeting = Greeting { stripe: None, ..Greeting::of_stripe() };
    real.peer.on(&mut link, |peer| peer.tell(&Control::Using(greeting)));
    real.breaks(link, not_its);
    // Nothing of it with a side that has not agreed.
    for role in ROLES {
        for said in [Control::Stripes { count: 1 }, Control::Drop { link: 1 }] {
            let mut real = Real::able(role, LINKS, FAITHFUL | RESUMING);
            real.peer.tell(&said);
            real.breaks((), "spoke of several links for bulk, which was not agreed");
        }
    }
}

#[test]
fn a_lie_about_the_end_of_a_stripe_has_its_bytes_sent_again_and_no_others() {
    let mut real = Real::giver(2 * SHARE);
    let [mut one, mut other] = real.busy_stripes();
    real.credit(2 * SHARE, Vec::new());
    let lost = real.brings(&mut one, SHARE / CHUNK);
    let mut all = [lost.clone(), real.brings(&mut other, SHARE / CHUNK)].concat();
    all.sort_unstable();
    assert_eq!(all, [0, CHUNK, 2 * CHUNK, 3 * CHUNK]);
    // Of links that do not exist, and of the one in use.
    for link in (900..1900).chain([0, u32::MAX]) {
        assert!(real.peer.tell(&Control::Drop { link }));
    }
    // All of it has come, and is not named.
    for _ in 0..2 {
        real.peer.tell(&Control::Drop { link: one.index });
    }
    rest(&mut one.socket);
    assert_eq!(real.brings(&mut other, SHARE / CHUNK), lost);
    real.peer.tell(&Control::Drop { link: one.index });
    real.has_given(2 * SHARE, other);
    // More than was sent to anybody.
    let mut real = Real::giver(4 * SHARE);
    let [mut stripe] = real.busy_stripes();
    real.credit(SHARE, Vec::new());
    real.brings(&mut stripe, SHARE / CHUNK);
    real.credit(SHARE, vec![Span { start: 0, end: SHARE + 1 }]);
    real.peer.tell(&Control::Drop { link: stripe.index });
    real.breaks(stripe, "wrote what was never sent");
}

#[test]
fn stripes_that_answer_nothing_are_given_up_and_hold_up_nothing() {
    let mut real = Real::giver(2 * SHARE);
    // One on which `use` is not answered, and one on which nothing follows the answer.
    let mut unanswered = real.link();
    let [mut silent, mut other] = real.busy_stripes();
    real.credit(2 * SHARE, Vec::new());
    real.brings(&mut other, SHARE / CHUNK);
    for link in [&mut unanswered, &mut silent] {
        link.socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        loop {
            match link.socket.read(&mut [0; 4096]) {
                Ok(1..) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let beat = Control::Heartbeat { work: true };
                    real.peer.tell(&beat);
                    real.peer.on(&mut other, |peer| peer.tell(&beat));
                }
                Ok(0) | Err(_) => break,
            }
        }
    }
    real.peer.tell(&Control::Drop { link: silent.index });
    real.brings(&mut other, SHARE / CHUNK);
    real.has_given(2 * SHARE, other);
}
