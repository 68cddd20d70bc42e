//! Names by which programs act unasked, folders in which they act on whatever lies there, and what
//! of it comes behind a fence.

use crate::harness::content::names;
use crate::harness::terminal::Terminal;
use crate::harness::{Ended, Machine, Running};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Takes what is given with these paths, with a change to the command.
fn taken(
    here: &Machine,
    given: &[&str],
    there: &Machine,
    args: &[&str],
    change: impl FnOnce(&mut Command),
) -> Ended {
    let mut giver = here.start([&["give"], given].concat());
    let mut command = there.command([&["take", &giver.code()], args].concat());
    change(&mut command);
    let taker = Running::start(command).end().expect(0);
    giver.end().expect(0);
    taker
}

fn saved(ended: &Ended, kind: &str) -> PathBuf {
    ended.one(kind)["saved_to"].as_str().unwrap().into()
}

/// The folder of private directories, as lines name it.
fn private(machine: &Machine) -> PathBuf {
    machine.home().canonicalize().unwrap().join(".local/state/pinhole")
}

/// Private directories in which something was left.
fn kept(machine: &Machine) -> usize {
    let received =
        |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with("received-");
    fs::read_dir(private(machine))
        .map_or(0, |entries| entries.filter(|entry| received(entry.as_ref().unwrap())).count())
}

/// A folder of settings in the machine's home.
fn settings(machine: &Machine) -> PathBuf {
    let folder = machine.home().join(".config/x");
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn agent(command: &mut Command) {
    command.env("CLAUDECODE", "1");
}

#[test]
fn in_a_home_what_begins_with_a_dot_is_some_programs() {
    let (here, there) = (Machine::new(), Machine::new());
    for name in [".unknown", ".bashrc", "report"] {
        here.write(name, "x");
    }
    let ended = taken(&here, &[".unknown", ".bashrc", "report"], &there, &["-y"], |command| {
        command.current_dir(there.home());
    });
    assert_eq!(names(there.home()), [".local", "_.bashrc", "_.unknown", "report"]);
    let lines = ended.all("file");
    assert!(
        lines.iter().all(|line| line["set_aside"].is_null() && line["acts"].is_null()),
        "{lines:#?}"
    );
    assert_eq!(lines[0]["original_name"], ".unknown");
    // By whatever way it is named.
    std::os::unix::fs::symlink(there.home(), there.path("link")).unwrap();
    taken(&here, &[".unknown"], &there, &["-o", "link"], |_| {});
    assert_eq!(names(there.home()), [".local", "_ (1).unknown", "_.bashrc", "_.unknown", "report"]);
    // In any other folder it is a name like all others.
    taken(&here, &[".unknown"], &there, &["-y"], |_| {});
    assert_eq!(names(there.dir()), [".unknown", "link"]);
}

#[test]
fn where_programs_act_on_whatever_lies_there_nothing_comes_unasked() {
    for programs in [false, true] {
        let (here, there) = (Machine::new(), Machine::new());
        let folder = if programs { there.path("programs") } else { settings(&there) };
        fs::create_dir_all(&folder).unwrap();
        here.write("report", "x");
        here.write("f/a", "x");
        let change = |command: &mut Command| {
            command.env("PATH", format!("/usr/bin:{}", folder.display()));
        };
        for (what, args) in
            [("report", &["-y"][..]), ("f", &["-y"]), ("report", &["-o", folder.to_str().unwrap()])]
        {
            let ended = taken(&here, &[what], &there, args, |command| {
                change(command.current_dir(&folder));
            });
            let line = ended.one("file");
            assert!(
                line["set_aside"] == "place" && saved(&ended, "file").starts_with(private(&there)),
                "{line}"
            );
            assert!(names(&folder).is_empty(), "{:?}", names(&folder));
        }
        // Nor does a secret, or a text that is too long for a line.
        here.write("key", "hush");
        let ended = taken(
            &here,
            &["--secret-file", "key"],
            &there,
            &["-o", folder.to_str().unwrap()],
            change,
        );
        assert!(saved(&ended, "secret").starts_with(private(&there)));
        let ended = taken(&here, &["--text", &"x".repeat(2_000)], &there, &["-y"], |command| {
            change(command.current_dir(&folder));
        });
        assert!(saved(&ended, "text").starts_with(private(&there)) && names(&folder).is_empty());
    }
}

#[test]
fn a_name_on_the_command_line_is_a_persons_word_for_one_file() {
    let (here, there) = (Machine::new(), Machine::new());
    let folder = settings(&there);
    here.write("report", "x");
    here.write("f/a", "x");
    let word = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    taken(&here, &["report"], &there, &["-o", &word("one.conf")], |_| {});
    taken(&here, &["--text", "x"], &there, &["-o", &word("two.conf")], |_| {});
    assert_eq!(names(&folder), ["one.conf", "two.conf"]);
    for name in ["Makefile", ".bashrc"] {
        taken(&here, &["report"], &there, &["-o", name], |_| {});
        assert!(there.path(name).exists());
    }
    // A folder has names of its own.
    let ended = taken(&here, &["f"], &there, &["-o", &word("three")], |_| {});
    assert_eq!(ended.one("file")["set_aside"], "place");
    assert_eq!(names(&folder), ["one.conf", "two.conf"]);
    // In a home programs know some, whatever they are made of.
    for given in [&["f"][..], &["f", "report"]] {
        let ended = taken(&here, given, &there, &["-o", ".ssh"], |command| {
            command.current_dir(there.home());
        });
        assert!(
            ended.all("file").iter().all(|line| line["set_aside"] == "place"),
            "{:#?}",
            ended.lines
        );
        assert!(!there.home().join(".ssh").exists());
    }
    taken(&here, &["f"], &there, &["-o", "bin"], |_| {});
    assert_eq!(names(there.path("bin")), ["a"]);
}

#[test]
fn a_person_is_asked_about_such_a_place_whatever_was_said_beforehand() {
    let (here, there) = (Machine::new(), Machine::new());
    let folder = settings(&there);
    here.write("report", "x");
    for (keys, exit, after) in [("\r", 1, &[][..]), ("y\r", 0, &["report"])] {
        let mut giver = here.start(["give", "report"]);
        let code = giver.code();
        let mut taker = Terminal::start_with(&there, 100, ["take", &code, "-y"], |command| {
            command.current_dir(&folder);
        });
        taker.see("a dot folder of an account's home");
        taker.see("[y/N]");
        taker.keys(keys);
        taker.end(exit);
        giver.end().expect(if exit == 0 { 0 } else { 6 });
        assert_eq!(names(&folder), after);
    }
    // A name is enough of a word.
    let mut giver = here.start(["give", "report"]);
    let place = folder.join("named");
    Terminal::start(&there, 100, ["take", &giver.code(), "-y", "-o", place.to_str().unwrap()])
        .end(0);
    giver.end().expect(0);
    assert!(place.exists());
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
        at("  Makefile (acts)") < at("  .envrc (acts)")
            && at("  .envrc (acts)") < at("  a\n")
            && at("  a\n") < at("  b\n"),
        "{screen}"
    );
    assert!(screen.contains("Programs act unasked on"), "{screen}");
    taker.keys("y\r");
    let screen = taker.end(0);
    giver.end().expect(0);
    assert!(screen.contains("unasked: Makefile") && screen.contains("unasked: b/.git"), "{screen}");
    assert_eq!(names(there.dir()), [".envrc", "Makefile", "a", "b"]);
}

