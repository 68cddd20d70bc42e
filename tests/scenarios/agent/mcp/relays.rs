//! Relays that the agent or a code names, and those that the server was started with.

use super::*;
use crate::agent::relays::Victim;
use crate::harness::relay::Relay;

#[test]
fn a_relay_that_only_the_agent_or_a_code_names_is_not_even_dialled() {
    let (here, victim) = (Machine::new(), Victim::new());
    let mut server = Client::with(&here, &["--allow-relay", "wss://relay.example"]);
    let calls = victim.codes().map(|code| ("connect", json!({"code": code})));
    for (tool, arguments) in calls.into_iter().chain([("open", json!({"relay": victim.url()}))]) {
        let refusal = refused(server.call(tool, arguments.clone()), "fenced");
        assert!(
            refusal["next"].as_str().unwrap().contains("pinhole mcp --allow-relay ws://127.0.0.1:"),
            "{arguments}: {refusal}"
        );
        victim.is_left_alone();
    }
    assert_eq!(
        server.call("status", json!({})).unwrap()["sessions"],
        json!([]),
        "nothing of it is left"
    );
}

#[test]
fn a_relay_that_the_server_was_started_with_is_used() {
    let (relay, there) = (Relay::start(), Machine::new());
    let url = relay.url();
    let mut host = Client::with(&there, &["--relay", &url]);
    for args in [["--relay", &url], ["--allow-relay", &url]] {
        let code = format!("{}@{url}", host.open());
        let mut server = Client::with(&Machine::new(), &args);
        assert_eq!(server.call("connect", json!({"code": code})).unwrap()["state"], "connected");
        assert_eq!(server.call("open", json!({"relay": url})).unwrap()["reach"], "relay");
        assert!(server.call("open", json!({"relay": "none"})).is_ok());
    }
}
