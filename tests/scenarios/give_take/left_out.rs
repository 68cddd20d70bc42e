//! Links, patterns and `.gitignore`: the parts of a folder that are not sent.

use crate::harness::Machine;
use crate::harness::content::names;
use std::fs::File;
use std::io::Write;
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
fn what_is_left_out_of_a_folder_is_listed() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("folder/kept", b"kept");
    std::os::unix::fs::symlink("/kept", here.path("folder/link")).unwrap();
    File::create(here.path("folder/big.log")).unwrap().write_all(b"log").unwrap();
    let mut giver = here.start(["give", "--strict", "--exclude", "*.log", "folder"]);
    let code = giver.code();
    there.run(["take", &code, "-o", "."]).expect(0);
    let giver = giver.end().expect(1);
    assert_eq!(names(there.path("folder")), ["kept"]);
    let said = giver.all("error");
    assert!(
        said.iter().any(|error| error["detail"].as_str().unwrap().contains("link")),
        "{said:?}"
    );
    assert_eq!(giver.one("end")["reason"], "skipped");
}
