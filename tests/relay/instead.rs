//! Servers in a relay's place, or before it, that answer its upgrade: each is named for what it is.

use crate::harness::relay::Relay;
use crate::harness::tap::head_end;
use crate::harness::{Machine, Running};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// Answers each request with `answer`, `{port}` in it being its own port, and keeps what was asked.
/// It ends with the test's process.
struct Front {
    port: u16,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Front {
    fn new(answer: impl AsRef<[u8]>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard: Arc<Mutex<Vec<String>>> = Arc::default();
        let (answer, kept) = (answer.as_ref().to_vec(), Arc::clone(&heard));
        thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                if let Some(head) = head(&socket) {
                    kept.lock().unwrap().push(head);
                    let _ = (&socket).write_all(&answer);
                }
            }
        });
        Self { port, heard }
    }

    fn url(&self) -> String {
        format!("ws://localhost:{}/p", self.port)
    }
}

/// The head of a request.
fn head(mut socket: &TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte).ok()?;
        bytes.extend(byte);
    }
    Some(String::from_utf8(bytes).unwrap())
}

/// Checks what `give` prints at this front.
fn given(front: &Front, word: &str, says: &[&str]) {
    let here = Machine::new();
    let ended = here.run(["give", "--text", "x", "--relay", &front.url()]).expect(5);
    let (error, all) = (ended.failure(), ended.everything());
    assert_eq!(error["error"], word, "{error}");
    let said =
        format!("{} → {}", error["detail"].as_str().unwrap(), error["next"].as_str().unwrap());
    assert!(said.contains(&format!("the relay {} (from --relay)", front.url())), "{said}");
    assert!(
        says.iter().all(|says| said.contains(says)) && !all.contains("hunter2"),
        "{says:?}: {said}"
    );
}

#[test]
fn each_answer_in_a_relays_place_has_a_sentence_of_its_own() {
    for (answer, word, says) in [
        // A proxy that keeps the headers of the upgrade: a relay's own answer to that, a page, and
        // a 101 without them.
        (
            "HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13\r\n\r\n",
            "relay-unreachable",
            &["without the headers Upgrade", "pass"][..],
        ),
        (
            "HTTP/1.1 200 OK\r\n\r\n<html>",
            "relay-unreachable",
            &["answers with a page", "blocks WebSockets"],
        ),
        (
            "HTTP/1.1 101 Switching Protocols\r\n\r\n",
            "relay-unreachable",
            &["without the headers Upgrade", "blocks WebSockets"],
        ),
        // Passwords.
        (
            "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"hunter2\"\r\n\r\n",
            "relay-refused",
            &[
                "something in front of the relay",
                "wants a user name and a password (HTTP status 401)",
            ],
        ),
        (
            "HTTP/1.1 401 No\r\n\r\n",
            "relay-refused",
            &["wants a token from hosts", "--host-token-file"],
        ),
        (
            "HTTP/1.1 407 No\r\n\r\n",
            "proxy-refused",
            &[
                "a proxy on the way to",
                "wants a user name and a password (HTTP status 407)",
                "HTTPS_PROXY",
            ],
        ),
        // Redirects to elsewhere.
        (
            "HTTP/1.1 302 Found\r\nLocation: https://login.example/sso?token=hunter2\r\n\r\n",
            "relay-unreachable",
            &["redirects to https://login.example/sso (HTTP status 302)", "browser"],
        ),
        (
            "HTTP/1.1 301 Moved\r\nLocation: https://localhost/p\r\n\r\n",
            "relay-unreachable",
            &["redirects to https://localhost/p (HTTP status 301)", "wss://localhost/p"],
        ),
        (
            "HTTP/1.1 302 Found\r\nLocation: /\x1b[2J\r\n\r\n",
            "relay-unreachable",
            &["redirects to an address that no relay has"],
        ),
        // HTTP/2 alone, said in its own frames and in a status.
        ("\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x64", "relay-unreachable", &["speaks only HTTP/2"]),
        (
            "HTTP/1.1 505 HTTP Version Not Supported\r\n\r\n",
            "relay-unreachable",
            &["speaks only HTTP/2"],
        ),
        // Other versions, other servers.
        (
            "HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Protocol: pinhole.2\r\n\r\n",
            "no-common-version",
            &["have no protocol version in common", "update"],
        ),
        (
            "HTTP/1.0 404 Not Found\r\n\r\n",
            "relay-unreachable",
            &["answers in HTTP/1.0 (status 404)"],
        ),
        ("HTTP/1.1 404 Not Found\r\n\r\n", "relay-unreachable", &["answers with HTTP status 404"]),
        ("\x15\x03\x03\0\x02\x02\x16", "relay-unreachable", &["speaks TLS there", "wss://"]),
        ("SSH-2.0-x\r\n", "relay-unreachable", &["does not speak the protocol of a pinhole relay"]),
        ("", "relay-unreachable", &["hangs up when it is asked for a WebSocket"]),
    ] {
        given(&Front::new(answer), word, says);
    }
}

