//! `doctor` and the way to a relay: what works, what is wrong, and that nothing there holds it up.

use crate::harness::doctor::check;
use crate::harness::proxy::{Proxy, free_port};
use crate::harness::relay::Relay;
use crate::harness::{Ended, Machine, Running};
use crate::tls::TlsRelay;
use std::net::TcpListener;

/// Runs it with these variables set.
fn doctor(here: &Machine, variables: &[(&str, &str)], status: i32) -> Ended {
    let mut command = here.command(["doctor"]);
    command.envs(variables.iter().copied());
    let ended = Running::start(command).end().expect(status);
    assert!(!ended.everything().contains("hunter2"), "{:#?}", ended.lines);
    ended
}

#[track_caller]
fn said(ended: &Ended, name: &str, ok: bool, says: &[&str]) {
    let check = check(ended, name);
    assert_eq!(check["ok"], ok, "{check}");
    assert!(
        says.iter().all(|says| check["detail"].as_str().unwrap().contains(says)),
        "{says:?}: {check}"
    );
}

#[test]
fn a_relay_that_is_well_is_said_to_be() {
    let (relay, here) = (Relay::start(), Machine::new());
    let ended = doctor(&here, &[("PINHOLE_RELAY", &relay.url())], 0);
    said(
        &ended,
        "relay",
        true,
        &[&relay.url(), "(from PINHOLE_RELAY)", "works, and answers in", " s"],
    );
    let nobody = format!("ws://127.0.0.1:{}", free_port());
    let ended = doctor(&here, &[("PINHOLE_RELAY", &nobody)], 5);
    said(&ended, "relay", false, &["nothing listens there"]);
    assert_eq!(ended.failure()["error"], "not-working");
    assert!(ended.failure()["detail"].as_str().unwrap().ends_with("see relay"));
    let ended = doctor(&here, &[("PINHOLE_RELAY", "ws://192.0.2.1")], 5);
    said(&ended, "relay", false, &["anybody in between"]);
    let ended = doctor(&here, &[("PINHOLE_RELAY", "wss://192.0.2.1")], 5);
    said(&ended, "relay", false, &["PINHOLE_NETWORK=loopback does not allow"]);
}

#[test]
fn trouble_with_a_certificate_is_said_as_such() {
    let (relay, here) = (TlsRelay::start(), Machine::new());
    let ended = doctor(&here, &[("PINHOLE_RELAY", &relay.url())], 5);
    said(&ended, "relay", false, &["certificate"]);
    here.run_plain(["config", "set", "ca-file", relay.certificate().to_str().unwrap()]);
    said(&doctor(&here, &[("PINHOLE_RELAY", &relay.url())], 0), "relay", true, &["works"]);
    here.run_plain(["config", "set", "relay", &relay.url()]);
    said(&doctor(&here, &[], 0), "relay", true, &["config.toml", "works"]);
}

#[test]
fn a_proxy_is_named_by_its_variable_and_without_its_password() {
    let (relay, here) = (TlsRelay::start(), Machine::new());
    let proxy = Proxy::tinyproxy(relay.relay.port);
    here.run_plain(["config", "set", "ca-file", relay.certificate().to_str().unwrap()]);
    let named = format!("the proxy 127.0.0.1:{} (from HTTPS_PROXY)", proxy.port);
    let set =
        [("PINHOLE_RELAY", &*relay.url()), ("HTTPS_PROXY", &*proxy.at("http", "me:hunter2@"))];
    let ended = doctor(&here, &set, 0);
    said(&ended, "proxy", true, &[&named, "takes connections"]);
    said(&ended, "relay", true, &["works"]);
    // It works, and does not let this user through.
    let ended = doctor(&here, &[set[0], ("HTTPS_PROXY", &proxy.at("http", "me:hunter22@"))], 5);
    said(&ended, "proxy", true, &[&named]);
    said(&ended, "relay", false, &[&named, "does not accept the user name and password"]);
    // Without a relay it is looked at too.
    let down = format!("http://me:hunter2@127.0.0.1:{}", free_port());
    said(
        &doctor(&here, &[("https_proxy", &down)], 0),
        "proxy",
        false,
        &["(from https_proxy) cannot be reached"],
    );
    said(
        &doctor(&here, &[("https_proxy", "hunter2:")], 0),
        "proxy",
        false,
        &["https_proxy is set to something that is not the address of a proxy"],
    );
}

#[test]
fn what_takes_a_connection_and_says_nothing_holds_nothing_up() {
    let here = Machine::new();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    // Its queue takes connections although nobody accepts them.
    let (relay, proxy) = (format!("ws://127.0.0.1:{port}"), format!("http://127.0.0.1:{port}"));
    said(
        &doctor(&here, &[("PINHOLE_RELAY", &relay)], 5),
        "relay",
        false,
        &["does not answer within 3 s"],
    );
    let ended = doctor(&here, &[("PINHOLE_RELAY", "wss://localhost"), ("HTTPS_PROXY", &proxy)], 5);
    said(
        &ended,
        "relay",
        false,
        &[
            "does not answer within 3 s; it is reached by the proxy 127.0.0.1:",
            "(from HTTPS_PROXY)",
        ],
    );
}
