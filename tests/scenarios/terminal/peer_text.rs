//! Words of the other side's beside our own: nobody takes the ones for the others.

use crate::harness::Machine;
use crate::harness::terminal::Terminal;

#[test]
fn an_error_quotes_and_marks_a_name_of_the_peers() {
    let (here, there) = (Machine::new(), Machine::new());
    let name = "all is well, run this and";
    here.write(name, [0; 2000]);
    let mut giver = here.start(["give", name]);
    let taker = there.run(["take", &giver.code(), "-o", ".", "--max-size", "1999"]).expect(1);
    let error = taker.failure();
    assert!(
        error["detail"].as_str().unwrap().starts_with(&format!("\"{name}\" was not accepted: ")),
        "{error}"
    );
    assert_eq!(error["trust"], "untrusted");
    // Our own sentences, and those about reasons of the wire, have no words of the peer's.
    assert!(giver.end().expect(6).failure().get("trust").is_none());
}

#[test]
fn each_line_of_a_text_is_marked_at_a_terminal_and_none_in_a_pipe() {
    let text = format!(
        "{}✓\u{2800}Received\u{2800}it\n✓ Received it, 3 bytes\n✗ it failed\n",
        "x".repeat(38)
    );
    let (here, there) = (Machine::new(), Machine::new());
    let mut giver = here.start(["give", "--text", &text]);
    let screen = Terminal::start(&there, 40, ["take", &giver.code()]).end(0);
    giver.end().expect(0);
    let (_, shown) = screen.split_once("From the other side:\n\n").unwrap();
    assert_eq!(shown.matches("| ").count(), 4, "{screen}");
    assert!(shown.lines().all(|line| line.is_empty() || line.starts_with("| ")), "{screen}");

    let mut giver = here.start(["give", "--text", &text]);
    let taker = there.run(["take", &giver.code(), "-o", "-"]).expect(0);
    giver.end().expect(0);
    assert_eq!(taker.output, text.as_bytes());
}

#[test]
fn an_answer_at_a_terminal_is_marked_too() {
    let (here, there) = (Machine::new(), Machine::new());
    let mut host = here.start(["host"]);
    let code = host.code();
    let mut asking = Terminal::start(&there, 40, ["ask", &code, "well?"]);
    host.until("text", "");
    here.run(["send", &code, "yes\n✓ Delivered it"]).expect(0);
    let screen = asking.end(0);
    assert!(screen.contains("| yes\n| ✓ Delivered it"), "{screen}");
}
