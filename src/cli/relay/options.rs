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
            .next("listen on 127.0.0.1, or unset PINHOLE_NETWORK"));
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
mod tests {
    use super::super::{Args, ONCE, sources};
    use super::*;
    use crate::failure::Exit;
    use clap::{Args as _, Command, FromArgMatches};

    fn command() -> Command {
        Args::augment_args(Command::new("relay").no_binary_name(true))
    }

    fn options(command: Command, typed: &[&str]) -> Options {
        Args::from_arg_matches(&command.try_get_matches_from(typed).unwrap()).unwrap().options
    }

    fn settings(typed: &[&str]) -> Result<Settings, Failure> {
        options(command(), typed).settings(Network::Loopback)
    }

    #[test]
    fn without_a_word_it_is_the_relay_of_the_specification_on_loopback() {
        let (ours, theirs) = (settings(&[]).unwrap(), Settings::default());
        assert_eq!(format!("{:?}", ours.limits), format!("{:?}", theirs.limits));
        assert_eq!(
            (ours.drain, ours.rates.bytes, ours.own),
            (theirs.drain, theirs.rates.bytes, false)
        );
        assert_eq!(ours.listen, [SocketAddr::from(([127, 0, 0, 1], 7667))]);
        assert!(
            ours.tls.is_none()
                && ours.metrics.is_none()
                && ours.host_tokens.is_empty()
                && ours.trusted_proxies.is_empty()
        );
    }

    /// Every limit, changed to a number of its own.
    #[test]
    fn every_limit_reaches_the_place_that_it_limits() {
        let limits = settings(&[
            "--upgrade=3s",
            "--first-message=4s",
            "--hold=6s",
            "--hold-contested=2s",
            "--line-time=7s",
            "--absence=8s",
            "--rest=9s",
            "--inactivity=11s",
            "--longest=12s",
            "--connections=13",
            "--waiting-hosts=14",
            "--hosts-a-minute=15",
            "--joins-a-minute=16",
            "--misses-a-minute=17",
            "--refusal=18s",
            "--line=19",
            "--numbers=20",
            "--sources=21",
            "--source-numbers=22",
            "--site-numbers=23",
            "--provider-numbers=24",
            "--control-a-minute=25",
            "--public",
        ]);
        let expected = "Limits { upgrade: 3s, rest: 9s, absence: 8s, first_message: 4s, hold: 6s, \
                        hold_contested: 2s, queue: 19, queue_time: 7s, inactivity: 11s, \
                        longest: 12s, public: true, control: 25, numbers: 20, \
                        shares: Shares { source: 22, site: 23, provider: 24 }, \
                        quotas: QuotaLimits { connections: 13, waiting_hosts: 14, \
                        hosts_a_minute: 15, joins_a_minute: 16, misses_a_minute: 17, \
                        refusal: 18s, sources: 21 } }";
        assert_eq!(format!("{:?}", limits.unwrap().limits), expected);
    }

    #[test]
    fn rates_are_those_of_a_public_relay_or_what_is_said() {
        let rates = |typed: &[&str]| settings(typed).unwrap().rates.bytes;
        assert_eq!(rates(&[]), 120_000_000_000);
        assert_eq!(rates(&["--public"]), 50_000_000);
        assert_eq!(rates(&["--public", "--bytes-a-minute=1GB"]), 1_000_000_000);
    }

    #[test]
    fn what_cannot_be_is_refused_and_named() {
        for (typed, named) in [
            (&["--hold=31s"][..], "--line-time"),
            (&["--hold-contested=11s"], "--hold-contested"),
            (&["--inactivity=25h"], "--longest"),
            (&["--tls-cert=x"], "--tls-key"),
            (&["--tls-key=x"], "--tls-cert"),
            (&["--host-token-file=/nowhere"], "--host-token-file"),
        ] {
            let failure = settings(typed).unwrap_err();
            assert!(
                failure.exit() == Exit::Usage && failure.detail.contains(named),
                "{typed:?}: {failure}"
            );
        }
        for typed in [
            "--connections=0",
            "--line=0",
            "--numbers=0",
            "--hold=0",
            "--longest=0s",
            "--bytes-a-minute=0",
            "--listen=here",
        ] {
            let error = command().try_get_matches_from([typed]).unwrap_err().to_string();
            assert!(error.contains(typed.split('=').next().unwrap()), "{error}");
        }
    }

    #[test]
    fn loopback_alone_forbids_every_other_address() {
        for typed in ["--listen=80", "--listen=10.0.0.1", "--metrics-bind=[::]:9"] {
            let failure = settings(&["--listen=127.0.0.1", typed]).unwrap_err();
            assert_eq!(failure.kind, Kind::NetworkForbidden, "{typed}");
        }
        assert!(
            settings(&["--listen=127.0.0.1:0", "--listen=[::1]:0", "--metrics-bind=127.0.0.1:0"])
                .is_ok()
        );
    }

    #[test]
    fn only_what_leaves_the_machine_without_tls_is_in_the_clear() {
        let clear = |typed: &[&str]| options(command(), typed).in_the_clear();
        assert!(clear(&["--listen=80"]) && clear(&["--listen=127.0.0.1", "--listen=10.0.0.1"]));
        assert!(!clear(&[]) && !clear(&["--listen=80", "--tls-cert=c", "--tls-key=k"]));
    }

