//! A relay that was here before, and the tokens of its earlier life (SPEC 10.2, 10.3; D16).

use crate::count;
use crate::harness::relay::Relay;
use crate::harness::terminal::Terminal;
use crate::harness::{Machine, Running};
use crate::joiner::{Heard, Socket, Waiting};
use crate::operator::until;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::os::unix::fs::MetadataExt;
use std::time::{SystemTime, UNIX_EPOCH};

const UNAVAILABLE: Heard = Heard::Closed(Some(4001));
const HOUR: u64 = 3_600_000;

/// HMAC-SHA256 (RFC 2104), without any of the code that is tested.
fn hmac(key: &[u8; 32], message: &[u8]) -> Vec<u8> {
    let pad =
        |with: u8| (0..64).map(|at| key.get(at).copied().unwrap_or(0) ^ with).collect::<Vec<u8>>();
    let inner = Sha256::digest([&pad(0x36), message].concat());
    Sha256::digest([&pad(0x5c)[..], &inner].concat()).to_vec()
}

/// The token that a relay with this key issues for a number, so many milliseconds ago, as SPEC 10.3
/// says.
fn token(key: &[u8; 32], number: u32, ago: u64) -> String {
    let now =
        u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
    let stamp = [&(now - ago).to_be_bytes()[..], &[0x5e; 8]].concat();
    let mac = hmac(key, &[b"pinhole relay owner", &number.to_be_bytes()[..], &stamp].concat());
    [&stamp, &mac[..16]].concat().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A host that asks for a number with this token.
fn claim(relay: &Relay, number: u32, token: &str) -> Result<Socket, Heard> {
    let authorization = format!("Pinhole owner={token}");
    let mut host = Socket::with(
        8,
        relay.port,
        &format!("host-{number}"),
        &[("authorization", &authorization)],
    )
    .unwrap();
    match host.hear() {
        Heard::Text(text) => {
            let said: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(
                (said["number"].as_u64(), said["owner"].as_str()),
                (Some(number.into()), Some(token))
            );
            Ok(host)
        }
        refused => Err(refused),
    }
}

/// A relay that finds this key, and the machine that it is kept on.
fn found(key: &[u8; 32], options: &[&str]) -> (Relay, Machine) {
    let machine = Machine::new();
    let path = machine.write("key", key);
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let path = path.display().to_string();
    (
        Relay::with(
            &[
                &[
                    "--owner-key-file",
                    &path,
                    "--waiting-hosts",
                    "1000",
                    "--hosts-a-minute",
                    "1000",
                    "--connections",
                    "1000",
                ],
                options,
            ]
            .concat(),
        ),
        machine,
    )
}

#[test]
fn a_token_that_this_relay_did_not_make_gives_nothing_back() {
    let key = [7; 32];
    let (relay, _machine) = found(&key, &[]);
    let genuine = token(&key, 417, 0);
    let altered = (0..genuine.len()).map(|at| {
        let digit = if &genuine[at..=at] == "0" { "1" } else { "0" };
        format!("{}{digit}{}", &genuine[..at], &genuine[at + 1..])
    });
    let worthless = [
        ("forged", "5e".repeat(32)),
        ("foreign", token(&[8; 32], 417, 0)),
        ("of another number", token(&key, 418, 0)),
        ("old", token(&key, 417, 24 * HOUR + 1_000)),
    ];
    for (how, token) in worthless.into_iter().chain(altered.map(|token| ("altered", token))) {
        assert_eq!(claim(&relay, 417, &token).map(drop), Err(UNAVAILABLE), "{how}: {token}");
    }
    claim(&relay, 417, &token(&key, 417, 23 * HOUR)).unwrap();
    // The half of it has not its form.
    assert_eq!(
        Socket::with(
            8,
            relay.port,
            "host-417",
            &[("authorization", &format!("Pinhole owner={}", &genuine[..32]))]
        )
        .err(),
        Some(400)
    );
}

#[test]
fn of_two_claims_the_one_issued_later_wins() {
    let key = [7; 32];
    let (relay, _machine) = found(&key, &[]);
    let (early, late) = (token(&key, 417, 2 * HOUR), token(&key, 417, HOUR));
    let mut first = claim(&relay, 417, &early).unwrap();
    // Its guest would come to it now.
    first.send(b"\0\0\0\x01one");
    let mut joiner = Socket::open(9, relay.port, "join-417").unwrap();
    assert_eq!(joiner.message().unwrap(), b"one");
    let mut second = claim(&relay, 417, &late).unwrap();
    assert_eq!(first.hear(), UNAVAILABLE);
    assert_eq!(joiner.hear(), Heard::Closed(Some(4006)));
    assert_eq!(claim(&relay, 417, &early).map(drop), Err(UNAVAILABLE));
    second.send(b"\0\0\0\x02two");
    let mut joiner = Socket::open(9, relay.port, "join-417").unwrap();
    assert_eq!(joiner.message().unwrap(), b"two");
}

#[test]
fn in_the_two_minutes_after_a_restart_nobody_gets_anothers_number() {
    let unlimited = ["waiting-hosts", "hosts-a-minute", "connections", "joins-a-minute"]
        .map(|limit| format!("--{limit}=100000"));
    let options: Vec<&str> = unlimited.iter().map(String::as_str).collect();
    for _ in 0..count(10, 2) {
        let mut relay = Relay::with(&options);
        let before: Vec<Waiting> = (0..9).map(|_| Waiting::start(8, relay.port)).collect();
        // Short: new hosts of a relay that forgot them would soon have some of these.
        assert!(before.iter().all(|host| host.number < 1000));
        relay.crash_and_restart(&options);
        let thieves: Vec<Waiting> = (0..50).map(|_| Waiting::start(9, relay.port)).collect();
        assert!(
            thieves.iter().all(|thief| thief.number >= 100_000),
            "a number that somebody may be on the way back for"
        );
        for (host, other) in before.iter().zip(before.iter().cycle().skip(1)) {
            let number = u32::try_from(host.number).unwrap();
            // With the token of its neighbour, who had it from this very relay.
            assert_eq!(claim(&relay, number, &other.owner).map(drop), Err(UNAVAILABLE));
            let mut back = claim(&relay, number, &host.owner).unwrap();
            back.send(b"\0\0\0\x01mine");
            let mut joiner = Socket::open(7, relay.port, &format!("join-{number}")).unwrap();
            assert_eq!(joiner.message().unwrap(), b"mine");
        }
    }
}

#[test]
fn the_key_is_made_once_and_for_its_owner_alone() {
    let machine = Machine::new();
    let start = || {
        let mut relay = machine.start(["relay", "--listen", "127.0.0.1:0"]);
        assert_eq!(until(&mut relay, "listening")["gives_back"], true);
    };
    start();
    let path = machine.home().join(".local/state/pinhole/relay/owner-key");
    let about = std::fs::metadata(&path).unwrap();
    assert_eq!((about.mode() & 0o777, about.len()), (0o600, 32));
    let key = std::fs::read(&path).unwrap();
    start();
    assert_eq!(std::fs::read(&path).unwrap(), key);
    // A service keeps it where systemd says, and what is named is used or nothing is.
    let mut service = machine.command(["relay", "--listen", "127.0.0.1:0"]);
    service.env("STATE_DIRECTORY", machine.path("state"));
    assert_eq!(until(&mut Running::start(service), "listening")["gives_back"], true);
    assert_eq!(std::fs::metadata(machine.path("state/owner-key")).unwrap().len(), 32);
    machine.write("notes", b"not a key");
    let refused = machine.run(["relay", "--owner-key-file", "notes"]);
    let last: Value = serde_json::from_str(refused.errors.last().unwrap()).unwrap();
    assert_eq!((refused.status.code(), &last["event"]), (Some(2), &"usage".into()));
    assert!(
        last["detail"].as_str().unwrap().contains("32 bytes") && last["next"].is_string(),
        "{last}"
    );
    assert_eq!(std::fs::read(machine.path("notes")).unwrap(), b"not a key");
}

/// A relay of this machine without a place for its key.
fn forgetful(machine: &Machine, listen: &str) -> (Running, u16) {
    let mut command = machine.command(["relay", "--listen", listen]);
    command.env("HOME", "/dev/null/nobody");
    let mut relay = Running::start(command);
    let said = until(&mut relay, "listening");
    assert_eq!(said["gives_back"], false);
    let warned = until(&mut relay, "no_owner_key");
    assert!(warned["detail"].as_str().unwrap().contains("--owner-key-file"), "{warned}");
    (relay, u16::try_from(said["port"].as_u64().unwrap()).unwrap())
}

/// Ends it at once, and starts another in its place.
fn restarted(machine: &Machine, mut relay: Running, port: u16) -> Running {
    relay.child.kill().unwrap();
    relay.child.wait().unwrap();
    forgetful(machine, &format!("127.0.0.1:{port}")).0
}

#[test]
fn a_host_whose_number_is_not_given_back_says_that_its_code_is_dead() {
    let (here, operator) = (Machine::new(), Machine::new());
    let (relay, port) = forgetful(&operator, "127.0.0.1:0");
    let mut giver = here.start([
        "give",
        "--relay",
        &format!("ws://127.0.0.1:{port}"),
        "--tries",
        "3",
        "--text",
        "hello",
    ]);
    giver.code();
    let _relay = restarted(&operator, relay, port);
    let failure = giver.end().expect(5).failure();
    assert_eq!(failure["error"], "code-lost");
    let (detail, next) = (failure["detail"].as_str().unwrap(), failure["next"].as_str().unwrap());
    assert!(
        detail.contains("the code is dead")
            && detail.contains("restarted")
            && next.contains("new code"),
        "{failure}"
    );
}

#[test]
fn a_person_whose_code_died_with_its_relay_is_offered_a_new_one() {
    let (here, there, operator) = (Machine::new(), Machine::new(), Machine::new());
    let (mut relay, port) = forgetful(&operator, "127.0.0.1:0");
    let url = format!("ws://127.0.0.1:{port}");
    for answer in ["n\r", "\r"] {
        let mut giver = Terminal::start(&here, 100, ["give", "--relay", &url, "--text", "hello"]);
        let code = giver.code();
        relay = restarted(&operator, relay, port);
        giver.see("Make a new code? [Y/n]");
        assert!(giver.screen().contains("the code is dead"), "{}", giver.screen());
        giver.keys(answer);
        if answer == "n\r" {
            giver.end(5);
            continue;
        }
        let second = giver.code_after(&code);
        let taken = there.run(["take", &second, "--relay", &url]).expect(0);
        assert_eq!(taken.one("text")["body"], "hello");
        giver.end(0);
    }
}