#[test]
fn lines_say_what_programs_would_act_on() {
    let (here, there) = (Machine::new(), Machine::new());
    for name in ["f/.git/HEAD", "f/.git/hooks/x", "f/a/Makefile", "f/plain", "CLAUDE.md", "report"]
    {
        here.write(name, "x");
    }
    for number in 0..25 {
        here.write(&format!("many/{number}/bin/x"), "x");
    }
    // Nobody works in a private directory, so names stay as they are.
    let ended = taken(&here, &["report", "CLAUDE.md", "f", "many"], &there, &[], |_| {});
    let offer = ended.one("offer");
    assert_eq!(
        (&offer["names"][0], &offer["acts"]),
        (&"CLAUDE.md".into(), &serde_json::json!(["CLAUDE.md"]))
    );
    let line =
        |name: &str| ended.all("file").into_iter().find(|line| line["name"] == name).unwrap();
    let mut acts: Vec<String> = serde_json::from_value(line("f")["acts"].clone()).unwrap();
    acts.sort();
    assert_eq!(acts, ["f/.git", "f/a/Makefile"]);
    assert_eq!(line("CLAUDE.md")["acts"], serde_json::json!(["CLAUDE.md"]));
    assert_eq!(
        (line("many")["acts"].as_array().unwrap().len(), &line("many")["acts_more"]),
        (20, &5.into())
    );
    assert!(line("report")["acts"].is_null() && line("f")["set_aside"].is_null());
    // A receive at a terminal says it too.
    let ended = taken(&here, &["CLAUDE.md"], &there, &["-y"], |_| {});
    assert!(
        ended.one("offer")["acts"].is_null()
            && ended.one("file")["acts"].is_null()
            && ended.one("file")["name"] == "_CLAUDE.md"
    );
}

