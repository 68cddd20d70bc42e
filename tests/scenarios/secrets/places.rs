//! Secrets go where they belong and nowhere else; texts arrive as they are.

use crate::harness::content::names;
use crate::harness::{Ended, Machine, Running};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;

const VALUE: &str = "correct-horse-battery-staple-77";

/// Starts a giver that reads this from standard input.
fn fed(machine: &Machine, args: &[&str], input: &str) -> Running {
    let mut command = machine.command(args);
    command.stdin(Stdio::piped());
    let mut giver = Running::start(command);
    giver.feed(input);
    giver.hang_up();
    giver
}

/// The stored secret that an event names: its path, after a look at who may read it.
fn stored(there: &Machine, taker: &Ended) -> PathBuf {
    let event = taker.one("secret");
    assert_eq!(
        (&event["stored"], &event["value"]),
        (&Value::from("file"), &Value::from("<withheld>"))
    );
    let path = there.path(event["saved_to"].as_str().unwrap());
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    path
}

#[test]
fn a_secret_goes_to_a_file_of_its_owners_alone_and_the_event_names_it() {
    let (here, there) = (Machine::new(), Machine::new());
    let mut giver = fed(&here, &["give", "--secret", "--secret-name", "API_KEY"], VALUE);
    let code = giver.code();
    let taker = there.run(["take", &code]).expect(0);
    let giver = giver.end().expect(0);
    let path = stored(&there, &taker);
    assert!(path.starts_with(there.home()) && path.ends_with("API_KEY"), "{path:?}");
    assert_eq!(path.parent().unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(std::fs::read_to_string(path).unwrap(), VALUE);
    assert_eq!(
        (taker.one("secret")["name"].as_str(), taker.one("secret")["size"].as_u64()),
        (Some("API_KEY"), Some(31))
    );
    assert!(!taker.everything().contains(VALUE) && !giver.everything().contains(VALUE));
}

#[test]
fn a_secret_comes_from_a_file_or_a_variable_that_must_be_there() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("key", VALUE);
    here.write("empty", "");
    let mut from_file = here.start(["give", "--secret-file", "key"]);
    let code = from_file.code();
    let taker = there.run(["take", &code, "--secret-to-file", "mine"]).expect(0);
    from_file.end().expect(0);
    assert_eq!(stored(&there, &taker), there.path("mine"));
    assert_eq!(std::fs::read_to_string(there.path("mine")).unwrap(), VALUE);

    let mut command = here.command(["give", "--secret-env", "DB_PASSWORD"]);
    command.env("DB_PASSWORD", VALUE);
    let mut from_variable = Running::start(command);
    let code = from_variable.code();
    let taker = there.run(["take", &code]).expect(0);
    from_variable.end().expect(0);
    assert_eq!(taker.one("secret")["name"], "DB_PASSWORD");
    assert_eq!(std::fs::read_to_string(stored(&there, &taker)).unwrap(), VALUE);

    assert_eq!(
        here.run(["give", "--secret-env", "DB_PASSWORD"]).expect(2).failure()["error"],
        "no-such-variable"
    );
    let mut command = here.command(["give", "--secret-env", "DB_PASSWORD"]);
    command.env("DB_PASSWORD", "");
    assert_eq!(Running::start(command).end().expect(2).failure()["error"], "empty-secret");
    assert_eq!(
        here.run(["give", "--secret-file", "empty"]).expect(2).failure()["error"],
        "empty-secret"
    );
    assert_eq!(
        here.run(["give", "--secret-file", "none"]).expect(2).failure()["error"],
        "no-such-file"
    );
    assert_eq!(here.run(["give", "--secret"]).expect(2).failure()["error"], "empty-secret");
    here.run(["give", "--secret-name", "alone"]).expect(2);
}

#[test]
fn several_secrets_keep_their_names_and_one_that_is_missing_stops_all() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("token", VALUE);
    here.write("empty", "");
    let with_variables = |args: &[&str]| {
        let mut command = here.command(args);
        command.env("API_KEY", "abc").env("UNFILLED", "").stdin(Stdio::piped());
        Running::start(command)
    };
    let mut giver =
        with_variables(&["give", "--secret-env", "API_KEY", "--secret-file", "token", "--secret"]);
    giver.feed("typed");
    giver.hang_up();
    let code = giver.code();
    let taker = there.run(["take", &code]).expect(0);
    giver.end().expect(0);
    let came = taker.all("secret").into_iter().map(|event| {
        let path = PathBuf::from(event["saved_to"].as_str().unwrap());
        (event["name"].as_str().map(str::to_owned), std::fs::read_to_string(path).unwrap())
    });
    let named = |name: &str, value: &str| (Some(name.to_owned()), value.to_owned());
    assert_eq!(
        came.collect::<Vec<_>>(),
        [named("token", VALUE), named("API_KEY", "abc"), (None, "typed".into())]
    );

    for (missing, error, named) in [
        (["--secret-file", "empty"], "empty-secret", "empty"),
        (["--secret-file", "none"], "no-such-file", "none"),
        (["--secret-env", "UNFILLED"], "empty-secret", "UNFILLED"),
        (["--secret-env", "UNSET"], "no-such-variable", "UNSET"),
    ] {
        let ended = with_variables(&[&["give", "--secret-env", "API_KEY"], &missing[..]].concat())
            .end()
            .expect(2);
        assert_eq!(ended.failure()["error"], error);
        assert!(ended.failure()["detail"].as_str().unwrap().contains(named), "{:?}", ended.lines);
        assert!(ended.all("status").is_empty(), "a code was shown: {:?}", ended.lines);
    }
    with_variables(&[
        "give",
        "--secret-env",
        "API_KEY",
        "--secret-file",
        "token",
        "--secret-name",
        "both",
    ])
    .end()
    .expect(2);
}

