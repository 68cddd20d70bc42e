//! The links of a conversation: threads that seal, send, read and open. One is there at the start;
//! the others come as they are needed.

use super::core::Core;
use super::effects::Effects;
use super::happened::Happened;
use super::interrupt::Interrupt;
use super::meeting::Later;
use crate::events::{Event, Path};
use crate::failure::{Failure, Kind};
use crate::transport::again::{Made, Maker, Need, Route};
use crate::transport::bulk::{Link, News, Tables};
use pinhole_protocol::conversation::{Actions, Grant, Input, LinkEnd, LinkNews};
use pinhole_protocol::handshake::LinkKeys;
use pinhole_protocol::limits::LINKS;
use pinhole_protocol::links::LinkId;
use pinhole_protocol::wire::{ItemId, Places};
use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use zeroize::Zeroizing;

/// News of links that may wait for the driver: enough that a reader rarely waits, few enough to
/// bound memory.
const NEWS: usize = 64;

/// The time that the last words may take to leave, and those of the peer to come.
pub(super) const LAST_WORDS: Duration = Duration::from_secs(5);

/// Links of one conversation that a path bears at a time (SPEC 6.3): eight conversations between
/// two addresses have to find room at one relay, and one that delays forwards no more over many.
const fn links_by(path: Path, delays: bool) -> usize {
    match path {
        Path::Loopback => 1,
        Path::Relay if delays => 1,
        Path::Relay => 4,
        Path::Lan | Path::Direct => LINKS,
    }
}

/// The threads of one link, as they are told.
pub(super) trait Threads {
    /// Hands over a control record's body; false if the writer has ended.
    fn control(&self, body: Zeroizing<Vec<u8>>) -> bool;
    /// Lets positions of our transfer be sent; false if the writer has ended.
    fn grant(&self, item: ItemId, range: Range<u64>) -> bool;
    /// Nothing more will be sent.
    fn close(&mut self);
    /// Cuts the connection.
    fn cut(&self);
}

impl Threads for Link {
    fn control(&self, body: Zeroizing<Vec<u8>>) -> bool {
        Self::control(self, body)
    }
    fn grant(&self, item: ItemId, range: Range<u64>) -> bool {
        Self::grant(self, item, range)
    }
    fn close(&mut self) {
        Self::close(self);
    }
    fn cut(&self) {
        Self::cut(self);
    }
}

/// All links of a conversation.
pub(super) struct Links<T = Link> {
    links: BTreeMap<LinkId, One<T>>,
    tables: Tables,
    /// For each new link's threads.
    told: mpsc::Sender<(LinkId, News)>,
    news: mpsc::Receiver<(LinkId, News)>,
    made: mpsc::Receiver<Made>,
    /// Makes the links after the first; not with a peer that makes none.
    maker: Option<Maker>,
    /// The path of the link in use, as the user knows it.
    told_path: Option<Path>,
    /// The places at which this side can be met, as they are told here.
    places: (watch::Sender<Places>, watch::Receiver<Places>),
}

/// One link.
struct One<T> {
    threads: T,
    path: Path,
    /// Links of the conversation that its way bears.
    most: usize,
    /// The route that it takes, if that is known.
    route: Option<Route>,
    /// True once its writer has ended.
    flushed: bool,
    /// True once its reader has ended.
    down: bool,
}

impl Links {
    /// Starts the threads of the first link.
    ///
    /// # Errors
    /// If the connection or a thread cannot be had.
    pub(super) fn start(first: Made, later: Later) -> Result<Self, Failure> {
        let (tables, (told, news)) = (Tables::default(), mpsc::channel(NEWS));
        let Later { made, maker } = later;
        let first = One::start(first, &tables, told.clone()).map_err(|error| {
            Failure::new(Kind::Failed, format!("the connection cannot be used: {error}"))
        })?;
        let links = BTreeMap::from([first]);
        let places = watch::channel(Places::default());
        Ok(Self { links, tables, told, news, made, maker, told_path: None, places })
    }

