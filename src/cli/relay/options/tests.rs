//! Settings of a relay, from flags, variables and a file.

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
    assert_eq!((ours.drain, ours.rates.bytes, ours.own), (theirs.drain, theirs.rates.bytes, false));
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
            "{lists}waiting-hosts = 2\nconnections = 2\nhold = \"4s\"\n\
             line-time = 20\npublic = true\n"
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
    let from_file = options(command.clone(), &["--connections=4"]).settings(Network::Any).unwrap();
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
        !options(command.clone(), &[]).relay.public && options(command, &["--public"]).relay.public
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
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/relay/README.md")).unwrap();
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
