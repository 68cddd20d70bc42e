//! A relay inside the host's own process, for its one channel: reached at an address of this
//! machine, or through a tunnel.

use super::dial::Trust;
use super::{Access, HostToken, Known, Public, health};
use crate::failure::{Failure, Kind};
use crate::settings::{Network, Origin, RelayChoice};
use crate::transport::addresses::outside_interfaces;
use crate::transport::tunnel::{Program, Tunnel};
use ipnet::IpNet;
use pinhole_protocol::code::RelayUrl;
use pinhole_relay::server::Server;
use pinhole_relay::settings::Settings;
use rand_core::OsRng;
use std::future::pending;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};

/// Time limit for a new tunnel until it leads here. A name has to be published, and some answer
/// with errors of their own at first.
const CHECK_TIME: Duration = Duration::from_secs(30);
/// Between two questions whether it does.
const CHECK_PAUSE: Duration = Duration::from_secs(1);
/// Time limit for the last words of a channel that is over. The sides have waited for each other
/// before.
const DRAIN: Duration = Duration::from_secs(2);

/// The way to a relay of this process.
#[derive(Clone)]
pub enum Serving {
    /// At an address of this machine.
    At {
        /// The address at which it listens for others; `None` for a free port on loopback.
        listen: Option<SocketAddr>,
        /// The address that others use, such as that of a proxy with TLS.
        public: Option<RelayUrl>,
    },
    /// Through a tunnel.
    Tunnel {
        /// The program that makes it.
        program: Program,
        /// True if the program is started behind a fence.
        fenced: bool,
    },
}

/// A relay that runs in this process, and accepts no host but this one. Dropped, it ends, and its
/// tunnel with it.
pub struct Own {
    access: Access,
    url: RelayUrl,
    tunnel: Option<Tunnel>,
    /// Dropped, it stops the server.
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

impl Own {
    /// Serves the relay. With a tunnel, it was reached through that when this returns; `trust` and
    /// `network` are for this.
    ///
    /// # Errors
    /// Unreachable: `cannot-listen`, `network-forbidden`, `tunnel-failed`.
    pub async fn start(
        serving: &Serving,
        network: Network,
        trust: &Trust,
    ) -> Result<Self, Failure> {
        let (outside, public, program) = match serving {
            Serving::At { listen, public } => (*listen, public.clone(), None),
            Serving::Tunnel { program, fenced } => (None, None, Some((program, *fenced))),
        };
        if let Some(address) = outside.filter(|address| !network.allows(address.ip())) {
            let detail =
                format!("PINHOLE_NETWORK allows nothing but loopback, and {address} is not");
            return Err(Failure::new(Kind::NetworkForbidden, detail)
                .ask_user("listen on 127.0.0.1, or unset PINHOLE_NETWORK"));
        }
        let (server, host_token) = bind(outside)?;
        let addresses = server.addresses();
        // The first is one that this host itself can use.
        let here =
            addresses.first().copied().map_or((Ipv4Addr::LOCALHOST, 0).into(), reachable_here);
        let outside = addresses.last().copied().map_or(here, reachable_outside);
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(server.run(async {
            let _ = stopped.await;
        }));
        let choice = RelayChoice::new(url(here)?, Origin::Own, false)?;
        let access =
            Access { choice, trust: Trust::default(), network, host_token: Some(host_token) };
        let tunnel = match program {
            Some((program, fenced)) => {
                let tunnel = Tunnel::open(program, here.port(), fenced).await?;
                Some(checked(tunnel, network, trust).await?)
            }
            None => None,
        };
        let url = match (&tunnel, public) {
            (Some(tunnel), _) => tunnel.url().clone(),
            (None, Some(public)) => public,
            (None, None) => url(outside)?,
        };
        Ok(Self { access, url, tunnel, stop, served })
    }

    /// The access that this host itself uses.
    #[must_use]
    pub const fn way(&self) -> &Access {
        &self.access
    }

    /// The relay, as others are told of it.
    #[must_use]
    pub fn public(&self) -> Public {
        let seen = "the code's number, sizes and times, but neither its words nor what is sent";
        let name = match &self.tunnel {
            Some(tunnel) => format!(
                "a relay in this process, and a tunnel by {}, which sees {seen}",
                tunnel.name()
            ),
            None if self.url.is_here() => {
                "a relay in this process, which only this machine can reach; use --public-url or \
                 --listen for others"
                    .into()
            }
            None if self.url.tls() => format!("a relay in this process, reached at {}", self.url),
            None => format!(
                "a relay in this process, reached at {} without TLS: anybody in between sees \
                 {seen}",
                self.url
            ),
        };
        Public { url: self.url.clone(), name, known: Known::Nowhere }
    }

