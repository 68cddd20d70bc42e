//! A relay's discretion (TESTPLAN D13): after all kinds of meetings, its log at its most talkative
//! and its metrics hold no address, number, token, word or size of a channel.

use crate::harness::relay::Relay;
use crate::harness::{Machine, Running, content};
use crate::joiner::{Heard, Socket};
use crate::operator::{get, until};
use crate::wrong;
use rustix::process::Signal;
use serde_json::Value;
use std::net::IpAddr;

/// Everything about the channels of a run that a relay knows and must not tell.
#[derive(Default)]
struct Secrets(Vec<String>);

/// Numbers and words that are a code's by chance only: statuses of refusals, and a word of HTTP
/// that is in the list.
const ORDINARY: [&str; 6] = ["400", "401", "426", "429", "503", "upgrade"];

impl Secrets {
    /// The number and the words of a code, but for what a relay says anyway.
    fn code(&mut self, code: &str) {
        self.0.extend(code.split('-').filter(|part| !ORDINARY.contains(part)).map(str::to_owned));
    }

    /// The number and the token that a relay gave a host.
    fn host(&mut self, heard: Heard) -> String {
        let Heard::Text(text) = heard else { panic!("{heard:?}") };
        let value: Value = serde_json::from_str(&text).unwrap();
        let number = value["number"].to_string();
        self.code(&number);
        self.0.push(value["owner"].as_str().unwrap().to_owned());
        number
    }

    /// Those of them, and addresses, that are in a text: any run of characters that one could be
    /// made of.
    fn told(&self, text: &str) -> Vec<String> {
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || ".:-".contains(c)));
        let shorter = |word| {
            std::iter::successors(Some(word), |word: &&str| {
                word.rsplit_once([':', '-']).map(|(shorter, _)| shorter)
            })
        };
        let pieces = words.flat_map(|word| shorter(word).chain(word.split(['.', ':', '-'])));
        let is = |piece: &&str| {
            self.0.iter().any(|secret| secret == piece)
                || piece.trim_matches(['.', ':']).parse::<IpAddr>().is_ok()
        };
        pieces.filter(is).map(str::to_owned).collect()
    }
}

/// A log line without its time and port.
fn said(line: &str) -> String {
    let mut value: Value = serde_json::from_str(line).unwrap();
    let line = value.as_object_mut().unwrap();
    line.remove("at").unwrap();
    line.remove("port");
    value.to_string()
}

