//! At a terminal: what a person sees and is asked.

use crate::harness::content::names;
use crate::harness::relay::Relay;
use crate::harness::terminal::Terminal;
use crate::harness::wire::{Fault, Way, Wire};
use crate::harness::{Machine, port};
use std::net::Ipv4Addr;

const CTRL_C: &str = "\u{3}";
const VALUE: &str = "s3cr3t-value";

/// The code's number with other words.
fn slip(code: &str) -> String {
    let words =
        if code.ends_with("-walrus") { "mango-mango-mango" } else { "walrus-walrus-walrus" };
    format!("{}-{words}", code.split('-').next().unwrap())
}

#[test]
fn the_first_screen_is_the_code_and_the_line_for_the_other_side() {
    let here = Machine::new();
    here.write("report.pdf", b"r");
    let mut giver = Terminal::start(&here, 80, ["give", "report.pdf"]);
    let code = giver.code();
    giver.see("Waiting for the other side");
    let screen = giver.screen();
    assert!(screen.starts_with("Giving report.pdf\n"), "{screen}");
    assert!(
        screen.contains(&format!("On this machine, run:\n\n  pinhole take {code}\n\n")),
        "{screen}"
    );
    assert!(screen.contains("Good for one guest and 1 hour."), "{screen}");
    assert!(giver.painted(), "the code stands out");
    giver.keys(CTRL_C);
    let screen = giver.end(130);
    assert!(
        screen.contains("\n✗ interrupted before anybody came"),
        "on a line of its own: {screen}"
    );
}

#[test]
fn without_colours_and_in_a_narrow_window() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("report.pdf", b"r");
    let mut giver = Terminal::start_with(&here, 40, ["give", "report.pdf"], |command| {
        command.env("NO_COLOR", "1");
    });
    let code = giver.code();
    there.run(["take", &code, "-o", "."]).expect(0);
    giver.end(0);
    let said = String::from_utf8(giver.bytes.clone()).unwrap();
    assert!(!giver.painted(), "{said:?}");
    for line in said.lines().filter(|line| !line.contains(&code) && !line.contains('\u{1b}')) {
        assert!(line.trim_end().chars().count() <= 40, "{line:?}");
    }
}

#[test]
fn an_offer_is_accepted_or_declined() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("report.pdf", b"r");
    for (answer, exit) in [("n", (6, 1)), ("y", (0, 0))] {
        let mut giver = Terminal::start(&here, 80, ["give", "report.pdf"]);
        let code = giver.code();
        let mut taker = Terminal::start(&there, 80, ["take", &code]);
        taker.see("[Y/n]");
        assert!(
            taker.screen().contains("The other side offers report.pdf, 1 byte."),
            "{}",
            taker.screen()
        );
        assert!(names(there.dir()).is_empty(), "nothing before the answer");
        taker.keys(&format!("{answer}\r"));
        let (taker, giver) = (taker.end(exit.1), giver.end(exit.0));
        if answer == "y" {
            assert!(
                taker.contains("✓ Received") && giver.contains("✓ Delivered report.pdf"),
                "{taker}\n{giver}"
            );
            assert_eq!(names(there.dir()), ["report.pdf"]);
        } else {
            assert!(
                taker.contains("you declined it") && giver.contains("the other side said no"),
                "{taker}\n{giver}"
            );
            assert!(names(there.dir()).is_empty());
        }
    }
}

#[test]
fn ctrl_c_at_a_question_is_an_answer() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("report.pdf", b"r");
    let mut giver = Terminal::start(&here, 80, ["give", "report.pdf"]);
    let code = giver.code();
    let mut taker = Terminal::start(&there, 80, ["take", &code]);
    taker.see("[Y/n]");
    taker.keys(CTRL_C);
    taker.end(130);
    assert!(giver.end(6).contains("the other side was interrupted"));
    assert!(names(there.dir()).is_empty());
}

