//! Many sessions of one user at once, each with its own peer; and what other users put in the way
//! of their commands.

use crate::harness::content::in_full;
use crate::harness::socket::{runtime, socket, sockets};
use crate::harness::{Machine, Running, not_run};
use rustix::process::{Signal, Uid};
use rustix::thread::set_thread_res_uid;
use serde_json::Value;
use socket2::{Domain, SockAddr, Socket, Type};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Somebody else, whom every Unix has.
const NOBODY: u32 = 65_534;

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

/// Does this as somebody else, as only root can.
fn as_nobody<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|threads| {
        let thread = threads.spawn(|| {
            let nobody = Uid::from_raw(NOBODY);
            // Of this thread alone, not of the process (setresuid(2), "C library/kernel
            // differences").
            set_thread_res_uid(nobody, nobody, nobody).unwrap();
            work()
        });
        thread.join().unwrap()
    })
}

/// True if this is root; otherwise says that the test does not run.
fn as_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        not_run("needs root");
    }
    root
}

#[test]
fn a_socket_that_another_user_listens_on_is_told_nothing() {
    if !as_root() {
        return;
    }
    let here = Machine::new();
    let mut host = here.start(["host"]);
    let code = host.code();
    host.until("status", "waiting");
    // Whoever listens is who is seen at the other end (unix(7), SO_PEERCRED).
    let theirs = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    theirs.bind(&SockAddr::unix(runtime(&here).join("0badc0de.sock")).unwrap()).unwrap();
    as_nobody(|| theirs.listen(8)).unwrap();
    assert_eq!(here.run(["status"]).expect(0).all("session").len(), 1);
    assert_eq!(
        here.run(["send", &code, "for one's own eyes", "--wait", "0"])
            .expect(11)
            .all("pending")
            .len(),
        1
    );
    here.run(["close", "--now"]).expect(0);
    host.end().expect(130);
    theirs.set_nonblocking(true).unwrap();
    let mut visits = 0;
    while let Ok((mut visitor, _)) = theirs.accept() {
        let mut said = Vec::new();
        visitor.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        visitor.read_to_end(&mut said).unwrap();
        assert!(said.is_empty(), "{}", String::from_utf8_lossy(&said));
        visits += 1;
    }
    assert!(visits >= 3, "every command has looked: {visits}");
}

#[test]
fn another_user_is_told_nothing_and_cannot_close() {
    if !as_root() {
        return;
    }
    let here = Machine::new();
    let mut host = here.start(["host"]);
    host.until("status", "waiting");
    let socket = socket(&here);
    // As if its owner had opened every door on the way.
    let open = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap()
    };
    socket
        .ancestors()
        .skip(1)
        .take_while(|path| *path != std::env::temp_dir())
        .for_each(|path| open(path, 0o755));
    open(&socket, 0o777);
    for request in
        ["{\"v\":1,\"do\":\"about\",\"code\":null}\n", "{\"v\":1,\"do\":\"close\",\"now\":true}\n"]
    {
        let answer = as_nobody(|| {
            let mut stream = UnixStream::connect(&socket).unwrap();
            // It may be closed already.
            let _ = stream.write_all(request.as_bytes());
            let mut answer = String::new();
            let _ = stream.read_to_string(&mut answer);
            answer
        });
        assert_eq!(answer, "");
    }
    open(&runtime(&here), 0o700);
    let about = here.run(["status"]).expect(0).one("session");
    assert_eq!(about["state"], "waiting");
    here.run(["close"]).expect(0);
    host.end().expect(0);
}

#[test]
fn a_directory_of_another_user_is_not_used() {
    if !as_root() {
        return;
    }
    let here = Machine::new();
    let mut host = here.start(["host"]);
    host.until("status", "waiting");
    chown(runtime(&here), Some(NOBODY), None).unwrap();
    for args in [&["status"][..], &["receive"], &["close"], &["send", "9000", "x"]] {
        let error: Value = here.run(args).expect(8).failure();
        assert_eq!(error["error"], "not-private", "{args:?}");
        assert!(error["detail"].as_str().unwrap().contains("belongs to another user"), "{error}");
    }
    // A session of its own needs no command.
    let mut giver = here.start(["give", "--text", "x"]);
    let code = giver.code();
    assert_eq!(Machine::new().run(["take", &code]).expect(0).one("text")["body"], "x");
    giver.end().expect(0);
}
