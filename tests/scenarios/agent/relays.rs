//! Relays that an agent's commands use: those that a person has set or allowed, and no other
//! (TESTPLAN F3).

use crate::harness::relay::Relay;
use crate::harness::{Machine, Running, wait};
use std::io::{BufRead, BufReader, ErrorKind};
use std::net::{Ipv4Addr, TcpListener};

/// A server of this machine that a peer would like to have a request sent to.
pub struct Victim {
    listener: TcpListener,
    port: u16,
}

impl Victim {
    pub fn new() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        Self { listener, port }
    }

    /// Its address, with the path that is to be asked for.
    pub fn url(&self) -> String {
        format!("ws://127.0.0.1:{}/admin/delete", self.port)
    }

    /// Codes and links that lead to it.
    pub fn codes(&self) -> [String; 3] {
        let code = "417-walrus-clipboard-mango";
        [
            format!("{code}@{}", self.url()),
            format!("{code}@127.0.0.1:{}", self.port),
            format!("http://127.0.0.1:{}/admin/delete#{code}", self.port),
        ]
    }

    #[track_caller]
    pub fn is_left_alone(&self) {
        assert_eq!(self.listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    }
}

fn start(here: &Machine, agent: bool, args: &[&str]) -> Running {
    let mut command = here.command(args);
    if agent {
        command.env("CLAUDECODE", "1");
    }
    Running::start(command)
}

#[test]
fn a_relay_that_only_the_agent_or_a_code_names_is_not_even_dialled() {
    let (here, victim) = (Machine::new(), Victim::new());
    here.write("a", "x");
    let refused = |args: &[&str], agent| {
        let ended = start(&here, agent, args).end().expect(5);
        assert_eq!(ended.failure()["error"], "fenced", "{args:?}");
        let next = ended.failure()["next"].as_str().unwrap().to_owned();
        assert!(next.contains("--allow-relay ws://127.0.0.1:"), "{args:?}: {next}");
        victim.is_left_alone();
    };
    for code in &victim.codes() {
        for args in [
            vec!["take", code],
            vec!["connect", code],
            vec!["give", "a", "--code", code],
            vec!["ask", code, "well?", "--timeout", "1h"],
        ] {
            refused(&args, true);
        }
        refused(&["give", "a", "--code", code, "--fence"], false);
        refused(&["connect", code, "--fence"], false);
    }
    let url = victim.url();
    for args in [
        vec!["host"],
        vec!["give", "a"],
        vec!["take"],
        vec!["take", "417-walrus-clipboard-mango"],
        vec!["send", "a"],
    ] {
        refused(&[&args[..], &["--relay", &url]].concat(), true);
    }
    // Another path at a relay that is allowed is another relay.
    let other = format!("ws://127.0.0.1:{}/other", victim.port);
    for allow in [["--allow-relay", &other], ["--allow-relay", "wss://127.0.0.1"]] {
        refused(&[&allow[..], &["take", &*victim.codes()[0]]].concat(), true);
    }
    let ftp = start(&here, true, &["--allow-relay", "ftp://x", "take"]).end().expect(2);
    assert_eq!(ftp.failure()["error"], "usage");
    // A person goes where the code says.
    let mut taker = start(&here, false, &["take", &victim.codes()[0]]);
    taker.until("status", "waiting");
    wait("dialled", || victim.listener.accept().ok());
}

#[test]
fn a_relay_that_is_set_or_allowed_is_used() {
    let (relay, here, there) = (Relay::start(), Machine::new(), Machine::new());
    there.run_plain(["config", "set", "relay", &relay.url()]);
    let meets = |set: &dyn Fn(&mut std::process::Command), args: &[&str]| {
        let mut giver = there.start(["give", "--text", "hello"]);
        let [join, ..] = [giver.join_line()];
        let mut command = here.command(args.iter().copied().chain(join.iter().map(String::as_str)));
        command.env("CLAUDECODE", "1");
        set(&mut command);
        assert_eq!(Running::start(command).end().expect(0).one("text")["body"], "hello");
        giver.end().expect(0);
    };
    let url = relay.url();
    meets(&|_| (), &["--allow-relay", &url]);
    meets(&|_| (), &["--allow-relay", "wss://relay.example", "--allow-relay", &format!("{url}/")]);
    meets(
        &|command| {
            command.env("PINHOLE_RELAY", &url);
        },
        &[],
    );
    here.run_plain(["config", "set", "relay", &url]);
    meets(&|_| (), &[]);
    // One that is set is known to be the user's also where another is used.
    meets(
        &|command| {
            command.env("PINHOLE_RELAY", "none");
        },
        &[],
    );
    // An agent's own choice, of what its user allows.
    let mut host = start(&here, true, &["host", "--relay", &url]);
    assert_eq!(host.until("status", "channel")["reach"], "relay");
}

#[test]
fn an_agent_sets_no_relay_and_asks_none_for_its_health() {
    let (here, victim) = (Machine::new(), Victim::new());
    here.run_plain(["config", "set", "relay", "wss://relay.example"]);
    let (url, health) = (victim.url(), format!("{}/health", victim.url()));
    for args in [
        &["config", "set", "relay", &url][..],
        &["config", "unset", "relay"],
        &["relay", "--health", &health],
    ] {
        let ended = here.command(args).env("CLAUDECODE", "1").output().unwrap();
        assert_eq!(ended.status.code(), Some(5), "{args:?}");
    }
    victim.is_left_alone();
    assert_eq!(here.run_plain(["config", "get", "relay"]), "wss://relay.example/\n");
}

#[test]
fn the_host_token_is_shown_to_a_relay_that_a_person_has_set_and_not_to_one_that_was_allowed() {
    const TOKEN: &str = "hush-hush-hush-hush";
    let here = Machine::new();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("ws://127.0.0.1:{}", listener.local_addr().unwrap().port());
    let asked = |agent: bool, set: bool| {
        let mut command = here.command(["--allow-relay", &url, "host", "--relay", &url]);
        command.env("PINHOLE_HOST_TOKEN", TOKEN);
        if agent {
            command.env("CLAUDECODE", "1");
        }
        if set {
            command.env("PINHOLE_RELAY", &url);
        }
        let _host = Running::start(command);
        let mut head = String::new();
        let mut request = BufReader::new(listener.accept().unwrap().0);
        while request.read_line(&mut head).unwrap() > 2 {}
        head.contains(TOKEN)
    };
    assert!(asked(false, false) && asked(true, true));
    assert!(!asked(true, false));
}