#[test]
fn a_value_that_slips_onto_the_command_line_is_refused_and_not_repeated() {
    let here = Machine::new();
    for slip in [
        vec!["--secret=VALUE".to_owned()],
        vec!["--secret".to_owned(), "VALUE".to_owned()],
        vec!["--secret-env".to_owned(), "VALUE".to_owned()],
        vec!["--secret-env".to_owned(), "API_KEY=VALUE".to_owned()],
        vec!["--secret-value=VALUE".to_owned()],
        vec!["--token=VALUE".to_owned()],
    ] {
        for format in ["--json", "--human"] {
            let args: Vec<_> = slip.iter().map(|word| word.replace("VALUE", VALUE)).collect();
            let ended =
                here.run(["give".to_owned(), format.to_owned()].into_iter().chain(args)).expect(2);
            assert!(!ended.everything().contains(VALUE), "{slip:?}: {}", ended.everything());
        }
    }
}

#[test]
fn a_file_that_is_there_is_not_overwritten_by_a_secret() {
    let (here, there) = (Machine::new(), Machine::new());
    there.write("mine", "already here");
    let mut giver = fed(&here, &["give", "--secret"], VALUE);
    let code = giver.code();
    // Said before the code is used, so the giver waits on.
    assert_eq!(
        there.run(["take", &code, "--secret-to-file", "mine"]).expect(8).failure()["error"],
        "exists"
    );
    assert_eq!(std::fs::read_to_string(there.path("mine")).unwrap(), "already here");
    there.run(["take", &code, "--secret-to-file", "other"]).expect(0);
    giver.end().expect(0);
    assert_eq!(names(there.dir()), ["mine", "other"]);
}

#[test]
fn a_secret_does_not_go_to_standard_output() {
    let (here, there) = (Machine::new(), Machine::new());
    let mut giver = fed(&here, &["give", "--secret"], VALUE);
    let code = giver.code();
    let taker = there.run(["take", &code, "-o", "-"]).expect(2);
    assert_eq!(taker.failure()["error"], "secret-to-output");
    assert_eq!(taker.one("secret")["stored"], "declined");
    assert!(taker.output.is_empty() && !taker.everything().contains(VALUE));
    assert_eq!(giver.end().expect(6).failure()["error"], "peer-secret-to-output");
}

#[test]
fn neither_the_secret_nor_the_words_are_where_others_look() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("key", VALUE);
    let mut giver = here.start(["give", "--secret-file", "key"]);
    let code = giver.code();
    let words = code.split_once('-').unwrap().1;
    for place in ["cmdline", "environ"] {
        let seen = std::fs::read(format!("/proc/{}/{place}", giver.child.id())).unwrap();
        let seen = String::from_utf8_lossy(&seen).into_owned();
        assert!(!seen.contains(VALUE), "{place}");
        assert!(
            words.split('-').all(|word| word.len() < 5 || !seen.contains(word)),
            "{place}: {seen}"
        );
    }
    let mut command = there.command(["take", "-"]);
    command.stdin(Stdio::piped());
    let mut taker = Running::start(command);
    taker.feed(format!("{code}\n"));
    let taker = taker.end().expect(0);
    let giver = giver.end().expect(0);
    assert!(!taker.everything().contains(VALUE) && !giver.everything().contains(VALUE));
    assert!(!knows(&taker.everything(), words), "{:?}", taker.lines);
    let rest = giver.lines.iter().filter(|line| !line.contains(r#""event":"channel""#));
    assert!(!rest.clone().any(|line| knows(line, words)), "{:?}", giver.lines);
    assert!(rest.count() + 1 == giver.lines.len(), "only one line tells the code");
}

/// True if two neighbouring words of a code stand somewhere together; one alone may be an ordinary
/// word.
fn knows(text: &str, words: &str) -> bool {
    let words: Vec<&str> = words.split('-').collect();
    words
        .windows(2)
        .any(|pair| ["-", " ", "\", \""].iter().any(|between| text.contains(&pair.join(between))))
}

#[test]
fn a_text_arrives_in_the_line_and_a_long_one_in_a_file() {
    let (here, there) = (Machine::new(), Machine::new());
    let text = "h\u{e9}llo \u{202e}\u{1b}[31m \"quoted\"\nsecond line";
    let mut giver = here.start(["give", "--text", text]);
    let code = giver.code();
    let taker = there.run(["take", &code]).expect(0);
    giver.end().expect(0);
    assert_eq!(taker.one("text")["body"], text);

    let long = "all work and no play ".repeat(100);
    let mut giver = fed(&here, &["give", "--text", "-"], &long);
    let code = giver.code();
    let taker = there.run(["take", &code]).expect(0);
    giver.end().expect(0);
    let event = taker.one("text");
    assert_eq!(event["size"], long.len());
    assert_eq!(std::fs::read_to_string(event["saved_to"].as_str().unwrap()).unwrap(), long);

    let mut giver = here.start(["give", "--text", text]);
    let code = giver.code();
    let taker = there.run(["take", &code, "-o", "-"]).expect(0);
    giver.end().expect(0);
    assert_eq!(taker.output, text.as_bytes());
}
