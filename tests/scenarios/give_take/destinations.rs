//! The places and names that `-o` chooses, and the private ones without it.

use crate::harness::Machine;
use crate::harness::content::names;
use crate::harness::terminal::Terminal;
use std::os::unix::fs::PermissionsExt;

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

#[test]
fn one_file_under_another_name() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("a.txt", b"a");
    let mut giver = here.start(["give", "a.txt"]);
    let code = giver.code();
    let taker = there.run(["take", &code, "-o", "b.txt"]).expect(0);
    giver.end().expect(0);
    assert_eq!(names(there.dir()), ["b.txt"]);
    assert_eq!(taker.one("file")["name"], "b.txt");
}

#[test]
fn without_a_place_it_goes_to_a_private_directory_that_the_event_names() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("a.txt", b"a");
    let mut giver = here.start(["give", "a.txt"]);
    let code = giver.code();
    let taker = there.run(["take", &code]).expect(0);
    giver.end().expect(0);
    let path = taker.one("file")["saved_to"].as_str().map(std::path::PathBuf::from).unwrap();
    assert!(path.starts_with(there.home()) && names(there.dir()).is_empty(), "{path:?}");
    assert_eq!(std::fs::read(&path).unwrap(), b"a");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(path.parent().unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_text_is_written_where_dash_o_says() {
    for (conflict, stored) in [(None, "note (1).txt"), (Some("overwrite"), "note.txt")] {
        let (here, there) = (Machine::new(), Machine::new());
        for (taken, args) in [(false, vec!["-o", "note.txt"]), (true, vec!["-o", "note.txt"])] {
            let mut giver = here.start(["give", "--text", if taken { "second" } else { "first" }]);
            let code = giver.code();
            let how = conflict.map(|how| ["--conflict", how]).into_iter().flatten();
            let text =
                there.run(["take", &code].into_iter().chain(args).chain(how)).expect(0).one("text");
            let name = if taken { stored } else { "note.txt" };
            assert_eq!(
                text["saved_to"].as_str().unwrap(),
                there.dir().canonicalize().unwrap().join(name).to_str().unwrap()
            );
            assert!(text["body"].is_null() && text["size"] == if taken { 6 } else { 5 }, "{text}");
            assert_eq!(
                std::fs::read_to_string(there.path(name)).unwrap(),
                if taken { "second" } else { "first" }
            );
            giver.end().expect(0);
        }
    }
    // The file that is there stays, and the giver is not told that its own was delivered.
    let (here, there) = (Machine::new(), Machine::new());
    there.write("note.txt", "mine");
    let mut giver = here.start(["give", "--text", "theirs"]);
    let code = giver.code();
    there.run(["take", &code, "-o", "note.txt", "--conflict", "skip"]).expect(0);
    assert_eq!(giver.end().expect(6).failure()["error"], "peer-exists");
    assert_eq!(std::fs::read_to_string(there.path("note.txt")).unwrap(), "mine");
    // A file that comes with a text does not take the text's place.
    here.write("a", b"a");
    let mut giver = here.start(["give", "--text", "a text", "a"]);
    let code = giver.code();
    there.run(["take", &code, "-o", "both", "--conflict", "overwrite"]).expect(0);
    giver.end().expect(0);
    assert_eq!(std::fs::read_to_string(there.path("both")).unwrap(), "a text");
    assert_eq!(std::fs::read_to_string(there.path("a")).unwrap(), "a");
}

#[test]
fn a_folder_for_standard_output_may_go_elsewhere() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("folder/a", b"a");
    std::fs::create_dir(there.path("in")).unwrap();
    let mut giver = here.start(["give", "folder"]);
    let mut taker = Terminal::start(&there, 100, ["take", &giver.code(), "-o", "-"]);
    taker.see("another folder (Enter alone declines)");
    taker.keys("nowhere/\r");
    taker.see("nowhere/ cannot be opened");
    taker.keys("in\r");
    taker.see("Receive into");
    taker.keys("\r");
    taker.end(0);
    giver.end().expect(0);
    assert_eq!(std::fs::read(there.path("in/folder/a")).unwrap(), b"a");
    // Enter alone is what it was without a question.
    let mut giver = here.start(["give", "folder"]);
    let mut taker = Terminal::start(&there, 100, ["take", &giver.code(), "-o", "-"]);
    taker.see("another folder (Enter alone declines)");
    taker.keys("\r");
    let screen = taker.end(1);
    assert!(screen.contains("standard output takes a single file"), "{screen}");
    assert_eq!(giver.end().expect(6).failure()["error"], "peer-not-wanted");
}

#[test]
fn a_refused_offer_leaves_no_private_folder() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("a", [7; 100]);
    let mut giver = here.start(["give", "a"]);
    let code = giver.code();
    there.run(["take", &code, "--max-size", "99"]).expect(1);
    giver.end().expect(6);
    assert!(names(there.home().join(".local/state/pinhole")).is_empty());
}