#[test]
fn log_and_metrics_tell_nothing_of_anybody() {
    let token = "an-operators-own-token.1";
    let operator = Machine::new();
    let tokens = operator.write("tokens", token).display().to_string();
    let options = [
        "--log-level",
        "debug",
        "--metrics-bind",
        "127.0.0.1:0",
        "--host-token-file",
        &tokens,
        "--waiting-hosts",
        "3",
        "--drain",
        "0",
    ];
    let mut relay = Relay::with(&options);
    let metrics =
        u16::try_from(until(&mut relay.running, "metrics")["port"].as_u64().unwrap()).unwrap();
    let mut secrets = Secrets::default();
    secrets.0.extend([token.to_owned(), "5e".repeat(16)]);

    // Two channels, so that a sum is no one's size.
    for size in [123_457, 234_567] {
        let (here, there) = (Machine::new(), Machine::new());
        here.write("gift", content::bytes(size));
        let mut giver = here.command(["give", "--relay", &relay.url(), "gift"]);
        giver.env("PINHOLE_HOST_TOKEN", token);
        let mut giver = Running::start(giver);
        let code = giver.code();
        there.run(["take", &code, "--relay", &relay.url(), "-o", "."]).expect(0);
        giver.end().expect(0);
        secrets.code(&code);
        secrets.0.push(size.to_string());
    }
    // A wrong code.
    let here = Machine::new();
    let mut giver = here.command(["give", "--relay", &relay.url(), "--text", "hello"]);
    giver.env("PINHOLE_HOST_TOKEN", token);
    let mut giver = Running::start(giver);
    let code = giver.code();
    Machine::new().run(["take", &wrong(&code), "--relay", &relay.url(), "-o", "."]).expect(3);
    giver.end().expect(3);
    secrets.code(&code);
    secrets.code(&wrong(&code));
    // Hosts and joiners of many sources, until limits are met; what nobody asked for; both ends of
    // a link.
    assert_eq!(Socket::open(1, relay.port, "host").err(), Some(401));
    let mut hosts: Vec<Socket> = Vec::new();
    let mut numbers = Vec::new();
    for _ in 0..3 {
        let mut host = Socket::host(7, relay.port, token).unwrap();
        numbers.push(secrets.host(host.hear()));
        hosts.push(host);
    }
    assert_eq!(Socket::host(7, relay.port, token).unwrap().hear(), Heard::Closed(Some(4002)));
    hosts[0].send(&[0; 2000]);
    assert_eq!(hosts[0].hear(), Heard::Closed(Some(4008)));
    for source in 20..30 {
        let mut joiner = Socket::open(source, relay.port, &format!("join-{}", numbers[1])).unwrap();
        assert!(matches!(joiner.hear(), Heard::Text(_)));
    }
    assert_eq!(Socket::open(30, relay.port, "join-101").unwrap().hear(), Heard::Closed(Some(4001)));
    assert_eq!(Socket::open(30, relay.port, "nonsense").err(), Some(400));
    let mut link = ["link-host", "link-joiner"]
        .map(|end| Socket::open(40, relay.port, &format!("{end}-{}", "5e".repeat(16))).unwrap());
    for end in &mut link {
        while end.hear() != Heard::Text(r#"{"type":"paired"}"#.into()) {}
    }
    link[0].send(&[1; 4321]);
    assert_eq!(link[1].message().map(|message| message.len()), Some(4321));

    let (_, _, text) = get(metrics, "/metrics");
    // The value at the end of a line is a sum, which may be any number.
    let names: Vec<&str> = text
        .lines()
        .map(|line| if line.starts_with('#') { line } else { line.rsplit_once(' ').unwrap().0 })
        .collect();
    assert!(names.len() > 60, "{text}");
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(secrets.told(&names.join("\n").replace(version, "")), [""; 0]);
    for (name, count) in [("confirmed", 2), ("links", 1), ("joins", 14)] {
        let line = text
            .lines()
            .find(|line| line.starts_with(&format!("pinhole_relay_{name}_total ")))
            .unwrap();
        assert_eq!(line.rsplit_once(' ').unwrap().1.parse(), Ok(count), "{line}");
    }

    relay.running.signal(Signal::TERM);
    let mut lines = Vec::new();
    while let Some(line) = relay.running.error_line() {
        lines.push(said(&line));
    }
    for event in ["host", "join", "pair", "closed", "refused", "draining", "stopped"] {
        assert!(
            lines.iter().any(|line| line.contains(&format!("\"event\":\"{event}\""))),
            "{event}: {lines:#?}"
        );
    }
    assert_eq!(secrets.told(&lines.join("\n")), [""; 0], "{lines:#?}");
}

#[test]
fn whatever_would_be_told_is_found() {
    let mut secrets = Secrets::default();
    secrets.code("417-walrus-clipboard-mango");
    secrets.0.push("5e".repeat(16));
    for (text, found) in [
        ("a number: 417.", "417"),
        (r#"{"from":"203.0.113.7"}"#, "203.0.113.7"),
        ("203.0.113.7:443", "203.0.113.7"),
        ("[2001:db8::7]:443", "2001:db8::7"),
        ("join-417", "417"),
        ("owner=5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e,", "5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e"),
        ("walrus", "walrus"),
    ] {
        assert!(secrets.told(text).contains(&found.to_owned()), "{text}: {:?}", secrets.told(text));
    }
    assert_eq!(secrets.told(r#"{"event":"closed","reason":"late","seconds":4170}"#), [""; 0]);
}