    #[test]
    fn tokens_are_read_from_their_file_and_shown_by_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        let read = |content: &str| {
            std::fs::write(&path, content).unwrap();
            settings(&[&format!("--host-token-file={}", path.display())])
                .map(|settings| settings.host_tokens.len())
        };
        assert_eq!(read("# ours\n0123456789abcdef\n\n  fedcba9876543210  # Ann's\n").unwrap(), 2);
        let failure = read("0123456789abcdef\nmuch-too-short\n").unwrap_err();
        assert!(
            failure.detail.contains("line 2") && !failure.detail.contains("much-too-short"),
            "{failure}"
        );
        assert!(read("# none\n").unwrap_err().detail.contains("no token"));
    }

    #[test]
    fn a_flag_wins_over_a_variable_over_the_file_over_the_default() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("relay.toml");
        let lists = "listen = [\"127.0.0.1:1\", \"[::1]:1\"]\ntrusted-proxy = \"10.0.0.0/8\"\n";
        std::fs::write(
            &path,
            format!(
                "{lists}waiting-hosts = 2\nconnections = 2\nhold = \
                                      \"4s\"\nline-time = 20\npublic = true\n"
            ),
        )
        .unwrap();
        let environment = |name: &str| match name {
            "PINHOLE_RELAY_WAITING_HOSTS" | "PINHOLE_RELAY_CONNECTIONS" => Some("3".into()),
            "PINHOLE_RELAY_TRUSTED_PROXY" => Some("10.1.0.0/16,::1".into()),
            "PINHOLE_RELAY_JOINS_A_MINUTE" => Some("".into()),
            _ => None,
        };
        let command = sources::with_file(command(), &ONCE, &path).unwrap();
        let from_file =
            options(command.clone(), &["--connections=4"]).settings(Network::Any).unwrap();
        let command = sources::with_environment(command, &ONCE, environment).unwrap();
        let all = options(command.clone(), &["--connections=4"]).settings(Network::Any).unwrap();
        let quotas = |settings: &Settings| {
            let quotas = &settings.limits.quotas;
            [quotas.connections, quotas.waiting_hosts, quotas.joins_a_minute]
        };
        assert_eq!((quotas(&from_file), quotas(&all)), ([4, 2, 30], [4, 3, 30]));
        assert_eq!(
            (
                all.listen.len(),
                all.limits.public,
                all.limits.hold.as_secs(),
                all.limits.queue_time.as_secs()
            ),
            (2, true, 4, 20)
        );
        assert_eq!((from_file.trusted_proxies.len(), all.trusted_proxies.len()), (1, 2));
        assert_eq!(options(command, &["--listen=9"]).relay.listen.len(), 1);
        let off = |name: &str| (name == "PINHOLE_RELAY_PUBLIC").then(|| "false".into());
        let command = sources::with_file(self::command(), &ONCE, &path).unwrap();
        let command = sources::with_environment(command, &ONCE, off).unwrap();
        assert!(
            !options(command.clone(), &[]).relay.public
                && options(command, &["--public"]).relay.public
        );
    }

    #[test]
    fn every_setting_has_a_key_and_a_wrong_one_is_named_with_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("relay.toml");
        let refused = |content: &str| {
            std::fs::write(&path, content).unwrap();
            let failure = sources::with_file(command(), &ONCE, &path).unwrap_err();
            assert!(
                failure.exit() == Exit::Usage && failure.detail.contains("relay.toml"),
                "{failure}"
            );
            failure.detail
        };
        for (content, named) in [
            ("hodl = 1", "hodl"),
            ("waiting_hosts = 1", "waiting_hosts"),
            ("config = \"x\"", "config"),
            ("health = \"x\"", "health"),
            ("hold = true", "hold"),
            ("hold = \"soon\"", "soon"),
            ("connections = 0", "connections"),
            ("connections = -1", "connections"),
            ("public = \"yes\"", "public"),
            ("listen = [1]", "listen"),
            ("listen = []", "listen"),
            ("log-level = \"loud\"", "loud"),
            ("tls-cert = [\"a\"]", "tls-cert"),
            ("[limits]", "limits"),
            ("hold = ", "line 1"),
            ("hold = 1\nhold = 2", "line 2"),
        ] {
            let detail = refused(content);
            assert!(detail.contains(named), "{content}: {detail}");
        }
        let failure = sources::with_environment(command(), &ONCE, |name| {
            (name == "PINHOLE_RELAY_HOLD").then(|| "soon".into())
        })
        .unwrap_err();
        assert!(
            failure.detail.contains("PINHOLE_RELAY_HOLD") && failure.detail.contains("soon"),
            "{failure}"
        );
    }

    /// relay/README.md names each setting, and beside it its default.
    #[test]
    fn the_readme_has_every_setting_and_its_default() {
        let readme =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/relay/README.md"))
                .unwrap();
        let rows: Vec<&str> = readme.lines().filter(|line| line.starts_with("| `--")).collect();
        for arg in command().get_arguments() {
            let flag = arg.get_long().unwrap();
            let default: Vec<_> =
                arg.get_default_values().iter().map(|value| value.to_str().unwrap()).collect();
            if ["config", "health", "json", "help"].contains(&flag) {
                continue;
            }
            let row = rows
                .iter()
                .find(|row| row.contains(&format!("`--{flag}`")))
                .unwrap_or_else(|| panic!("{flag} is missing"));
            let shown: Vec<&str> = row.split('|').nth(2).unwrap().split_whitespace().collect();
            assert!(
                default.iter().all(|default| *default == "false" || shown.contains(default)),
                "--{flag}, {default:?}: {row}"
            );
        }
    }
}
