//! Sessions that a command sees: an agent's those that this agent began, a person's all of them
//! (EVENTS, "Whose sessions").

use crate::harness::terminal::Terminal;
use crate::harness::{Ended, Machine, PROGRAM, Running};
use serde_json::Value;

/// The one who runs a command, by the variables that name them.
type Who = &'static [(&'static str, &'static str)];

const PERSON: Who = &[];
const ONE: Who = &[("CLAUDECODE", "1"), ("CLAUDE_CODE_SESSION_ID", "one")];
const OTHER: Who = &[("CLAUDECODE", "1"), ("CLAUDE_CODE_SESSION_ID", "other")];
const NAMELESS: Who = &[("CLAUDECODE", "1")];
const ALL: [Who; 11] = [
    PERSON,
    ONE,
    OTHER,
    NAMELESS,
    &[("CODEX_THREAD_ID", "one")],
    &[("CODEX_SANDBOX", "seatbelt")],
    &[("CODEX_SESSION_ID", "one")],
    &[("CURSOR_AGENT", "1")],
    &[("OPENCODE", "1"), ("AGENT", "1")],
    &[("GEMINI_CLI", "1")],
    &[("PINHOLE_AGENT", "one")],
];

fn start(here: &Machine, who: Who, args: &[&str]) -> Running {
    let mut command = here.command(args);
    command.envs(who.iter().copied());
    Running::start(command)
}

fn run(here: &Machine, who: Who, args: &[&str]) -> Ended {
    start(here, who, args).end()
}

/// The labels that `status` shows.
fn seen(here: &Machine, who: Who) -> Vec<String> {
    let sessions = run(here, who, &["status"]).expect(0).all("session");
    sessions.iter().map(|session| session["label"].as_str().unwrap().to_owned()).collect()
}

fn words(code: &str) -> &str {
    code.split_once('-').unwrap().1
}

/// Every command about a channel that is open, for the one of this number.
fn commands(number: &str) -> Vec<Vec<&str>> {
    vec![
        vec!["status", number],
        vec!["receive", number],
        vec!["receive", number, "--after", "0"],
        vec!["receive", number, "--secret-to-file", "stolen"],
        vec!["send", number, "hello"],
        vec!["ask", number, "well?", "--timeout", "1s"],
        vec!["close", number, "--now"],
    ]
}

#[test]
fn an_agents_commands_see_what_it_began_and_a_persons_see_all() {
    let here = Machine::new();
    let mut running = Vec::new();
    for (at, who) in ALL.iter().enumerate() {
        let mut host = start(&here, who, &["host", "--label", &at.to_string()]);
        running.push((host.code(), host));
    }
    // Those that say no id are one.
    let nameless = |at: &usize| [3, 5, 7, 8, 9].contains(at);
    for (at, who) in ALL.iter().enumerate().skip(1) {
        let mut own: Vec<String> = (0..ALL.len())
            .filter(|other| other == &at || nameless(&at) && nameless(other))
            .map(|it| it.to_string())
            .collect();
        let mut found = seen(&here, who);
        own.sort();
        found.sort();
        assert_eq!(found, own, "{who:?}");
    }
    assert_eq!(seen(&here, PERSON).len(), ALL.len());
    // By whatever it is named.
    let (code, _) = &running[0];
    for who in [ONE, NAMELESS] {
        for args in commands(&code[..4]) {
            let refusal = run(&here, who, &args).expect(3);
            assert_eq!(refusal.failure()["error"], "code-not-open", "{args:?}");
            assert!(!refusal.everything().contains(words(code)));
        }
        for args in [
            ["status", code].as_slice(),
            &["status", "--label", "0"],
            &["close", "--label", "0"],
            &["close", code, "--now"],
        ] {
            assert_eq!(
                run(&here, who, args).expect(3).failure()["error"],
                "code-not-open",
                "{args:?}"
            );
        }
        // Its own is the only one, or those of its kind.
        run(&here, who, &["receive"]).expect(if who == ONE { 0 } else { 2 });
    }
    // A label is no claim to what another agent began.
    let mut namesake = start(&here, OTHER, &["host", "--label", "1"]);
    namesake.code();
    assert_eq!(run(&here, ONE, &["status", "--label", "1"]).expect(0).all("session").len(), 1);
    run(&here, ONE, &["close", "--label", "1"]).expect(0);
    assert_eq!(run(&here, OTHER, &["status", "--label", "1"]).expect(0).all("session").len(), 1);
    for (_, host) in &mut running[2..] {
        assert!(host.child.try_wait().unwrap().is_none());
    }
}