    /// Waits until nobody can come any more, because the tunnel has ended. Nothing is lost if the
    /// wait is given up.
    pub async fn broken(&mut self) -> Failure {
        match &mut self.tunnel {
            // Another run of the program would have another address than the one that was read out.
            Some(tunnel) => tunnel.ended().await,
            None => pending().await,
        }
    }

    /// Ends the relay, then the tunnel: some seconds, if somebody does not go.
    pub async fn close(self) {
        drop(self.stop);
        // It ends by itself; an end that is none was said already.
        let _ = self.served.await;
        if let Some(tunnel) = self.tunnel {
            tunnel.close().await;
        }
    }
}

/// A relay for one host, and what that has to show. `outside` is where it listens besides loopback.
fn bind(outside: Option<SocketAddr>) -> Result<(Server, HostToken), Failure> {
    let token = HostToken::draw(&mut OsRng);
    let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    // An address of every interface is one of loopback too.
    let listen = match outside {
        None => vec![loopback],
        Some(address) if address.ip().is_loopback() || address.ip().is_unspecified() => {
            vec![address]
        }
        Some(address) => vec![loopback, address],
    };
    let settings = Settings {
        listen,
        own: true,
        host_tokens: vec![token.clone()],
        // Tunnel programs and proxies of this machine say for whom they speak; without that all
        // guests would share one source's limits.
        trusted_proxies: vec![
            IpNet::from(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            IpNet::from(IpAddr::V6(Ipv6Addr::LOCALHOST)),
        ],
        drain: DRAIN,
        ..Settings::default()
    };
    let server = Server::bind(settings).map_err(|error| {
        Failure::new(Kind::CannotListen, error.to_string())
            .ask_user("choose another address or port with --listen")
    })?;
    Ok((server, token))
}

/// Waits until the relay answers through its tunnel.
async fn checked(mut tunnel: Tunnel, network: Network, trust: &Trust) -> Result<Tunnel, Failure> {
    match check(&mut tunnel, network, trust, CHECK_TIME).await {
        Ok(()) => Ok(tunnel),
        Err(failure) => {
            tunnel.close().await;
            Err(failure)
        }
    }
}

/// Asks the relay how it is, through the tunnel, until it answers or `time` is over.
async fn check(
    tunnel: &mut Tunnel,
    network: Network,
    trust: &Trust,
    time: Duration,
) -> Result<(), Failure> {
    let choice = RelayChoice::new(tunnel.url().clone(), Origin::Flag("--tunnel"), false)?;
    let until = Instant::now() + time;
    loop {
        let asked = tokio::select! {
            ended = tunnel.ended() => return Err(ended),
            asked = timeout_at(until, health(&choice, trust, network)) => asked,
        };
        match asked {
            Ok(Ok(())) => return Ok(()),
            // This does not change by waiting.
            Ok(Err(failure))
                if matches!(
                    failure.kind,
                    Kind::NetworkForbidden | Kind::RelayCertificate | Kind::Usage
                ) =>
            {
                return Err(failure);
            }
            Ok(Err(_)) if Instant::now() + CHECK_PAUSE < until => sleep(CHECK_PAUSE).await,
            asked => {
                let why = asked.map_or_else(
                    |_| String::new(),
                    |asked| asked.err().map_or_else(String::new, |why| format!(": {why}")),
                );
                return Err(tunnel.failure(&format!(
                    "reports the address {}, but it did not reach this machine within {} s{why}",
                    choice.url,
                    time.as_secs()
                )));
            }
        }
    }
}

/// The address at which this machine reaches what listens at `address`.
fn reachable_here(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        (Ipv4Addr::LOCALHOST, address.port()).into()
    } else {
        address
    }
}

/// The address at which others may reach it: of several, the first that another machine could dial.
fn reachable_outside(address: SocketAddr) -> SocketAddr {
    match outside_interfaces().first() {
        Some(interface) if address.ip().is_unspecified() => (interface.ip(), address.port()).into(),
        _ => reachable_here(address),
    }
}

fn url(address: SocketAddr) -> Result<RelayUrl, Failure> {
    RelayUrl::parse(&format!("ws://{address}")).map_err(|why| {
        Failure::new(
            Kind::CannotListen,
            format!("the address {address} cannot be passed on: {why}"),
        )
    })
}
