//! A session whose own lines nobody reads: whoever began to read them has stopped, as an agent's
//! monitor may for hours.

use crate::harness::socket::{runtime, send, socket};
use crate::harness::{Machine, contract};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};

#[test]
fn a_reader_that_stops_holds_up_nothing_and_misses_nothing() {
    let (here, there) = (Machine::new(), Machine::new());
    let mut host = here.command(["host"]).spawn().unwrap();
    let mut lines = BufReader::new(host.stdout.take().unwrap()).lines();
    let mut read = vec![lines.next().unwrap().unwrap()];
    let code =
        serde_json::from_str::<Value>(&read[0]).unwrap()["code"].as_str().unwrap().to_owned();
    let mut peer = there.start(["connect", &code]);
    peer.until("status", "connected");
    // Far more than a pipe holds.
    let texts: Vec<String> =
        (0..1_600).map(|number| format!("{number} {}", "x".repeat(900))).collect();
    for some in texts.chunks(64) {
        let answer = send(&socket(&there), some, None);
        assert!(answer.iter().all(|line| line.get("pending").is_none()), "{answer:?}");
    }
    here.run(["send", &code, "back"]).expect(0);
    assert_eq!(peer.until("text", "")["body"], "back");
    // Other commands see all of it.
    let received = here.run(["receive", "--max-bytes", "100000000"]).expect(0);
    assert_eq!(received.all("text").len(), texts.len());
    here.run(["close"]).expect(0);
    peer.end().expect(0);
    assert!(!runtime(&here).exists());
    read.extend(lines.map(Result::unwrap));
    assert!(host.wait().unwrap().success());
    contract::check(&read, 0, false);
    let bodies = read.iter().filter_map(|line| {
        serde_json::from_str::<Value>(line).unwrap()["body"].as_str().map(str::to_owned)
    });
    assert!(bodies.eq(texts), "in order, and none left out");
}

#[test]
fn a_giver_whose_lines_nobody_reads_gives_all_the_same() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("a.txt", b"a");
    let mut taker = there.start(["take", "-o", "."]);
    let code = taker.code();
    // Not a byte more goes into it.
    let (mut lines, mut full) = std::io::pipe().unwrap();
    rustix::io::ioctl_fionbio(&full, true).unwrap();
    for piece in [4096, 1] {
        while full.write_all(&vec![b'\n'; piece]).is_ok() {}
    }
    rustix::io::ioctl_fionbio(&full, false).unwrap();
    let mut giver = here.command(["give", "--code", &code, "a.txt"]).stdout(full).spawn().unwrap();
    taker.end().expect(0);
    assert_eq!(std::fs::read(there.path("a.txt")).unwrap(), b"a");
    let mut said = String::new();
    lines.read_to_string(&mut said).unwrap();
    assert!(giver.wait().unwrap().success());
    let said: Vec<_> = said.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
    contract::check(&said, 0, false);
    assert!(said.iter().any(|line| line.contains("\"delivered\"")), "{said:?}");
}
