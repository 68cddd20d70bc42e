//! A channel that stays open, with a person at each end.

use crate::harness::Machine;
use crate::harness::terminal::Terminal;

const ENTER: &str = "\r";
const CTRL_C: &str = "\u{3}";
const CTRL_D: &str = "\u{4}";

/// Two people in one channel, each of whom can type.
fn channel(here: &Machine, there: &Machine) -> (Terminal, Terminal) {
    let mut host = Terminal::start(here, 80, ["host"]);
    let code = host.code();
    let mut guest = Terminal::start(there, 80, ["connect", &code]);
    host.see("you>");
    guest.see("you>");
    (host, guest)
}

fn line(terminal: &mut Terminal, text: &str) {
    terminal.keys(text);
    terminal.keys(ENTER);
}

#[test]
fn what_is_typed_is_sent_and_commands_are_not() {
    let (here, there) = (Machine::new(), Machine::new());
    let (mut host, mut guest) = channel(&here, &there);
    line(&mut host, "hello from the host");
    guest.see("> hello from the host");
    line(&mut guest, "//etc is a folder");
    host.see("> /etc is a folder");
    // A pasted block, as terminals mark it, is one text.
    line(&mut guest, "\u{1b}[200~one\rtwo\rthree\u{1b}[201~");
    host.see("> one\n> two\n> three");
    line(&mut host, "/status");
    host.see("Connected; nothing is in progress");
    line(&mut host, "/nonsense");
    // Ctrl-D is a key only once the next line is being typed.
    host.see("type two.\nyou>");
    host.keys(CTRL_D);
    host.see("To leave, type /close");
    line(&mut host, "/close");
    let (host, guest) = (host.end(0), guest.end(0));
    assert!(
        host.trim_end().ends_with("The channel is closed."),
        "no prompt is left behind: {host}"
    );
    assert!(guest.contains("The other side has left."), "{guest}");
    assert!(!guest.contains("nonsense") && !guest.contains("Connected; nothing"), "{guest}");
}

#[test]
fn a_long_text_is_shown_and_is_in_a_file_only_for_a_program_that_asks() {
    let (here, there) = (Machine::new(), Machine::new());
    let (_host, mut guest) = channel(&here, &there);
    let number = there.run(["status"]).expect(0).one("session")["number"].to_string();
    let stored = || {
        let entries = std::fs::read_dir(here.home().join(".local/state/pinhole")).unwrap();
        entries
            .filter(|entry| {
                entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("received-")
            })
            .count()
    };
    let (longest, long) = ("x".repeat(1_024), "\u{e9}".repeat(513));
    [&longest, &long]
        .into_iter()
        .for_each(|text| drop(there.run(["send", &number, text]).expect(0)));
    let shown = here.run(["receive", "--human", "--after", "0"]).expect(0);
    assert!(shown.lines.concat().contains(&long), "{:#?}", shown.lines);
    assert_eq!(stored(), 0);
    let texts = here.run(["receive", "--after", "0"]).expect(0).all("text");
    assert_eq!(
        (texts.len(), &texts[0]["body"], texts[1].get("body"), &texts[1]["size"]),
        (2, &longest.into(), None, &1_026.into())
    );
    assert_eq!(std::fs::read_to_string(texts[1]["saved_to"].as_str().unwrap()).unwrap(), long);
    let asked = here.start(["ask", &number, "why?"]);
    guest.see("> why?");
    there.run(["send", &number, &long]).expect(0);
    let answer = asked.end().expect(0).one("text");
    assert_eq!(std::fs::read_to_string(answer["saved_to"].as_str().unwrap()).unwrap(), long);
    assert_eq!(stored(), 2);
}

#[test]
fn a_file_that_is_typed_is_one_that_the_fence_lets_out() {
    let (here, there) = (Machine::new(), Machine::new());
    std::fs::write(here.home().join("notes"), "x").unwrap();
    here.write("report", "x");
    let mut host = Terminal::start(&here, 80, ["host", "--fence"]);
    let mut guest = Terminal::start(&there, 80, ["connect", &host.code()]);
    host.see("you>");
    guest.see("you>");
    line(&mut host, "/file ../home/notes");
    host.see("is not in");
    line(&mut host, "/file report");
    guest.see("/yes or /no");
    guest.keys(CTRL_C);
    guest.end(130);
    host.end(6);
}

#[test]
fn a_file_is_asked_about_in_the_same_place_and_a_secret_is_not_shown() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("a b.txt", b"content");
    let (mut host, mut guest) = channel(&here, &there);
    line(&mut host, "/file a b.txt");
    guest.see("Answer /yes or /no.");
    // A line that is no answer is a text, and Enter alone is nothing.
    guest.keys(ENTER);
    line(&mut guest, "y");
    host.see("> y");
    guest.see("✓ Delivered a text");
    line(&mut guest, "/yes");
    host.see("✓ Delivered a b.txt");
    assert_eq!(std::fs::read(there.path("a b.txt")).unwrap(), b"content");
    line(&mut host, "/file missing");
    host.see("is not there");
    line(&mut guest, "/secret token");
    guest.see("Secret (not shown)");
    line(&mut guest, "typed-unseen");
    host.see("/show shows it here");
    line(&mut host, "show");
    guest.see("> show");
    host.see("✓ Delivered a text");
    line(&mut host, "/show");
    host.see("typed-unseen");
    guest.see("✓ Delivered a secret");
    assert!(!guest.screen().contains("typed-unseen"), "{}", guest.screen());
    guest.keys(CTRL_C);
    guest.end(130);
    host.end(6);
}

#[test]
fn lines_that_come_at_once_are_each_sent_and_none_is_a_command() {
    let (here, there) = (Machine::new(), Machine::new());
    let (mut host, mut guest) = channel(&here, &there);
    host.keys("one\rtwo\r/close\r//three\r/status\r");
    for text in ["> one", "> two", "> /close", "> //three", "> /status"] {
        guest.see(text);
    }
    // The first of them too, and pasted lines as terminals mark them.
    guest.keys("/close\rmore\r");
    host.see("> /close\n");
    host.see("> more");
    guest.keys("\u{1b}[200~/close\u{1b}[201~");
    guest.see("you> /close");
    guest.keys(ENTER);
    host.see("> more\n> /close");
    // Many more than a terminal's buffer of one read.
    let lines: String =
        (0..200).map(|number| format!("line {number} {}\r", "x".repeat(20))).collect();
    guest.paste(&lines);
    host.see("> line 199 ");
    let received = here.run(["receive", "--after", "0", "--max-bytes", "1000000"]).expect(0);
    assert_eq!(received.all("text").len(), 3 + 200);
    line(&mut guest, "/close");
    guest.end(0);
    host.end(0);
}

#[test]
fn closing_says_what_it_waits_for_and_how_to_leave_now() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("report.pdf", "x");
    let (mut host, mut guest) = channel(&here, &there);
    line(&mut host, "/file report.pdf");
    guest.see("/yes or /no");
    line(&mut host, "/close");
    host.see("Leaving when this is done: report.pdf. Ctrl-C leaves at once.");
    line(&mut host, "one more");
    host.see("That was not sent");
    line(&mut guest, "/close");
    guest.see("The question above still needs an answer");
    line(&mut guest, "/yes");
    let host = host.end(0);
    assert!(host.contains("Delivered report.pdf"), "{host}");
    guest.end(0);
    assert_eq!(std::fs::read(there.path("report.pdf")).unwrap(), b"x");
}