    /// Starts the threads of a later link; this is the one in use.
    pub(super) fn made(&mut self, made: Made, used: Option<LinkId>) -> Effects {
        let linked = made.claim.is_linked(used);
        // A connection that cannot be used is as one that was never made.
        let Ok((link, one)) = One::start(made, &self.tables, self.told.clone()) else {
            return Effects::none();
        };
        let most = one.most;
        self.links.insert(link, one);
        Effects::none().input(Input::LinkUp { link, linked, most })
    }
}

impl One<Link> {
    /// Starts the threads of a link.
    fn start(
        made: Made,
        tables: &Tables,
        told: mpsc::Sender<(LinkId, News)>,
    ) -> io::Result<(LinkId, Self)> {
        let Made { index, socket, path, delays, route, keys, .. } = made;
        let LinkKeys { sealer, opener, .. } = keys;
        let link = LinkId(index);
        let threads = Link::start(link, socket, (sealer, opener), tables, told)?;
        Ok((link, Self::new(threads, (path, delays), route)))
    }
}

impl<T> One<T> {
    const fn new(threads: T, (path, delays): (Path, bool), route: Option<Route>) -> Self {
        let most = links_by(path, delays);
        Self { threads, path, most, route, flushed: false, down: false }
    }
}

impl<T: Threads> Links<T> {
    /// The transfers that all links read from and write to.
    pub(super) fn tables(&self) -> Tables {
        self.tables.clone()
    }

    /// There is a channel, over this link. From now on this side says where it can be met for
    /// others.
    pub(super) fn connected(&mut self, link: Option<LinkId>) -> Effects {
        if let Some(maker) = &mut self.maker {
            maker.open(self.places.0.clone());
        }
        let path = link.and_then(|link| self.path(link));
        self.told_path = path;
        path.map_or_else(Effects::none, |path| Effects::none().event(Event::Connected(path)))
    }

    /// Tells the user how the links are. A route on which something was changed is taken after all
    /// others.
    pub(super) fn told(&mut self, news: LinkNews) -> Effects {
        if let (LinkNews::Tampered(link), Some(maker)) = (news, &self.maker)
            && let Some(route) = self.links.get(&link).and_then(|one| one.route.clone())
        {
            maker.avoid(route);
        }
        let event = match news {
            LinkNews::Stalled => Some(Event::Stalled),
            LinkNews::Flowing => Some(Event::Reconnected(None)),
            LinkNews::Reconnecting => Some(Event::Reconnecting),
            LinkNews::Reconnected(link) => {
                self.told_path = self.path(link);
                Some(Event::Reconnected(self.told_path))
            }
            LinkNews::Replaced(link) => {
                let path = self.path(link);
                let before = std::mem::replace(&mut self.told_path, path);
                self.told_path.filter(|path| before != Some(*path)).map(Event::Moved)
            }
            LinkNews::Tampered(link) => self.path(link).map(Event::Tampered),
        };
        event.map_or_else(Effects::none, |event| Effects::none().event(event))
    }

    /// The peer says that it can be met here.
    pub(super) fn peer_is_at(&mut self, places: Places) -> Effects {
        if let Some(maker) = &mut self.maker {
            maker.peer_is_at(places);
        }
        Effects::none()
    }

    fn path(&self, link: LinkId) -> Option<Path> {
        self.links.get(&link).map(|one| one.path)
    }

    /// The links that are there from the start are up.
    pub(super) fn up(&self) -> Effects {
        let up = |effects: Effects, (id, one): (&LinkId, &One<T>)| {
            effects.input(Input::LinkUp { link: *id, linked: false, most: one.most })
        };
        self.links.iter().fold(Effects::none(), up)
    }

    /// Waits for news of any link, or for another one.
    pub(super) async fn next(&mut self) -> Happened {
        // `told` is kept here, so that news never end.
        tokio::select! {
            Some((id, news)) = self.news.recv() => Happened::News(id, news),
            Some(made) = self.made.recv() => Happened::Made(made),
            Ok(()) = self.places.1.changed() => {
                Happened::Places(self.places.1.borrow_and_update().clone())
            }
        }
    }

