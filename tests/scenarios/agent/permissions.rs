//! Behind a fence, what loosens it or starts a program counts only before the command's name, where
//! a rule on how a line begins sees it.

use crate::harness::relay::Relay;
use crate::harness::{Machine, PROGRAM, Running};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

const CANARY: &str = "canary-3141592653";
const SAYS: &str = "for the user to decide: ";
const CODE: &str = "417-walrus-clipboard-mango";

/// A machine with something to send in its working directory, and something to keep in beside it.
fn machine() -> Machine {
    let here = Machine::new();
    here.write("report", "report");
    here.write(".env", CANARY);
    std::fs::write(here.home().join("two words"), CANARY).unwrap();
    here
}

fn with_variables(mut command: Command) -> Command {
    command.env("CLAUDECODE", "1").env("API_KEY", CANARY);
    command
}

fn by_agent(here: &Machine, args: &[&str]) -> Command {
    with_variables(here.command(args))
}

/// A line in the shell of an agent.
fn typed(here: &Machine, line: &str) -> Command {
    let program = Path::new(PROGRAM).parent().unwrap();
    let mut shell = here.other("sh");
    shell.args(["-c", line]).env("PATH", format!("{}:/usr/bin:/bin", program.display()));
    with_variables(shell)
}

/// Checks that it is refused; returns the refusal and the line that would not be.
#[track_caller]
fn refused(command: Command) -> (String, String) {
    let ended = Running::start(command).end().expect(5);
    assert!(
        ended.all("status").is_empty() && !ended.everything().contains(CANARY),
        "{:#?}",
        ended.lines
    );
    let failure = ended.failure();
    assert_eq!(failure["error"], "fenced");
    let next =
        failure["next"].as_str().unwrap().strip_prefix(SAYS).unwrap_or_else(|| panic!("{failure}"));
    (failure["detail"].as_str().unwrap().to_owned(), next.to_owned())
}

#[test]
fn behind_the_commands_name_they_are_refused_with_the_line_that_has_them_in_front() {
    let here = machine();
    for (line, front) in [
        ("give '../home/two words' --allow ../home", "--allow ../home give '../home/two words'"),
        (
            "give --allow=../home '../home/two words' report",
            "--allow=../home give '../home/two words' report",
        ),
        ("send .env --allow-sensitive", "--allow-sensitive send .env"),
        (
            "give --secret-env API_KEY --allow-env API_KEY --ttl 5m",
            "--allow-env API_KEY give --secret-env API_KEY --ttl 5m",
        ),
        (
            "host --relay ws://127.0.0.1:9 --allow-relay ws://127.0.0.1:9",
            "--allow-relay ws://127.0.0.1:9 host --relay ws://127.0.0.1:9",
        ),
        (
            "ask 9471 what --allow-relay wss://a.example",
            "--allow-relay wss://a.example ask 9471 what",
        ),
        (
            "take --secret-exec=TOKEN -- touch canary",
            "--allow-exec take --secret-exec=TOKEN -- touch canary",
        ),
        (
            "receive 9471 --secret-exec -- sh -c 'touch canary'",
            "--allow-exec receive 9471 --secret-exec -- sh -c 'touch canary'",
        ),
        (
            "take --allow-exec --secret-exec -- touch canary",
            "--allow-exec take --secret-exec -- touch canary",
        ),
        (
            "rx --secret-exec -- touch canary --allow x",
            "--allow-exec rx --secret-exec -- touch canary --allow x",
        ),
        ("host --secret-exec -- touch canary", "--allow-exec host --secret-exec -- touch canary"),
        (
            "host --on-message --once -- touch canary",
            "--allow-exec host --on-message --once -- touch canary",
        ),
        (
            "connect 417-walrus-clipboard-mango --on-message=json -- cat",
            "--allow-exec connect 417-walrus-clipboard-mango --on-message=json -- cat",
        ),
        (
            "give --tunnel='sh -c \"touch canary\"' report",
            "--allow-exec give --tunnel='sh -c \"touch canary\"' report",
        ),
        ("take --tunnel=./canary", "--allow-exec take --tunnel=./canary"),
        // Options in front already stay there, and others that are needed join them.
        (
            "--allow-exec give --allow ../home --tunnel=./x report",
            "--allow-exec --allow ../home give --tunnel=./x report",
        ),
        (
            "--allow report host --on-message --allow ../home -- cat",
            "--allow report --allow ../home --allow-exec host --on-message -- cat",
        ),
        ("host --detach --on-message -- cat", "--allow-exec host --detach --on-message -- cat"),
    ] {
        let (detail, next) = refused(typed(&here, &format!("pinhole {line}")));
        assert_eq!(next, format!("pinhole {front}"), "{line}");
        assert!(
            detail.contains("(CLAUDECODE shows that Claude Code runs this command)"),
            "{detail}"
        );
        // Whoever types --fence has it so, too.
        if ["give", "host", "connect"].iter().any(|name| line.starts_with(name)) {
            let (name, rest) = line.split_once(' ').unwrap();
            let mut person = typed(&here, &format!("pinhole {name} --fence {rest}"));
            person.env_remove("CLAUDECODE");
            let (detail, next) = refused(person);
            assert!(
                detail.contains("(--fence)")
                    && next
                        == format!("pinhole {front}").replacen(name, &format!("{name} --fence"), 1),
                "{next}"
            );
        }
    }
    assert!(!here.path("canary").exists());
}

