//! A byte stream to a relay: TCP, through a proxy if the environment names one, in TLS.

mod connect;
mod exceptions;
mod head;
mod proxy;
mod socks;
mod tls;
mod tunnel;

pub use head::{Fault, Head};
pub use tls::{Trust, certifiable};

use crate::failure::{Advice, Failure, Kind};
use crate::settings::agent::{forbidden, online_first};
use crate::settings::{Network, RelayChoice};
use connect::{Missed, connect};
use pinhole_protocol::code::RelayUrl;
use proxy::Proxy;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};

/// Time limit of each step: finding the address, connecting, the proxy's answer, TLS. Enough for
/// three lost packets on a slow line.
const STEP: Duration = Duration::from_secs(10);

/// Bytes both ways.
pub trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

/// A stream to a relay, ready for HTTP.
pub type Stream = Box<dyn Duplex>;

/// Connects to a relay, the way that the environment's proxy settings say (`HTTPS_PROXY` and its
/// like).
///
/// # Errors
/// Unreachable, each with the relay or the proxy and which setting named it: `relay-unreachable`,
/// `relay-certificate`, `proxy-unreachable`, `proxy-refused`, `network-forbidden`. Usage, if a
/// variable names no proxy.
pub async fn dial(
    choice: &RelayChoice,
    trust: &Trust,
    network: Network,
) -> Result<Stream, Failure> {
    dial_through(Proxy::of(&choice.url, environment)?, choice, trust, network).await
}

/// Connects to a relay without a proxy, whatever the environment says.
///
/// # Errors
/// As [`dial`], those of a proxy aside.
pub async fn dial_directly(
    choice: &RelayChoice,
    trust: &Trust,
    network: Network,
) -> Result<Stream, Failure> {
    dial_through(None, choice, trust, network).await
}

/// Connects to the proxy that the environment wants before this relay, and returns its name. `None`
/// if it wants no proxy. Nothing is sent to the proxy.
///
/// # Errors
/// `proxy-unreachable`, `network-forbidden`; usage, if a variable names no proxy.
pub async fn proxy(url: &RelayUrl, network: Network) -> Result<Option<String>, Failure> {
    let Some(proxy) = Proxy::of(url, environment)? else { return Ok(None) };
    connect(&proxy.host, proxy.port, network)
        .await
        .map_err(|missed| Place::Proxy(&proxy).missed(&missed))?;
    Ok(Some(proxy.named()))
}

fn environment(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

async fn dial_through(
    proxy: Option<Proxy>,
    choice: &RelayChoice,
    trust: &Trust,
    network: Network,
) -> Result<Stream, Failure> {
    let (url, relay) = (&choice.url, Place::Relay(choice));
    let stream: Stream = match &proxy {
        None => Box::new(
            connect(url.host(), url.port(), network)
                .await
                .map_err(|missed| relay.missed(&missed))?,
        ),
        // A proxy looks names up itself, so what it then dials can be known only of these.
        Some(_) if !url.is_here() && network == Network::Loopback => {
            return Err(relay.missed(&Missed::Forbidden));
        }
        Some(proxy) => proxy.reach(url, trust, network).await?,
    };
    if url.tls() { tls::start(stream, url.host(), trust, &relay).await } else { Ok(stream) }
}

/// The one that a step is about, for the message if it fails.
enum Place<'a> {
    Relay(&'a RelayChoice),
    Proxy(&'a Proxy),
}

impl Place<'_> {
    fn named(&self) -> String {
        match self {
            Self::Relay(choice) => choice.named(),
            Self::Proxy(proxy) => proxy.named(),
        }
    }

    /// It is not reached: `why` is what was found instead, as the end of a sentence about it.
    fn unreachable(&self, why: &str) -> Failure {
        let (kind, next) = match self {
            Self::Relay(_) => (
                Kind::RelayUnreachable,
                Advice::for_user(
                    "check the network and the relay's address; --relay URL uses another one",
                ),
            ),
            Self::Proxy(proxy) => (Kind::ProxyUnreachable, proxy.check().into()),
        };
        Failure::new(kind, format!("{} {why}", self.named())).next(online_first(next))
    }

    fn missed(&self, missed: &Missed) -> Failure {
        let why = match missed {
            Missed::Forbidden => {
                let detail =
                    format!("PINHOLE_NETWORK=loopback does not allow dialling {}", self.named());
                return Failure::new(Kind::NetworkForbidden, detail)
                    .ask_user("unset PINHOLE_NETWORK");
            }
            Missed::Unknown => {
                "cannot be found: this machine knows no address for its name".to_owned()
            }
            Missed::Refused => {
                "cannot be reached: nothing listens there, or a firewall is in the way".to_owned()
            }
            Missed::Late => format!("does not answer within {} s", STEP.as_secs()),
            Missed::Failed(error) => {
                match forbidden(&format!("open a connection to {}", self.named()), error) {
                    Some(failure) => return failure,
                    None => format!("cannot be reached: {error}"),
                }
            }
        };
        self.unreachable(&why)
    }
}

#[cfg(test)]
mod tests;
