//! Names by which programs act unasked.

use crate::harness::content::names;
use crate::harness::terminal::Terminal;
use crate::harness::{Ended, Machine, Running};

/// Takes what is given with these paths.
fn taken(here: &Machine, given: &[&str], there: &Machine, args: &[&str]) -> Ended {
    let mut giver = here.start([&["give"], given].concat());
    let command = there.command([&["take", &giver.code()], args].concat());
    let taker = Running::start(command).end().expect(0);
    giver.end().expect(0);
    taker
}

#[test]
fn a_person_sees_first_what_programs_would_act_on() {
    let (here, there) = (Machine::new(), Machine::new());
    for name in ["a", "Makefile", "b/.git/HEAD", ".envrc"] {
        here.write(name, "x");
    }
    let mut giver = here.start(["give", "a", "Makefile", "b", ".envrc"]);
    let mut taker = Terminal::start(&there, 100, ["take", &giver.code(), "-y"]);
    taker.see("[y/N]");
    let screen = taker.screen();
    let at = |text: &str| screen.find(text).unwrap_or_else(|| panic!("no {text:?}:\n{screen}"));
    assert!(
        at("  Makefile (acts)") < at("  .envrc (acts)") && at("  .envrc (acts)") < at("  a\n") && at("  a\n") < at("  b\n"),
        "{screen}"
    );
    assert!(screen.contains("act unasked"), "{screen}");
    taker.keys("y\r");
    let screen = taker.end(0);
    giver.end().expect(0);
    assert!(screen.contains("programs act unasked on Makefile") && screen.contains("programs act unasked on b/.git"), "{screen}");
    assert_eq!(names(there.dir()), [".envrc", "Makefile", "a", "b"]);
}

#[test]
fn lines_say_what_programs_would_act_on() {
    let (here, there) = (Machine::new(), Machine::new());
    for name in ["f/.git/HEAD", "f/.git/hooks/x", "f/a/Makefile", "f/plain", "CLAUDE.md", "report"] {
        here.write(name, "x");
    }
    for number in 0..25 {
        here.write(&format!("many/{number}/bin/x"), "x");
    }
    // Nobody works in a private directory, so names stay as they are.
    let ended = taken(&here, &["report", "CLAUDE.md", "f", "many"], &there, &[]);
    let offer = ended.one("offer");
    assert_eq!((&offer["names"][0], &offer["acts"]), (&"CLAUDE.md".into(), &serde_json::json!(["CLAUDE.md"])));
    let line = |name: &str| ended.all("file").into_iter().find(|line| line["name"] == name).unwrap();
    let mut acts: Vec<String> = serde_json::from_value(line("f")["acts"].clone()).unwrap();
    acts.sort();
    assert_eq!(acts, ["f/.git", "f/a/Makefile"]);
    assert_eq!(line("CLAUDE.md")["acts"], serde_json::json!(["CLAUDE.md"]));
    assert_eq!((line("many")["acts"].as_array().unwrap().len(), &line("many")["acts_more"]), (20, &5.into()));
    assert!(line("report")["acts"].is_null());
    // A receive at a terminal says it too.
    let ended = taken(&here, &["CLAUDE.md"], &there, &["-y"]);
    assert!(ended.one("offer")["acts"].is_null() && ended.one("file")["acts"].is_null() && ended.one("file")["name"] == "_CLAUDE.md");
}
