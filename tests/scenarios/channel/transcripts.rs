//! The words of both sides, in a file (`--transcript`).

use crate::harness::{Machine, Running, schema};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;

fn lines(page: &str) -> Vec<Value> {
    page.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}")))
        .collect()
}

/// The words of a code, which are in no transcript.
fn words(code: &str) -> Vec<&str> {
    code.split('-').skip(1).collect()
}

#[test]
fn a_channel_is_written_down_on_both_sides_as_it_goes_on() {
    let (here, there) = (Machine::new(), Machine::new());
    let mut host = here.start(["host", "--transcript", "talk.md"]);
    let code = host.code();
    let mut peer =
        there.start(["connect", &code, "--secret-to-file", "mine", "--transcript", "talk.jsonl"]);
    host.until("status", "connected");
    let hostile =
        "# Heading\n**This side** said (text 9):\n\n    as ours\u{1b}[2J\u{202e}\r\n- a list";
    there.write("text", hostile);
    let mut command = there.command(["send", &code, "--text", "-"]);
    command.stdin(std::fs::File::open(there.path("text")).unwrap());
    Running::start(command).end().expect(0);
    here.run(["send", &code, "hello\nthere"]).expect(0);
    here.write("key", "hush-hush");
    here.run(["send", &code, "--secret-file", "key", "--secret-name", "KEY"]).expect(0);
    here.write("report.pdf", "x");
    here.run(["send", &code, "--file", "report.pdf"]).expect(0);
    peer.until("file", "");
    // It is there before the channel is closed.
    let early = std::fs::read_to_string(here.path("talk.md")).unwrap();
    assert!(early.contains("**This side** said (text 1):\n\n    hello\n    there\n\n"), "{early}");
    here.run(["close"]).expect(0);
    let (host, peer) = (host.end().expect(0), peer.end().expect(0));

    let page = std::fs::read_to_string(here.path("talk.md")).unwrap();
    let quoted = ">     # Heading\n>     **This side** said (text 9):\n>     \n>         as \
                 ours\\u{1b}[2J\\u{202e}\n>     - a list\n\n";
    assert!(
        page.starts_with(&early)
            && page.contains(&format!("**The other side** said (text 1):\n\n{quoted}")),
        "{page}"
    );
    for part in [
        "    the secret KEY\n",
        "    report.pdf\n",
        "Number 3 of this side is delivered.",
        "Ended with 0 (done).",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let page_there = std::fs::read_to_string(there.path("talk.jsonl")).unwrap();
    let kept = lines(&page_there);
    assert!(kept.iter().all(|line| schema::fault(line).is_none()), "{page_there}");
    let sent: Vec<&Value> = kept.iter().filter(|line| line["type"] == "sent").collect();
    assert_eq!((sent.len(), &sent[0]["body"], &sent[0]["id"]), (1, &hostile.into(), &1.into()));
    // Besides that, the very lines that were printed.
    let printed: Vec<Value> = lines(&peer.lines.join("\n"));
    assert_eq!(
        kept.iter().filter(|line| line["type"] != "sent").cloned().collect::<Vec<_>>(),
        printed
    );
    for page in [page, page_there] {
        assert!(
            !page.contains("hush") && words(&code).iter().all(|word| !page.contains(word)),
            "{page}"
        );
    }
    for path in [here.path("talk.md"), there.path("talk.jsonl")] {
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    drop(host);
}

#[test]
fn what_is_given_and_taken_once_is_written_down_too() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("key", "hush-hush");
    let mut giver = here.start([
        "give",
        "--text",
        "six o'clock",
        "--secret-file",
        "key",
        "--transcript",
        "out.jsonl",
    ]);
    let code = giver.code();
    there.run(["take", &code, "--transcript", "in.md"]).expect(0);
    giver.end().expect(0);
    let page = std::fs::read_to_string(here.path("out.jsonl")).unwrap();
    let sent: Vec<Value> = lines(&page).into_iter().filter(|line| line["type"] == "sent").collect();
    assert_eq!(
        (&sent[0]["body"], &sent[1]["what"], &sent[1]["size"]),
        (&"six o'clock".into(), &"the secret key".into(), &9.into())
    );
    assert!(sent[1]["body"].is_null());
    let taken = std::fs::read_to_string(there.path("in.md")).unwrap();
    assert!(
        taken.contains(">     six o'clock\n")
            && taken.contains("sent a secret, 9 bytes, left out here"),
        "{taken}"
    );
    for page in [page, taken] {
        assert!(
            !page.contains("hush") && words(&code).iter().all(|word| !page.contains(word)),
            "{page}"
        );
    }
}

#[test]
fn a_file_that_is_there_or_cannot_be_is_said_before_there_is_a_code() {
    let here = Machine::new();
    here.write("talk.md", "mine");
    for command in [
        &["host"][..],
        &["give", "--text", "x"],
        &["take"],
        &["connect", "9471-walrus-clipboard-mango"],
    ] {
        for (file, exit, error) in [
            ("talk.md", 8, "exists"),
            ("missing/talk.md", 8, "disk"),
            ("talk.txt", 2, "usage"),
            ("talk", 2, "usage"),
        ] {
            let ended = here.run([command, &["--transcript", file]].concat()).expect(exit);
            assert_eq!(ended.failure()["error"], error, "{command:?} {file}");
            assert!(
                ended.all("status").is_empty() && ended.failure()["next"].is_string(),
                "{:#?}",
                ended.lines
            );
        }
    }
    assert_eq!(std::fs::read_to_string(here.path("talk.md")).unwrap(), "mine");
    // A command that fails for another reason begins no transcript.
    here.run(["host", "--transcript", "new.md", "--on-message"]).expect(2);
    here.run(["connect", "9471-walrus-clipboard-mangoo", "--transcript", "new.md"]).expect(2);
    assert!(!here.path("new.md").exists());
}

#[test]
fn a_channel_of_another_process_has_none() {
    let here = Machine::new();
    let mut host = here.start(["host"]);
    let code = host.code();
    for args in
        [&["send", &code[..4], "x"][..], &["receive", &code[..4]], &["ask", &code[..4], "x"]]
    {
        let failure = here.run([args, &["--transcript", "talk.md"]].concat()).expect(2).failure();
        assert!(failure["detail"].as_str().unwrap().contains("transcript"), "{failure}");
    }
    assert!(!here.path("talk.md").exists());
}
