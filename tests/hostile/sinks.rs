//! Places in which a secret can be read while it is handed over: for each source and each
//! destination every output, every file, and what the system shows of both processes (C10).

use crate::count;
use crate::harness::{Machine, Running};
use crate::sender::tree;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

const SECRET: &str = "correct-horse-7f3a9c1e-battery-staple";

/// The files of a machine, its home included, that have these bytes in their content or name, by
/// their paths from the machine's root.
fn holding(machine: &Machine, value: &str) -> BTreeSet<String> {
    let root = machine.dir().parent().unwrap().to_owned();
    let has = |bytes: &[u8]| bytes.windows(value.len()).any(|window| window == value.as_bytes());
    // Reading a pipe would wait for its writer.
    let content = |path: &Path| {
        if path.is_file() { std::fs::read(path).unwrap_or_default() } else { Vec::new() }
    };
    let holds = |path: &String| has(path.as_bytes()) || has(&content(&root.join(path)));
    tree(machine).into_iter().filter(holds).collect()
}

/// Everything that the same user, or everybody, can read of a process: command line, environment
/// and open files.
fn shown(pid: u32) -> Vec<(String, Vec<u8>)> {
    let process = PathBuf::from(format!("/proc/{pid}"));
    let mut all: Vec<_> = ["cmdline", "environ"]
        .map(|name| (name.to_owned(), std::fs::read(process.join(name)).unwrap_or_default()))
        .into();
    for entry in std::fs::read_dir(process.join("fd")).into_iter().flatten().flatten() {
        let target = std::fs::read_link(entry.path()).unwrap_or_default();
        // A pipe or socket cannot be looked into without taking from it.
        let content = if is_plain(&target) {
            std::fs::read(entry.path()).unwrap_or_default()
        } else {
            Vec::new()
        };
        all.push((
            format!("fd {}", target.display()),
            [target.as_os_str().as_encoded_bytes(), &content].concat(),
        ));
    }
    all
}

fn is_plain(target: &Path) -> bool {
    target.to_string_lossy().ends_with(" (deleted)") || target.is_file()
}

#[track_caller]
fn nowhere(process: &Running, but: &str) {
    for (place, content) in shown(process.child.id()) {
        assert!(
            place == but || !String::from_utf8_lossy(&content).contains(SECRET),
            "the secret is in {place}"
        );
    }
}

/// A giver of the secret from this source, and the place of `/proc` in which its own user has put
/// it.
fn giver(here: &Machine, source: &str) -> (Running, &'static str) {
    let mut command = here.command(["give"]);
    command.env("RUST_LOG", "trace").env("RUST_BACKTRACE", "full");
    match source {
        "file" => {
            here.write("token", SECRET);
            command.args(["--secret-file", "token"]);
        }
        "variable" => {
            command.args(["--secret-env", "TOKEN"]).env("TOKEN", SECRET);
        }
        _ => {
            command.args(["--secret", "--secret-name", "TOKEN"]).stdin(Stdio::piped());
        }
    }
    let mut giver = Running::start(command);
    if source == "input" {
        giver.feed(SECRET);
        giver.hang_up();
    }
    (giver, if source == "variable" { "environ" } else { "" })
}

#[test]
fn from_each_source_to_each_place_a_secret_is_in_its_place_alone() {
    // Beside storing it, the program waits until the test has looked at the taker, and shows what
    // it has open itself.
    let exec = "read -r go < gate; ls -l /proc/$$/fd >&2; cat > exec; printf %s \"$TOKEN\" >> exec";
    for source in ["file", "variable", "input"] {
        for (args, place) in [
            (&[][..], ""),
            (&["--secret-to-file", "mine"], "work/mine"),
            (&["--secret-to-env-file", ".env:TOKEN"], "work/.env"),
            (&["--secret-exec", "--", "sh", "-c", exec], "work/exec"),
            (&["--secret-exec=TOKEN", "--", "sh", "-c", exec], "work/exec"),
        ] {
            let (here, there) = (Machine::new(), Machine::new());
            let (mut giver, own) = giver(&here, source);
            let code = giver.code();
            nowhere(&giver, own);
            let gate = there.path("gate");
            rustix::fs::mkfifoat(rustix::fs::CWD, &gate, 0o600.into()).unwrap();
            let mut command = there.command([&["take", &code], args].concat());
            command.env("RUST_LOG", "trace").env("RUST_BACKTRACE", "full");
            let mut taker = Running::start(command);
            if place == "work/exec" {
                taker.until("status", "connected");
                // Opens when the program has opened it too.
                let opened = std::fs::OpenOptions::new().write(true).open(&gate).unwrap();
                nowhere(&taker, "");
                nowhere(&giver, own);
                assert!(holding(&there, SECRET).is_empty());
                std::io::Write::write_all(&mut { opened }, b"go\n").unwrap();
            }
            std::fs::remove_file(&gate).unwrap();
            let (taker, giver) = (taker.end(), giver.end());
            assert_eq!(
                (taker.status.code(), giver.status.code()),
                (Some(0), Some(0)),
                "{:#?} {:#?}",
                taker.lines,
                taker.errors
            );
            assert!(
                !taker.everything().contains(SECRET) && !giver.everything().contains(SECRET),
                "{source} {args:?}"
            );
            // The program has not the connection to the peer.
            assert!(
                !taker.errors.iter().any(|line| line.contains("socket:")),
                "{:#?}",
                taker.errors
            );

            let found = holding(&there, SECRET);
            let event = &taker.one("secret");
            let expected = match event["saved_to"].as_str() {
                Some(path) => there
                    .path(path)
                    .strip_prefix(there.dir().parent().unwrap())
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned(),
                None => place.to_owned(),
            };
            assert_eq!(found, BTreeSet::from([expected.clone()]), "{source} {args:?}");
            assert!(place.is_empty() || expected == place, "{expected}");
            let own = if source == "file" {
                BTreeSet::from(["work/token".to_owned()])
            } else {
                BTreeSet::new()
            };
            assert_eq!(holding(&here, SECRET), own, "{source} {args:?}");
        }
    }
}

