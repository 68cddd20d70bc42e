//! Other users of the machine, in the way of this one's commands.

use crate::harness::socket::{runtime, socket};
use crate::harness::{Machine, not_run};
use rustix::process::Uid;
use rustix::thread::set_thread_res_uid;
use serde_json::Value;
use socket2::{Domain, SockAddr, Socket, Type};
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Somebody else, whom every Unix has.
const NOBODY: u32 = 65_534;

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

#[test]
fn a_directory_of_others_is_refused_and_a_session_goes_on_without_it() {
    let here = Machine::new();
    let mut host = here.start(["host"]);
    host.until("status", "waiting");
    std::fs::set_permissions(runtime(&here), std::fs::Permissions::from_mode(0o755)).unwrap();
    for args in [vec!["status"], vec!["close"], vec!["receive"], vec!["send", "9000", "x"]] {
        assert_eq!(here.run(&args).expect(8).failure()["error"], "not-private", "{args:?}");
    }
    // Whoever names a session wants to reach it.
    let mut named = here.start(["give", "--text", "x", "--label", "it"]);
    assert_eq!(named.until("error", "")["error"], "no-control");
    let code = named.code();
    assert_eq!(Machine::new().run(["take", &code]).expect(0).one("text")["body"], "x");
    let unnamed = named.end();
    assert_eq!(unnamed.status.code(), Some(0));
}