#[test]
fn a_joiner_is_never_told_of_a_token_that_only_hosts_need() {
    let (front, here) =
        (Front::new("HTTP/1.1 401 No\r\nWWW-Authenticate: Negotiate\r\n\r\n"), Machine::new());
    let error = here
        .run(["take", &format!("417-walrus-clipboard-mango@{}", front.url()), "-o", "."])
        .expect(5)
        .failure();
    assert!(
        error["detail"]
            .as_str()
            .unwrap()
            .contains("wants a user name and a password (HTTP status 401)"),
        "{error}"
    );
}

#[test]
fn a_redirect_on_the_same_host_is_followed() {
    let (relay, here, there) = (Relay::start(), Machine::new(), Machine::new());
    for location in
        [format!("http://localhost:{}/deep/", relay.port), format!("ws://LOCALHOST:{}", relay.port)]
    {
        let front =
            Front::new(format!("HTTP/1.1 308 Permanent Redirect\r\nLocation: {location}\r\n\r\n"));
        here.write("gift", b"the gift");
        let mut giver = here.start(["give", "gift", "--relay", &front.url()]);
        let code = giver.code();
        there
            .run(["take", &code, "--relay", &front.url(), "-o", ".", "--conflict", "overwrite"])
            .expect(0);
        giver.end().expect(0);
        assert_eq!(std::fs::read(there.path("gift")).unwrap(), b"the gift");
        assert!(
            front.heard.lock().unwrap().iter().all(|head| head.starts_with("GET /p HTTP/1.1\r\n"))
        );
    }
}

#[test]
fn redirects_that_never_end_are_not_followed_for_ever() {
    let front = Front::new("HTTP/1.1 307 Temporary Redirect\r\nLocation: more\r\n\r\n");
    let here = Machine::new();
    let error = here.run(["give", "--text", "x", "--relay", &front.url()]).expect(5).failure();
    assert!(error["detail"].as_str().unwrap().contains("redirects again and again"), "{error}");
    let heard = front.heard.lock().unwrap();
    let asked: Vec<&str> = heard.iter().map(|head| head.split(' ').nth(1).unwrap()).collect();
    assert_eq!(asked, ["/p", "/more", "/more", "/more"]);
}

/// A proxy that gives the upgrade's headers to nobody, as nginx does unless it is told to.
#[test]
fn a_proxy_that_keeps_the_upgrade_is_told_from_a_relay_of_another_version() {
    let relay = Relay::start();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://localhost:{}", listener.local_addr().unwrap().port());
    let port = relay.port;
    thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let Some(head) = head(&socket) else { continue };
            let mut behind = TcpStream::connect(("127.0.0.1", port)).unwrap();
            let kept: Vec<&str> = head
                .split("\r\n")
                .filter(|line| !line.starts_with("Upgrade:") && !line.starts_with("Connection:"))
                .collect();
            behind.write_all(kept.join("\r\n").as_bytes()).unwrap();
            let mut answer = Vec::new();
            behind.read_to_end(&mut answer).unwrap();
            assert!(head_end(&answer) > 0);
            let _ = (&socket).write_all(&answer);
        }
    });
    let here = Machine::new();
    let error = here.run(["give", "--text", "x", "--relay", &url]).expect(5).failure();
    assert_eq!(error["error"], "relay-unreachable");
    let said = error.to_string();
    assert!(
        said.contains("without the headers Upgrade and Connection")
            && said.contains("blocks WebSockets"),
        "{said}"
    );
    // The relay's health is asked as a page is, and is well.
    here.run_plain(["relay", "--health", &url]);
}

#[test]
fn health_says_the_same_and_follows_as_far() {
    let (relay, here) = (Relay::start(), Machine::new());
    let doctor = |front: &Front| {
        let mut command = here.command(["doctor"]);
        command.env("PINHOLE_RELAY", front.url());
        Running::start(command).end().everything()
    };
    for (answer, says) in [
        (
            "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\n\r\n",
            "wants a user name and a password (HTTP status 401)",
        ),
        (
            "HTTP/1.1 302 No\r\nLocation: https://login.example/x?y\r\n\r\n",
            "redirects to https://login.example/x (HTTP status 302)",
        ),
    ] {
        let said = doctor(&Front::new(answer));
        assert!(said.contains(says), "{said}");
    }
    let said = doctor(&Front::new(format!(
        "HTTP/1.1 301 x\r\nLocation: http://localhost:{}/health\r\n\r\n",
        relay.port
    )));
    assert!(said.contains("works, and answers in"), "{said}");
}
