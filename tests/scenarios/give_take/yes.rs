//! `take -y` and `PINHOLE_YES=1` answer one question: whether what is offered is received, here.

use crate::harness::content::names;
use crate::harness::terminal::Terminal;
use crate::harness::{Ended, Machine, Running};
use std::path::PathBuf;

/// Takes `a` with these arguments and variables.
fn taken(here: &Machine, there: &Machine, args: &[&str], variables: &[(&str, &str)]) -> Ended {
    let mut giver = here.start(["give", "a"]);
    let mut command = there.command([&["take", &giver.code()], args].concat());
    command.envs(variables.iter().copied());
    let taker = Running::start(command).end().expect(0);
    giver.end().expect(0);
    taker
}

fn saved(ended: &Ended, kind: &str) -> PathBuf {
    ended.one(kind)["saved_to"].as_str().unwrap().into()
}

#[test]
fn a_yes_is_to_the_current_directory_also_where_nobody_is() {
    for (args, variables) in [(&["-y"][..], &[][..]), (&[], &[("PINHOLE_YES", "1")])] {
        let (here, there) = (Machine::new(), Machine::new());
        here.write("a", b"a");
        taken(&here, &there, args, variables);
        assert_eq!(names(there.dir()), ["a"]);
    }
    // An empty one says nothing.
    let (here, there) = (Machine::new(), Machine::new());
    here.write("a", b"a");
    assert!(
        saved(&taken(&here, &there, &[], &[("PINHOLE_YES", "")]), "file")
            .starts_with(there.home().canonicalize().unwrap())
    );
    let mut command = there.command(["take", "9471-walrus-clipboard-mango"]);
    command.env("PINHOLE_YES", "yes");
    assert_eq!(Running::start(command).end().expect(2).failure()["error"], "usage");
}

#[test]
fn an_agent_and_a_channel_keep_the_private_directory() {
    for (args, variables) in [
        (&["-y"][..], &[("CLAUDECODE", "1")][..]),
        (&[], &[("CLAUDECODE", "1"), ("PINHOLE_YES", "maybe")]),
    ] {
        let (here, there) = (Machine::new(), Machine::new());
        here.write("a", b"a");
        assert!(
            saved(&taken(&here, &there, args, variables), "file")
                .starts_with(there.home().canonicalize().unwrap())
        );
        assert_eq!(names(there.dir()), Vec::<String>::new());
    }
    let (here, there) = (Machine::new(), Machine::new());
    let a = here.write("a", b"a");
    let mut command = there.command(["host", "-y"]);
    command.env("PINHOLE_YES", "1");
    let mut host = Running::start(command);
    let code = host.code();
    here.start(["give", a.to_str().unwrap(), "--code", &code]).end().expect(0);
    assert!(saved(&host.end().expect(0), "file").starts_with(there.home().canonicalize().unwrap()));
}

#[test]
fn a_limit_that_was_named_holds() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("a", b"a");
    for limit in [["--max-size", "1000"], ["--max-entries", "0"]] {
        let mut giver = here.start(["give", "a"]);
        let refused = there.run([&["take", &giver.code(), "-y"][..], &limit].concat()).expect(1);
        assert_eq!(refused.failure()["error"], "too-large");
        giver.end().expect(6);
    }
}

#[test]
fn a_secret_and_names_that_act_are_not_what_was_said_yes_to() {
    let (here, there) = (Machine::new(), Machine::new());
    let mut command = here.command(["give", "--secret-env", "API_KEY"]);
    command.env("API_KEY", "s3cret");
    let mut giver = Running::start(command);
    let kept = saved(&there.run(["take", &giver.code(), "-y"]).expect(0), "secret");
    giver.end().expect(0);
    assert!(
        kept.starts_with(there.home().canonicalize().unwrap()) && names(there.dir()).is_empty(),
        "{kept:?}"
    );
    assert_eq!(std::fs::read_to_string(kept).unwrap(), "s3cret");

    here.write("Makefile", b"all:");
    let mut giver = here.start(["give", "Makefile"]);
    there.run(["take", &giver.code(), "-y"]).expect(0);
    giver.end().expect(0);
    assert_eq!(names(there.dir()), ["_Makefile"]);
    // A person who is there decides that.
    let mut giver = here.start(["give", "Makefile"]);
    let mut taker = Terminal::start(&there, 100, ["take", &giver.code(), "-y"]);
    taker.see("Receive into");
    taker.keys("n\r");
    taker.end(1);
    giver.end().expect(6);
    assert_eq!(names(there.dir()), ["_Makefile"]);
}

#[test]
fn a_name_that_is_taken_is_asked_about_where_a_person_is() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("a", b"new");
    there.write("a", b"old");
    let mut giver = here.start(["give", "a"]);
    let mut taker = Terminal::start(&there, 100, ["take", &giver.code(), "-y"]);
    taker.see("is already here");
    taker.keys("overwrite\r");
    taker.end(0);
    giver.end().expect(0);
    assert_eq!(std::fs::read(there.path("a")).unwrap(), b"new");
    // Nobody is asked, so it is what it is without a yes.
    taken(&here, &there, &["-y"], &[]);
    assert_eq!(names(there.dir()), ["a", "a (1)"]);
}
