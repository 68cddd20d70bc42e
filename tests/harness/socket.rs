//! A session's socket without a command in between: what a hundred thousand `send`s would say,
//! without as many processes.

use super::Machine;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

/// The directory of a machine's sockets.
pub fn runtime(machine: &Machine) -> PathBuf {
    machine.home().join(".local/state/pinhole/run")
}

/// The sockets of a machine, without what else there is of a session.
pub fn sockets(machine: &Machine) -> Vec<PathBuf> {
    let all = std::fs::read_dir(runtime(machine)).unwrap().map(|entry| entry.unwrap().path());
    all.filter(|path| path.extension().is_some_and(|end| end == "sock")).collect()
}

/// The socket of the only session of a machine.
#[track_caller]
pub fn socket(machine: &Machine) -> PathBuf {
    let [only] = sockets(machine).try_into().unwrap();
    only
}

/// Has the session of this socket send texts, at most 64, and returns its answer: a line a value.
/// It waits until they are delivered, or so many milliseconds.
pub fn send(socket: &PathBuf, texts: &[String], wait: Option<u64>) -> Vec<Value> {
    let things: Vec<Value> =
        texts.iter().map(|text| json!({ "bytes": text.len(), "kind": "text" })).collect();
    let mut stream = UnixStream::connect(socket).unwrap();
    let request = json!({
        "v": 3,
        "by": { "owner": "person", "all": false },
        "do": "send",
        "things": things,
        "wait": wait,
    });
    writeln!(stream, "{request}").unwrap();
    texts.iter().for_each(|text| stream.write_all(text.as_bytes()).unwrap());
    BufReader::new(stream)
        .lines()
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect()
}