    /// Has another link made if one is needed, and so many beside the one in use, by its route.
    pub(super) fn need(&mut self, need: Need, stripes: usize) {
        let Some(maker) = &mut self.maker else { return };
        let used = need.used.filter(|_| stripes > 0).and_then(|link| self.links.get(&link));
        let beside = used.and_then(|one| one.route.clone()).map(|route| (stripes, route));
        maker.need(Need { beside, ..need });
    }

    /// Lets go of links that have ended.
    pub(super) fn settle(&mut self) {
        self.links.retain(|_, one| {
            // Its writer may still wait for a peer that does not read.
            if one.down {
                one.threads.cut();
            }
            !one.down
        });
    }

    /// Hands control and grants to their links, and closes those that are to be. One whose writer
    /// has ended is closed; its reader says how it broke.
    pub(super) fn tell(
        &self,
        control: Vec<(LinkId, Zeroizing<Vec<u8>>)>,
        grants: Vec<Grant>,
        cut: &[LinkId],
    ) -> Effects {
        let down = |effects: Effects, id| match self.links.get(&id) {
            Some(one) if !one.down => {
                one.threads.cut();
                effects
            }
            _ => effects.input(Input::LinkDown(id, LinkEnd::Closed)),
        };
        let lost = self.hand(control, grants).into_iter();
        lost.chain(cut.iter().copied()).fold(Effects::none(), down)
    }

    /// Hands control and grants to their links. Returns those whose writers have ended.
    fn hand(&self, control: Vec<(LinkId, Zeroizing<Vec<u8>>)>, grants: Vec<Grant>) -> Vec<LinkId> {
        let mut lost = Vec::new();
        let mut told = |id: LinkId, tell: &mut dyn FnMut(&T) -> bool| {
            if !self.links.get(&id).is_some_and(|one| tell(&one.threads)) && !lost.contains(&id) {
                lost.push(id);
            }
        };
        for (id, body) in control {
            let mut body = Some(body);
            told(id, &mut |threads| body.take().is_none_or(|body| threads.control(body)));
        }
        for Grant { link, transfer, range } in grants {
            told(link, &mut |threads| threads.grant(transfer, range.clone()));
        }
        lost
    }

    /// A link has news that no other part has to know more of.
    pub(super) fn news(&mut self, id: LinkId, news: News) -> Effects {
        let effects = Effects::none();
        match news {
            News::Control(body) => effects.record(id, body),
            News::Quiet(waited) => effects.input(Input::Quiet(id, waited)),
            News::Wrote(item, range) => effects.input(Input::Wrote(item, range)),
            News::Taken => effects.input(Input::Taken(id)),
            News::Sent(item) => effects.input(Input::Sent(id, item)),
            News::Unserved => effects.input(Input::Unserved(id)),
            News::Refused(item, refusal) => effects.then(Happened::Refused(item, refusal)),
            News::Gap(item, range, why) => effects.input(Input::Gap(item, range, why)),
            News::Unread(item, failure) => effects.then(Happened::Unread(item, failure)),
            News::Down(end) => {
                if let Some(one) = self.links.get_mut(&id) {
                    one.down = true;
                }
                effects.input(Input::LinkDown(id, end))
            }
            // The reader notices a broken connection too, and says how it broke.
            News::Flushed => {
                if let Some(one) = self.links.get_mut(&id) {
                    one.flushed = true;
                }
                effects
            }
        }
    }

    /// As [`Links::news`], after the conversation is over: room for its last words, and the end.
    fn last_news(&mut self, id: LinkId, news: News) -> Effects {
        match news {
            News::Taken => self.news(id, news),
            News::Flushed | News::Down(_) => {
                let _ = self.news(id, news);
                Effects::none()
            }
            _ => Effects::none(),
        }
    }

