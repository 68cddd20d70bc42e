//! Options of an operator, and the settings of the relay that they make. Each limit of SPEC 10.7 is
//! declared once, here: as a flag, from which its variable and its key in the file follow
//! (`sources`).

use super::owner_key::owner_key;
use super::values::{ListenAddress, Size, Time, proxy, some};
use crate::failure::{Detail, Failure, Kind, Run};
use crate::settings::Network;
use clap::Args;
use ipnet::IpNet;
use pinhole_protocol::rendezvous::HostToken;
use pinhole_relay::limits::{Limits, QuotaLimits, RateLimits, Shares};
use pinhole_relay::owner::OwnerKey;
use pinhole_relay::settings::{Settings, TlsFiles};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Options for listening and for access.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Relay")]
pub(super) struct Relay {
    /// Listen on this address: IP:PORT, an IP alone, or a port alone for every address of this
    /// machine; may be repeated
    #[arg(long, value_name = "ADDR", default_value = ListenAddress::DEFAULT)]
    listen: Vec<ListenAddress>,
    /// Serve TLS with this certificate chain (PEM), read once at the start; without it, put a proxy
    /// with TLS in front
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// The key of the certificate (PEM)
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// For a relay that anybody may use: limits what a source sends a minute, ends pairs after
    /// --longest, and hides the metrics
    #[arg(long)]
    public: bool,
    /// Give numbers only to hosts that show a token from this file: one per line, 16 to 128
    /// letters, digits and -._~; "#" starts a comment. Joiners need none
    #[arg(long, value_name = "FILE")]
    host_token_file: Option<PathBuf>,
    /// Keep the key for giving numbers back after a restart in this file; it is created if missing
    /// [default: owner-key in $STATE_DIRECTORY, or with this user's state]
    #[arg(long, value_name = "FILE")]
    owner_key_file: Option<PathBuf>,
    /// Trust the X-Forwarded-For of this proxy, an address or a network such as 10.0.0.0/8; may be
    /// repeated
    #[arg(long, value_name = "CIDR", value_parser = proxy)]
    trusted_proxy: Vec<IpNet>,
    /// Serve /metrics on this address only; otherwise the relay's own port serves them, or none if
    /// it is --public
    #[arg(long, value_name = "ADDR")]
    metrics_bind: Option<ListenAddress>,
    /// After SIGTERM or Ctrl-C, let channels continue for this long
    #[arg(long, value_name = "TIME", default_value_t = Time(Settings::default().drain))]
    drain: Time,
}

/// Time limits (SPEC 10.7).
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Times")]
pub(super) struct Times {
    /// For TLS and the upgrade request of a connection
    #[arg(long, value_name = "TIME", value_parser = some, default_value_t = Time(limits().upgrade))]
    upgrade: Time,
    /// For message 1 of a host, once it was asked for it
    #[arg(
        long,
        value_name = "TIME",
        value_parser = some,
        default_value_t = Time(limits().first_message),
    )]
    first_message: Time,
    /// For a joiner to hold a number
    #[arg(long, value_name = "TIME", value_parser = some, default_value_t = Time(limits().hold))]
    hold: Time,
    /// The same while others are waiting
    #[arg(
        long,
        value_name = "TIME",
        value_parser = some,
        default_value_t = Time(limits().hold_contested),
    )]
    hold_contested: Time,
    /// For a joiner to wait in line for a number
    #[arg(
        long,
        value_name = "TIME",
        value_parser = some,
        default_value_t = Time(limits().queue_time),
    )]
    line_time: Time,
    /// For a host whose connection dropped to come back for its number, or, after a restart of the
    /// relay, for one from before
    #[arg(long, value_name = "TIME", default_value_t = Time(limits().absence))]
    absence: Time,
    /// Before a released number is handed out again; for as long after a restart, new numbers are
    /// long
    #[arg(long, value_name = "TIME", default_value_t = Time(limits().rest))]
    rest: Time,
    /// For waiting or being paired without a frame
    #[arg(
        long,
        value_name = "TIME",
        value_parser = some,
        default_value_t = Time(limits().inactivity),
    )]
    inactivity: Time,
    /// For waiting, whatever is sent; with --public also for being paired
    #[arg(long, value_name = "TIME", value_parser = some, default_value_t = Time(limits().longest))]
    longest: Time,
}

