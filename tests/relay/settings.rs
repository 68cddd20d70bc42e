//! The relay's address: who names it, and what is printed where no relay is.

use crate::harness::proxy::free_port;
use crate::harness::relay::Relay;
use crate::harness::{Machine, Running};
use crate::tls::TlsRelay;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;

fn failure(command: Command, exit: i32, word: &str, says: &[&str]) {
    let ended = Running::start(command).end().expect(exit);
    let error = ended.failure();
    assert_eq!(error["error"], word, "{error}");
    assert!(
        says.iter().all(|says| error.to_string().contains(says)) && error["next"].is_string(),
        "{says:?}: {error}"
    );
    assert!(
        ended.all("status").iter().all(|status| status["event"] != "channel"),
        "a code without a number"
    );
}

#[test]
fn the_first_who_names_a_relay_decides_and_is_named() {
    let here = Machine::new();
    let [flag, variable, file, code] = [(); 4].map(|()| format!("ws://127.0.0.1:{}", free_port()));
    here.run_plain(["config", "set", "relay", &file]);
    let give = |args: &[&str], set: Option<&str>| {
        let mut command = here.command([&["give", "--text", "x"], args].concat());
        command.envs(set.map(|value| ("PINHOLE_RELAY", value)));
        command
    };
    let says = |url: &str, from: &str| format!("the relay {url}/ ({from}) cannot be reached");
    failure(
        give(&["--relay", &flag], Some(&variable)),
        5,
        "relay-unreachable",
        &[&says(&flag, "from --relay")],
    );
    failure(
        give(&[], Some(&variable)),
        5,
        "relay-unreachable",
        &[&says(&variable, "from PINHOLE_RELAY")],
    );
    let path = here.home().join(".config/pinhole/config.toml");
    failure(
        give(&[], None),
        5,
        "relay-unreachable",
        &[&says(&file, &format!("from {}", path.display()))],
    );
    let address = format!("417-walrus-clipboard-mango@{code}");
    let named = &[says(&code, "named by the code")];
    failure(
        here.command(["take", &address, "--relay", &flag]),
        5,
        "relay-unreachable",
        &[&named[0]],
    );
    // A setting that is not used is in nobody's way, however wrong.
    let mut command = here.command(["take", &address]);
    command.env("PINHOLE_RELAY", "ws://192.0.2.1");
    failure(command, 5, "relay-unreachable", &[&named[0]]);
    Running::start(give(&["--direct"], Some("ws://192.0.2.1"))).until("status", "channel");
    // None of them is something to say, too: this host listens.
    for (args, set) in [(&["--relay", "none"][..], Some(variable.as_str())), (&[], Some(""))] {
        let channel = Running::start(give(args, set)).until("status", "channel");
        assert!((1024..=65_535).contains(&channel["number"].as_u64().unwrap()), "{channel}");
    }
}

#[test]
fn what_cannot_be_a_relay_is_said_before_anything_is_dialled() {
    let here = Machine::new();
    let give = |args: &[&str]| here.command([&["give", "--text", "x"], args].concat());
    for (relay, says) in [
        ("wss://me:hunter2@relay.example", "user name"),
        ("ftp://relay.example", "wss://"),
        ("https://relay.example/#417-walrus-clipboard-mango", "# after its path"),
        ("ws://192.0.2.1", "--insecure-relay"),
    ] {
        let command = give(&["--relay", relay]);
        let ended = Running::start(command).end().expect(2);
        let all = ended.everything();
        assert!(
            all.contains(says)
                && all.contains("(from --relay)")
                && !all.contains("hunter2")
                && !all.contains("walrus"),
            "{all}"
        );
    }
    failure(
        here.command(["take", "417-walrus-clipboard-mango@ws://192.0.2.1"]),
        2,
        "usage",
        &["named by the code", "--insecure-relay"],
    );
    // Allowed, it is forbidden by something else.
    failure(
        give(&["--relay", "ws://192.0.2.1", "--insecure-relay"]),
        5,
        "network-forbidden",
        &["ws://192.0.2.1/ (from --relay)"],
    );
    let mut command = give(&["--relay", "ws://192.0.2.1"]);
    command.env("PINHOLE_INSECURE_RELAY", "1");
    failure(command, 5, "network-forbidden", &["PINHOLE_NETWORK"]);
    let mut command = give(&[]);
    command.env("PINHOLE_INSECURE_RELAY", "yes");
    failure(command, 2, "usage", &["PINHOLE_INSECURE_RELAY"]);
    failure(give(&["--ca-file", "missing.pem"]), 2, "usage", &["missing.pem", "(from --ca-file)"]);
    let mut command = give(&["--relay", &format!("wss://localhost:{}", free_port())]);
    command.env("HTTPS_PROXY", "nonsense://me:hunter2@p");
    failure(
        command,
        2,
        "usage",
        &["HTTPS_PROXY is set to something that is not the address of a proxy"],
    );
}

#[test]
fn what_is_no_relay_is_told_from_one() {
    let (relay, here) = (TlsRelay::start(), Machine::new());
    let at = |url: String| here.command(["give", "--text", "x", "--relay", &url]);
    // TLS where it is not expected, and the reverse.
    failure(
        at(format!("ws://localhost:{}", relay.relay.port)),
        5,
        "relay-unreachable",
        &["wss://"],
    );
    let plain = Relay::start();
    failure(
        at(format!("wss://localhost:{}", plain.port)),
        5,
        "relay-unreachable",
        &["ws:// instead of wss://"],
    );
    // A certificate that nobody named, and one for another name.
    failure(at(relay.url()), 5, "relay-certificate", &["(from --relay)", "--ca-file"]);
    let mut command = at(format!("wss://[::ffff:127.0.0.1]:{}", relay.relay.port));
    command.arg("--ca-file").arg(relay.certificate());
    failure(command, 5, "relay-certificate", &["another name"]);
    // A web server.
    let web = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = web.local_addr().unwrap().port();
    let served = std::thread::spawn(move || {
        let (mut socket, _) = web.accept().unwrap();
        let _ = socket.read(&mut [0; 2048]).unwrap();
        socket.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").unwrap();
    });
    failure(at(format!("ws://127.0.0.1:{port}")), 5, "relay-unreachable", &["404"]);
    served.join().unwrap();
}

#[test]
fn the_file_may_name_relay_and_certificate() {
    let (relay, here, there) = (TlsRelay::start(), Machine::new(), Machine::new());
    here.run_plain(["config", "set", "relay", &relay.url()]);
    // A path in the file is relative to the file.
    std::fs::copy(relay.certificate(), here.home().join(".config/pinhole/office.pem")).unwrap();
    let path = here.home().join(".config/pinhole/config.toml");
    std::fs::write(
        &path,
        format!("{}ca-file = 'office.pem'\n", std::fs::read_to_string(&path).unwrap()),
    )
    .unwrap();
    let mut giver = here.start(["give", "--text", "through the office's relay"]);
    let channel = giver.until("status", "channel");
    let link = channel["link"].as_str().unwrap();
    assert_eq!(
        link,
        format!("https://localhost:{}/#{}", relay.relay.port, channel["code"].as_str().unwrap())
    );
    let mut taker = there.command(["take", link, "--ca-file"]);
    taker.arg(relay.certificate());
    assert_eq!(
        Running::start(taker).end().expect(0).one("text")["body"],
        "through the office's relay"
    );
    giver.end().expect(0);
}