#[test]
fn a_secret_is_typed_unseen_and_shown_or_written() {
    let (here, there) = (Machine::new(), Machine::new());
    for (answer, exit) in [("show", (0, 0)), ("write", (0, 0)), ("decline", (6, 1))] {
        let mut giver =
            Terminal::start(&here, 80, ["give", "--secret", "--secret-name", "API_KEY"]);
        giver.see("Secret (not shown):");
        giver.keys(&format!("{VALUE}\r"));
        let code = giver.code();
        let mut taker = Terminal::start(&there, 80, ["take", &code]);
        taker.see("[Write/show/decline]");
        taker.keys(&format!("{answer}\r"));
        let taker = taker.end(exit.1);
        giver.end(exit.0);
        assert!(!String::from_utf8_lossy(&giver.bytes).contains(VALUE), "shown where it was typed");
        assert_eq!(taker.contains(&format!("\n| {VALUE}\n")), answer == "show", "{taker}");
        assert_eq!(names(there.dir()), if answer == "write" { vec!["API_KEY"] } else { vec![] });
        if answer == "write" {
            assert_eq!(std::fs::read_to_string(there.path("API_KEY")).unwrap(), VALUE);
            std::fs::remove_file(there.path("API_KEY")).unwrap();
        }
    }
}

#[test]
fn after_a_wrong_code_a_new_one_is_offered() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("report.pdf", b"r");
    let mut giver = Terminal::start(&here, 80, ["give", "report.pdf"]);
    let first = giver.code();
    let taker = Terminal::start(&there, 80, ["take", &slip(&first)]).end(3);
    assert!(
        taker.contains("a code can be tried only once")
            && taker.contains("ask the other side for a new code"),
        "{taker}"
    );
    giver.see("Make a new code? [Y/n]");
    assert!(giver.screen().contains("this code is dead"), "{}", giver.screen());
    // Meanwhile nobody waits under the old one.
    let late = there.run(["take", &first]).expect(3).failure();
    assert!(late["detail"].as_str().unwrap().starts_with("nobody is waiting"), "{late}");
    giver.keys("\r");
    let second = giver.code_after(&first);
    there.run(["take", &second, "-o", "."]).expect(0);
    giver.end(0);
    assert_eq!(names(there.dir()), ["report.pdf"]);

    for answer in [CTRL_C, "n\r"] {
        let mut giver = Terminal::start(&here, 80, ["give", "report.pdf"]);
        let code = giver.code();
        Terminal::start(&there, 80, ["take", &slip(&code)]).end(3);
        giver.see("Make a new code? [Y/n]");
        giver.keys(answer);
        giver.end(if answer == CTRL_C { 130 } else { 3 });
    }
}

#[test]
fn a_take_asks_for_the_code_and_opens_a_channel_without_one() {
    let (here, there) = (Machine::new(), Machine::new());
    let mut taker = Terminal::start(&there, 80, ["take"]);
    taker.see("Code");
    taker.keys("\r");
    let code = taker.code();
    assert!(
        taker.screen().contains(&format!("pinhole give --code {code} PATH...")),
        "{}",
        taker.screen()
    );
    here.run(["give", "--code", &code, "--text", "hello\u{1b}[31m"]).expect(0);
    let screen = taker.end(0);
    assert!(screen.contains("From the other side:\n\n| hello\\u{1b}[31m"), "{screen}");

    let mut taker = Terminal::start(&there, 80, ["take"]);
    taker.see("Code");
    taker.keys(CTRL_C);
    taker.end(130);
}

#[test]
fn both_compare_words() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("report.pdf", b"r");
    for (answer, exit) in [("y", (0, 0)), ("n", (7, 7))] {
        let mut giver = Terminal::start(&here, 80, ["give", "report.pdf", "--verify"]);
        let code = giver.code();
        let mut taker = Terminal::start(&there, 80, ["take", &code, "--verify", "--yes"]);
        giver.see("the same words");
        taker.see("the same words");
        let words = |screen: &str| {
            screen
                .lines()
                .skip_while(|line| !line.starts_with("Both sides must see"))
                .nth(2)
                .map(str::to_owned)
        };
        assert!(
            words(&giver.screen()).is_some() && words(&giver.screen()) == words(&taker.screen()),
            "{}",
            giver.screen()
        );
        taker.keys("y\r");
        giver.keys(&format!("{answer}\r"));
        let (giver, taker) = (giver.end(exit.0), taker.end(exit.1));
        if answer == "n" {
            assert!(
                giver.contains("not confirmed here") && taker.contains("did not confirm"),
                "{giver}\n{taker}"
            );
        }
    }
}

#[test]
fn a_folder_is_offered_before_it_is_counted_and_what_was_left_out_is_listed() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("folder/kept", b"kept");
    for link in ["one", "two"] {
        std::os::unix::fs::symlink("/kept", here.path("folder").join(link)).unwrap();
    }
    let mut giver = Terminal::start(&here, 200, ["give", "folder"]);
    let code = giver.code();
    let taker = Terminal::start(&there, 200, ["take", &code, "--yes"]).end(0);
    assert!(taker.contains("Receiving folder, ") && !taker.contains("at least 0 bytes"), "{taker}");
    let giver = giver.end(0);
    let after: Vec<&str> =
        giver.lines().skip_while(|line| !line.starts_with("✓ Delivered")).skip(1).collect();
    assert!(
        after.len() == 2
            && after.iter().all(|line| line.starts_with("– ") && line.contains("was left out")),
        "{giver}"
    );
}

