//! The lines of `doctor`, and the probes that it leaves.

use super::process::with_home;
use super::{Ended, wait};
use rustix::fs::{FlockOperation, flock};
use rustix::process::Pid;
use serde_json::Value;
use std::path::Path;

/// The line about this check.
#[track_caller]
pub fn check(ended: &Ended, name: &str) -> Value {
    ended
        .all("check")
        .into_iter()
        .find(|check| check["name"] == name)
        .unwrap_or_else(|| panic!("no {name}: {:#?}", ended.lines))
}

/// True if the check went well; its detail and its next step.
#[track_caller]
pub fn said(ended: &Ended, name: &str) -> (bool, String, String) {
    let check = check(ended, name);
    let text = |field: &str| check[field].as_str().unwrap_or_default().to_owned();
    (check["ok"].as_bool().unwrap(), text("detail"), text("next"))
}

/// Waits until no probe lives whose file is in this directory.
pub fn probes_are_gone(run: &Path) {
    for entry in std::fs::read_dir(run).unwrap() {
        let file = std::fs::File::open(entry.unwrap().path()).unwrap();
        wait("the end of the probe", || flock(&file, FlockOperation::NonBlockingLockShared).ok());
    }
}

/// The probes with this home that live.
pub fn probes(home: &Path) -> Vec<Pid> {
    with_home(home, "\0--probe\0")
}