/// Limits for one source: an IPv4 address, or the first 64 bits of an IPv6 address (SPEC 10.7).
#[derive(Args, Clone, Debug)]
#[command(
    next_help_heading = "Each source (an IPv4 address, or the first 64 bits of an IPv6 address)"
)]
pub(super) struct Sources {
    /// Connections at a time
    #[arg(
        long,
        value_name = "N",
        value_parser = at_least_one(),
        default_value_t = limits().quotas.connections,
    )]
    connections: u32,
    /// Hosts that wait at a time
    #[arg(
        long,
        value_name = "N",
        value_parser = at_least_one(),
        default_value_t = limits().quotas.waiting_hosts,
    )]
    waiting_hosts: u32,
    /// New hosts a minute
    #[arg(
        long,
        value_name = "N",
        value_parser = at_least_one(),
        default_value_t = limits().quotas.hosts_a_minute,
    )]
    hosts_a_minute: u32,
    /// Joins a minute
    #[arg(
        long,
        value_name = "N",
        value_parser = at_least_one(),
        default_value_t = limits().quotas.joins_a_minute,
    )]
    joins_a_minute: u32,
    /// Failed joins a minute, before joins are refused
    #[arg(
        long,
        value_name = "N",
        value_parser = at_least_one(),
        default_value_t = limits().quotas.misses_a_minute,
    )]
    misses_a_minute: u32,
    /// How long joins are refused then
    #[arg(long, value_name = "TIME", default_value_t = Time(limits().quotas.refusal))]
    refusal: Time,
    /// Bytes a minute, plus 64 for each frame; more is delayed [default: 120GB, or 50MB with
    /// --public]
    #[arg(long, value_name = "SIZE")]
    bytes_a_minute: Option<Size>,
    /// Pings and control messages of each connection a minute; more is delayed
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..),
        default_value_t = limits().control,
    )]
    control_a_minute: u64,
}

/// Limits for everything together (SPEC 10.7).
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "In all")]
pub(super) struct Totals {
    /// Joiners in line for a number
    #[arg(
        long,
        value_name = "N",
        value_parser = at_least_one(),
        default_value_t = count(limits().queue),
    )]
    line: u32,
    /// Numbers that are waiting or resting
    #[arg(
        long,
        value_name = "N",
        value_parser = at_least_one(),
        default_value_t = count(limits().numbers),
    )]
    numbers: u32,
    /// Of those, by one source
    #[arg(
        long,
        value_name = "N",
        value_parser = at_least_one(),
        default_value_t = limits().shares.source,
    )]
    source_numbers: u32,
    /// Of those, by one IPv4 /24 or IPv6 /48
    #[arg(
        long,
        value_name = "N",
        value_parser = at_least_one(),
        default_value_t = limits().shares.site,
    )]
    site_numbers: u32,
    /// Of those, by one IPv6 /32
    #[arg(
        long,
        value_name = "N",
        value_parser = at_least_one(),
        default_value_t = limits().shares.provider,
    )]
    provider_numbers: u32,
    /// Sources to remember that have no connection
    #[arg(
        long,
        value_name = "N",
        value_parser = at_least_one(),
        default_value_t = count(limits().quotas.sources),
    )]
    sources: u32,
}

/// Everything.
#[derive(Args, Clone, Debug)]
pub(super) struct Options {
    #[command(flatten)]
    relay: Relay,
    #[command(flatten)]
    times: Times,
    #[command(flatten)]
    each: Sources,
    #[command(flatten)]
    totals: Totals,
}

fn limits() -> Limits {
    Limits::default()
}

fn at_least_one() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..)
}

/// A default, which is small, as flags have it.
fn count(default: usize) -> u32 {
    u32::try_from(default).unwrap_or(u32::MAX)
}

