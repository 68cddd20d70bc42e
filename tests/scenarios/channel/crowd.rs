//! Many sessions of one user at once, each with its own peer.

use crate::harness::content::in_full;
use crate::harness::socket::{runtime, sockets};
use crate::harness::{Machine, Running};
use rustix::process::Signal;
use std::collections::BTreeSet;

/// A host and its peer, both on this machine.
struct Pair {
    host: Running,
    peer: Running,
    /// Whole, because a number whose code is used up may be another host's again.
    code: String,
    number: String,
    label: String,
}

impl Pair {
    fn new(machine: &Machine, at: usize) -> Self {
        let label = format!("pair {at}");
        let mut host = machine.start(["host", "--label", &label]);
        let code = host.code();
        let mut peer = machine.start(["connect", &code]);
        host.until("status", "connected");
        peer.until("status", "connected");
        let number = code.split_once('-').unwrap().0.to_owned();
        Self { host, peer, code, number, label }
    }

    /// Each side sends and receives its own, and nothing else.
    fn talk(&self, machine: &Machine) {
        for (from, to) in [("host", "peer"), ("peer", "host")] {
            let text = format!("from the {from} of {}", self.label);
            machine.run(["send", &self.code, &text, "--role", from]).expect(0).one("delivered");
            let texts = machine.run(["receive", &self.code, "--role", to]).expect(0).all("text");
            assert_eq!(texts.iter().map(|text| text["body"].clone()).collect::<Vec<_>>(), [text]);
        }
        let about = machine.run(["status", "--label", &self.label]).expect(0).one("session");
        assert_eq!(
            (about["number"].to_string(), &about["role"]),
            (self.number.clone(), &"host".into())
        );
    }
}

/// Does this to each, as many at once as the machine has processors, twice over.
fn each<T: Send, U: Send>(
    all: impl IntoIterator<Item = T>,
    work: impl Fn(T) -> U + Sync,
) -> Vec<U> {
    let all: Vec<T> = all.into_iter().collect();
    let (share, mut parts, mut all) = (all.len().div_ceil(4).max(1), Vec::new(), all.into_iter());
    loop {
        let part: Vec<T> = all.by_ref().take(share).collect();
        if part.is_empty() {
            break;
        }
        parts.push(part);
    }
    let work = &work;
    std::thread::scope(|threads| {
        let parts: Vec<_> = parts
            .into_iter()
            .map(|part| threads.spawn(move || part.into_iter().map(work).collect::<Vec<U>>()))
            .collect();
        parts.into_iter().flat_map(|part| part.join().unwrap()).collect()
    })
}

fn sessions(machine: &Machine) -> BTreeSet<(String, String)> {
    let listed = machine.run(["status"]).expect(0).all("session");
    assert!(listed.iter().all(|session| session["state"] == "connected"), "{listed:#?}");
    listed
        .iter()
        .map(|session| {
            (session["number"].to_string(), session["role"].as_str().unwrap().to_owned())
        })
        .collect()
}

fn expected<'a>(pairs: impl IntoIterator<Item = &'a Pair>) -> BTreeSet<(String, String)> {
    pairs
        .into_iter()
        .flat_map(|pair| ["host", "peer"].map(|role| (pair.number.clone(), role.to_owned())))
        .collect()
}

#[test]
fn a_hundred_at_once_each_with_its_own() {
    let here = Machine::new();
    let mut pairs = each(0..if in_full() { 50 } else { 6 }, |at| Pair::new(&here, at));
    assert_eq!(sessions(&here), expected(&pairs));
    each(&mut pairs, |pair| pair.talk(&here));
    // Two that are killed are missing and nothing else is: their sockets, their numbers and their
    // labels are free again.
    for pair in &mut pairs[..2] {
        for side in [&mut pair.host, &mut pair.peer] {
            side.signal(Signal::KILL);
            side.child.wait().unwrap();
        }
    }
    assert_eq!(sessions(&here), expected(&pairs[2..]));
    assert_eq!(sockets(&here).len(), 2 * (pairs.len() - 2));
    let mut again = here.start(["host", "--label", &pairs[0].label, "--port", &pairs[0].number]);
    assert_eq!(again.until("status", "channel")["number"].to_string(), pairs[0].number);
    assert_eq!(here.run(["status", "--label", &pairs[0].label]).expect(0).all("session").len(), 1);
    here.run(["close", "--label", &pairs[0].label]).expect(0);
    again.end().expect(0);
    each(pairs.drain(..).skip(2), |pair| {
        pair.talk(&here);
        here.run(["close", &pair.code, "--role", "peer"]).expect(0);
        pair.host.end().expect(0);
        pair.peer.end().expect(0);
    });
    assert!(!runtime(&here).exists());
}
