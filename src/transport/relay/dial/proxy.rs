//! Which proxy the environment wants between here and a relay: `HTTPS_PROXY`, `HTTP_PROXY`,
//! `ALL_PROXY` and `NO_PROXY`, as curl reads them.

use super::connect::{addresses, connect};
use super::tunnel::Refusal;
use super::{Place, STEP, Stream, Trust, exceptions, socks, tls, tunnel};
use crate::failure::{Advice, Failure, Kind};
use crate::settings::Network;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use pinhole_protocol::code::RelayUrl;
use std::net::IpAddr;
use tokio::time::timeout;

/// A proxy.
pub(super) struct Proxy {
    speech: Speech,
    /// A name, or an IP literal without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// Which variable names it, and how to reach it.
    variable: &'static str,
    intercept: Intercept,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Speech {
    /// `http://` and `https://`: a tunnel by CONNECT.
    Http { tls: bool },
    /// `socks5://` is given addresses, `socks5h://` names.
    Socks { names: bool },
}

/// The variables for each kind of relay, in the order in which they decide. The small letters win,
/// as with curl.
const FOR_TLS: [&str; 4] = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
const FOR_PLAIN: [&str; 4] = ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"];
const EXCEPTIONS: [&str; 2] = ["no_proxy", "NO_PROXY"];

impl Proxy {
    /// The proxy for a relay, if one is set; `variable` reads the environment.
    ///
    /// # Errors
    /// Usage, if what is set is no proxy that can be used: going without it could be what it is
    /// there to prevent.
    pub(super) fn of(
        url: &RelayUrl,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, Failure> {
        let set =
            |name: &&'static str| Some((*name, variable(name).filter(|value| !value.is_empty())?));
        let Some((name, value)) =
            (if url.tls() { FOR_TLS } else { FOR_PLAIN }).iter().find_map(set)
        else {
            return Ok(None);
        };
        let list = EXCEPTIONS.iter().find_map(set).map(|(_, value)| value).unwrap_or_default();
        // The matcher's https stands for TLS from here to the relay.
        let bare = url.host().split_once('%').map_or(url.host(), |(address, _)| address);
        let host = bracketed(bare);
        let scheme = if url.tls() { "https" } else { "http" };
        let asks = |matcher: Matcher| {
            format!("{scheme}://{host}/").parse().ok().and_then(|uri| matcher.intercept(&uri))
        };
        let Some(intercept) = asks(Matcher::builder().all(value.trim()).build()) else {
            return Err(unusable(name));
        };
        if exceptions::names(&list, bare) {
            return Ok(None);
        }
        Self::new(name, intercept).map(Some).ok_or_else(|| unusable(name))
    }

    fn new(variable: &'static str, intercept: Intercept) -> Option<Self> {
        let uri = intercept.uri();
        // Ports that are not named are curl's.
        let (speech, port) = match uri.scheme_str()? {
            "http" => (Speech::Http { tls: false }, 1080),
            "https" => (Speech::Http { tls: true }, 443),
            "socks5" => (Speech::Socks { names: false }, 1080),
            "socks5h" => (Speech::Socks { names: true }, 1080),
            _ => return None,
        };
        let host = uri.host()?;
        // A port that is none is no reason to take another.
        let port = match uri.authority()?.as_str().strip_prefix(host)? {
            "" => port,
            _ => uri.port_u16()?,
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Some(Self { speech, host, port, variable, intercept })
    }

    /// Name of the proxy in a sentence, without its user name and password.
    pub(super) fn named(&self) -> String {
        format!("the proxy {}:{} (from {})", bracketed(&self.host), self.port, self.variable)
    }

    /// The advice if it fails.
    pub(super) fn check(&self) -> String {
        format!("check {}; NO_PROXY names hosts that are reached without a proxy", self.variable)
    }

    /// A stream to a relay, through this proxy.
    pub(super) async fn reach(
        &self,
        url: &RelayUrl,
        trust: &Trust,
        network: Network,
    ) -> Result<Stream, Failure> {
        let place = Place::Proxy(self);
        let stream = connect(&self.host, self.port, network)
            .await
            .map_err(|missed| place.missed(&missed))?;
        let mut stream: Stream = Box::new(stream);
        if self.speech == (Speech::Http { tls: true }) {
            stream = tls::start(stream, &self.host, trust, &place).await?;
        }
        match timeout(STEP, self.ask(&mut stream, url, network)).await {
            Ok(Ok(())) => Ok(stream),
            Ok(Err(refusal)) => Err(self.refused(url, &refusal)),
            Err(_) => Err(place.unreachable(&format!(
                "accepted the connection but sent nothing for {} s",
                STEP.as_secs()
            ))),
        }
    }

    async fn ask(
        &self,
        stream: &mut Stream,
        url: &RelayUrl,
        network: Network,
    ) -> Result<(), Refusal> {
        let (host, port) = (url.host(), url.port());
        match self.speech {
            Speech::Http { .. } => {
                let authorization = self.intercept.basic_auth().map(|value| value.as_bytes());
                tunnel::ask(stream, &format!("{}:{port}", bracketed(host)), authorization).await
            }
            Speech::Socks { names } => {
                let target = match host.parse::<IpAddr>() {
                    Ok(address) => socks::Target::Address((address, port).into()),
                    Err(_) if names => socks::Target::Name(host, port),
                    Err(_) => match addresses(host, port, network)
                        .await
                        .map(|found| found.into_iter().next())
                    {
                        Ok(Some(address)) => socks::Target::Address(address),
                        _ => return Err(Refusal::NoAddress),
                    },
                };
                socks::ask(stream, &target, self.intercept.raw_auth()).await
            }
        }
    }

    fn refused(&self, url: &RelayUrl, refusal: &Refusal) -> Failure {
        let (proxy, variable) = (self.named(), self.variable);
        let target = format!("{}:{}", bracketed(url.host()), url.port());
        let (detail, next) = match refusal {
            Refusal::Credentials
                if self.intercept.basic_auth().is_some() || self.intercept.raw_auth().is_some() =>
            {
                (
                    format!("{proxy} does not accept the user name and password in its address"),
                    format!("correct them in {variable}, with %40 for @ and %3A for : in them")
                        .into(),
                )
            }
            Refusal::Credentials => (
                format!("{proxy} wants a user name and a password, and its address has none"),
                format!(
                    "write them into {variable}: SCHEME://USER:PASSWORD@{}:{}",
                    bracketed(&self.host),
                    self.port
                )
                .into(),
            ),
            Refusal::Login(way) => (
                format!(
                    "{proxy} wants a login by {way}, and pinhole only supports a user name and \
                     password (Basic)"
                ),
                Advice::for_user(
                    "ask its operator for another way, or run a proxy here that logs in to it, \
                     such as cntlm or px, and use that",
                ),
            ),
            Refusal::Redirect(to) => (
                format!("{proxy} redirects to {to} instead of connecting to {target}"),
                Advice::for_user(
                    "open that in a browser: a network may want a login first; or ask the proxy's \
                     operator",
                ),
            ),
            Refusal::NoTunnel(status) => (
                format!("{proxy} makes no connections (HTTP status {status} to CONNECT)"),
                format!("check {variable}: it may lead to a web server, or a proxy only for pages")
                    .into(),
            ),
            Refusal::Forbidden(why) => (
                format!("{proxy} does not let {target} through ({why})"),
                Advice::for_user(
                    "ask its operator to allow that relay, or use a relay that it allows; many \
                     allow only port 443",
                ),
            ),
            Refusal::NotReached(why) => (
                format!("{proxy} cannot reach {target} ({why})"),
                "check the relay's address, and that the proxy can reach it".into(),
            ),
            Refusal::NoAddress => (
                format!(
                    "this machine knows no address for {:?}, and {proxy} needs one",
                    url.host()
                ),
                format!(
                    "check the relay's address; or write socks5h:// in {variable}, then the proxy \
                      looks names up"
                )
                .into(),
            ),
            Refusal::NoProxy => {
                return Place::Proxy(self)
                    .unreachable("does not answer like the kind of proxy that its address names");
            }
            Refusal::Http2 => {
                return Place::Proxy(self)
                    .unreachable("speaks only HTTP/2, and pinhole needs HTTP/1.1 for proxies");
            }
            Refusal::Cut => {
                return Place::Proxy(self)
                    .unreachable("hangs up when it is asked for a connection");
            }
        };
        Failure::new(Kind::ProxyRefused, detail).next(next)
    }
}

fn unusable(variable: &str) -> Failure {
    // The value may hold a password, so it is not shown.
    Failure::new(
        Kind::Usage,
        format!("{variable} is set to something that is not the address of a proxy"),
    )
    .ask_user(format!("write it as http://HOST:PORT or socks5h://HOST:PORT, or unset {variable}"))
}

/// IPv6 in brackets, as before a port.
fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}
