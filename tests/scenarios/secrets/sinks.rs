//! Received secrets go into dotenv files and to programs, and nobody in between reads them.

use crate::harness::content::names;
use crate::harness::process::gone;
use crate::harness::{Ended, Machine, Running, contract};
use rustix::process::Signal;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

const VALUE: &str = "correct horse #7 $battery";

/// Gives secrets from variables of these names, each with its value.
fn give(here: &Machine, secrets: &[(&str, &str)]) -> Running {
    let mut command = here.command(["give"]);
    for (name, value) in secrets {
        command.args(["--secret-env", name]).env(name, value);
    }
    Running::start(command)
}

/// Gives the secrets to a `take` with these further arguments: how both ended.
fn hand_over(secrets: &[(&str, &str)], there: &Machine, args: &[&str]) -> (Ended, Ended) {
    let mut giver = give(&Machine::new(), secrets);
    let code = giver.code();
    let taker = there.run([&["take", &code], args].concat());
    (giver.end(), taker)
}

/// The values that sh has in these variables after reading a dotenv file.
fn sh(there: &Machine, variables: &str) -> String {
    let script = format!(". ./.env; printf '%s' \"{variables}\"");
    String::from_utf8(
        Command::new("sh").args(["-c", &script]).current_dir(there.dir()).output().unwrap().stdout,
    )
    .unwrap()
}

fn places(taker: &Ended) -> Vec<(Value, Value, Value)> {
    taker
        .all("secret")
        .iter()
        .map(|it| (it["stored"].clone(), it["saved_to"].clone(), it["variable"].clone()))
        .collect()
}

#[test]
fn secrets_become_variables_of_a_dotenv_file() {
    let there = Machine::new();
    there.write(".env", "# mine\nOLD=1\n");
    let (giver, taker) = hand_over(
        &[("API_KEY", VALUE), ("DB_PASSWORD", "db://x")],
        &there,
        &["--secret-to-env-file", ".env"],
    );
    giver.expect(0);
    let place = |name: &str| ("env-file".into(), ".env".into(), name.into());
    assert_eq!(places(&taker.expect(0)), [place("API_KEY"), place("DB_PASSWORD")]);
    assert_eq!(sh(&there, "$OLD|$API_KEY|$DB_PASSWORD"), format!("1|{VALUE}|db://x"));
    assert_eq!(there.path(".env").metadata().unwrap().permissions().mode() & 0o777, 0o600);

    // Nothing is replaced under any name unless that is said; then by the first secret alone, where
    // one is named.
    let (giver, taker) =
        hand_over(&[("API_KEY", "other")], &there, &["--secret-to-env-file", ".env"]);
    assert_eq!(
        (&taker.expect(8).failure()["error"], &giver.expect(6).failure()["error"]),
        (&"exists".into(), &"peer-exists".into())
    );
    let mut giver = give(&Machine::new(), &[("API_KEY", "other")]);
    let code = giver.code();
    // Said before the code is used.
    let refused =
        there.run(["take", &code, "--secret-to-env-file", ".env:API_KEY"]).expect(8).failure();
    assert!(
        refused["error"] == "exists"
            && refused["next"].as_str().unwrap().contains("--conflict overwrite"),
        "{refused}"
    );
    giver.signal(Signal::INT);
    giver.end().expect(130);
    let args = ["--secret-to-env-file", ".env:API_KEY", "--conflict", "overwrite"];
    let (giver, taker) = hand_over(&[("DB_PASSWORD", "other"), ("MORE", "more")], &there, &args);
    giver.expect(0);
    let taker = taker.expect(0);
    assert_eq!(places(&taker)[0], place("API_KEY"));
    assert_eq!(std::fs::read_to_string(places(&taker)[1].1.as_str().unwrap()).unwrap(), "more");
    assert_eq!(sh(&there, "$OLD|$API_KEY|$DB_PASSWORD|$MORE"), "1|other|db://x|");
    assert_eq!(names(there.dir()), [".env"]);
}

