//! Eleven defects that were found in the tool before this one, each with what it did, and that this
//! one does not.

use crate::channel::control::channel;
use crate::harness::content::{bytes, digest, digest_at, digest_of, in_full, names, pour};
use crate::harness::doctor::said;
use crate::harness::process::Watch;
use crate::harness::relay::Relay;
use crate::harness::socket::runtime;
use crate::harness::tap::Tap;
use crate::harness::terminal::Terminal;
use crate::harness::{Ended, Machine, PROGRAM, Running};
use rustix::process::Signal;
use socket2::SockRef;
use std::fs::File;
use std::io::Write;
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// A host and its peer, connected through this address of a relay; and the code between them.
fn through(relay: &str, here: &Machine, there: &Machine) -> (Running, Running, String) {
    let mut host = here.start(["host", "--relay", relay]);
    let code = host.code();
    let mut peer = there.start(["connect", &code, "--relay", relay]);
    host.until("status", "connected");
    peer.until("status", "connected");
    (host, peer, code)
}

/// Closes the channel at its host; both have ended well.
#[track_caller]
fn close(here: &Machine, host: Running, peer: Running) -> [Ended; 2] {
    here.run(["close"]).expect(0);
    [host, peer].map(|side| side.end().expect(0))
}

fn number(code: &str) -> &str {
    code.split_once('-').unwrap().0
}

/// A file of so many bytes, none like its neighbour, below the working directory.
fn large(machine: &Machine, name: &str, size: u64) -> PathBuf {
    let path = machine.path(name);
    assert_eq!(pour(File::create(&path).unwrap(), size), size);
    path
}

// The three words were both the password and the name of the room, and so were sent to the relay.
#[test]
fn defect_01_the_relay_gets_no_word_of_the_code() {
    let (relay, here, there) = (Relay::start(), Machine::new(), Machine::new());
    let tap = Tap::new(relay.port);
    let (host, peer, code) = through(&tap.url(), &here, &there);
    here.run(["send", number(&code), "hello"]).expect(0);
    close(&here, host, peer);
    let conversations = tap.conversations();
    assert_eq!(conversations.len(), 2);
    for got in conversations {
        let got = got.lock().unwrap();
        let payload: Vec<u8> =
            got.frames_to_relay().into_iter().flat_map(|(_, payload)| payload).collect();
        // The word that HTTP has for this is in the list too.
        let head = got.head().to_lowercase().replace("upgrade", "");
        let read = [head.as_bytes(), &payload.to_ascii_lowercase()].concat();
        let has = |text: &str| read.windows(text.len()).any(|window| window == text.as_bytes());
        let words = code.split_once('-').unwrap().1;
        assert!(!has(words) && !has(&words.replace('-', "")) && !has("hello"));
        // Shorter ones are in random bytes by chance.
        assert!(!words.split('-').any(|word| word.len() >= 5 && has(word)), "{code}");
        assert!(has("pinhole"), "the check finds what is there");
    }
}

// `send` had ended well when 8 MB ended the channel, and everything that had been received was
// deleted.
#[test]
fn defect_02_a_large_file_through_an_open_channel() {
    const LARGE: u64 = 12_000_000;
    let (relay, here, there) = (Relay::start(), Machine::new(), Machine::new());
    let (mut host, mut peer, code) = through(&relay.url(), &here, &there);
    here.write("small", "small");
    large(&here, "large", LARGE);
    let mut saved = Vec::new();
    for name in ["small", "large"] {
        here.run(["send", number(&code), "--file", name]).expect(0).one("delivered");
        // The file is there by the time that `send` names it.
        saved.push(PathBuf::from(peer.until("file", "")["saved_to"].as_str().unwrap()));
    }
    assert_eq!(
        (std::fs::read(&saved[0]).unwrap(), digest_at(&saved[1])),
        (b"small".to_vec(), digest_of(LARGE))
    );
    there.run(["send", number(&code), "still here"]).expect(0);
    assert_eq!(host.until("text", "")["body"], "still here");
    close(&here, host, peer);
    assert!(saved.iter().all(|path| path.exists()));
}

