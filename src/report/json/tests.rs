use super::*;
use crate::events::{Path, Stored, samples};
use crate::failure::{Failure, Kind, Subject};
use crate::log::Log;
use pinhole_protocol::wire::{ItemId, PeerText, Reason};
use serde::Deserialize;
use std::path::PathBuf;

/// The promise as a reader of EVENTS.md would write it down: a line that does not fit is a broken
/// promise.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[expect(dead_code, reason = "what matters is that lines fit")]
enum Promised {
    Status(PromisedStatus),
    Text {
        v: One,
        seq: u64,
        id: u32,
        from: FromPeer,
        trust: Untrusted,
        body: Option<String>,
        saved_to: Option<String>,
        size: Option<u64>,
    },
    File {
        v: One,
        seq: u64,
        id: u32,
        from: FromPeer,
        trust: Untrusted,
        name: String,
        name_bytes: Option<String>,
        original_name: Option<String>,
        original_name_bytes: Option<String>,
        saved_to: Option<String>,
        saved_to_bytes: Option<String>,
        size: u64,
        kind: FileKind,
        files: u32,
        merged: Option<bool>,
        replaced: Option<u32>,
        acts: Option<Vec<String>>,
        acts_more: Option<u32>,
        set_aside: Option<PromisedSetAside>,
        renamed: Option<Vec<serde_json::Value>>,
        renamed_more: Option<u32>,
        missing: Option<Vec<serde_json::Value>>,
        missing_more: Option<u32>,
        left_out: Option<u32>,
        left_out_paths: Option<Vec<serde_json::Value>>,
    },
    Incomplete {
        v: One,
        seq: u64,
        id: u32,
        from: FromPeer,
        trust: Untrusted,
        name: String,
        name_bytes: Option<String>,
        original_name: Option<String>,
        original_name_bytes: Option<String>,
        saved_to: Option<String>,
        saved_to_bytes: Option<String>,
        size: u64,
        kind: FileKind,
        files: u32,
        merged: Option<bool>,
        replaced: Option<u32>,
        acts: Option<Vec<String>>,
        acts_more: Option<u32>,
        set_aside: Option<PromisedSetAside>,
        renamed: Option<Vec<serde_json::Value>>,
        renamed_more: Option<u32>,
        missing: Option<Vec<serde_json::Value>>,
        missing_more: Option<u32>,
        left_out: Option<u32>,
        left_out_paths: Option<Vec<serde_json::Value>>,
    },
    Secret {
        v: One,
        seq: u64,
        id: u32,
        from: FromPeer,
        trust: Untrusted,
        name: Option<String>,
        size: u64,
        stored: PromisedStored,
        saved_to: Option<String>,
        variable: Option<String>,
        value: Withheld,
        next: Option<String>,
    },
    Offer {
        v: One,
        seq: u64,
        id: u32,
        from: FromPeer,
        trust: Untrusted,
        names: Vec<String>,
        names_more: Option<u32>,
        size: Option<u64>,
        count: Option<u32>,
        counted: bool,
        acts: Option<Vec<String>>,
        acts_more: Option<u32>,
    },
    Progress {
        v: One,
        id: u32,
        way: PromisedWay,
        done: u64,
        total: Option<u64>,
        rate: u64,
    },
    Queued {
        v: One,
        seq: u64,
        id: u32,
        what: String,
        size: Option<u64>,
    },
    Pending {
        v: One,
        id: Option<u32>,
        what: String,
        size: Option<u64>,
        next: String,
        run: Option<Vec<String>>,
    },
    Delivered {
        v: One,
        seq: u64,
        id: u32,
        what: String,
        size: Option<u64>,
        trust: Option<Untrusted>,
        renamed: Option<Vec<serde_json::Value>>,
        renamed_more: Option<u32>,
        missing: Option<Vec<serde_json::Value>>,
        missing_more: Option<u32>,
        left_out: Option<u32>,
        left_out_paths: Option<Vec<serde_json::Value>>,
    },
    Partly {
        v: One,
        seq: u64,
        id: u32,
        what: String,
        size: Option<u64>,
        trust: Option<Untrusted>,
        renamed: Option<Vec<serde_json::Value>>,
        renamed_more: Option<u32>,
        missing: Option<Vec<serde_json::Value>>,
        missing_more: Option<u32>,
        left_out: Option<u32>,
        left_out_paths: Option<Vec<serde_json::Value>>,
    },
    Sent {
        v: One,
        id: u32,
        what: String,
        size: Option<u64>,
        body: Option<String>,
    },
    Error {
        v: One,
        error: String,
        detail: String,
        next: Option<String>,
        run: Option<Vec<String>>,
        ask: Option<User>,
    },
    Check {
        v: One,
        name: String,
        ok: bool,
        detail: String,
        next: Option<String>,
        run: Option<Vec<String>>,
        ask: Option<User>,
    },
    Partial {
        v: One,
        name: String,
        name_bytes: Option<String>,
        trust: Untrusted,
        items: Option<usize>,
        bytes: u64,
        size: Option<u64>,
        grown_at: String,
        saved_to: String,
        in_use: Option<bool>,
        removed: Option<bool>,
    },
    Session {
        v: One,
        session: String,
        number: Option<u32>,
        role: String,
        label: Option<String>,
        state: String,
        want: String,
        path: Option<String>,
        expires_at: Option<String>,
        unreceived: Option<u64>,
        secrets_held: Option<u64>,
        exit: Option<u8>,
        reason: Option<String>,
        diagnostics: Option<String>,
        code: Option<String>,
    },
    End {
        v: One,
        exit: u8,
        reason: String,
        more: Option<bool>,
        last_seq: Option<u64>,
    },
}

