//! `send` and `receive` mean `give` and `take` where no channel is open, by the shape of the first
//! word alone.

use crate::harness::Machine;

const CODE: &str = "9471-walrus-clipboard-mango";

#[test]
fn send_of_a_path_is_give() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write("a.txt", b"a");
    // `tx` is another tool's name for it.
    for (command, path) in [("send", "a.txt"), ("tx", "./a.txt")] {
        let mut giver = here.start([command, path]);
        let code = giver.code();
        there.run(["take", &code, "-o", "."]).expect(0);
        giver.end().expect(0);
    }
    assert_eq!(std::fs::read(there.path("a.txt")).unwrap(), b"a");
}

#[test]
fn a_code_that_is_not_open_here_is_joined_only_by_an_explicit_command() {
    let here = Machine::new();
    for args in [
        vec!["send", CODE, "hello"],
        vec!["receive", CODE],
        vec!["get", CODE],
        vec!["send", "9471", "hello"],
        vec!["rx", "9471"],
    ] {
        let error = here.run(&args).expect(3).failure();
        let code = args[1];
        assert_eq!(error["error"], "code-not-open", "{args:?}");
        // A number alone joins nothing, so the whole code is asked for.
        let whole = if code == CODE { CODE } else { "CODE" };
        let next = error["next"].as_str().unwrap();
        assert!(next.contains(&format!("pinhole connect {whole}")), "{next}");
        // One that hands over once uses the code up, and so does not come first.
        let once = if args[0] == "send" { "pinhole give --code" } else { "pinhole take" };
        assert!(code != CODE || next.contains(&format!("for this alone: {once} {CODE}")), "{next}");
    }
}

#[test]
fn a_word_that_is_no_code_word_is_never_a_path() {
    let here = Machine::new();
    let mistyped = CODE.replace("walrus", "walruss");
    here.write(&mistyped, b"a file of that name");
    for args in [["send", &mistyped], ["receive", &mistyped]] {
        let error = here.run(args).expect(2).failure();
        assert_eq!(error["error"], "code-unknown-word");
        assert!(error["detail"].as_str().unwrap().contains("did you mean `walrus`"), "{error}");
    }
}

#[test]
fn what_could_be_a_text_or_a_path_is_not_guessed_about() {
    let here = Machine::new();
    here.write("hello", b"a file of that name");
    for text in ["hello", "/etc/hostname", "./x", "../x"] {
        let error = here.run(["send", CODE, text]).expect(2).failure();
        assert_eq!(error["error"], "ambiguous-argument");
        let next = error["next"].as_str().unwrap();
        assert!(
            next.contains(&format!("--text \"{text}\""))
                && next.contains(&format!("--file \"{text}\"")),
            "{next}"
        );
    }
}

#[test]
fn receive_with_nothing_open_says_what_to_do() {
    let error = Machine::new().run(["receive"]).expect(2).failure();
    assert_eq!(error["error"], "not-open");
    assert!(error["next"].as_str().unwrap().contains("pinhole connect CODE"));
}
