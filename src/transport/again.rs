//! The links of a conversation after its first (SPEC 6): looked for in all ways at once while one
//! is needed, and answered where the peer looks.

mod handshake;
mod listen;
mod places;
mod seek;

use crate::events::Path;
use crate::settings::Network;
use crate::transport::direct::{Dialled, Listener};
use crate::transport::relay::Access;
use handshake::Side;
use pinhole_protocol::code::RelayUrl;
use pinhole_protocol::handshake::LinkKeys;
use pinhole_protocol::keys::ResumeSecret;
use pinhole_protocol::links::LinkId;
use pinhole_protocol::role::Role;
use pinhole_protocol::wire::Places;
use places::{Door, keep};
use seek::{Beside, Dialling, Knocking, LONGEST_PAUSE, Try, Waiting, seek};
use socket2::Socket;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// The first pause of a route on which a record did not open: enough for others to be tried. Each
/// further one is twice as long.
const HARM_PAUSE: Duration = Duration::from_millis(500);

/// The way by which the first link came.
pub enum Way {
    /// To a listener of this side's.
    Listener(Listener),
    /// By dialling the host.
    Dialled(Dialled),
    /// Through a relay.
    Relay {
        /// The relay.
        access: Box<Access>,
        /// At a host, the address of it that the peer is told.
        told: Option<RelayUrl>,
    },
}

impl Way {
    /// The route of the first link, which came this way over `socket`; `None` if that is gone.
    #[must_use]
    pub fn route(&self, socket: &Socket) -> Option<Route> {
        Some(match self {
            Self::Listener(_) => Route::From(socket.peer_addr().ok()?.as_socket()?.ip()),
            Self::Dialled(host) => Route::To(host.address),
            Self::Relay { access, .. } => Route::through(access),
        })
    }
}

/// One of the ways between the two sides: somebody may sit on one and not on another.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Route {
    /// To an address that this side dials.
    To(SocketAddr),
    /// From an address that the peer dials from.
    From(IpAddr),
    /// Through the relay of this address.
    Relay(String),
}

impl Route {
    fn through(access: &Access) -> Self {
        Self::Relay(access.choice.url.to_string())
    }
}

/// The bounds of what the peer is told about this side, and of what it can have this side do.
pub struct Bounds {
    /// Which addresses may be used.
    pub network: Network,
    /// True if addresses of this machine are told, and those of the peer are dialled.
    pub places: bool,
    /// Relays that this side knows of itself.
    pub relays: Vec<Access>,
}

/// A conversation's need of links.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Need {
    /// True if one has to be made, in whatever way.
    pub link: bool,
    /// True if this side still has one that works, which a joiner says (SPEC 3.2).
    pub linked: bool,
    /// The link in use.
    pub used: Option<LinkId>,
    /// So many more would help one that works (SPEC 6.3), and the route that it takes.
    pub beside: Option<(usize, Route)>,
}

/// A joiner's word on whether it still has a link that works (SPEC 3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Claim {
    linked: bool,
    /// The link that was in use when the host sent message 1.
    used: Option<LinkId>,
}

impl Claim {
    /// True if the joiner has a link that works, as far as it could know: not of the one in use
    /// now, if that has come into use since message 1 (SPEC 6.2).
    #[must_use]
    pub fn is_linked(self, used: Option<LinkId>) -> bool {
        self.linked || self.used != used
    }
}

/// A link whose handshake is confirmed.
pub struct Made {
    /// Its index, by the host's count.
    pub index: u32,
    /// The stream, with nothing of a record read from it yet.
    pub socket: Socket,
    /// Its path.
    pub path: Path,
    /// True if it goes through a relay that delays (SPEC 10.3).
    pub delays: bool,
    /// The route that it takes, if that is known.
    pub route: Option<Route>,
    /// Its keys, and the peer's hello.
    pub keys: LinkKeys,
    /// The joiner's word on whether it has another.
    pub claim: Claim,
}

/// Everything that those who look for the peer go by.
#[derive(Default)]
struct Wanted {
    need: Need,
    /// Addresses at which the peer says that it listens.
    places: BTreeSet<SocketAddr>,
    /// Routes on which something was changed.
    harmed: BTreeMap<Route, Harm>,
}

/// A route on which something was changed is taken again after all others (SPEC 6.5).
struct Harm {
    until: Instant,
    /// The next pause.
    pause: Duration,
}

impl Wanted {
    /// True while more than so many links are wished beside one that takes this route.
    fn wishes(&self, number: usize, route: &Route) -> bool {
        self.need.beside.as_ref().is_some_and(|(count, of)| number < *count && of == route)
    }