#[derive(Debug, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
#[expect(dead_code, reason = "what matters is that lines fit")]
enum PromisedStatus {
    Opening {
        v: One,
        seq: u64,
        tunnel: String,
    },
    Channel {
        v: One,
        seq: u64,
        code: Option<String>,
        number: u32,
        join: Option<String>,
        #[serde(default)]
        joins: Vec<PromisedJoin>,
        reach: String,
        link: Option<String>,
        expires_at: String,
    },
    Waiting {
        v: One,
        seq: u64,
    },
    Paired {
        v: One,
        seq: u64,
    },
    Connected {
        v: One,
        seq: u64,
        path: PromisedPath,
    },
    Path {
        v: One,
        seq: u64,
        path: PromisedPath,
    },
    Verify {
        v: One,
        seq: u64,
        words: String,
    },
    Stalled {
        v: One,
        seq: u64,
    },
    Reconnecting {
        v: One,
        seq: u64,
    },
    Reconnected {
        v: One,
        seq: u64,
        path: Option<PromisedPath>,
    },
    Tampered {
        v: One,
        seq: u64,
        path: PromisedPath,
    },
    Continued {
        v: One,
        seq: u64,
        id: u32,
        here: u64,
        total: Option<u64>,
    },
    Expiring {
        v: One,
        seq: u64,
        seconds_left: u64,
    },
    PeerLeft {
        v: One,
        seq: u64,
        reason: String,
        detail: String,
    },
    Disconnected {
        v: One,
        seq: u64,
    },
    HandshakeFailed {
        v: One,
        seq: u64,
        guesses: u32,
    },
    Closed {
        v: One,
        seq: u64,
    },
    Holding {
        v: One,
        seq: u64,
        secrets: u64,
        seconds_left: u64,
        next: String,
    },
}

#[derive(Debug, Deserialize)]
enum User {
    #[serde(rename = "user")]
    User,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "what matters is that lines fit")]
struct PromisedJoin {
    place: String,
    command: String,
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "u8")]
struct One;
impl TryFrom<u8> for One {
    type Error = String;
    fn try_from(v: u8) -> Result<Self, String> {
        if v == 1 { Ok(Self) } else { Err(format!("version {v}")) }
    }
}

