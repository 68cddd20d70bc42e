//! A folder that is received again, into the one that is there (`--conflict merge`).

use crate::harness::content::names;
use crate::harness::terminal::Terminal;
use crate::harness::{Ended, Machine, not_run, wait};
use serde_json::json;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

/// Gives `what` and takes it with `--conflict merge`; what each side says, and how it ends.
fn merged(here: &Machine, there: &Machine, what: &str, exits: [i32; 2]) -> [Ended; 2] {
    let mut giver = here.start(["give", what]);
    let taker =
        there.run(["take", &giver.code(), "-o", ".", "--conflict", "merge"]).expect(exits[1]);
    [giver.end().expect(exits[0]), taker]
}

fn read(machine: &Machine, name: &str) -> String {
    fs::read_to_string(machine.path(name)).unwrap()
}

/// A project with a history as git makes it: what is in it is never written again, and may not be.
fn project(machine: &Machine) {
    for (name, content) in [
        ("src/main.c", "one"),
        ("src/old.c", "one"),
        (".git/HEAD", "one"),
        (".git/objects/aa/1", "one"),
        ("notes", "one"),
    ] {
        machine.write(&format!("project/{name}"), content);
    }
    fs::set_permissions(machine.path("project/.git/objects/aa/1"), Permissions::from_mode(0o444))
        .unwrap();
    symlink("src/main.c", machine.path("project/main")).unwrap();
    fs::create_dir(machine.path("project/empty")).unwrap();
}

#[test]
fn a_project_arrives_twice_and_what_was_made_there_stays() {
    let (here, there) = (Machine::new(), Machine::new());
    project(&here);
    let [_, taker] = merged(&here, &there, "project", [0, 0]);
    assert!(taker.one("file").get("merged").is_none());
    there.write("project/src/mine.c", b"mine");
    there.write("project/target/built", b"mine");
    fs::set_permissions(there.path("project/src"), Permissions::from_mode(0o700)).unwrap();
    let untouched = fs::metadata(there.path("project/src/mine.c")).unwrap().ino();

    fs::remove_file(here.path("project/src/old.c")).unwrap();
    here.write("project/src/main.c", b"two");
    here.write("project/src/deep/new.c", b"two");
    let [giver, taker] = merged(&here, &there, "project", [0, 0]);
    let file = taker.one("file");
    // Files that git acts on are set aside where nobody is asked.
    assert_eq!(
        (&file["merged"], &file["replaced"], &file["files"]),
        (&json!(true), &json!(2), &json!(5)),
        "{file}"
    );
    let renamed = json!([{ "path": "project/.git", "name": "_.git" }]);
    assert_eq!((&file["renamed"], &giver.one("delivered")["renamed"]), (&renamed, &renamed));
    for (name, content) in [
        ("src/main.c", "two"),
        ("src/deep/new.c", "two"),
        ("src/old.c", "one"),
        ("src/mine.c", "mine"),
        ("main", "two"),
    ] {
        assert_eq!(read(&there, &format!("project/{name}")), content, "{name}");
    }
    assert_eq!(
        names(there.path("project")),
        [".git", "_.git", "empty", "main", "notes", "src", "target"]
    );
    assert_eq!(fs::metadata(there.path("project/src/mine.c")).unwrap().ino(), untouched);
    assert_eq!(fs::metadata(there.path("project/src")).unwrap().mode() & 0o777, 0o700);
    assert_eq!(names(there.dir()), ["project"], "nothing hidden is left");
    // The other side does not hear what was there.
    assert!(
        !giver.everything().contains("merged") && !giver.everything().contains("replaced"),
        "{}",
        giver.everything()
    );
}

#[test]
fn what_is_in_the_way_is_missing_on_both_sides() {
    let (here, there) = (Machine::new(), Machine::new());
    for name in ["t/a", "t/b", "t/d/f", "t/e/f"] {
        here.write(name, b"new");
    }
    symlink("a", here.path("t/link")).unwrap();
    there.write("outside/kept", b"old");
    there.write("t/a/in", b"old");
    there.write("t/b", b"old");
    there.write("t/link", b"old");
    symlink(there.path("outside"), there.path("t/d")).unwrap();
    let [giver, taker] = merged(&here, &there, "t", [1, 1]);
    let (incomplete, partly) = (taker.one("incomplete"), giver.one("partly"));
    let mut missing: Vec<_> = incomplete["missing"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["path"].as_str().unwrap())
        .collect();
    missing.sort_unstable();
    assert_eq!(missing, ["t/a", "t/d", "t/d/f", "t/link"], "{incomplete}");
    assert!(incomplete["missing"].as_array().unwrap().iter().all(|one| one["reason"] == "exists"));
    assert_eq!(incomplete["missing"], partly["missing"]);
    assert_eq!(
        (&incomplete["merged"], &incomplete["replaced"], &incomplete["files"]),
        (&json!(true), &json!(1), &json!(2))
    );
    assert_eq!(
        (taker.failure()["error"].as_str(), giver.failure()["error"].as_str()),
        (Some("incomplete"), Some("incomplete"))
    );
    assert_eq!(
        (read(&there, "t/b"), read(&there, "t/e/f"), read(&there, "t/link")),
        ("new".into(), "new".into(), "old".into())
    );
    assert_eq!(
        (names(there.path("outside")), names(there.path("t/a"))),
        (vec!["kept".to_owned()], vec!["in".to_owned()])
    );
}