#[test]
fn no_command_hears_the_code_of_a_session_that_waits() {
    let here = Machine::new();
    std::fs::write(here.home().join("private"), "x").unwrap();
    let mut giver = here.start(["give", "../home/private", "--label", "gift"]);
    let code = giver.code();
    for who in ALL {
        for args in [
            ["receive", "--after", "0"].as_slice(),
            &["receive", "--label", "gift", "--after", "0"],
            &["status"],
            &["status", &code[..4]],
        ] {
            let heard = run(&here, who, args);
            assert!(
                !heard.everything().contains(words(&code)),
                "{who:?} {args:?}: {:#?}",
                heard.lines
            );
        }
    }
    let journal = here.run(["receive", "--after", "0"]).expect(0).all("status");
    let channel = journal.iter().find(|line| line["event"] == "channel").unwrap();
    assert_eq!(channel["number"], code[..4].parse::<u64>().unwrap());
    // The person who looks may see it, and an agent what it began itself.
    let mut status = Terminal::start(&here, 100, ["status"]);
    status.see(words(&code));
    let mut own = start(&here, ONE, &["host", "--label", "own"]);
    let code = own.code();
    assert_eq!(run(&here, ONE, &["status"]).expect(0).one("session")["code"], code);
    assert!(!run(&here, OTHER, &["status"]).expect(0).everything().contains(words(&code)));
    // Agents without an id cannot be told apart.
    let mut nameless = start(&here, NAMELESS, &["host", "--label", "nameless"]);
    let code = nameless.code();
    let heard = run(&here, NAMELESS, &["status"]).expect(0);
    assert!(heard.all("session").len() == 1 && !heard.everything().contains(words(&code)));
}

#[test]
fn an_agent_that_comes_back_as_another_finds_its_channel_by_its_whole_code() {
    let (here, there) = (Machine::new(), Machine::new());
    let mut host = start(&here, ONE, &["host"]);
    let code = host.code();
    // While it waits, its code opens the other side of it and nothing more.
    assert_eq!(run(&here, OTHER, &["status", &code]).expect(3).failure()["error"], "code-not-open");
    let mut peer = there.start(["connect", &code]);
    host.until("status", "connected");
    for args in commands(&code[..4]) {
        let refusal = run(&here, OTHER, &args).expect(3).failure();
        assert_eq!(refusal["error"], "code-not-open", "{args:?}");
    }
    let wrong = format!("{}-walrus-clipboard-mango", &code[..4]);
    assert_eq!(
        run(&here, OTHER, &["status", &wrong]).expect(3).failure()["error"],
        "code-not-open"
    );
    assert_eq!(run(&here, OTHER, &["status", &code]).expect(0).all("session").len(), 1);
    run(&here, OTHER, &["send", &code, "I am back"]).expect(0);
    assert_eq!(peer.until("text", "")["body"], "I am back");
    run(&here, OTHER, &["close", &code]).expect(0);
    host.end().expect(0);
    peer.end().expect(0);
    // A person's is found by no agent.
    let mut host = here.start(["host"]);
    let code = host.code();
    let mut peer = there.start(["connect", &code]);
    host.until("status", "connected");
    peer.until("status", "connected");
    assert_eq!(run(&here, ONE, &["status", &code]).expect(3).failure()["error"], "code-not-open");
    here.run(["close"]).expect(0);
}