    /// True while other routes are tried instead of this one.
    fn avoids(&self, route: &Route) -> bool {
        self.harmed.get(route).is_some_and(|harm| Instant::now() < harm.until)
    }
}

/// Makes links until it is dropped.
pub struct Maker {
    side: Arc<Side>,
    bounds: Bounds,
    made: mpsc::Sender<Made>,
    wanted: watch::Sender<Wanted>,
    /// All who look and listen.
    tasks: JoinSet<()>,
    /// The listener of this side, once it has one.
    door: Option<Door>,
    /// The relay that a host tells the peer.
    told: Option<RelayUrl>,
    /// Relays at which somebody waits already.
    met_at: Vec<Access>,
    /// Addresses at which somebody looks already.
    sought: BTreeSet<SocketAddr>,
    /// Those who make links beside one that works, by the route of that.
    beside: BTreeMap<Route, usize>,
}

impl Maker {
    /// Starts making links of the conversation with this secret, on the side of `role`, as they are
    /// needed or the peer asks for them. Each arrives in `made`.
    #[must_use]
    pub fn start(
        (role, resume): (Role, ResumeSecret),
        way: Way,
        bounds: Bounds,
        made: mpsc::Sender<Made>,
    ) -> Self {
        let (wanted, seen) = watch::channel(Wanted::default());
        let side = Arc::new(Side::new(role, resume, seen));
        let mut maker = Self {
            side,
            bounds,
            made,
            wanted,
            tasks: JoinSet::new(),
            door: None,
            told: None,
            met_at: Vec::new(),
            sought: BTreeSet::new(),
            beside: BTreeMap::new(),
        };
        match way {
            Way::Listener(listener) => maker.listen(listener),
            Way::Dialled(host) => {
                maker.sought.insert(host.address);
                maker.look(Dialling { side: Arc::clone(&maker.side), host });
            }
            Way::Relay { access, told } => {
                maker.told = told;
                maker.meet_at(*access);
            }
        }
        maker
    }

    /// The first link is in use: this side listens too, where it may, and from now on its places
    /// are kept in `told`.
    pub fn open(&mut self, told: watch::Sender<Places>) {
        if self.bounds.places && self.door.is_none() {
            // A side that cannot listen dials.
            if let Some(listener) = Listener::anywhere(self.bounds.network) {
                self.listen(listener);
            }
        }
        let door = self.door.take().filter(|_| self.bounds.places);
        let relay = self.told.as_ref().map(ToString::to_string);
        self.tasks.spawn(keep(door, relay, self.wanted.subscribe(), told));
    }

    /// The peer says that it can be met here.
    pub fn peer_is_at(&mut self, Places { direct, relay }: Places) {
        if self.bounds.places {
            for address in &direct {
                if self.sought.insert(*address) {
                    let (side, network) = (Arc::clone(&self.side), self.bounds.network);
                    self.look(Knocking { side, address: *address, network });
                }
            }
            self.wanted.send_modify(|wanted| wanted.places = direct.into_iter().collect());
        }
        let Some(relay) = relay.filter(|_| self.side.role == Role::Joiner) else { return };
        let Ok(url) = RelayUrl::parse(relay.raw()) else { return };
        if self.met_at.iter().any(|access| access.choice.url.is_same(&url)) {
            return;
        }
        let known = self.bounds.relays.iter().find(|access| access.choice.url.is_same(&url));
        if let Some(access) = known.cloned() {
            self.meet_at(access);
        }
    }

    /// A record that came by this route did not open: the others are tried before it.
    pub fn avoid(&self, route: Route) {
        self.wanted.send_modify(|wanted| {
            let new = || Harm { until: Instant::now(), pause: HARM_PAUSE };
            let harm = wanted.harmed.entry(route).or_insert_with(new);
            harm.until = Instant::now() + harm.pause;
            harm.pause = (harm.pause * 2).min(LONGEST_PAUSE);
        });
    }

    /// Says what the conversation needs now.
    pub fn need(&mut self, need: Need) {
        if let Some((count, route)) = &need.beside {
            self.make_beside(*count, route);
        }
        self.wanted.send_if_modified(|wanted| {
            let is_new = wanted.need != need;
            wanted.need = need;
            is_new
        });
    }

    /// Ends it, and waits until it has let go of its port.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }

    fn listen(&mut self, listener: Listener) {
        self.door = Some(Door::of(&listener, self.bounds.network));
        self.tasks.spawn(listen::listen(listener, Arc::clone(&self.side), self.made.clone()));
    }

    /// Waits for the peer at a relay, whenever a link is needed.
    fn meet_at(&mut self, access: Access) {
        self.met_at.push(access.clone());
        self.look(Waiting { side: Arc::clone(&self.side), access, beside: None });
    }

