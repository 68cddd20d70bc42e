//! Thousands of messages both ways at once, sent and received through other processes: each arrives
//! once and in order (B12).

use crate::channel::control::channel;
use crate::harness::content::in_full;
use crate::harness::process::Watch;
use crate::harness::socket::{send, socket};
use crate::harness::{Machine, Running};
use serde_json::Value;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

/// The longest text (`Body::MAX`): a message of 1 MiB and its framing.
const LONGEST: usize = (1 << 20) - 64 - 255;
/// Most texts that one command brings.
const TOGETHER: usize = 16;

/// Xorshift, by Marsaglia, begun anew for each number.
fn random(seed: u64) -> u64 {
    let mut state = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for _ in 0..3 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
    }
    state
}

/// The text of this number on its way from one side: as many are shorter than 2 bytes as are
/// between half a mebibyte and one.
fn text(from: u64, number: u64) -> String {
    let any = random(number * 2 + from);
    let size = match number % 100 {
        0 => 0,
        1 => LONGEST,
        _ => (usize::try_from(any >> 20).unwrap() & ((1 << (any % 21)) - 1)).min(LONGEST),
    };
    // A text that is short enough for a line has letters that a line spells in another way.
    let mut text = format!("{number} from {from}\n\"\\\u{e9}\u{1f512}\u{0}");
    while text.len() < size {
        text.extend(char::from_u32(32 + u32::try_from((any >> (text.len() % 50)) % 90).unwrap()));
    }
    let cut = (0..=size).rev().find(|&end| text.is_char_boundary(end)).unwrap();
    text.truncate(cut);
    text
}

/// Sends all texts of a side, some at a time; now and then until they are delivered, else only
/// until they are taken.
fn feed(from: u64, count: u64, socket: &PathBuf) {
    let mut next = 0;
    while next < count {
        let together = (1 + random(next ^ 0xfeed) % TOGETHER as u64).min(count - next);
        let texts: Vec<String> = (next..next + together).map(|number| text(from, number)).collect();
        next += together;
        let waits = next == count || random(next).is_multiple_of(3);
        let answer = send(socket, &texts, if waits { None } else { Some(0) });
        assert_eq!(answer.last().unwrap(), &serde_json::json!({ "done": { "more": false } }));
        let told = answer.len() - 1;
        assert_eq!(told, texts.len(), "one line about each: {answer:?}");
        assert!(!waits || answer.iter().all(|line| line.get("pending").is_none()));
    }
}

/// Reads a session's lines until every text of the other side has come, in order, and all of its
/// own are delivered.
fn follow(session: &mut Running, from: u64, count: u64) {
    let (mut came, mut delivered) = (0, 0);
    while came < count || delivered < count {
        let line = session.line().unwrap_or_else(|| panic!("ended after {came} of {count}"));
        let line: Value = serde_json::from_str(&line).unwrap();
        match line["type"].as_str().unwrap() {
            "text" => {
                let expected = text(from, came);
                match line["saved_to"].as_str() {
                    None => assert_eq!(line["body"], expected),
                    Some(path) => {
                        assert!(
                            std::fs::read_to_string(path).unwrap() == expected,
                            "{came}: {path}"
                        );
                        std::fs::remove_file(path).unwrap();
                    }
                }
                came += 1;
                assert_eq!(line["id"], came);
            }
            "delivered" => {
                delivered += 1;
                assert_eq!(line["id"], delivered, "in the order in which they were sent");
            }
            other => panic!("{other}: {line}"),
        }
    }
}

/// The numbered lines that one `receive` after another returns, until all of the session's own are
/// among them.
fn receive(machine: &Machine, count: u64, over: &AtomicBool) -> Vec<String> {
    let (mut lines, mut told) = (Vec::new(), 0);
    while told < 2 * count {
        let all_is_said = over.load(Ordering::SeqCst);
        let ended = machine.run(["receive", "--wait", "2", "--max-bytes", "1000000"]).expect(0);
        assert!(ended.lines.len() > 1 || !all_is_said, "{told} of {}", 2 * count);
        told += u64::try_from(ended.all("text").len() + ended.all("delivered").len()).unwrap();
        lines.extend(ended.lines.into_iter().filter(|line| line.contains("\"seq\"")));
    }
    lines
}

#[test]
fn thousands_both_ways_at_once_arrive_once_and_in_order() {
    let count = if in_full() { 10_000 } else { 200 };
    let (here, there) = (Machine::new(), Machine::new());
    let (mut host, mut peer, _) = channel(&here, &there);
    let memory = [Watch::start(host.child.id()), Watch::start(peer.child.id())];
    let sockets = [socket(&here), socket(&there)];
    let over = AtomicBool::new(false);
    let received = std::thread::scope(|threads| {
        let received =
            [&here, &there].map(|machine| threads.spawn(|| receive(machine, count, &over)));
        let [ours, theirs] = &sockets;
        let work = [
            threads.spawn(|| feed(0, count, ours)),
            threads.spawn(|| feed(1, count, theirs)),
            threads.spawn(|| follow(&mut host, 1, count)),
            threads.spawn(|| follow(&mut peer, 0, count)),
        ];
        let failed = work.map(|work| work.join().is_err());
        over.store(true, Ordering::SeqCst);
        assert_eq!(failed, [false; 4]);
        received.map(|lines| lines.join().unwrap())
    });
    memory.into_iter().for_each(Watch::check);
    here.run(["close"]).expect(0);
    for (session, received) in [host, peer].into_iter().zip(received) {
        let ended = session.end().expect(0);
        // But for the code, which it does not hear.
        let but_code = |lines: &[String]| {
            lines
                .iter()
                .filter(|line| !line.contains("\"event\":\"channel\""))
                .cloned()
                .collect::<Vec<_>>()
        };
        assert!(
            but_code(&ended.lines).starts_with(&but_code(&received)),
            "another process received what the session said"
        );
    }
}