/// Checks what an agent's command made of a folder in which something acts, of one in which nothing
/// does, and of a file that acts.
#[track_caller]
fn is_set_aside(there: &Machine, folder: &Path, lines: &[serde_json::Value]) {
    let line = |name: &str| {
        lines
            .iter()
            .find(|line| line["name"] == name)
            .unwrap_or_else(|| panic!("no {name}: {lines:#?}"))
    };
    for (name, acts) in [("project", "project/sub/CLAUDE.md"), (".claude", ".claude")] {
        let line = line(name);
        assert_eq!(
            (&line["set_aside"], &line["acts"]),
            (&"acts".into(), &serde_json::json!([acts])),
            "{line}"
        );
        assert!(
            Path::new(line["saved_to"].as_str().unwrap()).starts_with(private(there)),
            "{line}"
        );
        assert!(line["original_name"].is_null(), "{line}");
    }
    for name in ["plain", "_CLAUDE.md"] {
        assert!(line(name)["set_aside"].is_null() && line(name)["acts"].is_null(), "{lines:#?}");
        assert_eq!(
            Path::new(line(name)["saved_to"].as_str().unwrap()),
            folder.canonicalize().unwrap().join(name)
        );
    }
    assert_eq!(names(folder), ["_CLAUDE.md", "plain"]);
}

const GIVEN: [&str; 4] = ["project", ".claude", "plain", "CLAUDE.md"];

fn project(machine: &Machine) {
    for name in [
        "project/sub/CLAUDE.md",
        "project/src/main",
        ".claude/settings.json",
        "plain/a",
        "CLAUDE.md",
    ] {
        machine.write(name, "x");
    }
}

#[test]
fn behind_a_fence_a_folder_in_which_something_acts_never_comes_where_an_agent_works() {
    for (args, folder) in [(&["-o", "."][..], ""), (&["-o", "inbox/"], "inbox")] {
        let (here, there) = (Machine::new(), Machine::new());
        project(&here);
        let ended = taken(&here, &GIVEN, &there, args, agent);
        is_set_aside(&there, &there.path(folder), &ended.all("file"));
        assert_eq!(kept(&there), 1);
    }
    // By a terminal of its own it is no person, and has the private directory and its limits.
    let (here, there) = (Machine::new(), Machine::new());
    project(&here);
    let mut giver = here.start(["give", "project", "plain"]);
    let mut taker = Terminal::start_with(&there, 100, ["take", &giver.code()], agent);
    let screen = taker.end(0);
    giver.end().expect(0);
    assert!(!screen.contains("Receive into") && names(there.dir()).is_empty(), "{screen}");
    here.write("key", "hush");
    let mut giver = here.start(["give", "--secret-file", "key"]);
    Terminal::start_with(&there, 100, ["take", &giver.code()], agent).end(0);
    giver.end().expect(0);
    assert!(names(there.dir()).is_empty() && kept(&there) == 2);
    // If nothing acts, no private directory is left.
    let (here, there) = (Machine::new(), Machine::new());
    project(&here);
    taken(&here, &["plain"], &there, &["-o", "."], agent);
    assert_eq!((names(there.dir()), kept(&there)), (vec!["plain".to_owned()], 0));
    // A person's commands are as they are.
    taken(&here, &["project"], &there, &["-o", "."], |_| {});
    assert_eq!(names(there.dir()), ["plain", "project"]);
}

#[test]
fn a_channel_behind_a_fence_is_no_other() {
    for fence in [&["--fence"][..], &[]] {
        for joins in [false, true] {
            let (here, there) = (Machine::new(), Machine::new());
            project(&here);
            let mut other = joins.then(|| here.start(["host"]));
            let theirs = other.as_mut().map(Running::code);
            let first = theirs.as_ref().map_or_else(|| vec!["host"], |code| vec!["connect", code]);
            let mut command = there.command([&first[..], &["-o", "."], fence].concat());
            if fence.is_empty() {
                agent(&mut command);
            }
            let mut channel = Running::start(command);
            let code = theirs.unwrap_or_else(|| channel.code());
            let mut other = other.unwrap_or_else(|| here.start(["connect", &code]));
            channel.until("status", "connected");
            other.until("status", "connected");
            let files = GIVEN.iter().flat_map(|name| ["--file", *name]);
            here.run(["send", &code].into_iter().chain(files)).expect(0);
            let lines: Vec<_> = GIVEN.iter().map(|_| channel.until("file", "")).collect();
            is_set_aside(&there, &there.dir(), &lines);
            here.run(["close"]).expect(0);
            channel.end().expect(0);
            other.end().expect(0);
        }
    }
}