#[test]
fn a_client_that_was_cleared_finds_its_channels_and_a_resumed_one_after_it_has_named_the_code() {
    const BEFORE: Who = &[
        ("CLAUDECODE", "1"),
        ("CLAUDE_CODE_SESSION_ID", "a"),
        ("CLAUDE_CODE_MESSAGING_TOKEN", "same"),
    ];
    const CLEARED: Who = &[
        ("CLAUDECODE", "1"),
        ("CLAUDE_CODE_SESSION_ID", "b"),
        ("CLAUDE_CODE_MESSAGING_TOKEN", "same"),
    ];
    const RESUMED: Who = &[
        ("CLAUDECODE", "1"),
        ("CLAUDE_CODE_SESSION_ID", "a"),
        ("CLAUDE_CODE_MESSAGING_TOKEN", "new"),
    ];
    const NEW: Who = &[
        ("CLAUDECODE", "1"),
        ("CLAUDE_CODE_SESSION_ID", "c"),
        ("CLAUDE_CODE_MESSAGING_TOKEN", "other"),
    ];
    let (here, there) = (Machine::new(), Machine::new());
    let mut host = start(&here, BEFORE, &["host", "--label", "build"]);
    let code = host.code();
    let number = &code[..4];
    for who in [CLEARED, RESUMED] {
        assert_eq!(
            run(&here, who, &["status", number]).expect(0).one("session")["code"],
            code,
            "{who:?}"
        );
    }
    let _peer = there.start(["connect", &code]);
    host.until("status", "connected");
    for naming in [["status", &code].as_slice(), &["receive", &code], &["send", &code, "hello"]] {
        // Of each, another client that nobody has seen.
        let id = format!("{naming:?}");
        let new: Vec<(&str, &str)> = vec![("CLAUDE_CODE_SESSION_ID", &id)];
        let run = |args: &[&str]| {
            let mut command = here.command(args);
            command.envs(new.iter().copied());
            Running::start(command).end()
        };
        for args in [["status", number], ["status", "--label=build"]] {
            assert_eq!(run(&args).expect(3).failure()["error"], "code-not-open");
        }
        run(naming).expect(0);
        assert!(run(&["status", number]).expect(0).one("session").get("code").is_none());
        run(&["send", number, "by its number"]).expect(0);
        run(&["send", "--label", "build", "by its label"]).expect(0);
    }
    assert_eq!(run(&here, NEW, &["status", number]).expect(3).failure()["error"], "code-not-open");
    assert_eq!(
        run(&here, NEW, &["send", "--label", "build", "x"]).expect(3).failure()["error"],
        "code-not-open"
    );
    run(&here, BEFORE, &["close", number]).expect(0);
    host.end().expect(0);
}

#[test]
fn the_agent_of_the_other_side_never_gets_this_side_by_the_code() {
    const THIRD: Who = &[("CLAUDECODE", "1"), ("CLAUDE_CODE_SESSION_ID", "third")];
    let here = Machine::new();
    let hosted = run(&here, ONE, &["host", "--detach"]).expect(0).all("status");
    let code = hosted[0]["code"].as_str().unwrap().to_owned();
    let number = &code[..4];
    let mut peer = start(&here, OTHER, &["connect", &code]);
    peer.until("status", "connected");
    let role =
        |who: Who, args: &[&str]| run(&here, who, args).expect(0).one("session")["role"].clone();
    for args in [["status", &code], ["status", number]] {
        let until = std::time::Instant::now() + crate::harness::PATIENCE;
        // Each side has told the other whose it is as soon as it was connected, but not before.
        while run(&here, ONE, &args).all("session").len() > 1
            || run(&here, OTHER, &args).all("session").len() > 1
        {
            assert!(std::time::Instant::now() < until);
        }
        assert_eq!((role(ONE, &args), role(OTHER, &args)), ("host".into(), "peer".into()));
    }
    for (who, others) in [(ONE, "peer"), (OTHER, "host")] {
        for args in commands(&code) {
            let args = [args.as_slice(), &["--role", others]].concat();
            // To ask is to join, where that is not open.
            let word = if args[0] == "ask" { "code-unavailable" } else { "code-not-open" };
            assert_eq!(
                run(&here, who, &args).expect(3).failure()["error"],
                word,
                "{who:?} {args:?}"
            );
        }
    }
    // An agent that has come back, with either side here, names one; and has that one, and never
    // the other.
    assert_eq!(run(&here, THIRD, &["receive", &code]).expect(2).failure()["error"], "several-open");
    assert_eq!(
        run(&here, THIRD, &["status", number]).expect(3).failure()["error"],
        "code-not-open"
    );
    assert_eq!(role(THIRD, &["status", &code, "--role", "peer"]), "peer");
    let until = std::time::Instant::now() + crate::harness::PATIENCE;
    while run(&here, THIRD, &["status", &code, "--role", "host"]).status.success() {
        assert!(std::time::Instant::now() < until);
    }
    run(&here, THIRD, &["send", number, "from the peer"]).expect(0);
    assert_eq!(
        run(&here, ONE, &["receive", number]).expect(0).one("text")["body"],
        "from the peer"
    );
    // Also when the other side is gone.
    peer.signal(rustix::process::Signal::KILL);
    peer.child.wait().unwrap();
    for who in [OTHER, THIRD] {
        assert_eq!(
            run(&here, who, &["receive", &code]).expect(3).failure()["error"],
            "code-not-open"
        );
    }
    // Nor does one that nobody knows yet get this side by the code alone: it may be of the other.
    const FOURTH: Who = &[("CODEX_THREAD_ID", "fourth")];
    for args in commands(&code).iter().filter(|args| !["ask", "status"].contains(&args[0])) {
        assert_eq!(
            run(&here, FOURTH, args).expect(2).failure()["error"],
            "several-open",
            "{args:?}"
        );
    }
    assert_eq!(
        run(&here, FOURTH, &["status", number]).expect(3).failure()["error"],
        "code-not-open"
    );
    assert_eq!(role(ONE, &["status", number]), "host");
    run(&here, ONE, &["close", number, "--now"]).expect(0);
}

