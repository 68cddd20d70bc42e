//! Without anybody to ask nothing waits for an answer: it ends at once and names what to do
//! instead.

use crate::harness::{Machine, PROGRAM, Running, terminal};
use serde_json::Value;
use std::process::Stdio;

const CODE: &str = "9471-walrus-clipboard-mango";

/// Every command as the program itself lists them, with the least that it needs to be a whole
/// command line; not `mcp`, whose standard output is another protocol's, and which has tests of its
/// own.
fn commands(here: &Machine) -> Vec<(String, Vec<String>, Value)> {
    let all: Value = serde_json::from_str(&here.run_plain(["capabilities", "commands"])).unwrap();
    let commands = all["commands"].as_array().unwrap().iter().map(|command| {
        let name = command["command"].as_str().unwrap();
        let needs: &[&str] = match name {
            "give" => &["--text", "x"],
            "send" => &[CODE, "x"],
            "ask" => &[CODE, "x"],
            "connect" | "receive" => &[CODE],
            _ => &[],
        };
        (
            name.to_owned(),
            [name].iter().chain(needs).map(|word| (*word).to_owned()).collect(),
            command["options"].clone(),
        )
    });
    commands.filter(|(name, ..)| name != "mcp").collect()
}

/// Runs a command whose standard input stays open and never brings anything, and looks at how it
/// refuses.
#[track_caller]
fn refusal(here: &Machine, args: &[String]) -> (i32, Value) {
    let mut command = here.command(args);
    command.stdin(Stdio::piped());
    let mut running = Running::start(command);
    let open = running.child.stdin.take();
    let ended = running.end();
    drop(open);
    let status = ended.status.code().unwrap();
    let ended = ended.expect(status);
    assert!(ended.all("status").is_empty(), "{args:?} went on: {:?}", ended.lines);
    let failure = ended.failure();
    assert!(failure["next"].as_str().is_some_and(|next| !next.is_empty()), "{args:?}: {failure}");
    (status, failure["error"].clone())
}

/// Each option that asks, on every command that has it; a command to come is tried too. What
/// `receive` and `send` of a code are refused for is that they join only at a terminal.
#[test]
fn an_option_that_asks_ends_before_there_is_a_code() {
    let here = Machine::new();
    let mut tried = 0;
    for (name, args, options) in commands(&here) {
        for asking in [&["--verify"][..], &["--conflict", "ask"]] {
            if options.as_array().into_iter().flatten().any(|option| option["option"] == asking[0])
            {
                let args: Vec<String> = args
                    .iter()
                    .cloned()
                    .chain(asking.iter().map(|word| (*word).to_owned()))
                    .collect();
                let expected = if matches!(name.as_str(), "receive" | "send") {
                    (3, "code-not-open".into())
                } else {
                    (10, "no-answer".into())
                };
                assert_eq!(refusal(&here, &args), expected, "{args:?}");
                tried += 1;
            }
        }
    }
    assert!(tried >= 9, "{tried}");
    assert_eq!(
        refusal(&here, &["send", "--text", "x", "--verify"].map(String::from)),
        (10, "no-answer".into())
    );
}

#[test]
fn what_is_asked_at_a_terminal_is_missing_without_one() {
    let here = Machine::new();
    for (args, exit, word) in [
        (&["connect"][..], 2, "usage"),
        (&["receive"], 2, "not-open"),
        (&["send"], 2, "nothing-to-give"),
        (&["give"], 2, "nothing-to-give"),
        (&["completions"], 2, "usage"),
    ] {
        let args: Vec<String> = args.iter().map(|word| (*word).to_owned()).collect();
        assert_eq!(refusal(&here, &args), (exit, word.into()), "{args:?}");
    }
    // These read standard input where there is no terminal, because they are told to, and it has
    // nothing.
    for (args, word) in [
        (&["give", "--secret"][..], "empty-secret"),
        (&["send", "--secret"], "empty-secret"),
        (&["take", "-"], "code-malformed"),
        (&["connect", "-"], "code-malformed"),
        (&["give", "--text", "x", "--code", "-"], "code-malformed"),
    ] {
        let ended = here.run(args).expect(2);
        assert!(
            ended.failure()["error"] == word && ended.failure()["next"].is_string(),
            "{args:?}: {}",
            ended.failure()
        );
    }
}

/// Its output goes to a terminal that is not its own, so a question can be shown to nobody.
#[test]
fn an_offer_that_nobody_can_accept_is_refused_on_both_sides() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("a", b"a");
    let mut giver = here.start(["give", "a"]);
    let code = giver.code();
    let (_keys, line) = terminal::pair();
    let mut taker = there.other("setsid");
    taker.args([PROGRAM, "take", &code]);
    let taker = taker.stdout(line).stderr(Stdio::null()).status().unwrap();
    assert_eq!(taker.code(), Some(10));
    assert_eq!(giver.end().expect(6).failure()["error"], "peer-no-answer");
    assert!(std::fs::read_dir(there.dir()).unwrap().next().is_none());
}