    /// Lets the last words leave and those of the peer come, for as long as that may take and
    /// nobody interrupts, and cuts all connections.
    pub(super) async fn end(&mut self, core: &mut Core, interrupt: &mut Interrupt) {
        if let Some(maker) = self.maker.take() {
            maker.stop().await;
        }
        // One that is made by now is of no use any more.
        self.made.close();
        while self.made.try_recv().is_ok() {}
        tokio::select! {
            _ = timeout(LAST_WORDS, self.last_words(core)) => {}
            () = interrupt.wait() => {}
        }
        self.links.values().for_each(|one| one.threads.cut());
    }

    /// Lets the last control leave and waits until the peer has closed too: a connection closed
    /// over unread bytes could take our last words with it.
    async fn last_words(&mut self, core: &mut Core) {
        while !self.are_gone() {
            if core.has_said_all() {
                self.close();
            }
            let Some((id, news)) = self.news.recv().await else { break };
            core.feed(self.last_news(id, news).inputs);
            while let Some(Actions { control, grants, .. }) = core.next() {
                // A link that is closed already is not cut: what it was told before still leaves.
                let _ = self.hand(control, grants);
            }
        }
    }

    /// Nothing more will be sent on any link.
    fn close(&mut self) {
        self.links.values_mut().for_each(|one| one.threads.close());
    }

