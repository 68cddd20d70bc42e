//! To a relay with TLS through proxies that people use.

use crate::harness::proxy::{Proxy, free_port};
use crate::harness::relay::Relay;
use crate::harness::{Machine, Running};
use crate::tls::TlsRelay;
use std::process::Command;

/// `give` at a relay, with this variable set.
fn give(here: &Machine, relay: &TlsRelay, variable: &str, value: &str) -> Command {
    let mut command = here.command(["give", "a", "--relay", &relay.url(), "--ca-file"]);
    command.arg(relay.certificate()).env(variable, value);
    command
}

/// Checks its end: a failure that never repeats the password.
fn refused(command: Command, word: &str, says: &[&str]) {
    let ended = Running::start(command).end().expect(5);
    let (error, all) = (ended.failure(), ended.everything());
    assert_eq!(error["error"], word, "{error}");
    assert!(
        says.iter().all(|says| all.contains(says)) && error["next"].is_string(),
        "{says:?}: {all}"
    );
    // Neither as it is nor in Base64, as the proxy would have it.
    assert!(
        !all.contains("hunter2") && !all.contains("aHVudGVyM") && !all.contains("h1bnRlcj"),
        "{all}"
    );
}

#[test]
fn a_file_goes_through_each_kind_of_proxy() {
    let relay = TlsRelay::start();
    let (tinyproxy, microsocks) = (Proxy::tinyproxy(relay.relay.port), Proxy::microsocks());
    let ways = [
        ("HTTPS_PROXY", tinyproxy.at("http", "me:hunter2@")),
        ("all_proxy", microsocks.at("socks5", "me:hunter2@")),
        ("https_proxy", microsocks.at("socks5h", "me:hunter2@")),
    ];
    let content = vec![7; 300_000];
    for (variable, value) in &ways {
        let (here, there) = (Machine::new(), Machine::new());
        here.write("a", &content);
        let mut giver = Running::start(give(&here, &relay, variable, value));
        let channel = giver.until("status", "channel");
        // The link says it all; the other side goes without a proxy.
        let mut taker =
            there.command(["take", channel["link"].as_str().unwrap(), "-o", ".", "--ca-file"]);
        taker
            .arg(relay.certificate())
            .env("ALL_PROXY", "http://127.0.0.1:1")
            .env("NO_PROXY", "localhost");
        let taker = Running::start(taker).end().expect(0);
        let connected =
            taker.all("status").into_iter().find(|status| status["event"] == "connected").unwrap();
        assert_eq!(connected["path"], "relay");
        giver.end().expect(0);
        assert!(std::fs::read(there.path("a")).unwrap() == content, "{variable}");
    }
}

#[test]
fn a_proxy_that_refuses_is_named_without_its_password() {
    let (relay, other, here) = (TlsRelay::start(), TlsRelay::start(), Machine::new());
    let (tinyproxy, microsocks) = (Proxy::tinyproxy(relay.relay.port), Proxy::microsocks());
    here.write("a", b"a");
    for (proxy, schemes) in [(&tinyproxy, &["http"][..]), (&microsocks, &["socks5", "socks5h"])] {
        let named = format!("the proxy 127.0.0.1:{} (from ALL_PROXY)", proxy.port);
        for scheme in schemes {
            for (credentials, says) in
                [("", "wants a user name"), ("me:hunter22@", "does not accept the user name")]
            {
                refused(
                    give(&here, &relay, "ALL_PROXY", &proxy.at(scheme, credentials)),
                    "proxy-refused",
                    &[&named, says],
                );
            }
        }
    }
    // One allows another port only; the other finds nobody there.
    let elsewhere = give(&here, &other, "https_proxy", &tinyproxy.at("http", "me:hunter2@"));
    refused(elsewhere, "proxy-refused", &["does not let localhost:", "HTTP status 403"]);
    let mut nowhere =
        here.command(["give", "a", "--relay", &format!("wss://127.0.0.1:{}", free_port())]);
    nowhere.env("https_proxy", microsocks.at("socks5h", "me:hunter2@"));
    refused(nowhere, "proxy-refused", &["cannot reach 127.0.0.1:", "connection refused"]);
    // One that is down, and one that is no such proxy.
    let down =
        give(&here, &relay, "https_proxy", &format!("http://me:hunter2@127.0.0.1:{}", free_port()));
    refused(down, "proxy-unreachable", &["(from https_proxy) cannot be reached"]);
    refused(
        give(&here, &relay, "https_proxy", &microsocks.at("http", "me:hunter2@")),
        "proxy-unreachable",
        &["(from https_proxy)"],
    );
}

#[test]
fn no_proxy_is_read_as_curl_reads_it() {
    let (relay, here) = (Relay::start(), Machine::new());
    let down = format!("http://127.0.0.1:{}", free_port());
    let give = |host: &str, variable: &str, list: &str| {
        let mut command = here.command([
            "give",
            "--text",
            "x",
            "--relay",
            &format!("ws://{host}:{}", relay.port),
        ]);
        command.env("ALL_PROXY", &down).env(variable, list);
        command
    };
    for (host, variable, list) in [
        ("localhost", "NO_PROXY", "other localhost"),
        ("localhost", "no_proxy", "a,\tLOCALHOST. ,b"),
        ("localhost", "NO_PROXY", ".localhost"),
        ("127.0.0.1", "no_proxy", "10.0.0.0/8 127.0.0.0/8"),
    ] {
        Running::start(give(host, variable, list)).until("status", "channel");
    }
    refused(
        give("localhost", "NO_PROXY", &format!("localhost:{}", relay.port)),
        "proxy-unreachable",
        &["(from ALL_PROXY)"],
    );
}
