//! A code comes out of a chat, or is typed word by word: it is taken as it is meant, or nothing is
//! done.

use crate::harness::Machine;
use crate::harness::terminal::Terminal;

/// The number and the words of a code.
fn spoken(code: &str) -> Vec<&str> {
    code.split('-').collect()
}

#[test]
fn a_code_is_taken_out_of_what_was_pasted_with_it() {
    for around in [
        "\u{201c}CODE\u{201d}",
        "**CODE**",
        "Code: `CODE`",
        "\u{feff}CODE\u{200b}.",
        "/pinhole take CODE",
    ] {
        let (here, there) = (Machine::new(), Machine::new());
        let mut giver = here.start(["give", "--text", "hello"]);
        let pasted = around.replace("CODE", &giver.code().replace('-', "_"));
        assert_eq!(there.run(["take", &pasted]).expect(0).one("text")["body"], "hello", "{around}");
        giver.end().expect(0);
    }
}

#[test]
fn options_of_a_line_that_was_pasted_do_nothing_and_that_is_said() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("a", b"a");
    let mut giver = here.start(["give", "a"]);
    let line = format!("pinhole take {} -o elsewhere/ --relay wss://other.example", giver.code());
    let taker = there.run(["take", &line, "-o", "."]).expect(0);
    let aside = taker.all("error");
    assert_eq!(aside.len(), 1);
    assert_eq!(aside[0]["error"], "options-ignored");
    assert!(aside[0]["detail"].as_str().unwrap().ends_with("-o, --relay"), "{}", aside[0]);
    assert!(there.path("a").exists() && !there.path("elsewhere").exists());
    giver.end().expect(0);
}

#[test]
fn a_code_may_be_typed_word_by_word() {
    let (here, there) = (Machine::new(), Machine::new());
    let mut giver = here.start(["give", "--text", "hello"]);
    let code = giver.code();
    let taker = there.run([vec!["take"], spoken(&code), vec!["-y"]].concat()).expect(0);
    assert_eq!(taker.one("text")["body"], "hello");
    giver.end().expect(0);

    let mut host = here.start(["host"]);
    let code = host.code();
    let mut peer = there.start([vec!["connect"], spoken(&code)].concat());
    peer.until("status", "connected");
    there.run(["send", code.split('-').next().unwrap(), "hi"]).expect(0);
    let received =
        here.run([vec!["receive"], spoken(&code), vec!["--wait", "60"]].concat()).expect(0);
    assert!(received.everything().contains("channel"));
    here.run([vec!["close"], spoken(&code)].concat()).expect(0);
    host.end().expect(0);
    peer.end().expect(0);
}

// The words had been sent to whoever was in the channel.
#[test]
fn words_of_a_code_are_never_sent_as_a_text() {
    let (here, there) = (Machine::new(), Machine::new());
    let mut host = here.start(["host"]);
    let code = host.code();
    let mut peer = there.start(["connect", &code]);
    peer.until("status", "connected");
    let number = code.split('-').next().unwrap();
    let text = "augmented ghoulishly hazelnut";
    let dashed = format!("pinhole VERB {number}-augmented-ghoulishly-hazelnut");
    for (line, other) in [
        (vec!["send", number, text], format!("pinhole send {number} --text '{text}'")),
        (
            vec!["send", number, "augmented", "ghoulishly", "hazelnut"],
            format!("pinhole send {number} --text '{text}'"),
        ),
        (
            vec!["send", number, "augmented", "ghoulishly", "hazelnut", "on my way"],
            format!("pinhole send {number} --text '{text}'"),
        ),
        (vec!["ask", number, text], format!("pinhole ask {number} -")),
        (
            vec!["ask", number, "augmented", "ghoulishly", "hazelnut", "who?"],
            format!("pinhole ask {number} -"),
        ),
        (
            vec!["give", "--code", number, "augmented", "ghoulishly", "hazelnut", "a"],
            "./augmented ./ghoulishly ./hazelnut".to_owned(),
        ),
    ] {
        let error = there.run(&line).expect(2).failure();
        assert_eq!(error["error"], "ambiguous-argument", "{line:?}");
        let (next, verb) = (
            error["next"].as_str().unwrap(),
            if line[0] == "give" { "give --code" } else { line[0] },
        );
        assert!(
            next.contains(&dashed.replace("VERB", verb)) && next.contains(&other),
            "{line:?}: {next}"
        );
    }
    there.run(["ask", number, "what", "now"]).expect(2);
    // Characters around a code do not make a path of it.
    let marked = format!("\u{201c}{code}\u{201d}");
    there.run(["send", &marked, "marked"]).expect(0);
    // One word is a text, and what was refused can be said.
    there.run(["send", number, "augmented"]).expect(0);
    there.run(["send", number, "--text", text]).expect(0);
    here.run(["close"]).expect(0);
    let host = host.end().expect(0);
    let bodies: Vec<_> = host.all("text").into_iter().map(|text| text["body"].clone()).collect();
    assert_eq!(bodies, ["marked", "augmented", text]);
    peer.end().expect(0);
}

#[test]
fn receive_asks_for_the_code_at_a_terminal_like_take() {
    for verb in ["receive", "rx", "get", "recv"] {
        let (here, there) = (Machine::new(), Machine::new());
        let mut giver = here.start(["give", "--text", "hello"]);
        let mut taker = Terminal::start(&there, 100, [verb]);
        taker.see("Code (Tab completes");
        taker.keys(&format!("{}\r", giver.code()));
        taker.see("hello");
        taker.end(0);
        giver.end().expect(0);
    }
}
