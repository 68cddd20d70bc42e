//! The promise of EVENTS.md about the lines of a whole run, in types that refuse unknown fields.
//! Every run that a scenario ends is held against it, and against the schema that the program
//! prints.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;

const PROMISE: &str = include_str!("../../src/report/EVENTS.md");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Channel {
    code: Option<String>,
    number: u32,
    join: Option<String>,
    #[serde(default)]
    joins: Vec<Join>,
    reach: String,
    link: Option<String>,
    expires_at: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Join {
    place: String,
    command: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct On {
    path: Path,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Path {
    Loopback,
    Lan,
    Relay,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Opening {
    tunnel: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Continued {
    id: u32,
    here: u64,
    total: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Verify {
    words: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expiring {
    seconds_left: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Holding {
    secrets: u64,
    seconds_left: u64,
    next: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PeerLeft {
    reason: String,
    detail: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HandshakeFailed {
    guesses: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum From {
    Peer,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Trust {
    Untrusted,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    id: u32,
    from: From,
    trust: Trust,
    body: Option<String>,
    saved_to: Option<String>,
    size: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    File,
    Folder,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    id: u32,
    from: From,
    trust: Trust,
    name: String,
    name_bytes: Option<String>,
    original_name: Option<String>,
    original_name_bytes: Option<String>,
    saved_to: Option<String>,
    saved_to_bytes: Option<String>,
    size: u64,
    kind: Kind,
    files: u32,
    merged: Option<bool>,
    replaced: Option<u32>,
    acts: Option<Vec<String>>,
    acts_more: Option<u64>,
    set_aside: Option<SetAside>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum SetAside {
    Acts,
    Place,
    Device,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Stored {
    File,
    EnvFile,
    Exec,
    Held,
    Terminal,
    Declined,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Secret {
    id: u32,
    from: From,
    trust: Trust,
    name: Option<String>,
    size: u64,
    stored: Stored,
    saved_to: Option<String>,
    variable: Option<String>,
    value: String,
    next: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Offer {
    id: u32,
    from: From,
    trust: Trust,
    names: Vec<String>,
    names_more: Option<u64>,
    size: Option<u64>,
    count: Option<u32>,
    counted: bool,
    acts: Option<Vec<String>>,
    acts_more: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    id: u32,
    what: String,
    size: Option<u64>,
}

/// Something that has another name, or is not there.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Differing {
    path: String,
    path_bytes: Option<String>,
    name: Option<String>,
    name_bytes: Option<String>,
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pending {
    id: Option<u32>,
    what: String,
    size: Option<u64>,
    next: String,
    run: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Session {
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
    exit: Option<i32>,
    reason: Option<String>,
    diagnostics: Option<String>,
    code: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Way {
    Out,
    In,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Progress {
    id: u32,
    way: Way,
    done: u64,
    total: Option<u64>,
    rate: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Trouble {
    error: String,
    detail: String,
    trust: Option<Trust>,
    saved_to: Option<String>,
    next: Option<String>,
    run: Option<Vec<String>>,
    ask: Option<Ask>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Check {
    name: String,
    ok: bool,
    detail: String,
    next: Option<String>,
    run: Option<Vec<String>>,
    ask: Option<Ask>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Left {
    name: String,
    #[serde(rename = "name_bytes")]
    _name_bytes: Option<String>,
    trust: Trust,
    items: Option<usize>,
    bytes: u64,
    size: Option<u64>,
    grown_at: String,
    saved_to: String,
    in_use: Option<bool>,
    removed: Option<bool>,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Ask {
    User,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    exit: i32,
    reason: String,
    more: Option<bool>,
    last_seq: Option<u64>,
}

/// Holds the lines of a whole run, and the status it ended with, against the promise. A command
/// that reads the lines of a session may begin and leave out where it likes; a session itself
/// counts.
#[track_caller]
pub fn check(lines: &[String], status: i32, reads: bool) {
    let statuses = statuses();
    let (mut last_seq, mut ends) = (None, 0);
    for line in lines {
        assert!(line.is_ascii(), "beyond ASCII: {line}");
        assert_eq!(ends, 0, "after the end: {line}");
        let value: Value =
            serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"));
        if let Some(fault) = super::schema::fault(&value) {
            panic!("not of the schema that the program prints: {fault}: {line}");
        }
        let mut fields: BTreeMap<String, Value> =
            serde_json::from_value(value).unwrap_or_else(|_| panic!("no object: {line}"));
        assert!(!fields.values().any(Value::is_null), "a field that says nothing: {line}");
        assert_eq!(fields.remove("v"), Some(Value::from(1)), "{line}");
        let kind = fields.remove("type").unwrap_or_else(|| panic!("no type: {line}"));
        let kind =
            kind.as_str().unwrap_or_else(|| panic!("the type is no word: {line}")).to_owned();
        let seq = fields.remove("seq").and_then(|seq| seq.as_u64());
        if matches!(
            kind.as_str(),
            "progress" | "pending" | "session" | "error" | "check" | "partial" | "end"
        ) {
            assert_eq!(seq, None, "made by this process: {line}");
        } else if reads {
            assert!(seq > last_seq, "{line}");
            last_seq = seq;
        } else {
            assert_eq!(seq, Some(last_seq.unwrap_or(0) + 1), "{line}");
            last_seq = seq;
        }
        match kind.as_str() {
            "status" => check_status(fields, line, reads),
            "error" => {
                let it: Trouble = read(fields, line);
                assert!(
                    statuses.contains_key(it.error.as_str()),
                    "EVENTS.md has no error {:?}",
                    it.error
                );
                sentence(&it.detail, line);
                assert_ne!(it.next.as_deref(), Some(""), "{line}");
                assert!(it.saved_to.is_none() || it.error == "secret-unfit", "{line}");
                check_advice(it.next.as_deref(), it.run.as_deref(), it.ask.as_ref(), line);
            }
            "check" => {
                let it: Check = read(fields, line);
                assert!(
                    PROMISE.contains(&format!("\n| `{}` | ", it.name)),
                    "EVENTS.md has no check {:?}",
                    it.name
                );
                sentence(&it.detail, line);
                assert!(
                    it.next.as_deref().map_or(it.ok, |next| !next.is_empty()),
                    "what is wrong has a next: {line}"
                );
                check_advice(it.next.as_deref(), it.run.as_deref(), it.ask.as_ref(), line);
            }
            "partial" => {
                let it: Left = read(fields, line);
                assert!(
                    !it.name.is_empty()
                        && it.items.is_none_or(|items| items > 1)
                        && it.size.is_none_or(|size| it.bytes <= size)
                        && it.grown_at.ends_with('Z')
                        && it.saved_to.ends_with(".part")
                        && [it.in_use, it.removed].iter().flatten().all(|said| *said),
                    "{line}"
                );
                let Trust::Untrusted = it.trust;
            }
            "pending" => {
                let it: Pending = read(fields, line);
                assert!(
                    it.id != Some(0)
                        && !it.what.is_empty()
                        && it.size != Some(0)
                        && it.next.starts_with("pinhole "),
                    "{line}"
                );
                check_advice(Some(&it.next), it.run.as_deref(), None, line);
            }
            "session" => {
                check_session(&read(fields, line), line);
                // Lines of another session may follow.
                last_seq = last_seq.filter(|_| !reads);
            }
            "end" => {
                let it: End = read(fields, line);
                assert!(it.more.is_none_or(|more| more && reads), "{line}");
                assert_eq!((it.exit, it.last_seq), (status, last_seq), "{line}");
                assert_eq!(
                    statuses.get(it.reason.as_str()),
                    Some(&it.exit),
                    "EVENTS.md says otherwise: {line}"
                );
                ends += 1;
            }
            _ => check_item(&kind, fields, line),
        }
    }
    assert_eq!(ends, 1, "no end: {lines:#?}");
}

#[track_caller]
fn check_status(mut fields: BTreeMap<String, Value>, line: &str, reads: bool) {
    let event = fields.remove("event").unwrap_or_else(|| panic!("no event: {line}"));
    match event.as_str().unwrap_or_default() {
        "waiting" | "paired" | "stalled" | "reconnecting" | "disconnected" | "closed" => {
            let Nothing {} = read(fields, line);
        }
        "reconnected" if fields.is_empty() => {}
        "channel" => {
            let it: Channel = read(fields, line);
            let Some(code) = &it.code else {
                assert!(
                    it.join.is_none() && it.joins.is_empty() && it.link.is_none() && reads,
                    "{line}"
                );
                return;
            };
            assert!(code.starts_with(&format!("{}-", it.number)), "{line}");
            assert!(
                (1..=3).contains(&it.joins.len())
                    && it.joins.iter().all(|join| !join.place.is_empty()),
                "{line}"
            );
            assert_eq!(it.join.as_ref(), it.joins.first().map(|join| &join.command), "{line}");
            assert!(it.joins.iter().all(|join| join.command.contains(code)), "{line}");
            let at_relay = !(1024..=65535).contains(&it.number);
            assert!(
                if at_relay {
                    it.reach == "relay"
                } else {
                    ["machine", "network", "address"].contains(&it.reach.as_str())
                },
                "{line}"
            );
            assert!(
                it.link.is_none_or(|link| at_relay
                    && link.starts_with("https://")
                    && link.ends_with(&format!("/#{code}"))),
                "{line}"
            );
            assert!(it.expires_at.len() == 20 && it.expires_at.ends_with('Z'), "{line}");
        }
        "connected" | "path" | "reconnected" | "tampered" => {
            let On { path: Path::Loopback | Path::Lan | Path::Relay } = read(fields, line);
        }
        "continued" => {
            let it: Continued = read(fields, line);
            assert!(it.id > 0 && it.total.is_none_or(|total| it.here <= total), "{line}");
        }
        "opening" => assert!(!read::<Opening>(fields, line).tunnel.is_empty(), "{line}"),
        "verify" => assert_eq!(read::<Verify>(fields, line).words.split(' ').count(), 4, "{line}"),
        "expiring" => assert!(read::<Expiring>(fields, line).seconds_left > 0, "{line}"),
        "holding" => {
            let it: Holding = read(fields, line);
            assert!(
                it.secrets > 0 && it.seconds_left > 0 && it.next.starts_with("pinhole receive "),
                "{line}"
            );
        }
        "peer_left" => {
            let it: PeerLeft = read(fields, line);
            assert!(PROMISE.contains(&format!("\n| `{}` | ", it.reason)), "{line}");
            sentence(&it.detail, line);
        }
        "handshake_failed" => assert!(read::<HandshakeFailed>(fields, line).guesses > 0, "{line}"),
        other => panic!("EVENTS.md has no event {other:?}: {line}"),
    }
}

/// Checks advice against the closed list ("What to run"): few commands may be run unread, and what
/// loosens, drops or uses up is for the user.
fn check_advice(next: Option<&str>, run: Option<&[String]>, ask: Option<&Ask>, line: &str) {
    assert!(next.is_some() || run.is_none() && ask.is_none(), "{line}");
    if let Some(run) = run {
        let words: Vec<&str> = run.iter().map(String::as_str).collect();
        let [program, words @ ..] = &words[..] else { panic!("nothing to run: {line}") };
        assert!(*program == "pinhole" || std::path::Path::new(program).is_absolute(), "{line}");
        let number = |word: &str| word.parse::<u32>().is_ok();
        let known = match words {
            ["status"] | ["doctor"] | ["--help"] => true,
            [command, "--help"] => command.chars().all(|letter| letter.is_ascii_lowercase()),
            ["receive", which, "--role", "host" | "peer", "--wait", "45s"] => number(which),
            ["receive", which, "--role", "host" | "peer", "-o", "-", "--wait", "45s"] => {
                number(which)
            }
            _ => false,
        };
        assert!(known && ask.is_none(), "{line}");
    } else if let Some(next) = next {
        for mark in [
            "--allow",
            "--accept-env",
            "--insecure-relay",
            "--max-size",
            "--max-entries",
            "--conflict",
            "--now",
            "--relay",
            "--ca-file",
            "--bind",
            "--listen",
            "--apply",
            "--code",
            "--yes",
            "--verify",
            "config set",
            "pinhole connect",
            "pinhole take",
            "the user",
            "operator",
        ] {
            // An option that was written wrong: its writer may write it right, or leave it out.
            let corrects = next.starts_with("write it as") || next.starts_with("leave out");
            assert!(
                ask.is_some() || corrects || !next.contains(mark),
                "{mark} is for the user: {line}"
            );
        }
        assert!(!next.starts_with("pinhole ") || ask.is_some(), "a command has no run: {line}");
    }
}

#[track_caller]
fn check_session(it: &Session, line: &str) {
    let of = |word: &str, words: &[&str]| assert!(words.contains(&word), "{word}: {line}");
    of(&it.role, &["host", "peer"]);
    let open = ["waiting", "paired", "connected", "reconnecting", "leaving"];
    of(&it.state, &[&open[..], &["ended", "not-answering"]].concat());
    let answers = it.state != "not-answering";
    assert_eq!((it.unreceived.is_some(), it.secrets_held.is_some()), (answers, answers), "{line}");
    assert_eq!(
        (it.exit.is_some(), it.reason.is_some()),
        (it.state == "ended", it.state == "ended"),
        "{line}"
    );
    it.reason.iter().for_each(|reason| {
        assert_eq!(
            statuses().get(reason.as_str()).copied(),
            it.exit,
            "EVENTS.md says otherwise: {line}"
        )
    });
    assert!(
        it.diagnostics.as_ref().is_none_or(
            |path| path.starts_with('/') && path.ends_with(&format!("{}.log", it.session))
        ),
        "{line}"
    );
    assert!(
        it.code
            .as_ref()
            .is_none_or(|code| it.state == "waiting"
                && code.starts_with(&format!("{}-", it.number.unwrap()))),
        "{line}"
    );
    of(&it.want, &["give", "take", "channel"]);
    it.path.iter().for_each(|path| of(path, &["loopback", "lan", "relay"]));
    assert!(
        it.session.len() == 8 && it.session.chars().all(|digit| digit.is_ascii_hexdigit()),
        "{line}"
    );
    assert!(
        it.number != Some(0)
            && it.label.as_deref() != Some("")
            && it.unreceived < Some(u64::MAX)
            && it.secrets_held < Some(1_000),
        "{line}"
    );
    assert!(
        it.expires_at.as_ref().is_none_or(|moment| moment.len() == 20 && moment.ends_with('Z')),
        "{line}"
    );
}

/// Takes what differs out of a line's fields.
#[track_caller]
fn check_differing(kind: &str, fields: &mut BTreeMap<String, Value>, line: &str) {
    let mut named = 0;
    for (list, reasons) in [("renamed", false), ("missing", true), ("left_out_paths", true)] {
        for one in fields
            .remove(list)
            .map_or_else(Vec::new, |list| list.as_array().expect("a list").clone())
        {
            let it: Differing =
                serde_json::from_value(one).unwrap_or_else(|error| panic!("{error}: {line}"));
            assert_eq!((it.reason.is_some(), it.name.is_none()), (reasons, reasons), "{line}");
            assert!(
                !it.path.is_empty()
                    && it.path_bytes.is_none_or(|bytes| !bytes.is_empty())
                    && it.name_bytes.as_deref() != Some(""),
                "{line}"
            );
            assert!(
                it.reason.is_none_or(|reason| PROMISE.contains(&format!("\n| `{reason}` | "))),
                "{line}"
            );
            named += 1;
        }
    }
    let more = ["renamed_more", "missing_more", "left_out"]
        .map(|count| fields.remove(count).map(|count| count.as_u64().expect("a count")));
    assert!(named <= 200 && more.iter().flatten().all(|count| *count > 0), "{line}");
    assert_eq!(
        matches!(kind, "incomplete" | "partly"),
        line.contains("\"missing\"") || more[1].is_some(),
        "{line}"
    );
    if matches!(kind, "delivered" | "partly") {
        let trust = fields.remove("trust").map(|trust| trust.as_str() == Some("untrusted"));
        assert_eq!(trust, (named > 0).then_some(true), "{line}");
    }
}

#[track_caller]
fn check_item(kind: &str, mut fields: BTreeMap<String, Value>, line: &str) {
    if matches!(kind, "file" | "incomplete" | "delivered" | "partly") {
        check_differing(kind, &mut fields, line);
    }
    let id = match kind {
        "text" => {
            let Text { id, from: From::Peer, trust: Trust::Untrusted, body, saved_to, size } =
                read(fields, line);
            // Without either it went to an output by itself.
            assert!(
                body.is_some() != size.is_some() && (body.is_none() || saved_to.is_none()),
                "{line}"
            );
            id
        }
        "file" | "incomplete" => {
            let it: File = read(fields, line);
            let File { id, from: From::Peer, trust: Trust::Untrusted, .. } = it;
            assert!(
                !it.name.is_empty()
                    && (it.original_name.as_ref() != Some(&it.name) || it.name_bytes.is_some()),
                "{line}"
            );
            let exact = [
                (&Some(it.name), &it.name_bytes),
                (&it.original_name, &it.original_name_bytes),
                (&it.saved_to, &it.saved_to_bytes),
            ];
            for (text, bytes) in exact {
                assert!(
                    bytes.is_none() || text.as_ref().is_some_and(|text| text.contains('\u{fffd}')),
                    "{line}"
                );
            }
            assert!(
                it.saved_to.is_none_or(|path| path.starts_with('/') || path.starts_with('.')),
                "{line}"
            );
            check_acts(it.acts.as_deref(), it.acts_more, line);
            assert!(
                it.set_aside.is_none_or(|why| matches!(
                    why,
                    SetAside::Acts | SetAside::Place | SetAside::Device
                )),
                "{line}"
            );
            assert!(
                matches!(it.kind, Kind::Folder) || it.files <= 1 && it.size < u64::MAX,
                "{line}"
            );
            assert!(
                it.merged.is_none_or(|merged| merged && matches!(it.kind, Kind::Folder)),
                "{line}"
            );
            assert!(
                it.replaced.is_none_or(|replaced| (1..=it.files).contains(&replaced)),
                "{line}"
            );
            id
        }
        "secret" => {
            let it: Secret = read(fields, line);
            let Secret { id, from: From::Peer, trust: Trust::Untrusted, .. } = it;
            assert_eq!(it.value, "<withheld>");
            assert!(
                it.stored != Stored::Terminal && it.size > 0 && it.name.as_deref() != Some(""),
                "{line}"
            );
            assert_eq!(
                it.saved_to.is_some(),
                matches!(it.stored, Stored::File | Stored::EnvFile),
                "{line}"
            );
            assert_eq!(
                it.next.is_some_and(|next| next.starts_with("pinhole receive ")),
                it.stored == Stored::Held,
                "{line}"
            );
            assert!(
                it.variable.is_some() == (it.stored == Stored::EnvFile)
                    || it.stored == Stored::Exec,
                "{line}"
            );
            id
        }
        "offer" => {
            let Offer {
                id,
                from: From::Peer,
                trust: Trust::Untrusted,
                names,
                names_more,
                size,
                count,
                counted,
                acts,
                acts_more,
            } = read(fields, line);
            check_acts(acts.as_deref(), acts_more, line);
            assert!(names_more.is_none_or(|more| more > 0 && names.len() == 1_000), "{line}");
            assert!(!names.is_empty() && size.is_some() == count.is_some(), "{line}");
            assert!(size.is_some() || !counted, "of unknown size, and counted: {line}");
            id
        }
        "queued" | "delivered" | "partly" => {
            let it: Item = read(fields, line);
            assert!(!it.what.is_empty() && it.size != Some(u64::MAX), "{line}");
            it.id
        }
        "progress" => {
            let it: Progress = read(fields, line);
            let (Way::Out | Way::In) = it.way;
            assert!(it.total.is_none_or(|total| it.done <= total) && it.rate < u64::MAX, "{line}");
            it.id
        }
        other => panic!("EVENTS.md has no type {other:?}: {line}"),
    };
    assert!(id > 0, "{line}");
}

#[track_caller]
fn check_acts(names: Option<&[String]>, more: Option<u64>, line: &str) {
    let names = names.unwrap_or_default();
    assert!(
        names.len() <= 20
            && names.iter().map(String::len).sum::<usize>() <= 8 << 10
            && more != Some(0),
        "{line}"
    );
}

#[track_caller]
fn read<T: DeserializeOwned>(fields: BTreeMap<String, Value>, line: &str) -> T {
    serde_json::from_value(fields.into_iter().collect())
        .unwrap_or_else(|error| panic!("{error}: {line}"))
}

/// One sentence, without its full stop, on one line.
#[track_caller]
fn sentence(text: &str, line: &str) {
    assert!(
        !text.is_empty() && !text.ends_with('.') && !text.contains('\n'),
        "not a sentence: {line}"
    );
}

/// The words of the tables of errors, each with its exit status.
pub fn statuses() -> BTreeMap<&'static str, i32> {
    let mut words = BTreeMap::new();
    let (_, tables) = PROMISE.split_once("\n## Reasons").unwrap();
    for row in tables.lines().filter(|row| row.starts_with("| `")) {
        let cells: Vec<&str> =
            row.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        for pair in cells.windows(2) {
            if let [word, status] = pair
                && let Ok(status) = status.parse()
            {
                words.insert(*word, status);
            }
        }
    }
    words
}

/// The fields of a type or event beside those of every line, as the tables of the document name
/// them, and whether they may be absent.
#[track_caller]
pub fn fields(name: &str) -> BTreeMap<&'static str, bool> {
    let rows = PROMISE.lines().filter_map(|row| row.strip_prefix(&format!("| `{name}` |")));
    // The tables of single fields and of errors have something else in their second column.
    let mut cells = rows
        .map(|row| row.split('|').next().unwrap().trim())
        .filter(|cell| cell.is_empty() || cell.starts_with('`'));
    let cell = cells.next().unwrap_or_else(|| panic!("EVENTS.md has no line {name:?}"));
    let optional = cell.contains(", or ");
    let words = cell
        .split('`')
        .zip(cell.split('`').skip(1))
        .enumerate()
        .filter(|(place, _)| place % 2 == 0);
    words
        .map(|(place, (_, word))| {
            (word, optional || cell.split('`').nth(place + 2).unwrap().starts_with('?'))
        })
        .collect()
}

/// The types and events of the document's tables.
pub fn lines() -> std::collections::BTreeSet<&'static str> {
    let rows = PROMISE.lines().filter_map(|row| row.strip_prefix("| `")?.split_once("` |"));
    let lines = rows.filter(|(_, rest)| rest.starts_with(" | ") || rest.starts_with(" `"));
    lines.map(|(name, _)| name).collect()
}
