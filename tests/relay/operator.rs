//! A relay as its operator meets it: settings, what it says, how it is asked, how it ends.

use crate::harness::relay::Relay;
use crate::harness::terminal::Terminal;
use crate::harness::{Ended, Machine, PATIENCE, Running};
use crate::joiner::{Heard, Socket};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustix::process::Signal;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

/// Status, head and body of what a relay's port answers.
pub fn get(port: u16, path: &str) -> (u16, String, String) {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    get_from(stream, path)
}

/// The same over a connection that is there.
pub fn get_from(mut stream: impl Read + Write, path: &str) -> (u16, String, String) {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    // TLS may end without saying so.
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), head.to_owned(), body.to_owned())
}

/// Waits for a log line of this event.
pub fn until(relay: &mut Running, event: &str) -> Value {
    loop {
        let line = relay.error_line().unwrap_or_else(|| panic!("ended before {event}"));
        let value: Value = serde_json::from_str(&line).unwrap();
        if value["event"] == event {
            return value;
        }
    }
}

/// A relay that could not begin: its exit status and last log line.
#[track_caller]
fn refused(ended: Ended, status: i32, event: &str) -> String {
    assert_eq!(ended.status.code(), Some(status), "{:#?}", ended.errors);
    let last: Value = serde_json::from_str(ended.errors.last().unwrap()).unwrap();
    assert_eq!((&last["level"], &last["event"]), (&"error".into(), &event.into()), "{last}");
    assert!(last["next"].is_string(), "{last}");
    last["detail"].as_str().unwrap().to_owned()
}

/// The number of ten connections of one source that a relay takes.
fn taken(port: u16) -> usize {
    let all: Vec<_> = (0..10).map(|_| Socket::open(9, port, "host")).collect();
    assert!(all.iter().all(|one| one.is_ok() || matches!(one, Err(429))));
    all.iter().flatten().count()
}

#[test]
fn a_limit_comes_from_the_flag_or_the_variable_or_the_file() {
    let machine = Machine::new();
    machine.write("relay.toml", "connections = 2\nlisten = \"127.0.0.1:0\"\n");
    let relay = |flags: &[&str], variable: Option<&str>| {
        let mut command = machine.command(["relay", "--config", "relay.toml"].iter().chain(flags));
        if let Some(value) = variable {
            command.env("PINHOLE_RELAY_CONNECTIONS", value);
        }
        let mut relay = Running::start(command);
        let port = until(&mut relay, "listening")["port"].as_u64().unwrap();
        taken(u16::try_from(port).unwrap())
    };
    assert_eq!(
        [relay(&[], None), relay(&[], Some("3")), relay(&["--connections=4"], Some("3"))],
        [2, 3, 4]
    );
}

#[test]
fn a_rate_below_the_usual_is_said_to_each_who_comes() {
    let said = |options: &[&str]| {
        let relay = Relay::with(options);
        let mut host = Socket::open(1, relay.port, "host").unwrap();
        let Heard::Text(number) = host.hear() else { panic!("no number") };
        let verb = "link-joiner-00112233445566778899aabbccddeeff";
        let mut link = Socket::open(2, relay.port, verb).unwrap();
        let Heard::Text(waiting) = link.hear() else { panic!("no place") };
        [number, waiting]
            .map(|text| serde_json::from_str::<Value>(&text).unwrap().get("delays").cloned())
    };
    assert_eq!(said(&[]), [None, None]);
    assert_eq!(said(&["--bytes-a-minute=1TB"]), [None, None]);
    let delays = [Some(true.into()), Some(true.into())];
    assert_eq!(said(&["--bytes-a-minute=1GB"]), delays);
    assert_eq!(said(&["--public"]), delays);
}

