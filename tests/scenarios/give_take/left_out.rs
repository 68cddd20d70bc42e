//! What of a folder is sent, and under which name it arrives.

use crate::harness::Machine;
use std::os::unix::fs::symlink;

/// A folder with a link, build products and a `.gitignore`.
fn project(machine: &Machine) {
    machine.write("project/main.c", b"int main;");
    machine.write("project/notes.txt", b"notes");
    machine.write("project/.gitignore", b"build/\n");
    machine.write("project/build/main.o", b"object");
    machine.write("elsewhere.txt", b"elsewhere");
    symlink("../elsewhere.txt", machine.path("project/link.txt")).unwrap();
}

/// Gives the project with these options; what is there at the other side, and the giver's status
/// and errors.
fn give(options: &[&str], status: i32) -> (Vec<String>, Vec<String>) {
    let (here, there) = (Machine::new(), Machine::new());
    project(&here);
    let mut giver = here.start(["give", "project"].iter().chain(options));
    let code = giver.code();
    there.run(["take", &code, "-o", "."]).expect(0);
    let giver = giver.end().expect(status);
    let said = giver
        .all("error")
        .iter()
        .map(|error| error["error"].as_str().unwrap().to_owned())
        .collect();
    let all = ["main.c", "notes.txt", ".gitignore", "build/main.o", "link.txt"];
    let stored = |name: &str| there.path("project").join(name).is_file();
    (all.into_iter().filter(|name| stored(name)).map(str::to_owned).collect(), said)
}

#[test]
fn a_folder_is_sent_whole_but_for_links_which_are_listed() {
    assert_eq!(
        give(&[], 0),
        (
            ["main.c", "notes.txt", ".gitignore", "build/main.o"].map(str::to_owned).to_vec(),
            vec!["skipped".into()]
        )
    );
}

#[test]
fn patterns_and_gitignore_leave_out_what_they_say() {
    let (stored, _) = give(&["--exclude", "*.txt", "--gitignore"], 0);
    assert_eq!(stored, ["main.c", ".gitignore"]);
}

#[test]
fn an_exception_keeps_what_would_be_left_out() {
    let (stored, _) = give(&["--exclude", "*", "--exclude", "!*.txt"], 0);
    assert_eq!(stored, ["notes.txt"]);
    let (stored, _) = give(&["--gitignore", "--exclude", "!build/"], 0);
    assert_eq!(stored, ["main.c", "notes.txt", ".gitignore", "build/main.o"]);
}

#[test]
fn links_are_followed_when_told_to() {
    let (stored, said) = give(&["--links", "follow", "--exclude", "build"], 0);
    assert_eq!(
        (stored, said),
        (["main.c", "notes.txt", ".gitignore", "link.txt"].map(str::to_owned).to_vec(), vec![])
    );
}

#[test]
fn what_was_left_out_fails_under_strict() {
    let (stored, said) = give(&["--strict"], 1);
    assert_eq!((stored.len(), said), (4, vec!["skipped".to_owned(), "skipped".to_owned()]));
}

#[test]
fn a_folder_that_is_not_there_is_made() {
    let here = Machine::new();
    here.write("a.txt", b"a");
    here.write("b.txt", b"b");
    let taken = |given: &[&str], output: &str, at: &[&str]| {
        let there = Machine::new();
        let mut giver = here.start(["give"].iter().chain(given));
        let code = giver.code();
        let taker = there.run(["take", &code, "-o", output]).expect(0);
        giver.end().expect(0);
        assert_eq!(taker.one("offer")["names"].as_array().unwrap().len(), at.len());
        for path in at {
            assert!(there.path(path).is_file(), "{path}: {:?}", taker.lines);
        }
    };
    taken(&["a.txt"], "received/", &["received/a.txt"]);
    taken(&["a.txt", "b.txt"], "received/", &["received/a.txt", "received/b.txt"]);
    taken(&["a.txt", "b.txt"], "./received", &["received/a.txt", "received/b.txt"]);
    taken(&["a.txt"], "./received", &["received"]);
}

#[test]
fn a_single_file_arrives_under_the_name_that_was_asked_for() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("report.pdf", b"r");
    let mut giver = here.start(["give", "report.pdf"]);
    let code = giver.code();
    let taker = there.run(["take", &code, "-o", "renamed.pdf"]).expect(0);
    giver.end().expect(0);
    assert_eq!(std::fs::read(there.path("renamed.pdf")).unwrap(), b"r");
    let file = taker.one("file");
    assert_eq!(
        (&file["name"], &file["original_name"]),
        (&"renamed.pdf".into(), &"report.pdf".into())
    );
}