#[test]
fn a_label_selects_an_open_channel_to_send_into_and_to_ask_in() {
    let (here, there) = (Machine::new(), Machine::new());
    let mut host = here.start(["host", "--label", "build"]);
    let code = host.code();
    let mut other = here.start(["host", "--label", "other"]);
    other.code();
    let mut peer = there.start(["connect", &code]);
    host.until("status", "connected");
    here.run(["send", "--label", "build", "hello"]).expect(0);
    assert_eq!(peer.until("text", "")["body"], "hello");
    here.write("report", "x");
    here.run(["send", "--label", "build", "--file", "report", "--text", "with it"]).expect(0);
    assert_eq!(peer.until("text", "")["body"], "with it");
    let asking = here.start(["ask", "--label", "build", "well?", "--timeout", "40"]);
    assert_eq!(peer.until("text", "")["body"], "well?");
    there.run(["send", &code, "fine"]).expect(0);
    assert_eq!(asking.end().expect(0).one("text")["body"], "fine");
    // A word that could be a path is not guessed about, and the advice works.
    let failure = here.run(["send", "--label", "build", "report"]).expect(2).failure();
    assert_eq!(failure["error"], "ambiguous-argument");
    assert!(
        failure["next"].as_str().unwrap().contains("pinhole send --label build --file \"report\""),
        "{failure}"
    );
    // Neither joins or gives where there is no such channel.
    for args in [["send", "--label", "none", "hello"], ["ask", "--label", "none", "well?"]] {
        assert_eq!(here.run(args).expect(3).failure()["error"], "code-not-open", "{args:?}");
    }
    let mut giver = here.start(["send", "--label", "none", "report"]);
    assert!(giver.code().len() > 4);
    assert_eq!(here.run(["ask", "well?"]).status.code(), Some(2));
    drop((host, other, peer));
}

#[test]
fn a_handler_reaches_the_channel_that_it_answers_and_no_other() {
    let (here, there) = (Machine::new(), Machine::new());
    let mut other = here.start(["host", "--label", "other"]);
    other.code();
    let program = PROGRAM;
    let script = format!(
        "PINHOLE_NETWORK=loopback; export PINHOLE_NETWORK; cat > asked; {program} status > seen; \
        {program} send $PINHOLE_CHANNEL 'from inside' > sent; echo done"
    );
    let mut host =
        here.start(["host", "--label", "answered", "--on-message", "--", "/bin/sh", "-c", &script]);
    let code = host.code();
    let mut peer = there.start(["connect", &code]);
    peer.until("status", "connected");
    there.run(["send", &code, "hello"]).expect(0);
    let bodies: Vec<Value> = (0..2).map(|_| peer.until("text", "")["body"].clone()).collect();
    assert_eq!(bodies, ["from inside", "done"]);
    let seen = std::fs::read_to_string(here.path("seen")).unwrap();
    assert!(seen.contains("\"answered\"") && !seen.contains("\"other\""), "{seen}");
}