    /// Sees to it that so many can make links by a route at once. By one that the peer dials, it
    /// makes them.
    fn make_beside(&mut self, count: usize, route: &Route) {
        let there = self.beside.get(route).copied().unwrap_or(0);
        for number in there..count {
            let side = Arc::clone(&self.side);
            match route {
                Route::To(address) => self.look(Beside { side, address: *address, number }),
                Route::From(_) => return,
                Route::Relay(_) => {
                    let is_it = |access: &&Access| Route::through(access) == *route;
                    let Some(access) = self.met_at.iter().find(is_it).cloned() else { return };
                    self.look(Waiting { side, access, beside: Some(number) });
                }
            }
        }
        self.beside.insert(route.clone(), there.max(count));
    }

    fn look(&mut self, way: impl Try + Sync + 'static) {
        self.tasks.spawn(seek(self.wanted.subscribe(), self.made.clone(), way));
    }
}

#[cfg(test)]
mod tests {
    use super::handshake::tests::secrets;
    use super::*;
    use crate::settings::{Origin, RelayChoice};
    use crate::transport::relay::dial::Trust;
    use pinhole_protocol::wire::PeerText;
    use tokio::time::timeout;

    const NEED: Need = Need { link: true, linked: false, used: None, beside: None };

    /// One side of a conversation that listens on loopback, and has not met the other yet.
    struct Party {
        maker: Maker,
        made: mpsc::Receiver<Made>,
        told: watch::Receiver<Places>,
    }

    impl Party {
        fn new(secret: (Role, ResumeSecret), places: bool) -> Self {
            let bounds = Bounds { network: Network::Loopback, places, relays: Vec::new() };
            let (new, made) = mpsc::channel(8);
            let listener = Listener::anywhere(Network::Loopback).unwrap();
            let mut maker = Maker::start(secret, Way::Listener(listener), bounds, new);
            let (tell, told) = watch::channel(Places::default());
            maker.open(tell);
            Self { maker, made, told }
        }

        async fn places(&mut self) -> Places {
            let told = timeout(Duration::from_secs(20), self.told.changed()).await;
            told.expect("no places are told").unwrap();
            self.told.borrow().clone()
        }

        async fn link(&mut self) -> u32 {
            let made = timeout(Duration::from_secs(20), self.made.recv()).await;
            made.expect("no link is made").unwrap().index
        }
    }

    #[tokio::test]
    async fn a_side_that_is_told_where_the_other_is_finds_it_there() {
        for teller in 0..2 {
            let mut parties = secrets().map(|secret| Party::new(secret, true));
            let places = parties[teller].places().await;
            assert!(!places.direct.is_empty(), "it listens nowhere");
            let port = places.direct[0].port();
            let is_ours = |at: &SocketAddr| at.ip().is_loopback() && at.port() == port;
            assert!(places.direct.iter().all(is_ours), "{places:?}");
            parties[1 - teller].maker.peer_is_at(places);
            parties.iter_mut().for_each(|party| party.maker.need(NEED));
            let [host, joiner] = &mut parties;
            assert_eq!(host.link().await, joiner.link().await);
            for party in parties {
                party.maker.stop().await;
            }
        }
    }

    #[tokio::test]
    async fn both_look_at_once_and_every_link_has_an_index_of_its_own() {
        let mut parties = secrets().map(|secret| Party::new(secret, true));
        let [host, joiner] = &mut parties;
        let (of_host, of_joiner) = (host.places().await, joiner.places().await);
        host.maker.peer_is_at(of_joiner);
        joiner.maker.peer_is_at(of_host);
        host.maker.need(NEED);
        joiner.maker.need(NEED);
        let mut made = [BTreeSet::new(), BTreeSet::new()];
        while made[0].len() < 2 || made[0] != made[1] {
            let (side, link) = tokio::select! {
                link = host.link() => (0, link),
                link = joiner.link() => (1, link),
            };
            assert!(made[side].insert(link), "{link} twice");
        }
    }

    #[tokio::test]
    async fn a_route_on_which_something_was_changed_is_taken_after_all_others() {
        for other in [true, false] {
            let mut parties = secrets().map(|secret| Party::new(secret, true));
            let [host, joiner] = &mut parties;
            let (of_host, of_joiner) = (host.places().await, joiner.places().await);
            // Three times, so that a busy machine has done the other first.
            for _ in 0..if other { 3 } else { 1 } {
                of_host.direct.iter().for_each(|place| joiner.maker.avoid(Route::To(*place)));
            }
            joiner.maker.peer_is_at(of_host);
            let began = Instant::now();
            if other {
                host.maker.peer_is_at(of_joiner);
            }
            host.maker.need(NEED);
            joiner.maker.need(NEED);
            let made = timeout(Duration::from_secs(20), joiner.made.recv()).await;
            match made.unwrap().unwrap().route.unwrap() {
                Route::From(_) => assert!(other),
                Route::To(_) => assert!(!other && began.elapsed() >= HARM_PAUSE / 2),
                Route::Relay(_) => panic!("there is no relay"),
            }
        }
    }

