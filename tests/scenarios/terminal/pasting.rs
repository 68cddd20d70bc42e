//! A secret of several lines that is pasted at the terminal, over a line that delivers it in
//! pieces.

use crate::harness::Machine;
use crate::harness::terminal::Terminal;
use rustix::process::{Pid, Signal, kill_process};

/// Gives a secret, and then counts what is left in the terminal for the shell.
const SCRIPT: &str = "\"$0\" give --secret; echo \"status $?\"; stty -icanon -echo min 0 time 5; \
                     echo \"left: $(cat | wc -c)\"";

/// 27 lines, 1,704 bytes.
fn key() -> String {
    let lines: String =
        ('a'..='y').map(|letter| format!("{}\n", letter.to_string().repeat(65))).collect();
    format!("-----BEGIN PRIVATE KEY-----\n{lines}-----END PRIVATE KEY-----\n")
}

/// Pastes into the prompt; what the other side has then, and what stands on the screen.
fn give(pasted: &str) -> (String, String) {
    let (here, there) = (Machine::new(), Machine::new());
    let mut giver = Terminal::shell(&here, SCRIPT);
    giver.see("Secret (not shown):");
    giver.paste(pasted);
    let code = giver.code();
    there.run(["take", &code, "--secret-to-file", "key"]).expect(0);
    giver.see("left: ");
    let screen = giver.end(0);
    (std::fs::read_to_string(there.path("key")).unwrap(), screen)
}

#[test]
fn a_key_of_many_lines_is_one_secret_and_nothing_is_left_for_the_shell() {
    let key = key();
    // As a terminal brings it that marks pastes, and as one that does not.
    for pasted in [
        key.replace('\n', "\r"),
        format!("\u{1b}[200~{}\u{1b}[201~", key.replace('\n', "\r")),
        key.trim_end().replace('\n', "\r"),
    ] {
        let (arrived, screen) = give(&pasted);
        assert_eq!(arrived, key);
        let told = "27 lines, 1,704 bytes";
        assert!(screen.contains(told) && screen.find(told) < screen.find("Code:"), "{screen}");
        assert!(screen.contains("status 0") && screen.trim_end().ends_with("left: 0"), "{screen}");
        assert!(!screen.contains("aaaa"), "{screen}");
    }
}

#[test]
fn lines_that_are_no_key_are_one_secret_too() {
    let text = format!("{{\n  \"key\": \"{}\"\n}}", "x".repeat(300));
    for pasted in
        [text.replace('\n', "\r"), format!("\u{1b}[200~{}\u{1b}[201~", text.replace('\n', "\r"))]
    {
        let (arrived, screen) = give(&pasted);
        assert_eq!(arrived, text);
        assert!(screen.contains("3 lines, ") && screen.trim_end().ends_with("left: 0"), "{screen}");
    }
    // A single long line, longer than a terminal edits itself.
    let long = "y".repeat(6_000);
    let (arrived, screen) = give(&format!("{long}\r"));
    assert_eq!(arrived, long);
    assert!(screen.trim_end().ends_with("left: 0") && !screen.contains(" lines, "), "{screen}");
}

#[test]
fn ctrl_c_at_the_prompt_ends_it_and_leaves_the_terminal_as_it_was() {
    let here = Machine::new();
    let mut giver = Terminal::shell(
        &here,
        "trap : INT; before=$(stty -g); \"$0\" give --secret; echo \"status $?\"; [ \"$before\" = \
        \"$(stty -g)\" ] && echo same",
    );
    giver.see("Secret (not shown):");
    giver.keys("half\u{3}");
    giver.see("status 130");
    let screen = giver.end(0);
    assert!(screen.contains("same") && !screen.contains("half"), "{screen}");
    let said = String::from_utf8_lossy(&giver.bytes).into_owned();
    assert!(said.rfind("[?2004l") > said.rfind("[?2004h"), "{said:?}");
}

#[test]
fn a_terminal_is_as_it_was_when_the_program_is_told_to_end_at_the_prompt() {
    let here = Machine::new();
    let mut giver = Terminal::shell(
        &here,
        "before=$(stty -g); sh -c 'echo \"process $$.\"; exec \"$0\" give --secret' \"$0\"; echo \
         \"status $?\"; [ \"$before\" = \"$(stty -g)\" ] && echo same",
    );
    giver.see("Secret (not shown):");
    let screen = giver.screen();
    let process = screen
        .split_once("process ")
        .and_then(|(_, rest)| rest.split_once('.'))
        .expect("a process")
        .0;
    let process = Pid::from_raw(process.parse().unwrap()).unwrap();
    kill_process(process, Signal::TERM).unwrap();
    giver.see("status 130");
    let screen = giver.end(0);
    assert!(screen.contains("same"), "{screen}");
    let said = String::from_utf8_lossy(&giver.bytes).into_owned();
    assert!(said.rfind("[?2004l") > said.rfind("[?2004h"), "{said:?}");
}
