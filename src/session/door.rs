//! The door at which a host waits: a port of its own, announced on the local network, or a relay.

use super::plan::{Hosting, Plan};
use super::{Report, tell};
use crate::events::{Event, Join, Reach};
use crate::failure::Failure;
use crate::settings::Network;
use crate::transport::HostEnd;
use crate::transport::addresses::join_lines;
use crate::transport::again::Way;
use crate::transport::direct::{Listener, meet};
use crate::transport::lan::Announcement;
use crate::transport::relay::{self, Meanwhile, Own, Public};
use pinhole_protocol::code::{CodeError, Nameplate};
use pinhole_protocol::handshake::Judge;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use tokio::sync::mpsc;

/// News of a waiting host that may wait to be told: one follows the other by a dial at least.
const MEANWHILE: usize = 4;

/// A host's door. A joiner that comes after it was dropped learns at once that nobody waits there
/// any more.
pub(super) enum Door {
    /// It listens itself.
    Direct {
        listener: Listener,
        bind: Option<IpAddr>,
        reach: Reach,
        /// Announces the number until it is dropped.
        _announcement: Option<Announcement>,
    },
    /// It has a number at a relay.
    Relay(Box<relay::Host>, Public),
}

impl Door {
    /// Asks its own relay, or the one that is set, for a number; or listens.
    pub(super) async fn open(
        plan: &Plan,
        hosting: &Hosting,
        own: Option<&Own>,
    ) -> Result<Self, Failure> {
        if let Some(own) = own {
            return Ok(Self::Relay(Box::new(relay::Host::open(own.way()).await?), own.public()));
        }
        if !hosting.listens()
            && let Some(way) = plan.way()?
        {
            return Ok(Self::Relay(Box::new(relay::Host::open(&way).await?), way.public()));
        }
        plan.may_be_direct()?;
        let listener = Listener::bind(plan.network, hosting.bind, hosting.port)?;
        let (reach, announcement) = announce(plan, hosting.bind, listener.port());
        Ok(Self::Direct { listener, bind: hosting.bind, reach, _announcement: announcement })
    }

    /// The number of the code that is waited under.
    pub(super) fn nameplate(&self) -> Result<Nameplate, CodeError> {
        match self {
            Self::Direct { listener, .. } => Nameplate::new(u32::from(listener.port())),
            Self::Relay(host, _) => Ok(host.nameplate()),
        }
    }

    /// The joiners that find this host by the code alone.
    pub(super) fn reach(&self) -> Reach {
        match self {
            Self::Direct { reach, .. } => reach.clone(),
            Self::Relay(_, public) => Reach::Relay(public.name.clone()),
        }
    }

    /// The lines for the other machine.
    pub(super) fn join_lines(&self, command: &str) -> Vec<Join> {
        match self {
            Self::Direct { reach, bind, .. } => join_lines(command, reach, *bind),
            Self::Relay(_, public) => public.join_lines(command),
        }
    }

    /// The code as a link, where a relay has an address that begins with https.
    pub(super) fn link(&self, code: &str) -> Option<String> {
        match self {
            Self::Direct { .. } => None,
            Self::Relay(_, public) => public.url.link(code),
        }
    }

    /// Waits for a joiner until `stop` says why not any longer. Returns the way to meet it again,
    /// too.
    pub(super) async fn meet(
        self,
        judge: Judge,
        report: &mut Report,
        stop: impl Future<Output = Failure>,
    ) -> Result<(HostEnd, Way), Failure> {
        match self {
            Self::Direct { listener, .. } => {
                let end = tokio::select! {
                    met = meet(&listener, judge) => met?,
                    failure = stop => return Err(failure),
                };
                Ok((end, Way::Listener(listener)))
            }
            Self::Relay(host, public) => {
                let access = Box::new(host.access().clone());
                let way = Way::Relay { access, told: Some(public.url) };
                let (told, mut meanwhile) = mpsc::channel(MEANWHILE);
                let told = |news| {
                    // Each is read before the host has more to tell.
                    let _ = told.try_send(news);
                };
                let mut meeting = pin!(host.meet(judge, told, stop));
                let end = loop {
                    tokio::select! {
                        end = &mut meeting => break end,
                        Some(news) = meanwhile.recv() => tell(report, &event(news)),
                        () = report.changes() => report.redraw(),
                    }
                };
                while let Ok(news) = meanwhile.try_recv() {
                    tell(report, &event(news));
                }
                end.map(|end| (end, way))
            }
        }
    }
}

/// News of a host that waits at a relay, as they are told.
const fn event(news: Meanwhile) -> Event {
    match news {
        Meanwhile::Reconnecting => Event::Reconnecting,
        Meanwhile::Reconnected => Event::Reconnected(None),
    }
}

/// Announces the number on the local network, where that is wanted and can be; a host goes on
/// without.
fn announce(plan: &Plan, bind: Option<IpAddr>, port: u16) -> (Reach, Option<Announcement>) {
    if plan.network == Network::Loopback || bind.is_some_and(|ip| ip.to_canonical().is_loopback()) {
        return (Reach::Machine, None);
    }
    if !plan.lan {
        return (Reach::Silent(None), None);
    }
    match Announcement::start(port, bind) {
        Ok(announcement) => (Reach::Announced, Some(announcement)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            (Reach::Silent(Some("it has no local network".into())), None)
        }
        Err(error) => (Reach::Silent(Some(error.to_string())), None),
    }
}