#[test]
fn without_progress_there_is_no_bar_and_the_beginning_and_the_end_are_said() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("report.pdf", vec![b'r'; 32 << 20]);
    let mut giver = Terminal::start(&here, 80, ["give", "report.pdf", "--progress", "off"]);
    let code = giver.code();
    let mut taker = Terminal::start(&there, 80, ["take", &code, "--yes", "--progress", "off"]);
    let (taken, given) = (taker.end(0), giver.end(0));
    assert!(taken.contains("\nReceiving 33.6 MB …\n") && taken.contains("✓ Received"), "{taken}");
    assert!(
        given.contains("\nSending 33.6 MB …\n") && given.contains("✓ Delivered report.pdf"),
        "{given}"
    );
    for shown in [&taker.bytes, &giver.bytes] {
        let shown = String::from_utf8_lossy(shown).into_owned();
        assert!(!shown.contains('%') && !shown.contains('█'), "{shown:?}");
    }
}

#[test]
fn where_the_locale_has_ascii_alone_nothing_else_is_shown() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("r\u{e9}sum\u{e9}.pdf", vec![b'r'; 8 << 20]);
    let c = |command: &mut std::process::Command| {
        command.env("LC_ALL", "C").env("LANG", "en_US.UTF-8");
    };
    let mut giver = Terminal::start_with(&here, 80, ["give", "r\u{e9}sum\u{e9}.pdf"], c);
    let code = giver.code();
    let mut taker = Terminal::start_with(&there, 80, ["take", &code], c);
    taker.see("[Y/n]");
    taker.keys("y\r");
    let (taken, given) = (taker.end(0), giver.end(0));
    assert!(
        taken.contains("+ Received") && given.contains("+ Delivered r\\u{e9}sum\\u{e9}.pdf"),
        "{taken}\n{given}"
    );
    for shown in [&taker.bytes, &giver.bytes] {
        assert!(shown.is_ascii(), "{:?}", String::from_utf8_lossy(shown));
    }
    assert_eq!(names(there.dir()), ["r\u{e9}sum\u{e9}.pdf"]);
}

#[test]
fn a_lost_connection_is_one_line_that_counts_the_seconds() {
    let (here, there) = (Machine::on_a_wire(), Machine::on_a_wire());
    here.write("file", vec![7; 4 << 20]);
    let mut giver = Terminal::start(&here, 80, ["give", "file"]);
    let code = giver.code();
    let wire = Wire::to((Ipv4Addr::LOCALHOST, port(&code)));
    wire.only(0).set(Fault::Stall(Way::ToClient, 1 << 20));
    let code = wire.join(&code);
    let mut taker = Terminal::start(&there, 80, ["take", &code, "-y"]);
    wire.only(0).wait_bytes(Way::ToClient, 1 << 19);
    wire.refuse();
    wire.all().cut();
    let lost = "Connection lost; trying again (";
    for side in [&mut giver, &mut taker] {
        side.see(&format!("{lost}2 s). Ctrl-C gives up."));
        assert_eq!(side.screen().matches(lost).count(), 1, "{}", side.screen());
    }
    wire.accept();
    for mut side in [giver, taker] {
        let screen = side.end(0);
        assert!(screen.contains("Connected again after ") && !screen.contains(lost), "{screen}");
    }
}

#[test]
fn a_waiting_host_that_lost_its_relay_counts_the_seconds_too() {
    let (relay, here, there) = (Relay::start(), Machine::new(), Machine::new());
    let wire = Wire::to((Ipv4Addr::LOCALHOST, relay.port));
    here.write("file", "content");
    let mut giver = Terminal::start(&here, 80, ["give", "file", "--relay", &wire.url()]);
    let code = giver.code();
    wire.refuse();
    wire.all().cut();
    giver.see("Connection lost; trying again (2 s). Ctrl-C gives up.");
    wire.accept();
    giver.see("Connected again after ");
    there.run(["take", &code, "-o", ".", "--relay", &relay.url()]).expect(0);
    assert!(!giver.end(0).contains("Connection lost"));
}