#[test]
fn what_cannot_be_a_variable_is_refused_and_the_file_stays() {
    let there = Machine::new();
    there.write(".env", "OLD=1\n");
    for (name, value, args, error, told) in [
        ("MY_KEY", "two\r\nlines", ".env", "secret-unfit", "peer-failed"),
        ("NODE_OPTIONS", "x", ".env", "bad-name", "peer-bad-name"),
    ] {
        let (giver, taker) = hand_over(&[(name, value)], &there, &["--secret-to-env-file", args]);
        let code = if error == "bad-name" { 6 } else { 1 };
        let taker = taker.expect(code);
        assert_eq!(taker.failure()["error"], error);
        assert!(taker.failure()["next"].is_string() && taker.all("secret").is_empty());
        assert_eq!(giver.expect(6).failure()["error"], told);
    }
    assert_eq!(std::fs::read_to_string(there.path(".env")).unwrap(), "OLD=1\n");
    assert_eq!(names(there.dir()), [".env"]);
}

// It had been lost with its code.
#[test]
fn what_has_no_form_in_its_place_is_kept_in_a_private_file() {
    let there = Machine::new();
    let value = "it's \"two\"\r\nlines";
    for args in [
        &["--secret-to-env-file", ".env"][..],
        &["--secret-to-env-file", ".env:MY_KEY"],
        &["-o", ".", "--secret-to-env-file", ".env"],
    ] {
        let (giver, taker) = hand_over(&[("MY_KEY", value)], &there, args);
        let failure = taker.expect(1).failure();
        assert_eq!(failure["error"], "secret-unfit");
        let kept = failure["saved_to"].as_str().unwrap();
        assert!(
            failure["detail"].as_str().unwrap().contains(kept) && failure["trust"].is_null(),
            "{failure}"
        );
        assert!(kept.starts_with(there.home().canonicalize().unwrap().to_str().unwrap()), "{kept}");
        assert_eq!(std::fs::read_to_string(kept).unwrap(), value);
        assert_eq!(std::fs::metadata(kept).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(giver.expect(6).failure()["error"], "peer-failed");
        assert_eq!(names(there.dir()), Vec::<String>::new());
    }
}

#[test]
fn a_secret_of_several_lines_is_a_variable() {
    let there = Machine::new();
    there.write(".env", "OLD=1\n");
    let value = "-----BEGIN KEY-----\nMIIE+/=\nAPI_KEY=no # \"x\"\n-----END KEY-----";
    let (giver, taker) = hand_over(
        &[("MY_KEY", value), ("API_KEY", "yes")],
        &there,
        &["--secret-to-env-file", ".env"],
    );
    giver.expect(0);
    taker.expect(0);
    assert_eq!(sh(&there, "$OLD|$MY_KEY|$API_KEY"), format!("1|{value}|yes"));
}

/// Names that a peer may give a variable: an allow-list, because nobody knows all the names that
/// programs run by.
#[test]
fn the_other_side_names_credentials_alone_and_no_key_of_an_agent() {
    let there = Machine::new();
    there.write(".env", "OLD=1\n");
    let env = ["--secret-to-env-file", ".env"];
    let led = [
        "LESSOPEN",
        "HTTPS_PROXY",
        "CC",
        "RUSTFLAGS",
        "HOME",
        "DATABASE_URL",
        "ANTHROPIC_API_KEY",
        "CLAUDE_CODE_OAUTH_TOKEN",
    ];
    for name in led {
        let (giver, taker) = hand_over(&[(name, "x")], &there, &env);
        assert_eq!(giver.expect(6).failure()["error"], "peer-bad-name", "{name}");
        let refused = taker.expect(6).failure();
        let (detail, next) =
            (refused["detail"].as_str().unwrap(), refused["next"].as_str().unwrap());
        assert!(
            refused["error"] == "bad-name" && detail.contains(&format!("--accept-env {name}")),
            "{refused}"
        );
        assert!(next.contains(&format!("--accept-env {name}")), "{refused}");
        // No line that only has to be run puts an agent to work for somebody else.
        assert!(!name.contains("CLAUDE") || !next.contains(&format!(".env:{name}")), "{refused}");
    }
    assert_eq!(std::fs::read_to_string(there.path(".env")).unwrap(), "OLD=1\n");
    let listed = ["--accept-env", "DATABASE_URL", "--accept-env", "OPENAI_API_KEY"];
    let (giver, taker) = hand_over(
        &[("DATABASE_URL", "db://x"), ("OPENAI_API_KEY", "k")],
        &there,
        &[&env[..], &listed].concat(),
    );
    giver.expect(0);
    taker.expect(0);
    assert_eq!(sh(&there, "$DATABASE_URL|$OPENAI_API_KEY"), "db://x|k");
    there
        .run([
            "take",
            "9471-walrus-clipboard-mango",
            "--secret-to-env-file",
            ".env",
            "--accept-env",
            "A-B",
        ])
        .expect(2);
}

/// Unseen, no name of the peer's choice is one that somebody who works in the folder runs or obeys.
#[test]
fn a_file_or_secret_is_not_called_as_what_programs_run_by() {
    let (here, there) = (Machine::new(), Machine::new());
    for name in ["CLAUDE.md", "conftest.py", "notes"] {
        here.write(name, "x");
        let mut giver = here.start(["give", name]);
        let code = giver.code();
        let file = there.run(["take", &code, "-o", "."]).expect(0).one("file");
        giver.end().expect(0);
        assert_eq!(file["original_name"].as_str(), (name != "notes").then_some(name), "{file}");
    }
    here.write("Makefile", "x");
    let mut giver = here.start(["give", "--secret-file", "Makefile"]);
    let code = giver.code();
    there.run(["take", &code, "-o", "."]).expect(0);
    giver.end().expect(0);
    assert_eq!(names(there.dir()), ["_CLAUDE.md", "_Makefile", "_conftest.py", "notes"]);
    // In a private folder, where nobody works, it keeps its name; and so it does where it was
    // chosen here.
    let mut giver = here.start(["give", "CLAUDE.md"]);
    let code = giver.code();
    assert_eq!(there.run(["take", &code]).expect(0).one("file")["name"], "CLAUDE.md");
    giver.end().expect(0);
    let mut giver = here.start(["give", "notes"]);
    let code = giver.code();
    assert_eq!(
        there.run(["take", &code, "-o", "AGENTS.md"]).expect(0).one("file")["name"],
        "AGENTS.md"
    );
    giver.end().expect(0);
}

#[test]
fn a_program_gets_the_secret_on_its_standard_input_or_in_a_variable() {
    let there = Machine::new();
    let (giver, taker) =
        hand_over(&[("API_KEY", VALUE)], &there, &["--secret-exec", "--", "tee", "-a", "got"]);
    giver.expect(0);
    // Its output is its own, and not among the lines.
    contract::check(&taker.lines, 0, false);
    assert_eq!((taker.status.code(), taker.errors.as_slice()), (Some(0), &[VALUE.to_owned()][..]));
    assert_eq!(places(&taker), [("exec".into(), Value::Null, Value::Null)]);
    assert_eq!(std::fs::read_to_string(there.path("got")).unwrap(), VALUE);

    let script = "printf %s \"$TOKEN-$PINHOLE_CODE\" > got; cat >> got";
    let mut giver = give(&Machine::new(), &[("API_KEY", VALUE)]);
    let mut command = there.command(["take", "--secret-exec=TOKEN", "--", "sh", "-c", script]);
    command.env("PINHOLE_CODE", giver.code());
    let taker = Running::start(command).end().expect(0);
    giver.end().expect(0);
    assert_eq!(places(&taker), [("exec".into(), Value::Null, "TOKEN".into())]);
    assert_eq!(std::fs::read_to_string(there.path("got")).unwrap(), format!("{VALUE}-"));
}

#[test]
fn a_program_that_fails_has_not_received_and_both_sides_hear_of_it() {
    let there = Machine::new();
    let (giver, taker) =
        hand_over(&[("API_KEY", VALUE)], &there, &["--secret-exec", "--", "sh", "-c", "exit 3"]);
    let taker = taker.expect(1);
    assert_eq!(taker.failure()["error"], "exec-failed");
    assert!(
        taker.failure()["detail"].as_str().unwrap().contains('3') && taker.all("secret").is_empty()
    );
    assert_eq!(giver.expect(6).failure()["error"], "peer-failed");
}

#[test]
fn the_first_secret_goes_to_the_one_place_and_the_next_where_they_always_go() {
    for sink in
        [&["--secret-to-file", "mine"][..], &["--secret-exec", "--", "sh", "-c", "cat > mine"]]
    {
        let there = Machine::new();
        let (giver, taker) = hand_over(&[("ONE", "1"), ("TWO", "2"), ("THREE", "3")], &there, sink);
        giver.expect(0);
        let taker = taker.expect(0);
        assert_eq!(std::fs::read_to_string(there.path("mine")).unwrap(), "1");
        let stored = |name: &str| {
            taker.all("secret").into_iter().find(|event| event["name"] == name).unwrap()
        };
        for (name, value) in [("TWO", "2"), ("THREE", "3")] {
            assert_eq!(
                std::fs::read_to_string(stored(name)["saved_to"].as_str().unwrap()).unwrap(),
                value
            );
        }
    }
}

#[test]
fn a_channel_that_stays_open_outlives_a_program_that_fails() {
    let there = Machine::new();
    let mut giver = give(&Machine::new(), &[("ONE", "1"), ("TWO", "2")]);
    let code = giver.code();
    let mut taker = there.start(["connect", &code, "--secret-exec", "--", "false"]);
    taker.until("status", "holding");
    assert_eq!(giver.end().expect(6).failure()["error"], "peer-failed");
    there.run(["receive", "--secret-to-file", "two"]).expect(0);
    let taker = taker.end();
    assert_eq!(taker.all("error")[0]["error"], "exec-failed", "{:#?}", taker.lines);
    assert!(taker.all("secret").iter().all(|secret| secret["name"] == "TWO"), "{:#?}", taker.lines);
    assert_eq!(std::fs::read_to_string(there.path("two")).unwrap(), "2");
}

#[test]
fn an_interrupted_session_ends_the_program_too() {
    let there = Machine::new();
    let mut giver = give(&Machine::new(), &[("API_KEY", VALUE)]);
    let code = giver.code();
    let mut taker =
        there.start(["take", &code, "--secret-exec", "--", "sh", "-c", "echo $$; kill -STOP $$"]);
    let program = taker.error_line().unwrap();
    assert!(!std::fs::read(format!("/proc/{program}/cmdline")).unwrap().is_empty());
    taker.signal(Signal::INT);
    assert_eq!(taker.end().status.code(), Some(130));
    assert_eq!(giver.end().expect(6).failure()["error"], "peer-interrupted");
    gone(&program);
}

#[test]
fn a_place_that_cannot_be_is_said_before_the_code_is_used() {
    let there = Machine::new();
    there.write("file", "x");
    let mut giver = give(&Machine::new(), &[("API_KEY", VALUE)]);
    let code = giver.code();
    for (args, exit, error) in [
        (&["--secret-exec"][..], 2, "usage"),
        (&["--secret-exec=A-B", "--", "cat"], 2, "usage"),
        (&["--secret-exec", "--", "pinhole-has-no-such-program"], 2, "no-such-file"),
        (&["--", "cat"], 2, "usage"),
        (&["--secret-to-env-file", ".env:"], 2, "usage"),
        (&["--secret-to-env-file", "."], 8, "disk"),
        (&["--secret-to-env-file", "missing/.env"], 8, "disk"),
        (&["--secret-to-env-file", ".env", "--secret-to-file", "other"], 2, "usage"),
        (&["--secret-to-env-file", ".env", "--secret-exec", "--", "cat"], 2, "usage"),
    ] {
        let taker = there.run([&["take", &code], args].concat()).expect(exit);
        assert_eq!(taker.failure()["error"], error, "{args:?}");
    }
    there.run(["take", &code]).expect(0);
    giver.end().expect(0);
    assert_eq!(names(there.dir()), ["file"]);
}