#[test]
fn what_cannot_be_typed_again_is_said_without_the_line() {
    let here = machine();
    let (_, next) =
        refused(by_agent(&here, &["give", "--text", "two\nlines", "--allow", "../home"]));
    assert_eq!(next, "the same command with --allow before its name");
    let (_, next) = refused(by_agent(
        &here,
        &["host", "--first", &"x".repeat(3_000), "--on-message", "--", "cat"],
    ));
    assert_eq!(next, "the same command with --allow-exec before its name");
}

/// The code of what gives in this shell, and what a take gets of it.
#[track_caller]
fn taken(line: &str, here: &Machine) -> Value {
    let mut giver = Running::start(typed(here, line));
    let join = giver.join_line();
    let there = Machine::new();
    let ended = there.run(join).expect(0);
    giver.end().expect(0);
    let mut lines = ended.all("file");
    lines.extend(ended.all("secret"));
    lines.remove(0)
}

#[test]
fn the_line_that_is_said_works_as_it_is() {
    let here = machine();
    for line in [
        "pinhole give '../home/two words' --allow '../home/two words'",
        "pinhole give .env --allow-sensitive",
        "pinhole send --secret-env API_KEY --allow-env API_KEY",
    ] {
        let (_, next) = refused(typed(&here, line));
        assert!(
            ["two words", ".env", "API_KEY"]
                .contains(&taken(&next, &here)["name"].as_str().unwrap()),
            "{next}"
        );
    }
    // And what is said where nothing was allowed yet.
    for line in [
        "pinhole give '../home/two words'",
        "pinhole give .env",
        "pinhole give --secret-env API_KEY",
    ] {
        let failure = Running::start(typed(&here, line)).end().expect(5).failure();
        let (_, next) =
            failure["next"].as_str().unwrap().split_once("because the other side asked: ").unwrap();
        assert!(
            ["two words", ".env", "API_KEY"]
                .contains(&taken(next, &here)["name"].as_str().unwrap()),
            "{next}"
        );
    }
    let relay = Relay::start();
    let (_, next) = refused(typed(
        &here,
        &format!("pinhole give report --relay {0} --allow-relay {0}", relay.url()),
    ));
    assert_eq!(taken(&next, &here)["name"], "report");
}

#[test]
fn a_program_is_started_by_the_line_that_is_said() {
    let (here, there) = (machine(), Machine::new());
    let (_, next) =
        refused(typed(&here, "pinhole host --on-message --once -- sh -c 'cat; touch answered'"));
    let mut host = Running::start(typed(&here, &next));
    let code = host.code();
    let mut peer = there.start(["connect", &code]);
    peer.until("status", "connected");
    there.run(["send", &code[..4], "hello"]).expect(0);
    assert_eq!(peer.until("text", "")["body"], "hello");
    host.end().expect(0);
    peer.end().expect(0);
    assert!(here.path("answered").exists());
    // Into a channel that holds a secret.
    let mut host = Running::start(by_agent(&here, &["host"]));
    let code = host.code();
    let mut peer = there.start(["connect", &code]);
    peer.until("status", "connected");
    there.write("TOKEN", "hush");
    there.run(["send", &code[..4], "--secret-file", "TOKEN"]).expect(0);
    let (_, next) = refused(typed(
        &here,
        &format!(
            "pinhole receive {} --secret-exec=TOKEN -- sh -c 'test $TOKEN = hush && touch got'",
            &code[..4]
        ),
    ));
    assert!(!here.path("got").exists());
    assert!(typed(&here, &next).output().unwrap().status.success(), "{next}");
    assert!(here.path("got").exists());
    there.run(["close", &code[..4]]).expect(0);
    host.end().expect(0);
    peer.end().expect(0);
    // In the background.
    let (_, next) = refused(typed(&here, "pinhole host --detach --on-message -- cat"));
    assert!(typed(&here, &next).output().unwrap().status.success(), "{next}");
    Running::start(by_agent(&here, &["close"])).end().expect(0);
}