/// The processes of this machine with this value in the command line or environment.
fn processes_with(value: &str) -> Vec<(u32, &'static str)> {
    let all = std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let has = |pid: u32, place: &str| {
        std::fs::read(format!("/proc/{pid}/{place}"))
            .is_ok_and(|seen| String::from_utf8_lossy(&seen).contains(value))
    };
    all.flat_map(|pid| ["cmdline", "environ"].map(|place| (pid, place)))
        .filter(|(pid, place)| has(*pid, place))
        .collect()
}

#[test]
fn a_secret_that_is_held_is_in_memory_and_then_where_it_was_taken_to() {
    // Of its own, because other tests put theirs into environments meanwhile.
    const HELD: &str = "held-horse-51c0ffee-battery-staple";
    let exec = "echo $$ >&2; read -r go < gate; cat > exec; printf %s \"$TOKEN\" >> exec";
    for (args, place, stays) in [
        (&["--secret-to-file", "mine"][..], "work/mine", false),
        (&["--secret-to-env-file", ".env:TOKEN"], "work/.env", false),
        (&["--secret-exec", "--", "sh", "-c", exec], "work/exec", false),
        (&["--secret-exec=TOKEN", "--", "sh", "-c", exec], "work/exec", true),
    ] {
        let (here, there) = (Machine::new(), Machine::new());
        there.write("token", HELD);
        let start = |machine: &Machine, args: &[&str]| {
            let mut command = machine.command(args);
            command.env("RUST_LOG", "trace").env("RUST_BACKTRACE", "full");
            Running::start(command)
        };
        let mut host = start(&here, &["host"]);
        let code = host.code();
        let mut peer = start(&there, &["connect", &code]);
        peer.until("status", "connected");
        let sent = start(&there, &["send", &code, "--secret-file", "token"]).end().expect(0);
        let told = start(&here, &["receive"]).end().expect(0);
        assert_eq!(told.one("secret")["stored"], "held");
        assert!(holding(&here, HELD).is_empty());
        let open = |process: &Running| {
            shown(process.child.id())
                .iter()
                .any(|(_, seen)| String::from_utf8_lossy(seen).contains(HELD))
        };
        assert!(!open(&host) && !open(&peer) && processes_with(HELD).is_empty());

        let gate = here.path("gate");
        rustix::fs::mkfifoat(rustix::fs::CWD, &gate, 0o600.into()).unwrap();
        let mut taker = start(&here, &[&["receive"], args].concat());
        if place == "work/exec" {
            let program: u32 = taker.error_line().unwrap().parse().unwrap();
            let opened = std::fs::OpenOptions::new().write(true).open(&gate).unwrap();
            let expected = if stays { vec![(program, "environ")] } else { Vec::new() };
            assert_eq!(processes_with(HELD), expected);
            assert!(!open(&host) && !open(&taker) && holding(&here, HELD).is_empty());
            std::io::Write::write_all(&mut { opened }, b"go\n").unwrap();
        }
        let taker = taker.end();
        assert_eq!(taker.status.code(), Some(0), "{:#?} {:#?}", taker.lines, taker.errors);
        std::fs::remove_file(&gate).unwrap();
        assert_eq!(holding(&here, HELD), BTreeSet::from([place.to_owned()]));
        start(&here, &["close"]).end().expect(0);
        for ended in [taker, sent, told, host.end().expect(0), peer.end().expect(0)] {
            assert!(!ended.everything().contains(HELD), "{:#?}", ended.lines);
        }
        assert_eq!(holding(&here, HELD), BTreeSet::from([place.to_owned()]));
    }
}

#[test]
fn a_taker_that_is_killed_leaves_no_copy() {
    // Long enough that writing it takes a while.
    let long = format!("{SECRET}\n").repeat(20_000);
    let begin = |visit: u32| {
        let (here, there) = (Machine::new(), Machine::new());
        here.write("token", &long);
        let mut giver = here.start(["give", "--secret-file", "token"]);
        let code = giver.code();
        let args: &[&str] =
            if visit.is_multiple_of(2) { &["--secret-to-file", "mine"] } else { &["-o", "."] };
        let mut taker = there.start([&["take", &code], args].concat());
        taker.until("status", "connected");
        ([here, there], giver, taker)
    };
    // From its connection to its end, when nobody kills it.
    let (machines, giver, taker) = begin(0);
    let connected = Instant::now();
    taker.end().expect(0);
    let whole = connected.elapsed();
    drop((giver, machines));
    let (mut early, mut late) = (0, 0);
    let visits = u32::try_from(count(200, 50)).unwrap();
    for visit in 0..visits {
        let ([_here, there], _giver, mut taker) = begin(visit);
        // A little later each time, so that it is killed at each step of what it does.
        let connected = Instant::now();
        while connected.elapsed() < whole * visit / visits {
            std::thread::yield_now();
        }
        taker.child.kill().unwrap();
        taker.child.wait().unwrap();
        let found = holding(&there, SECRET);
        match found.iter().next().map(String::as_str) {
            None => early += 1,
            // Whole, under the name that was asked for.
            Some("work/mine" | "work/token") if found.len() == 1 => {
                let name = found.first().unwrap().strip_prefix("work/").unwrap();
                assert_eq!(std::fs::read_to_string(there.path(name)).unwrap().len(), long.len());
                late += 1;
            }
            _ => panic!("{found:?}"),
        }
    }
    println!("{early} killed before, {late} after the secret was stored");
}
