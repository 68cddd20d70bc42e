//! The places at which this side can be met (SPEC 6.6), looked up anew as its network changes.

use super::Wanted;
use crate::settings::Network;
use crate::transport::addresses::{outside_interfaces, sayable};
use crate::transport::direct::Listener;
use if_addrs::Interface;
use pinhole_protocol::wire::{PeerText, Places};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// The longest time between two looks at this machine's addresses.
const LOOK: Duration = Duration::from_secs(30);

/// A listener of this side's, as the peer is told of it.
pub(super) struct Door {
    bound: Vec<SocketAddr>,
    network: Network,
}

impl Door {
    pub(super) fn of(listener: &Listener, network: Network) -> Self {
        Self { bound: listener.addresses(), network }
    }

    /// The addresses at which it is reached by way of these interfaces.
    fn addresses(&self, interfaces: &[Interface]) -> Vec<SocketAddr> {
        let at = |bound: &SocketAddr| -> Vec<SocketAddr> {
            let ips: Vec<IpAddr> = if bound.ip().is_unspecified() {
                let own = interfaces.iter().map(Interface::ip);
                own.filter(|ip| ip.is_ipv4() == bound.is_ipv4()).collect()
            } else {
                vec![bound.ip()]
            };
            let said = ips.into_iter().filter(|ip| sayable(*ip, self.network));
            said.map(|ip| SocketAddr::new(ip, bound.port())).collect()
        };
        let mut found: Vec<_> = self.bound.iter().flat_map(at).collect();
        found.dedup();
        found
    }
}

/// Keeps in `told` the places of a side with this listener and this relay: looks when a link is
/// lost or there again, and now and then.
pub(super) async fn keep(
    door: Option<Door>,
    relay: Option<String>,
    mut wanted: watch::Receiver<Wanted>,
    told: watch::Sender<Places>,
) {
    loop {
        let needed = wanted.borrow_and_update().need.link;
        let direct = door.as_ref().map(|door| door.addresses(&outside_interfaces()));
        let places =
            Places { direct: direct.unwrap_or_default(), relay: relay.clone().map(PeerText::new) };
        told.send_if_modified(|before| {
            let is_new = *before != places;
            *before = places;
            is_new
        });
        let other = wanted.wait_for(|wanted| wanted.need.link != needed);
        if let Ok(Err(_)) = timeout(LOOK, other).await {
            return;
        }
    }
}