    /// True once each link has sent its last words and the peer has closed it.
    fn are_gone(&self) -> bool {
        self.links.values().all(|one| one.flushed && one.down)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::effects::{Fed, Say};
    use std::cell::RefCell;
    use std::rc::Rc;

    type Lines = Rc<RefCell<Vec<String>>>;

    /// A link without threads, which writes down what it is told.
    #[derive(Clone, Default)]
    struct Pretend {
        told: Lines,
        ended: bool,
    }

    impl Pretend {
        fn note(&self, what: &str) -> bool {
            self.told.borrow_mut().push(what.to_owned());
            !self.ended
        }
    }

    impl Threads for Pretend {
        fn control(&self, body: Zeroizing<Vec<u8>>) -> bool {
            self.note(&format!("control {}", body.len()))
        }
        fn grant(&self, _: ItemId, range: Range<u64>) -> bool {
            self.note(&format!("grant {range:?}"))
        }
        fn close(&mut self) {
            self.note("close");
        }
        fn cut(&self) {
            self.note("cut");
        }
    }

    fn links(ended: [bool; 2]) -> (Links<Pretend>, [Lines; 2]) {
        let pretend = ended.map(|ended| Pretend { ended, ..Pretend::default() });
        let told = pretend.each_ref().map(|one| Rc::clone(&one.told));
        let (news_of, news) = mpsc::channel(1);
        let (_, made) = mpsc::channel(1);
        let one = |pretend| One::new(pretend, (Path::Loopback, false), None);
        let links = [LinkId(0), LinkId(1)].into_iter().zip(pretend.map(one)).collect();
        let tables = Tables::default();
        let places = watch::channel(Places::default());
        let maker = None;
        (Links { links, tables, told: news_of, news, made, maker, told_path: None, places }, told)
    }

    #[test]
    fn a_relay_bears_four_links_and_one_that_delays_a_single_one() {
        for (delays, bears) in [(false, 4), (true, 1)] {
            let (mut links, told) = links([false, false]);
            let threads = Pretend { told: Rc::clone(&told[0]), ended: false };
            links.links =
                BTreeMap::from([(LinkId(3), One::new(threads, (Path::Relay, delays), None))]);
            let up = links.up().inputs;
            let [Fed::Input(Input::LinkUp { link: LinkId(3), most, .. })] = up.as_slice() else {
                panic!("it is not up")
            };
            assert_eq!(*most, bears);
        }
    }

    fn grant(link: u8) -> Grant {
        Grant { link: LinkId(link.into()), transfer: ItemId(1), range: 0..9 }
    }

    #[test]
    fn each_link_is_told_its_own() {
        let (links, told) = links([false, false]);
        let control = vec![(LinkId(1), Zeroizing::new(vec![0; 3]))];
        assert!(links.tell(control, vec![grant(0)], &[]).is_none());
        assert_eq!(*told[0].borrow(), ["grant 0..9"]);
        assert_eq!(*told[1].borrow(), ["control 3"]);
    }

    #[test]
    fn a_link_whose_writer_has_ended_is_cut_once_and_the_other_goes_on() {
        let (links, told) = links([true, false]);
        assert!(links.tell(Vec::new(), vec![grant(0), grant(0), grant(1)], &[]).is_none());
        assert_eq!(*told[0].borrow(), ["grant 0..9", "grant 0..9", "cut"]);
        assert_eq!(*told[1].borrow(), ["grant 0..9"]);
        // One that is not there is down already.
        let effects = links.tell(Vec::new(), vec![grant(7)], &[LinkId(1)]);
        let down = effects.inputs.as_slice();
        assert!(matches!(down, [Fed::Input(Input::LinkDown(LinkId(7), LinkEnd::Closed))]));
        assert_eq!(*told[1].borrow(), ["grant 0..9", "cut"]);
    }

    #[test]
    fn a_user_is_told_of_another_path_and_of_no_other_link() {
        let (mut links, _) = links([false, false]);
        links.links.get_mut(&LinkId(1)).unwrap().path = Path::Relay;
        let connected = links.connected(Some(LinkId(0)));
        assert!(matches!(
            connected.said.as_slice(),
            [Say::Event(Event::Connected(Path::Loopback))]
        ));
        assert!(links.told(LinkNews::Replaced(LinkId(0))).is_none());
        let moved = links.told(LinkNews::Replaced(LinkId(1)));
        assert!(matches!(moved.said.as_slice(), [Say::Event(Event::Moved(Path::Relay))]));
        let back = links.told(LinkNews::Reconnected(LinkId(0)));
        assert!(matches!(
            back.said.as_slice(),
            [Say::Event(Event::Reconnected(Some(Path::Loopback)))]
        ));
        assert!(links.told(LinkNews::Replaced(LinkId(0))).is_none());
    }

    #[test]
    fn a_link_that_has_ended_is_let_go_and_says_nothing_more() {
        let (mut links, told) = links([false, false]);
        assert_eq!(links.news(LinkId(0), News::Down(LinkEnd::Closed)).inputs.len(), 1);
        links.settle();
        assert_eq!((told[0].borrow().as_slice(), told[1].borrow().len()), (&["cut".into()][..], 0));
        assert!(links.path(LinkId(0)).is_none() && links.path(LinkId(1)).is_some());
        assert!(links.news(LinkId(0), News::Flushed).is_none());
    }

    #[test]
    fn a_lost_link_is_told_to_the_conversation_with_how_it_broke() {
        let (mut links, _) = links([false, false]);
        let effects = links.news(LinkId(1), News::Down(LinkEnd::Tampered));
        let down = effects.inputs.as_slice();
        assert!(matches!(down, [Fed::Input(Input::LinkDown(LinkId(1), LinkEnd::Tampered))]));
        assert!(links.news(LinkId(1), News::Flushed).is_none());
    }

    #[test]
    fn links_are_gone_when_each_has_sent_its_last_words_and_was_closed() {
        let (mut links, _) = links([false, false]);
        for id in [LinkId(0), LinkId(1)] {
            assert!(!links.are_gone());
            assert!(links.last_news(id, News::Flushed).is_none());
            assert!(!links.are_gone());
            assert!(links.last_news(id, News::Down(LinkEnd::Closed)).is_none());
        }
        assert!(links.are_gone());
    }

    #[test]
    fn after_the_end_only_room_is_told_to_the_conversation() {
        let (mut links, _) = links([false, false]);
        let record = News::Control(Zeroizing::new(vec![1]));
        assert!(links.last_news(LinkId(0), record).is_none());
        assert_eq!(links.last_news(LinkId(0), News::Taken).inputs.len(), 1);
    }
}