#[test]
fn what_cannot_be_is_refused_before_anything_listens() {
    let machine = Machine::new();
    machine.write("relay.toml", "conections = 2\n");
    machine.write("no.pem", "nothing");
    let run = |args: &[&str]| machine.run(["relay"].iter().chain(args));
    assert!(refused(run(&["--config", "relay.toml"]), 2, "usage").contains("conections"));
    assert!(
        refused(run(&["--config", "missing.toml"]), 2, "no-such-file").contains("missing.toml")
    );
    assert!(refused(run(&["--hold", "1m"]), 2, "usage").contains("--line-time"));
    assert!(
        refused(
            run(&["--listen", "127.0.0.1:0", "--tls-cert", "no.pem", "--tls-key", "no.pem"]),
            2,
            "usage"
        )
        .contains("no.pem")
    );
    assert!(
        refused(run(&["--listen", "7667"]), 5, "network-forbidden").contains("PINHOLE_NETWORK")
    );
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    assert!(refused(run(&["--listen", &address]), 5, "cannot-listen").contains(&address));
    let mut command = machine.command(["relay"]);
    command.env("PINHOLE_RELAY_REST", "ever");
    assert!(refused(Running::start(command).end(), 2, "usage").contains("PINHOLE_RELAY_REST"));
}

#[test]
fn help_shows_every_limit_and_its_default() {
    let help = Machine::new().run(["relay", "--help"]).lines.join("\n");
    for shown in [
        "--waiting-hosts <N>",
        "[default: 20]",
        "--inactivity <TIME>",
        "127.0.0.1:7667]",
        "PINHOLE_RELAY_WAITING_HOSTS",
    ] {
        assert!(help.contains(shown), "{shown}: {help}");
    }
}

#[test]
fn whoever_asks_hears_whether_it_is_well() {
    let (mut relay, machine) = (Relay::with(&["--metrics-bind", "127.0.0.1:0"]), Machine::new());
    let metrics = until(&mut relay.running, "metrics")["port"].as_u64().unwrap();
    let ask = |port: &str| {
        machine.run(["relay", "--json", "--health", &format!("http://127.0.0.1:{port}")])
    };
    for port in [relay.port.to_string(), metrics.to_string(), format!("{}/health", relay.port)] {
        let well = ask(&port);
        assert_eq!((well.status.code(), &*well.lines), (Some(0), &["ok".to_owned()][..]));
    }
    drop(relay);
    let nobody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    assert_eq!(ask(&nobody.to_string()).expect(5).failure()["error"], "relay-unreachable");
    let strange = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = strange.local_addr().unwrap().port();
    let served = std::thread::spawn(move || {
        let (mut stream, _) = strange.accept().unwrap();
        let _ = stream.read(&mut [0; 1024]).unwrap();
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<html>all is well</html>")
            .unwrap();
    });
    assert_eq!(ask(&port.to_string()).expect(5).failure()["error"], "relay-unreachable");
    served.join().unwrap();
    assert_eq!(
        machine.run(["relay", "--json", "--health", "ftp://x"]).expect(2).failure()["error"],
        "usage"
    );
}

#[test]
fn a_person_reads_how_to_use_it_and_ends_it_with_ctrl_c() {
    let machine = Machine::new();
    let mut relay = Terminal::start(&machine, 100, ["relay", "--listen", "127.0.0.1:0"]);
    relay.see("Ctrl-C");
    let screen = relay.screen();
    assert!(
        screen.contains("pinhole give --relay ws://127.0.0.1:")
            && screen.contains("export PINHOLE_RELAY=ws://127.0.0.1:"),
        "{screen}"
    );
    relay.keys("\u{3}");
    let screen = relay.end(0);
    assert!(
        screen.contains("info  draining")
            && screen.contains("info  stopped")
            && !screen.contains('{'),
        "{screen}"
    );
    let json = |command: &mut std::process::Command| {
        command.env("PINHOLE_RELAY_JSON", "1");
    };
    let mut relay = Terminal::start_with(&machine, 100, ["relay", "--listen", "127.0.0.1:0"], json);
    relay.see("\"event\":\"listening\"");
    assert!(!relay.screen().contains("Ctrl-C"), "{}", relay.screen());
    drop(relay);
    let mut relay = Terminal::start(
        &machine,
        100,
        ["relay", "--listen", "127.0.0.1:0", "--connections", "none"],
    );
    assert!(relay.end(2).contains("--connections"));
}