// The relay dropped what went over its rate, and the next record could not be opened any more.
#[test]
fn defect_03_a_relay_that_limits_slows_and_drops_nothing() {
    // A minute's worth of bytes goes at once, what is over it in about 2 s; texts are more than the
    // control messages of a minute.
    let relay = Relay::with(&["--bytes-a-minute", "3000000", "--control-a-minute", "60"]);
    let (here, there) = (Machine::new(), Machine::new());
    let (host, peer, code) = through(&relay.url(), &here, &there);
    let texts: Vec<String> = (0..70).map(|at| format!("{at} {}", "x".repeat(900))).collect();
    for text in &texts {
        here.run(["send", number(&code), text]).expect(0);
    }
    large(&here, "large", 3_100_000);
    here.run(["send", number(&code), "--file", "large"]).expect(0);
    let [_, peer] = close(&here, host, peer);
    let came: Vec<String> = peer
        .all("text")
        .into_iter()
        .map(|text| text["body"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(came, texts);
    assert_eq!(digest_at(peer.one("file")["saved_to"].as_str().unwrap()), digest_of(3_100_000));
    assert!(relay.metric("delayed_total") > 0, "nothing was slowed, so nothing is shown");
}

// `close` removed a directory; the host's process lived on, and the peer was told nothing.
#[test]
fn defect_04_close_ends_both_sides() {
    let (here, there) = (Machine::new(), Machine::new());
    let (host, mut peer, number) = channel(&here, &there);
    here.run(["close", &number]).expect(0);
    host.end().expect(0);
    assert_eq!(peer.until("status", "peer_left")["reason"], "done");
    peer.end().expect(0);
    assert!(!runtime(&here).exists() && !runtime(&there).exists());
}

// One stray connection, as of a port scan, was a failed handshake and ended the channel.
#[test]
fn defect_05_stray_connections_to_a_direct_host_do_no_harm() {
    let (here, there) = (Machine::new(), Machine::new());
    let mut host = here.start(["host", "--direct"]);
    let code = host.code();
    let port = number(&code).parse().unwrap();
    let dial = || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    let mut held = Vec::new();
    for round in 0..40 {
        let mut stray = dial();
        match round % 5 {
            0 => drop(stray),
            // Reset, as scanners end theirs.
            1 => SockRef::from(&stray).set_linger(Some(Duration::ZERO)).unwrap(),
            2 => stray.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap(),
            3 => {
                stray.write_all(b"\x16\x03\x01").unwrap();
                // It may have been closed already, without a word.
                let _ = stray.shutdown(Shutdown::Write);
            }
            _ => held.push(stray),
        }
    }
    let peer = there.start(["connect", &code]);
    host.until("status", "connected");
    here.run(["send", &code, "hello"]).expect(0);
    there.run(["close"]).expect(0);
    assert_eq!(peer.end().expect(0).one("text")["body"], "hello");
    assert!(!host.end().expect(0).everything().contains("handshake_failed"));
    drop(held);
}

// `send` wrote into a file that was looked at from time to time, and ended well at once.
// `send … && rm` lost what it sent.
#[test]
fn defect_06_send_ends_well_only_after_delivery() {
    let (here, there) = (Machine::new(), Machine::new());
    let (_host, mut peer, code) = channel(&here, &there);
    let (mut early, mut late) = (0, 0);
    for run in 0..if in_full() { 50 } else { 9 } {
        let content = bytes(1 + run * 40_000);
        let source = here.write(&format!("source{run}"), &content);
        // The other side is stopped, or is quick, or the command is quicker.
        let (stopped, wait) = [(true, "0"), (false, "45"), (false, "0")][run % 3];
        if stopped {
            peer.signal(Signal::STOP);
        }
        let line = "\"$0\" send \"$1\" --file \"$2\" --wait \"$3\" && rm \"$2\"";
        let sent = here.shell(line, [&code, source.to_str().unwrap(), wait]);
        let sent = Running::start(sent).end();
        match (sent.status.code(), source.exists()) {
            (Some(11), true) => {
                early += 1;
                peer.signal(Signal::CONT);
                // The command that it names tells when it is done.
                let next = sent.one("pending")["next"]
                    .as_str()
                    .unwrap()
                    .strip_prefix("pinhole ")
                    .unwrap()
                    .to_owned();
                while here.run(next.split(' ')).expect(0).all("delivered").is_empty() {}
            }
            (Some(0), false) => {
                assert!(!stopped, "the other side could not have it yet");
                late += 1;
                here.run(["receive"]).expect(0);
            }
            other => panic!("{other:?} {:#?}", sent.lines),
        }
        let saved = peer.until("file", "")["saved_to"].as_str().unwrap().to_owned();
        assert!(std::fs::read(saved).unwrap() == content, "run {run}");
    }
    println!("{early} not delivered yet, {late} delivered");
    assert!(early > 0 && late > 0);
}

// It printed the code, then found that there was no relay, and ended with 0.
#[test]
fn defect_07_what_fails_says_so_and_shows_no_code() {
    let here = Machine::new();
    // It was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let nobody = format!("ws://127.0.0.1:{port}");
    for command in [&["host"][..], &["give", "--text", "x"], &["take"]] {
        let ended = here.run([command, &["--relay", &nobody]].concat()).expect(5);
        assert_eq!(ended.failure()["error"], "relay-unreachable");
        assert!(!ended.everything().contains("\"code\""), "{:#?}", ended.lines);
    }
    let relay = Relay::start();
    for (args, exit) in [
        (vec!["connect", "417-walrus-clipboard-mango", "--relay", &nobody], 5),
        (vec!["connect", "417-walrus-clipboard-mango", "--relay", &relay.url()], 3),
        (vec!["connect", &format!("{port}-walrus-clipboard-mango")], 3),
    ] {
        here.run(&args).expect(exit);
    }
}

// Received files were deleted at the end, one of the same name was overwritten, and each was held
// in memory whole.
#[test]
fn defect_08_received_files_stay_and_are_never_overwritten() {
    // More than the receiver may hold.
    const LARGE: u64 = 80_000_000;
    let (here, there) = (Machine::new(), Machine::new());
    let (host, mut peer, code) = channel(&here, &there);
    let memory = [Watch::start(host.child.id()), Watch::start(peer.child.id())];
    let mut saved = Vec::new();
    for content in ["one", "two"] {
        here.write("same", content);
        here.run(["send", &code, "--file", "same"]).expect(0);
        saved.push((
            PathBuf::from(peer.until("file", "")["saved_to"].as_str().unwrap()),
            digest(content.as_bytes()),
        ));
    }
    large(&here, "large", LARGE);
    here.run(["send", &code, "--file", "large"]).expect(0);
    saved.push((
        PathBuf::from(peer.until("file", "")["saved_to"].as_str().unwrap()),
        digest_of(LARGE),
    ));
    memory.into_iter().for_each(Watch::check);
    close(&here, host, peer);
    for (path, digest) in &saved {
        assert_eq!(digest_at(path), *digest, "{}", path.display());
    }
    assert_ne!(saved[0].0, saved[1].0);
    // Nor a file that was here before.
    there.write("same", "mine");
    here.write("same", "theirs");
    let mut host = here.start(["host"]);
    let peer = there.start(["connect", &host.code(), "-o", "."]);
    host.until("status", "connected");
    here.run(["send", "--role", "host", &host_number(&host), "--file", "same"]).expect(0);
    here.run(["close"]).expect(0);
    peer.end().expect(0);
    assert_eq!(
        (std::fs::read(there.path("same")).unwrap(), names(there.dir()).len()),
        (b"mine".to_vec(), 2)
    );
}

fn host_number(host: &Running) -> String {
    let line = host.seen.iter().find(|line| line.contains("\"number\":")).unwrap();
    serde_json::from_str::<serde_json::Value>(line).unwrap()["number"].to_string()
}

// Without something that watches its output line by line there was no way to use it.
#[test]
fn defect_09_everything_can_be_asked_for_when_nobody_watches() {
    let (here, there) = (Machine::new(), Machine::new());
    let unwatched = |machine: &Machine, args: &[&str]| {
        let mut command = machine.command(args);
        command.stdout(Stdio::null());
        Running::start(command)
    };
    let mut host = unwatched(&here, &["host", "--label", "it"]);
    // It may not listen yet.
    while !here.run(["receive", "--label", "it", "--wait", "20"]).status.success() {}
    // Its code is for the eyes of a person alone.
    let seen = Terminal::start(&here, 200, ["status", "--label", "it"]).end(0);
    let code = seen.split_once(", under ").unwrap().1.split(',').next().unwrap();
    let mut peer = unwatched(&there, &["connect", code]);
    for (from, to, text) in [(&here, &there, "ping"), (&there, &here, "pong")] {
        // The other side may still be coming.
        while from.run(["status"]).expect(0).all("session").is_empty() {}
        from.run(["send", code, text]).expect(0);
        while to
            .run(["receive", code, "--wait", "20"])
            .all("text")
            .iter()
            .all(|got| got["body"] != text)
        {}
    }
    let all = here.run(["receive", code, "--after", "0"]).expect(0);
    let seqs = all.lines.iter().filter_map(|line| {
        serde_json::from_str::<serde_json::Value>(line).unwrap()["seq"].as_u64()
    });
    let seqs: Vec<u64> = seqs.collect();
    assert_eq!(
        seqs,
        (1..=*seqs.last().unwrap()).collect::<Vec<_>>(),
        "what was missed can be seen, and had"
    );
    here.run(["close", code]).expect(0);
    assert!(host.child.wait().unwrap().success() && peer.child.wait().unwrap().success());
}

// It looked for `CLAUDE_CODE`, which nobody sets: Claude Code sets `CLAUDECODE`.
#[test]
fn defect_10_claude_code_is_known_by_the_variable_that_it_sets() {
    let here = Machine::new();
    let outside = here.home().join("outside");
    std::fs::write(&outside, "x").unwrap();
    let running = |name: &str, args: &[&str]| {
        let mut command = here.command(args);
        command.env(name, "1");
        Running::start(command)
    };
    let give = ["give", outside.to_str().unwrap()];
    assert_eq!(running("CLAUDECODE", &give).end().expect(5).failure()["error"], "fenced");
    running("CLAUDE_CODE", &give).code();
    let agent = |name: &str| said(&running(name, &["doctor"]).end().expect(0), "agent").1;
    assert!(
        agent("CLAUDECODE").contains("Claude Code")
            && !agent("CLAUDE_CODE").contains("Claude Code")
    );
}

// 34 packages and 105 MB, two seconds for `--help`, and a directory in /tmp whose name everybody
// knew.
#[test]
fn defect_11_one_program_alone_and_no_directory_that_can_be_guessed() {
    let here = Machine::new();
    let program = PathBuf::from(PROGRAM);
    let libraries = libraries(&program);
    let of_the_system = [
        "libc.so.6",
        "libm.so.6",
        "libgcc_s.so.1",
        "ld-linux-x86-64.so.2",
        "ld-linux-aarch64.so.1",
    ];
    for library in &libraries {
        let name = library.file_name().unwrap().to_str().unwrap();
        assert!(of_the_system.contains(&name), "{name} is needed besides");
    }
    // In a file system with nothing else in it: no other program can be started and no other file
    // read.
    let mut alone = Command::new("bwrap");
    alone.env_clear().args(["--unshare-net", "--ro-bind"]).arg(&program).arg("/pinhole");
    for library in &libraries {
        alone.arg("--ro-bind").arg(library).arg(library);
    }
    let output = alone.args(["/pinhole", "--help"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), here.run_plain(["--help"]));

    let there = Machine::new();
    let temporary = there.path("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let mut folders = Vec::new();
    for _ in 0..2 {
        let mut host = here.start(["host"]);
        let mut command = there.command(["connect", &host.code()]);
        command.env("TMPDIR", &temporary);
        let mut peer = Running::start(command);
        host.until("status", "connected");
        here.write("gift", "x");
        here.run(["send", &host_number(&host), "--file", "gift"]).expect(0);
        let saved = PathBuf::from(peer.until("file", "")["saved_to"].as_str().unwrap());
        for private in [saved.parent().unwrap(), &runtime(&there)] {
            assert!(private.starts_with(there.home()), "{}", private.display());
            assert_eq!(private.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        }
        folders.push(saved.parent().unwrap().to_owned());
        here.run(["close"]).expect(0);
        peer.end().expect(0);
    }
    assert_ne!(folders[0], folders[1]);
    assert!(names(temporary).is_empty());
}

/// The shared libraries that a program is started with; none if it is static.
fn libraries(program: &Path) -> Vec<PathBuf> {
    // ld.so(8): it lists them and does not start the program.
    let listed = Command::new(program)
        .env("LD_TRACE_LOADED_OBJECTS", "1")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    listed
        .split_whitespace()
        .filter(|word| word.starts_with('/') && word.contains(".so"))
        .map(PathBuf::from)
        .collect()
}
