//! Every help page, word for word, so that a change of it is seen and meant.

use crate::harness::Machine;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

/// `PINHOLE_WRITE_HELP=1 cargo test --test scenarios help` writes the pages anew.
#[test]
fn pages_are_those_of_the_files() {
    let here = Machine::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios/commands/help");
    let all: Value = serde_json::from_str(&here.run_plain(["capabilities", "commands"])).unwrap();
    let commands =
        all["commands"].as_array().unwrap().iter().map(|it| it["command"].as_str().unwrap());
    let mut files = BTreeSet::new();
    for name in commands.chain(["pinhole"]) {
        let mut command =
            here.command((name != "pinhole").then_some(name).into_iter().chain(["--help"]));
        let output = command.env("COLUMNS", "100").output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{name}");
        let page = String::from_utf8(output.stdout).unwrap();
        assert!(
            page.lines().all(|line| line.chars().count() <= 100),
            "{name} is wider than 100 columns:\n{page}"
        );
        let file = folder.join(name).with_extension("txt");
        if std::env::var_os("PINHOLE_WRITE_HELP").is_some() {
            std::fs::write(&file, &page).unwrap();
        }
        let known = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(page == known, "{} is not what this program prints:\n{page}", file.display());
        files.insert(file);
    }
    let there: BTreeSet<_> =
        folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(there, files, "a page of no command");
}