    #[tokio::test]
    async fn who_comes_by_a_route_on_which_something_was_changed_is_not_let_in_at_once() {
        let mut parties = secrets().map(|secret| Party::new(secret, true));
        let [host, joiner] = &mut parties;
        for ip in Network::Loopback.all() {
            host.maker.avoid(Route::From(ip));
        }
        joiner.maker.peer_is_at(host.places().await);
        let began = Instant::now();
        joiner.maker.need(NEED);
        host.link().await;
        assert!(began.elapsed() >= HARM_PAUSE / 2);
    }

    #[tokio::test]
    async fn nothing_is_told_or_dialled_where_addresses_are_hidden() {
        let [host, joiner] = secrets();
        let (mut host, mut hidden) = (Party::new(host, true), Party::new(joiner, false));
        hidden.maker.peer_is_at(host.places().await);
        hidden.maker.need(NEED);
        assert!(hidden.maker.sought.is_empty());
        assert!(!hidden.told.has_changed().unwrap(), "its places are told");
    }

    #[tokio::test]
    async fn only_a_relay_that_this_side_knows_itself_is_gone_to() {
        let relay = |url: &str| {
            let choice = RelayChoice::new(RelayUrl::parse(url).unwrap(), Origin::Default, false);
            let (trust, network) = (Trust::default(), Network::Loopback);
            Access { choice: choice.unwrap(), trust, network, host_token: None }
        };
        for (role, said, gone_to) in [
            (Role::Joiner, "ws://127.0.0.1:7", true),
            (Role::Joiner, "http://127.0.0.1:7/", true),
            (Role::Joiner, "ws://127.0.0.1:8", false),
            (Role::Joiner, "no relay", false),
            (Role::Host, "ws://127.0.0.1:7", false),
        ] {
            let secret = secrets().into_iter().find(|(of, _)| *of == role).unwrap();
            let mut party = Party::new(secret, true);
            party.maker.bounds.relays = vec![relay("ws://127.0.0.1:7")];
            let relay = Some(PeerText::new(said.into()));
            // Said again, it is gone to once.
            for _ in 0..2 {
                party.maker.peer_is_at(Places { direct: Vec::new(), relay: relay.clone() });
            }
            assert_eq!(party.maker.met_at.len(), usize::from(gone_to), "{said}");
        }
    }

    #[tokio::test]
    async fn as_many_are_made_beside_one_that_works_as_are_wished_on_its_route() {
        let mut parties = secrets().map(|secret| Party::new(secret, true));
        let [host, joiner] = &mut parties;
        joiner.maker.peer_is_at(host.places().await);
        joiner.maker.need(NEED);
        let first = timeout(Duration::from_secs(20), joiner.made.recv()).await.unwrap().unwrap();
        let mut made = [BTreeSet::from([first.index]), BTreeSet::from([host.link().await])];
        let route = first.route.unwrap();
        let wish =
            |count| Need { linked: true, beside: Some((count, route.clone())), ..Need::default() };
        joiner.maker.need(wish(3));
        // The host has the same wish, and leaves it to who has dialled.
        let from = Route::From([127, 0, 0, 1].into());
        host.maker.need(Need { linked: true, beside: Some((3, from)), ..Need::default() });
        while made[0].len() < 4 || made[0] != made[1] {
            let (side, link) = tokio::select! {
                link = joiner.link() => (0, link),
                link = host.link() => (1, link),
            };
            assert!(made[side].insert(link), "{link} twice");
            joiner.maker.need(wish(4_usize.saturating_sub(made[0].len())));
        }
        assert_eq!(joiner.maker.beside[&route], 3);
    }

    #[tokio::test]
    async fn a_place_that_is_no_longer_said_is_not_dialled() {
        let mut parties = secrets().map(|secret| Party::new(secret, true));
        let [host, joiner] = &mut parties;
        let places = host.places().await;
        joiner.maker.peer_is_at(places.clone());
        joiner.maker.peer_is_at(Places::default());
        joiner.maker.need(NEED);
        let soon = timeout(Duration::from_secs(1), joiner.made.recv()).await;
        assert!(soon.is_err(), "it was dialled");
        joiner.maker.peer_is_at(places);
        assert_eq!(host.link().await, joiner.link().await);
    }
}