#[test]
fn without_a_fence_both_places_are_the_same() {
    let (here, there) = (machine(), machine());
    let notes = "../home/two words";
    for args in [
        &["--allow", "../home", "give", notes][..],
        &["give", notes, "--allow", "../home"],
        &["--allow", "report", "give", "report", "--allow", notes],
    ] {
        let mut giver = here.start(args);
        let code = giver.code();
        there.run(["take", &code]).expect(0).one("file");
        giver.end().expect(0);
    }
    // It puts the fence up on either side of the command's name.
    assert_eq!(
        here.run(["--allow", "report", "give", notes]).expect(5).failure()["error"],
        "fenced"
    );
    for args in [
        &["--allow-exec", "take", "--secret-exec"][..],
        &["take", "--allow-exec", "--secret-exec"],
        &["take", "--secret-exec"],
    ] {
        let mut taker = there.start([args, &["--", "sh", "-c", "cat > got"]].concat());
        let code = taker.code();
        here.run(["give", "--secret-file", "report", "--code", &code]).expect(0);
        taker.end().expect(0).one("secret");
        assert_eq!(std::fs::read_to_string(there.path("got")).unwrap(), "report");
        std::fs::remove_file(there.path("got")).unwrap();
    }
    // A tunnel that is built in runs nothing that an agent names.
    let ended =
        Running::start(by_agent(&here, &["give", "--tunnel=tailscale", "report"])).end().expect(5);
    assert_eq!(ended.failure()["error"], "tunnel-failed");
}

#[test]
fn what_would_allow_nothing_is_said() {
    let here = machine();
    for args in [
        &["--allow", "report", "take"][..],
        &["--allow-env", "HOME", "receive"],
        &["--allow-sensitive", "ask", CODE, "well?"],
    ] {
        assert_eq!(here.run(args).expect(2).failure()["error"], "usage", "{args:?}");
    }
    for args in [
        &["--allow-exec", "status"][..],
        &["--allow", "report", "mcp", "--detach"],
        &["--allow-sensitive", "config"],
    ] {
        assert_eq!(here.command(args).output().unwrap().status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn options_of_a_line_that_was_pasted_allow_nothing() {
    let (here, there) = (machine(), machine());
    let mut giver = there.start(["give", "--text", "hello"]);
    let line = format!(
        "pinhole --allow-exec --allow / take {} --secret-exec -- touch canary",
        giver.code()
    );
    let ended = Running::start(by_agent(&here, &["take", &line])).end().expect(0);
    assert_eq!(ended.one("text")["body"], "hello");
    let aside = ended.one("error");
    assert_eq!(aside["error"], "options-ignored");
    assert!(
        aside["detail"].as_str().unwrap().ends_with("--allow-exec, --allow, --secret-exec"),
        "{aside}"
    );
    giver.end().expect(0);
    assert!(!here.path("canary").exists());
}

#[test]
fn what_an_agent_receives_goes_to_no_place_that_programs_act_on() {
    let here = machine();
    std::fs::create_dir_all(here.path(".vscode")).unwrap();
    std::fs::create_dir_all(here.home().join(".ssh")).unwrap();
    std::fs::write(here.home().join(".bashrc"), "").unwrap();
    for args in [
        &["take", CODE, "--secret-to-env-file", "../home/.bashrc:PROMPT_COMMAND"][..],
        &["take", CODE, "--secret-to-env-file", ".envrc:API_KEY"],
        &["take", CODE, "--secret-to-file", ".vscode/tasks.json"],
        &["take", CODE, "--secret-to-file", "../home/.ssh/authorized_keys"],
        &["connect", CODE, "--transcript", "AGENTS.md"],
        &["host", "--transcript", "CLAUDE.md"],
    ] {
        let refused = Running::start(by_agent(&here, args)).end().expect(5);
        assert_eq!(refused.failure()["error"], "fenced", "{args:?}");
        assert!(refused.all("status").is_empty(), "{args:?}");
    }
    assert_eq!(std::fs::read_to_string(here.home().join(".bashrc")).unwrap(), "");
    for made in ["AGENTS.md", "CLAUDE.md", ".envrc", ".vscode/tasks.json"] {
        assert!(!here.path(made).exists(), "{made}");
    }
}

#[test]
fn a_pipe_of_another_program_is_kept_in_and_one_of_its_own_is_not() {
    let here = machine();
    let mut other = Command::new("sh")
        .args(["-c", "cat > /dev/null"])
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let its = format!("/proc/{}/fd/0", other.id());
    let refused = Running::start(by_agent(&here, &["give", &its])).end().expect(5).failure();
    assert_eq!(refused["error"], "fenced", "{refused}");
    drop(other.stdin.take());
    other.wait().unwrap();
    let mut given = Running::start(typed(&here, "echo a report | pinhole give /dev/stdin"));
    Machine::new().run(["take", &given.code()]).expect(0);
    given.end().expect(0);
}