/// As limits have it, on a machine whose addresses may be shorter.
fn many(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

impl Options {
    /// True if somebody could read along: it is to be reached from elsewhere and has no
    /// certificate.
    pub(super) fn in_the_clear(&self) -> bool {
        self.relay.tls_cert.is_none()
            && self.relay.listen.iter().any(|place| !place.address().ip().is_loopback())
    }

    /// The key of the relay's owner tokens, or why it is not kept.
    ///
    /// # Errors
    /// Usage, if the file that is named for it cannot be used.
    pub(super) fn owner_key(&self) -> Result<Result<OwnerKey, String>, Failure> {
        owner_key(self.relay.owner_key_file.as_deref())
    }

    /// The settings of the relay's package, but for that key.
    ///
    /// # Errors
    /// Usage if settings contradict each other or a file has no tokens, `no-such-file` if it is not
    /// there, `network-forbidden` if an address may not be bound here.
    pub(super) fn settings(&self, network: Network) -> Result<Settings, Failure> {
        let Self { relay, times, each, totals } = self;
        ordered("hold-contested", times.hold_contested, "hold", times.hold)?;
        ordered("hold", times.hold, "line-time", times.line_time)?;
        ordered("inactivity", times.inactivity, "longest", times.longest)?;
        let listen: Vec<SocketAddr> = relay.listen.iter().map(|place| place.address()).collect();
        let metrics = relay.metrics_bind.map(|place| place.address());
        if let Some(forbidden) =
            listen.iter().chain(&metrics).find(|address| !network.allows(address.ip()))
        {
            return Err(Failure::new(
                Kind::NetworkForbidden,
                format!("PINHOLE_NETWORK allows nothing but loopback, and {forbidden} is not"),
            )
            .ask_user("listen on 127.0.0.1, or unset PINHOLE_NETWORK"));
        }
        let tls = match (&relay.tls_cert, &relay.tls_key) {
            (Some(certificates), Some(key)) => {
                Some(TlsFiles { certificates: certificates.clone(), key: key.clone() })
            }
            (None, None) => None,
            (Some(_), None) => return Err(usage("--tls-cert needs its key: --tls-key")),
            (None, Some(_)) => return Err(usage("--tls-key needs its certificate: --tls-cert")),
        };
        Ok(Settings {
            listen,
            tls,
            metrics,
            trusted_proxies: relay.trusted_proxy.clone(),
            host_tokens: relay.host_token_file.as_deref().map_or_else(|| Ok(Vec::new()), tokens)?,
            limits: Limits {
                rest: times.rest.0,
                upgrade: times.upgrade.0,
                absence: times.absence.0,
                first_message: times.first_message.0,
                hold: times.hold.0,
                hold_contested: times.hold_contested.0,
                queue: many(totals.line),
                queue_time: times.line_time.0,
                inactivity: times.inactivity.0,
                longest: times.longest.0,
                public: relay.public,
                control: each.control_a_minute,
                numbers: many(totals.numbers),
                shares: Shares {
                    source: totals.source_numbers,
                    site: totals.site_numbers,
                    provider: totals.provider_numbers,
                },
                quotas: QuotaLimits {
                    connections: each.connections,
                    waiting_hosts: each.waiting_hosts,
                    hosts_a_minute: each.hosts_a_minute,
                    joins_a_minute: each.joins_a_minute,
                    misses_a_minute: each.misses_a_minute,
                    refusal: each.refusal.0,
                    sources: many(totals.sources),
                },
            },
            rates: self.rates(),
            drain: relay.drain.0,
            ..Settings::default()
        })
    }

    /// Rates for one source; without an option, those of a public or private relay.
    fn rates(&self) -> RateLimits {
        let Self { relay, each, totals, .. } = self;
        let usual = if relay.public { RateLimits::PUBLIC } else { RateLimits::OWN };
        RateLimits {
            bytes: each.bytes_a_minute.map_or(usual.bytes, |size| size.0),
            sources: many(totals.sources),
        }
    }
}

fn ordered(shorter: &str, short: Time, longer: &str, long: Time) -> Result<(), Failure> {
    if short.0 <= long.0 {
        return Ok(());
    }
    Err(usage(format!("--{shorter} ({short}) cannot be longer than --{longer} ({long})")))
}

fn usage(detail: impl Into<Detail>) -> Failure {
    Failure::new(Kind::Usage, detail).next(Run::Help(Some("relay".into())))
}

/// The tokens of a file. None of them is in an error.
fn tokens(path: &Path) -> Result<Vec<HostToken>, Failure> {
    let content = super::read("--host-token-file", path)?;
    let lines = content
        .lines()
        .zip(1..)
        .map(|(line, number)| (line.split('#').next().unwrap_or_default().trim(), number));
    let tokens = lines.filter(|(line, _)| !line.is_empty()).map(|(line, number)| {
        HostToken::parse(line).ok_or_else(|| {
            let detail = format!(
                "line {number} of {} is no host token: 16 to 128 letters, digits and -._~",
                path.display()
            );
            Failure::new(Kind::Usage, detail)
                .next("make one: head -c 24 /dev/urandom | base64 | tr '+/' '-_'")
        })
    });
    let tokens: Vec<HostToken> = tokens.collect::<Result<_, _>>()?;
    if tokens.is_empty() {
        // It would be a relay that takes every host, and whoever names a file of tokens wants the
        // contrary.
        let detail = format!("there is no token in {}, the --host-token-file", path.display());
        return Err(Failure::new(Kind::Usage, detail)
            .next("make one: head -c 24 /dev/urandom | base64 | tr '+/' '-_'"));
    }
    Ok(tokens)
}

#[cfg(test)]
mod tests;