#[test]
fn a_file_replaces_a_file_and_alone_against_anything_else_is_refused() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("a", b"new");
    there.write("a", b"old");
    let [_, taker] = merged(&here, &there, "a", [0, 0]);
    assert_eq!((read(&there, "a").as_str(), &taker.one("file")["replaced"]), ("new", &json!(1)));
    for against in ["folder", "link"] {
        fs::remove_file(there.path("a"))
            .unwrap_or_else(|_| fs::remove_dir(there.path("a")).unwrap());
        match against {
            "folder" => fs::create_dir(there.path("a")).unwrap(),
            _ => symlink(there.path("kept"), there.path("a")).unwrap(),
        }
        let [giver, taker] = merged(&here, &there, "a", [6, 8]);
        assert_eq!(
            (&taker.failure()["error"], &giver.failure()["error"]),
            (&json!("exists"), &json!("peer-exists")),
            "{against}"
        );
        assert_eq!(names(there.dir()), ["a"]);
    }
}

#[test]
fn a_text_under_a_name_replaces_a_file_and_nothing_else() {
    let (here, there) = (Machine::new(), Machine::new());
    let take = |exits: [i32; 2]| {
        let mut giver = here.start(["give", "--text", "new"]);
        let taker = there
            .run(["take", &giver.code(), "-o", "note", "--conflict", "merge"])
            .expect(exits[1]);
        giver.end().expect(exits[0]);
        taker
    };
    there.write("note", b"old");
    take([0, 0]);
    assert_eq!(read(&there, "note"), "new");
    fs::remove_file(there.path("note")).unwrap();
    symlink(there.path("kept"), there.path("note")).unwrap();
    assert_eq!(take([6, 8]).failure()["error"], "exists");
    assert_eq!(names(there.dir()), ["note"]);
}

#[test]
fn a_person_is_offered_it_where_a_folder_meets_a_folder() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("t/.git/HEAD", b"new");
    there.write("t/.git/HEAD", b"old");
    there.write("t/own", b"old");
    for (args, asked) in [(&["-y"][..], false), (&["--conflict", "ask"], true)] {
        there.write("t/.git/HEAD", b"old");
        let mut giver = here.start(["give", "t"]);
        let mut taker = Terminal::start(&there, 100, [&["take", &giver.code()], args].concat());
        if asked {
            taker.see("Receive into");
            taker.keys("y\r");
        }
        taker.see("t is already here. [Rename/skip/merge]");
        taker.keys("merge\r");
        taker.see("it was merged into the folder that was here, and replaced 1 file in it");
        taker.end(0);
        giver.end().expect(0);
        // A person has seen what comes: names keep.
        assert_eq!(
            (read(&there, "t/.git/HEAD"), names(there.path("t"))),
            ("new".into(), vec![".git".to_owned(), "own".into()])
        );
        assert_eq!(names(there.dir()), ["t"]);
    }
}

#[test]
fn killed_at_any_point_each_file_is_the_old_one_or_the_new_one_and_it_goes_on() {
    const FILES: usize = 1_500;
    let (here, there) = (Machine::new(), Machine::new());
    for number in 0..FILES {
        here.write(&format!("t/{}/{number}", number % 7), b"new");
        there.write(&format!("t/{}/{number}", number % 7), b"old");
    }
    there.write("t/own", b"old");
    let state = |number: usize| {
        fs::read_to_string(there.path(format!("t/{}/{number}", number % 7))).unwrap()
    };
    let mut giver = here.start(["give", "t"]);
    let mut taker = there.start(["take", &giver.code(), "-o", ".", "--conflict", "merge"]);
    wait("one that was moved", || {
        (0..FILES).step_by(FILES / 20).any(|number| state(number) != "old").then_some(())
    });
    taker.child.kill().unwrap();
    drop(taker);
    let new = (0..FILES).filter(|number| matches!(state(*number).as_str(), "new")).count();
    let old = (0..FILES).filter(|number| matches!(state(*number).as_str(), "old")).count();
    println!("killed with {new} of {FILES} moved");
    assert_eq!((new > 0, new + old), (true, FILES));
    drop(giver);

    let [_, taker] = merged(&here, &there, "t", [0, 0]);
    assert_eq!(taker.one("file")["replaced"], FILES);
    assert!((0..FILES).all(|number| state(number) == "new"));
    assert_eq!(read(&there, "t/own"), "old");
    assert!(
        names(there.dir()).iter().all(|name| name == "t" || name.starts_with(".pinhole-")),
        "{:?}",
        names(there.dir())
    );
}

#[test]
fn a_folder_that_may_not_be_written_costs_what_would_go_into_it() {
    // Whoever may write everywhere is not kept out by permissions.
    if rustix::process::geteuid().is_root() {
        not_run("needs a user who is not root");
        return;
    }
    let (here, there) = (Machine::new(), Machine::new());
    here.write("t/closed/f", b"new");
    here.write("t/f", b"new");
    there.write("t/closed/own", b"old");
    let closed =
        |mode| fs::set_permissions(there.path("t/closed"), Permissions::from_mode(mode)).unwrap();
    closed(0o555);
    let [_, taker] = merged(&here, &there, "t", [1, 1]);
    closed(0o755);
    assert_eq!(
        taker.one("incomplete")["missing"],
        json!([{ "path": "t/closed/f", "reason": "disk" }])
    );
    assert_eq!(
        (read(&there, "t/f"), Path::exists(&there.path("t/closed/f"))),
        ("new".into(), false)
    );
}