#[test]
fn where_a_folder_cannot_be_moved_to_it_does_not_go() {
    let (here, there) = (Machine::new(), Machine::new());
    project(&here);
    let Ok(disk) = tempfile::tempdir_in("/dev/shm") else { return };
    if same_disk(disk.path(), &there.home()) {
        return;
    }
    let ended = taken(
        &here,
        &["plain", "CLAUDE.md"],
        &there,
        &["-o", disk.path().to_str().unwrap()],
        agent,
    );
    for line in ended.all("file") {
        assert!(
            line["set_aside"] == "device"
                && Path::new(line["saved_to"].as_str().unwrap()).starts_with(private(&there)),
            "{line}"
        );
    }
    assert!(names(disk.path()).is_empty());
    // Files alone go where they are to go.
    taken(&here, &["plain/a"], &there, &["-o", disk.path().to_str().unwrap()], agent);
    assert_eq!((names(disk.path()), kept(&there)), (vec!["a".to_owned()], 1));
}

#[test]
fn what_is_set_aside_counts_as_what_is_not() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("plain/a", vec![b'x'; 700_000]);
    here.write("project/Makefile", vec![b'x'; 700_000]);
    let disk =
        tempfile::tempdir_in("/dev/shm").ok().filter(|disk| !same_disk(disk.path(), &there.home()));
    let folder = disk.as_ref().map_or_else(|| there.dir(), |disk| disk.path().to_owned());
    let mut command = there.command(["host", "--max-size", "1M", "-o", folder.to_str().unwrap()]);
    agent(&mut command);
    let mut channel = Running::start(command);
    let code = channel.code();
    let mut other = here.start(["connect", &code]);
    other.until("status", "connected");
    // The first as a file, which goes to the folder, and the second as a folder, which does not.
    here.run(["send", &code, "--file", "plain/a"]).expect(0);
    channel.until("file", "");
    let refused = here.run(["send", &code, "--file", "project"]).expect(6);
    assert_eq!(refused.failure()["error"], "peer-too-large");
    here.run(["close"]).expect(0);
    channel.end();
    other.end();
}

fn same_disk(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    one.metadata().unwrap().dev() == other.metadata().unwrap().dev()
}

#[test]
fn no_name_that_an_agent_types_is_a_persons_word() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("report", "x");
    let folder = settings(&there);
    for place in [".git/hooks", ".claude", "sub"] {
        fs::create_dir_all(there.path(place)).unwrap();
    }
    let mut giver = here.start(["give", "report"]);
    let code = giver.code();
    for output in [
        ".bashrc",
        "Makefile",
        "sub/CLAUDE.md",
        ".git/hooks",
        ".git/hooks/pre-commit",
        ".claude/",
        "bin/",
    ] {
        let mut command = there.command(["take", &code, "-o", output]);
        agent(&mut command);
        let refused = Running::start(command).end().expect(5).failure();
        assert_eq!(refused["error"], "fenced", "{output}: {refused}");
    }
    // The code is good still.
    let mut command = there.command(["take", &code, "-o", folder.join("x.conf").to_str().unwrap()]);
    agent(&mut command);
    let ended = Running::start(command).end().expect(0);
    giver.end().expect(0);
    assert!(
        ended.one("file")["set_aside"] == "place" && saved(&ended, "file").ends_with("x.conf"),
        "{:#?}",
        ended.lines
    );
    let ended = taken(
        &here,
        &["--text", "x"],
        &there,
        &["-o", folder.join("x.conf").to_str().unwrap()],
        agent,
    );
    assert!(saved(&ended, "text").starts_with(private(&there)) && names(&folder).is_empty());
    // The place in which it works is its user's choice.
    let ended = taken(&here, &["report"], &there, &["-o", "."], |command| {
        agent(command.current_dir(there.path(".claude")))
    });
    assert_eq!(saved(&ended, "file"), there.path(".claude/report").canonicalize().unwrap());
}

#[test]
fn a_secret_of_a_persons_goes_to_no_place_in_which_programs_act() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("key", "hush");
    let folder = settings(&there);
    for (folder, name, stored) in
        [(folder, "x.desktop", vec![]), (there.dir(), "CLAUDE.md", vec!["_CLAUDE.md"])]
    {
        let mut giver = here.start(["give", "--secret-file", "key", "--secret-name", name]);
        let code = giver.code();
        let mut taker = Terminal::start_with(&there, 100, ["take", &code], |command| {
            command.current_dir(&folder);
        });
        taker.see("Write/show/decline");
        taker.keys("\r");
        taker.end(0);
        giver.end().expect(0);
        assert_eq!(names(&folder), stored);
    }
    assert_eq!(kept(&there), 1);
}

