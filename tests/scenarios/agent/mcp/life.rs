//! The end of a server and of its calls, and how much it holds.

use super::*;
use rustix::process::Signal;

#[test]
fn the_end_of_its_input_closes_its_channels_in_peace() {
    let (here, there) = (Machine::new(), Machine::new());
    let (mut host, mut peer) = pair(&here, &there);
    peer.call("send", json!({"text": "unread"})).unwrap();
    host.call("open", json!({"label": "nobody came"})).unwrap();
    // A call that waits is answered, and does not hold up the end.
    host.begin(
        "tools/call",
        json!({"name": "receive", "arguments": {"channel": "nobody came", "wait_s": 45}}),
    );
    let said = host.hang_up();
    assert!(said.contains("is closed: events never received"), "{said}");
    let left = peer.until_ended();
    assert_eq!((&left["exit"], &left["reason"]), (&0.into(), &"done".into()));
    // Nothing of it is found any more.
    assert!(here.run(["status"]).expect(0).all("session").is_empty());
}

#[test]
fn a_signal_ends_it_at_once() {
    let (here, there) = (Machine::new(), Machine::new());
    let (host, mut peer) = pair(&here, &there);
    host.server.signal(Signal::TERM);
    let ended = host.server.end();
    assert_eq!(ended.status.code(), Some(130), "{:#?}", ended.errors);
    let left = peer.until_ended();
    assert_eq!((&left["exit"], &left["reason"]), (&6.into(), &"peer-interrupted".into()));
}

#[test]
fn a_call_that_is_cancelled_stops_waiting_and_nothing_else() {
    let (here, there) = (Machine::new(), Machine::new());
    let (mut host, mut peer) = pair(&here, &there);
    while host.call("receive", json!({})).unwrap()["events"]
        .as_array()
        .is_some_and(|events| !events.is_empty())
    {}
    let cancel = |host: &mut Client, id: u64| {
        host.say(&json!({
            "jsonrpc": "2.0",
            "method": "notifications/cancelled",
            "params": {"requestId": id},
        }));
    };
    let waiting = host.begin("tools/call", json!({"name": "receive", "arguments": {"wait_s": 45}}));
    cancel(&mut host, waiting);
    let asking =
        host.begin("tools/call", json!({"name": "ask", "arguments": {"text": "still there?"}}));
    assert_eq!(peer.until("text")["body"], "still there?");
    cancel(&mut host, asking);
    // `answer` would not let an answer to either pass.
    host.call("status", json!({})).unwrap();
    peer.call("send", json!({"text": "yes"})).unwrap();
    assert_eq!(host.until("text")["body"], "yes");
}

#[test]
fn it_ends_without_a_word_of_a_client() {
    let here = Machine::new();
    assert_eq!(Client::started(&here, &[]).hang_up(), "");
    // Flags with which no channel could be opened are refused before anybody waits.
    for (flag, exit) in [("--verify", 10), ("--detach", 2), ("--transcript=talk.md", 2)] {
        let ended = Client::started(&here, &[flag]).server.end();
        assert_eq!((ended.status.code(), ended.lines.len()), (Some(exit), 0));
        assert!(
            ended.errors.join("\n").contains(flag.split('=').next().unwrap()),
            "{:?}",
            ended.errors
        );
    }
    assert!(!here.path("talk.md").exists());
}

#[test]
fn it_holds_as_many_channels_as_it_says() {
    let here = Machine::new();
    let mut client = Client::new(&here);
    let codes: Vec<String> = (0..16).map(|_| client.open()).collect();
    refused(client.call("open", json!({})), "too-many-channels");
    assert_eq!(client.call("status", json!({})).unwrap()["sessions"].as_array().unwrap().len(), 16);
    refused(client.call("receive", json!({})), "several-open");
    client.call("close", json!({"channel": codes[3]})).unwrap();
    client.open();
}

#[test]
fn a_session_that_ends_before_anybody_comes_says_why() {
    let here = Machine::new();
    let mut client = Client::new(&here);
    let opened = client.call("open", json!({"label": "it"})).unwrap();
    // A wrong code uses it up.
    let number = opened["code"].as_str().unwrap()[..4].to_owned();
    let mut other = Client::new(&here);
    refused(
        other.call("connect", json!({"code": format!("{number}-walrus-clipboard-mango")})),
        "code-wrong",
    );
    refused(
        other.call("connect", json!({"code": format!("{number}-walrus-clipboard-mango")})),
        "code-unavailable",
    );
    let ended = client.until_ended();
    assert_eq!(
        (&ended["reason"], &ended["next"]),
        (&"code-guessed".into(), &"call open for a new code".into())
    );
}