#[test]
fn who_waits_is_sent_away_and_a_pair_goes_on_until_a_second_signal() {
    let mut relay = Relay::with(&["--drain", "1h", "--metrics-bind", "127.0.0.1:0"]);
    let metrics =
        u16::try_from(until(&mut relay.running, "metrics")["port"].as_u64().unwrap()).unwrap();
    let mut waiting = Socket::open(1, relay.port, "host").unwrap();
    assert!(matches!(waiting.hear(), Heard::Text(_)));
    let mut pair = ["link-host", "link-joiner"]
        .map(|end| Socket::open(1, relay.port, &format!("{end}-{}", "5e".repeat(16))).unwrap());
    for end in &mut pair {
        while end.hear() != Heard::Text(r#"{"type":"paired"}"#.into()) {}
    }
    relay.running.signal(Signal::TERM);
    assert_eq!(until(&mut relay.running, "draining")["seconds"], 3600);
    assert_eq!(waiting.hear(), Heard::Closed(Some(1001)));
    let (status, _, health) = get(metrics, "/health");
    assert_eq!((status, health.trim_end()), (503, r#"{"status":"draining"}"#));
    let asked = Machine::new()
        .run(["relay", "--json", "--health", &format!("http://127.0.0.1:{metrics}")])
        .expect(5);
    assert_eq!(asked.failure()["error"], "relay-busy");
    let [mut host, mut joiner] = pair;
    host.send(b"still here");
    assert_eq!(joiner.message().unwrap(), b"still here");
    relay.running.signal(Signal::TERM);
    until(&mut relay.running, "stopped");
    assert_eq!(relay.running.end().status.code(), Some(0));
    assert!(matches!(joiner.hear(), Heard::Closed(_)));
}

#[test]
fn metrics_are_where_the_operator_wants_them() {
    let beside = Relay::start();
    let (status, head, text) = get(beside.port, "/metrics");
    assert!(
        status == 200
            && head.contains("openmetrics-text")
            && text.contains("pinhole_relay_pairs 0\n"),
        "{head}"
    );
    let public = Relay::with(&["--public"]);
    assert!(!get(public.port, "/metrics").2.contains("pinhole_relay_"));
    let mut apart = Relay::with(&["--public", "--metrics-bind", "127.0.0.1:0"]);
    let port =
        u16::try_from(until(&mut apart.running, "metrics")["port"].as_u64().unwrap()).unwrap();
    assert!(get(port, "/metrics").2.contains("pinhole_relay_pairs 0\n"));
    assert!(!get(apart.port, "/metrics").2.contains("pinhole_relay_"));
}

#[test]
fn with_a_certificate_of_its_own_it_needs_no_proxy() {
    let (operator, here, there) = (Machine::new(), Machine::new(), Machine::new());
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let chain = operator.write("chain.pem", cert.pem()).display().to_string();
    let key = operator.write("key.pem", signing_key.serialize_pem()).display().to_string();
    let mut relay =
        Relay::with(&["--tls-cert", &chain, "--tls-key", &key, "--metrics-bind", "127.0.0.1:0"]);
    let metrics = until(&mut relay.running, "metrics")["port"].to_string();
    let url = format!("wss://localhost:{}", relay.port);
    here.write("gift", b"the gift");
    let mut giver = here.start(["give", "--relay", &url, "--ca-file", &chain, "gift"]);
    let code = giver.code();
    there.run(["take", &code, "--relay", &url, "--ca-file", &chain, "-o", "."]).expect(0);
    giver.end().expect(0);
    assert_eq!(std::fs::read(there.path("gift")).unwrap(), b"the gift");
    // Its keeper asks where there is no TLS: no certificate is for 127.0.0.1.
    let ask = |url: String| operator.run(["relay", "--json", "--health", &url]);
    assert_eq!(ask(format!("http://127.0.0.1:{metrics}")).status.code(), Some(0));
    assert_eq!(
        ask(format!("https://localhost:{}", relay.port)).expect(5).failure()["error"],
        "relay-certificate"
    );
}

#[test]
fn people_get_a_page_wherever_a_link_leads() {
    let relay = Relay::start();
    for path in ["/", "/pinhole/"] {
        let (status, head, page) = get(relay.port, path);
        assert!(status == 200 && head.contains("content-type: text/html"), "{head}");
        assert!(
            head.contains("content-security-policy: default-src 'none'; style-src 'sha256-"),
            "{head}"
        );
        assert!(page.contains("pinhole take 'ADDRESS'"));
    }
}