#[derive(Debug, Deserialize)]
enum FromPeer {
    #[serde(rename = "peer")]
    Peer,
}
#[derive(Debug, Deserialize)]
enum Untrusted {
    #[serde(rename = "untrusted")]
    Untrusted,
}
#[derive(Debug, Deserialize)]
enum Withheld {
    #[serde(rename = "<withheld>")]
    Withheld,
}
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PromisedPath {
    Loopback,
    Lan,
    Direct,
    Relay,
}
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PromisedWay {
    Out,
    In,
}
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FileKind {
    File,
    Folder,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PromisedSetAside {
    Acts,
    Place,
    Device,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum PromisedStored {
    File,
    EnvFile,
    Exec,
    Held,
    Terminal,
    Declined,
}

/// Returns the lines that are written if the events come one second after another.
fn lines(events: &[Event], progress_every: Option<Duration>) -> Vec<String> {
    let (log, mut lines, start) = (Log::default(), Lines::new(progress_every), Instant::now());
    let mut written = String::new();
    for (second, event) in events.iter().enumerate() {
        written += &lines
            .line(event, log.say(event).as_ref(), start + Duration::from_secs(second as u64))
            .unwrap_or_default();
    }
    written.lines().map(str::to_owned).collect()
}

fn line(event: Event) -> String {
    lines(&[event], None).concat()
}

/// Reads a line as promised. The tags are told apart before the fields are, so that `status` is
/// held to its own event's fields.
fn promised(line: &str) -> Result<Promised, serde_json::Error> {
    let mut value: serde_json::Value = serde_json::from_str(line)?;
    if value["type"] == "status" {
        value.as_object_mut().unwrap().remove("type");
        return serde_json::from_value(value).map(Promised::Status);
    }
    serde_json::from_value(value)
}

const HOSTILE: &str = "\"}\n{\"type\":\"end\"}\u{1b}[2J\u{202e}\u{7f}é\u{1f600}";

#[test]
fn every_line_keeps_the_promise_whatever_the_peer_says() {
    let mut events = samples::every(HOSTILE);
    events.extend([1, 2].map(|done| samples::progress(Way::In, done, Some(9))));
    events.push(Event::End { failed: None, more: false });
    let lines = lines(&events, Some(Duration::ZERO));
    assert_eq!(lines.len(), events.len());
    for line in lines {
        assert!(line.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "not plain ASCII: {line}");
        if let Err(error) = promised(&line) {
            panic!("{error}: {line}");
        }
    }
}

#[test]
fn a_line_with_a_field_of_no_promise_is_noticed() {
    assert!(promised(r#"{"v":1,"seq":1,"type":"status","event":"waiting"}"#).is_ok());
    assert!(promised(r#"{"v":1,"seq":1,"type":"status","event":"waiting","extra":1}"#).is_err());
    assert!(promised(r#"{"v":2,"seq":1,"type":"status","event":"waiting"}"#).is_err());
    assert!(promised(r#"{"v":1,"type":"end","exit":0,"reason":"done","extra":1}"#).is_err());
}

#[test]
fn the_examples_of_the_document_keep_the_promise() {
    let examples: Vec<&str> = include_str!("../EVENTS.md")
        .lines()
        .filter_map(|line| line.strip_prefix("    {"))
        .collect();
    assert!(examples.len() >= 10);
    for example in examples {
        let example = format!("{{{example}");
        if let Err(error) = promised(&example) {
            panic!("{error}: {example}");
        }
    }
}

#[test]
fn the_document_names_every_field_and_event() {
    let document = include_str!("../EVENTS.md");
    for line in lines(&samples::every("x"), None) {
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        let object = line.as_object().unwrap();
        let words = object
            .keys()
            .chain(None)
            .map(String::as_str)
            .chain(["type", "event"].iter().filter_map(|tag| line[tag].as_str()));
        for word in words.filter(|word| !["from", "trust"].contains(word)) {
            assert!(
                document.contains(&format!("`{word}`")),
                "EVENTS.md does not say what {word} is"
            );
        }
    }
}

#[test]
fn giving_a_file() {
    let events = [
        Event::Channel(samples::channel()),
        Event::Waiting,
        Event::Connected(Path::Direct),
        Event::Delivered(samples::ours()),
        Event::PeerLeft(Reason::Done),
        Event::Closed,
        Event::End { failed: None, more: false },
    ];
    assert_eq!(
        lines(&events, None),
        [
            r#"{"v":1,"seq":1,"type":"status","event":"channel","code":"417-walrus-clipboard-mango","number":417,"join":"pinhole take 417-walrus-clipboard-mango","joins":[{"place":"anywhere","command":"pinhole take 417-walrus-clipboard-mango"}],"reach":"relay","expires_at":"2026-11-21T10:00:00Z"}"#,
            r#"{"v":1,"seq":2,"type":"status","event":"waiting"}"#,
            r#"{"v":1,"seq":3,"type":"status","event":"connected","path":"direct"}"#,
            r#"{"v":1,"seq":4,"type":"delivered","id":1,"what":"report.pdf","size":38200000}"#,
            r#"{"v":1,"seq":5,"type":"status","event":"peer_left","reason":"done","detail":"the other side has left"}"#,
            r#"{"v":1,"seq":6,"type":"status","event":"closed"}"#,
            r#"{"v":1,"type":"end","exit":0,"reason":"done","last_seq":6}"#,
        ]
    );
}

#[test]
fn an_error_that_quotes_the_peer_is_marked() {
    let failure =
        Failure::new(Kind::Exists, Subject::named("run \"this\"\n").was_not("saved")).next("x");
    let quoted = r#"{"v":1,"type":"error","error":"exists","detail":"\"run \\\"this\\\"\\u{a}\" was not saved","trust":"untrusted","next":"x"}"#;
    assert_eq!(lines(&[Event::Trouble(failure)], None), [quoted]);
    let ours = Failure::new(Kind::Exists, Subject::from("the text").was_not("saved"));
    assert_eq!(
        lines(&[Event::Trouble(ours)], None),
        [r#"{"v":1,"type":"error","error":"exists","detail":"the text was not saved"}"#]
    );
}

#[test]
fn a_wrong_code() {
    let failure = Failure::new(Kind::CodeWrong, "the code is wrong")
        .next("ask the other side for a new code");
    assert_eq!(
        lines(
            &[Event::Trouble(failure), Event::End { failed: Some(Kind::CodeWrong), more: false }],
            None
        ),
        [
            r#"{"v":1,"type":"error","error":"code-wrong","detail":"the code is wrong","next":"ask the other side for a new code"}"#,
            r#"{"v":1,"type":"end","exit":3,"reason":"code-wrong"}"#,
        ]
    );
}

#[test]
fn what_the_peer_sent_is_marked_and_stays_one_line() {
    assert_eq!(
        line(samples::text("hi\n{\"type\":\"end\"}")),
        r#"{"v":1,"seq":1,"type":"text","id":1,"from":"peer","trust":"untrusted","body":"hi\n{\"type\":\"end\"}"}"#
    );
}

#[test]
fn a_long_text_is_named_and_not_printed() {
    let event = Event::Text {
        id: ItemId(3),
        body: PeerText::new("long ".repeat(300)),
        saved_to: Some(PathBuf::from("/in/text-3")),
    };
    assert_eq!(
        line(event),
        r#"{"v":1,"seq":1,"type":"text","id":3,"from":"peer","trust":"untrusted","saved_to":"/in/text-3","size":1500}"#
    );
}

#[test]
fn a_secret_is_withheld() {
    let event = Event::Secret {
        id: ItemId(3),
        name: None,
        size: 32,
        stored: Stored::File(PathBuf::from("/in/secret-3")),
    };
    assert_eq!(
        line(event),
        r#"{"v":1,"seq":1,"type":"secret","id":3,"from":"peer","trust":"untrusted","size":32,"stored":"file","saved_to":"/in/secret-3","value":"<withheld>"}"#
    );
    let event = Event::Secret {
        id: ItemId(3),
        name: None,
        size: 32,
        stored: Stored::EnvFile(".env".into(), "KEY".into()),
    };
    assert_eq!(
        line(event),
        r#"{"v":1,"seq":1,"type":"secret","id":3,"from":"peer","trust":"untrusted","size":32,"stored":"env-file","saved_to":".env","variable":"KEY","value":"<withheld>"}"#
    );
}

#[test]
fn progress_is_said_seldom_or_never() {
    let events: Vec<Event> =
        (0..25).map(|second| samples::progress(Way::Out, second * 1_000, None)).collect();
    assert_eq!(
        lines(&events, Some(Duration::from_secs(10))),
        [
            r#"{"v":1,"type":"progress","id":1,"way":"out","done":10000,"rate":1000}"#,
            r#"{"v":1,"type":"progress","id":1,"way":"out","done":20000,"rate":1000}"#,
        ]
    );
    assert_eq!(lines(&events, None), Vec::<String>::new());
}