/// A folder that nobody can make anything in, for root as well.
const NOWHERE: &str = "/proc/self/nowhere";

#[test]
fn without_a_private_directory_what_acts_alone_is_refused_behind_a_fence() {
    let (here, there) = (Machine::new(), Machine::new());
    project(&here);
    let nowhere = |command: &mut Command| {
        agent(command);
        command.env("XDG_STATE_HOME", NOWHERE);
    };
    taken(&here, &["plain"], &there, &["-o", "."], nowhere);
    assert_eq!(names(there.dir()), ["plain"]);
    let mut giver = here.start(["give", "project", "plain", ".claude"]);
    let mut command = there.command(["take", &giver.code(), "-o", "."]);
    nowhere(&mut command);
    let taker = Running::start(command).end().expect(1);
    let giver = giver.end().expect(1);
    let line = taker.one("incomplete");
    assert!(
        line["saved_to"].is_null() && line["acts"] == serde_json::json!(["project/sub/CLAUDE.md"]),
        "{line}"
    );
    assert_eq!(giver.one("partly")["missing"][0]["reason"], "declined");
    // A name alone that acts is another, as everywhere.
    let all = ["_.claude", "plain", "plain (1)"];
    assert_eq!(names(there.dir()), all);
    // Nothing is left that could be had.
    let mut giver = here.start(["give", "project"]);
    let mut command = there.command(["take", &giver.code(), "-o", "."]);
    nowhere(&mut command);
    let taker = Running::start(command).end().expect(8);
    giver.end();
    assert!(
        taker.failure()["next"].as_str().unwrap().contains("XDG_STATE_HOME"),
        "{}",
        taker.failure()
    );
    assert_eq!(names(there.dir()), all);
    // If nothing would go elsewhere, that is an error while the code is good.
    let folder = settings(&there);
    let mut giver = here.start(["give", "plain/a"]);
    let code = giver.code();
    let mut command = there.command(["take", &code, "-o", folder.to_str().unwrap()]);
    nowhere(&mut command);
    assert!(
        Running::start(command).end().expect(8).failure()["next"]
            .as_str()
            .unwrap()
            .ends_with("no code was used")
    );
    there.run(["take", &code]).expect(0);
    giver.end().expect(0);
}

#[test]
fn an_agents_folder_that_acts_is_not_made() {
    let there = Machine::new();
    for name in [".claude/", ".claude"] {
        let mut command = there.command(["host", "-o", name]);
        agent(&mut command);
        assert_eq!(Running::start(command).end().expect(5).failure()["error"], "fenced");
        assert!(names(there.dir()).is_empty());
    }
}

#[test]
fn of_what_is_missing_nothing_hidden_is_left() {
    let here = Machine::new();
    let named: Vec<String> = (0..12).map(|number| format!("f{number}")).collect();
    named.iter().for_each(|name| drop(here.write(name, vec![b'x'; 300_000])));
    for _ in 0..12 {
        let there = Machine::new();
        for name in named.iter().step_by(2) {
            fs::create_dir(there.path(name)).unwrap();
        }
        let mut giver = here.start(["give"].into_iter().chain(named.iter().map(String::as_str)));
        there.run(["take", &giver.code(), "-y", "--conflict", "merge"]).expect(1);
        giver.end().expect(1);
        let mut all = named.clone();
        all.sort();
        assert_eq!(names(there.dir()), all);
    }
}

#[test]
fn a_word_is_for_one_file_and_not_for_the_next() {
    let (here, there) = (Machine::new(), Machine::new());
    let folder = settings(&there);
    here.write("one", "1");
    here.write("two", "2");
    let word = folder.join("a.sh");
    let mut channel = there.start(["host", "-o", word.to_str().unwrap()]);
    let code = channel.code();
    let mut other = here.start(["connect", &code]);
    other.until("status", "connected");
    for (name, set_aside) in [("one", false), ("two", true)] {
        here.run(["send", &code, "--file", name]).expect(0);
        assert_eq!(channel.until("file", "")["set_aside"] == "place", set_aside);
    }
    here.run(["close"]).expect(0);
    channel.end().expect(0);
    other.end().expect(0);
    // Nor for another name, with a number in it.
    let ended = taken(&here, &["two"], &there, &["-o", word.to_str().unwrap()], |_| {});
    assert_eq!(
        (names(&folder), &ended.one("file")["set_aside"]),
        (vec!["a.sh".to_owned()], &"place".into())
    );
}
