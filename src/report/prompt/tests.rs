use super::*;
use crate::events::Acting;
use crate::failure::{Exit, Kind};
use pinhole_protocol::wire::ItemId;
use std::fmt::Debug;

/// Asks with these lines typed; what was answered, and what stood on the terminal.
fn asked<T>(
    typed: &str,
    ask: impl FnOnce(&mut Terminal<&[u8], Vec<u8>>) -> Result<T, Failure>,
) -> (Result<T, Failure>, String) {
    let mut terminal = Terminal::new(typed.as_bytes(), Vec::new());
    let answer = ask(&mut terminal);
    (answer, String::from_utf8(terminal.output).unwrap())
}

/// The answer to each of several things typed.
fn answers<T: Debug>(
    typed: &[&str],
    ask: impl Fn(&mut Terminal<&[u8], Vec<u8>>) -> Result<T, Failure>,
) -> Vec<T> {
    typed.iter().map(|typed| asked(typed, &ask).0.unwrap()).collect()
}

fn offer(names: &[&str], size: u64, count: u32, counted: bool) -> Offered {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    Offered {
        id: ItemId(1),
        names,
        names_more: 0,
        size: Some(size),
        count: Some(count),
        counted,
        acts: Acting::default(),
        asked: true,
    }
}

#[test]
fn yes_and_no_and_enter() {
    assert_eq!(
        answers(&["\n", "y\n", "YES\n", " n \n", "no\n", "no"], |t| t.yes("Sure?", true)),
        [true, true, true, false, false, false]
    );
    assert_eq!(answers(&["\n", "y\n"], |t| t.yes("Sure?", false)), [false, true]);
    assert_eq!(asked("\n", |t| t.yes("Sure?", true)).1, "Sure? [Y/n] ");
    assert_eq!(asked("\n", |t| t.yes("Sure?", false)).1, "Sure? [y/N] ");
}

/// The same where texts are typed too.
fn in_channel<T>(
    typed: &str,
    ask: impl FnOnce(&mut Terminal<&[u8], Vec<u8>>) -> Result<T, Failure>,
) -> (Result<T, Failure>, String) {
    let mut terminal = Terminal::in_channel(typed.as_bytes(), Vec::new());
    let answer = ask(&mut terminal);
    (answer, String::from_utf8(terminal.output).unwrap())
}

#[test]
fn in_a_channel_whole_words_answer_and_nothing_else() {
    let (answer, shown) = in_channel("\ny\nyes\n", |t| t.yes("Sure?", false));
    assert!(answer.unwrap());
    assert_eq!(shown, "Sure? Answer /yes or /no.\n".repeat(3));
    assert_eq!(in_channel("show\n", |t| t.secret(None, 3)).0.unwrap(), SecretTo::Terminal);
    assert_eq!(
        in_channel("overwrite\n", |t| t.conflict("x", false)).0.unwrap(),
        Conflict::Overwrite
    );
    let shown = "x is already here. /yes stores the new one under another name, /no leaves it out, \
                /overwrite replaces the old one.\n";
    let (answer, said) = in_channel("no\n", |t| t.conflict("x", false));
    assert_eq!((answer.unwrap(), said.as_str()), (Conflict::Skip, shown));
    assert_eq!(in_channel("", |t| t.yes("Sure?", true)).0.unwrap_err().kind, Kind::NoAnswer);
}

#[test]
fn what_is_no_answer_is_asked_again() {
    let (answer, shown) = asked("yess\nmaybe\ny\n", |t| t.yes("Sure?", false));
    assert!(answer.unwrap());
    assert_eq!(
        shown,
        "Sure? [y/N] Please answer yes or no.\nSure? [y/N] Please answer yes or no.\nSure? [y/N] "
    );
}

#[test]
fn an_end_is_no_answer_and_never_the_default() {
    let (answer, _) = asked("", |t| t.yes("Sure?", true));
    assert_eq!(answer.unwrap_err().exit(), Exit::NoAnswer);
    let (answer, _) = asked("what\n", |t| t.accept(&offer(&["a"], 1, 1, true), "here", None));
    assert_eq!(answer.unwrap_err().kind, Kind::NoAnswer);
}

#[test]
fn an_offer_is_listed_before_it_is_asked_about() {
    assert_eq!(
        asked("\n", |t| t.accept(
            &offer(&["report.pdf"], 38_200_000, 1, true),
            "the current directory",
            None
        ))
        .1,
        "The other side offers report.pdf, 38.2 MB.\nReceive into the current directory? [Y/n] "
    );
    assert_eq!(
        asked("\n", |t| t.accept(
            &offer(&["report.pdf", "my logs"], 12_300_000_000, 15, false),
            "/in",
            None
        ))
        .1,
        "\
The other side offers 2 items (at least 15 files and folders), at least 12.3 GB, still counting:

  report.pdf
  \"my logs\"

Receive into /in? [Y/n] "
    );
}

#[test]
fn what_is_not_listed_is_counted() {
    let many = Offered { names_more: 9_998, ..offer(&["a", "b"], 5, 10_000, true) };
    let shown = asked("\n", |t| t.accept(&many, "/in", None)).1;
    assert!(
        shown.contains("offers 10000 items") && shown.contains("  b\n  … and 9,998 items more\n\n"),
        "{shown}"
    );
}

#[test]
fn names_that_act_are_marked_and_nothing_by_habit_takes_them() {
    let one = Offered {
        acts: Acting::read(vec!["Makefile".into()], 0),
        ..offer(&["Makefile"], 5, 1, true)
    };
    let (answer, shown) = asked("\n", |t| t.accept(&one, "/in", None));
    assert_eq!(
        (answer.unwrap(), shown.as_str()),
        (
            false,
            "The other side offers Makefile, 5 bytes.\nPrograms act on files with such names \
             unasked.\nReceive into /in? [y/N] "
        )
    );
    // Names beyond the list of those that act are marked too.
    let several = Offered {
        acts: Acting::read(vec![".git".into()], 1),
        ..offer(&[".git", "bin", "a"], 5, 9, true)
    };
    assert_eq!(
        asked("y\n", |t| t.accept(&several, "/in", None)).1,
        "\
The other side offers 3 items (9 files and folders), 5 bytes:

  .git (acts)
  bin (acts)
  a

Programs act unasked on those marked (acts).
Receive into /in? [y/N] "
    );
    let (answer, shown) = asked("y\n", |t| {
        t.accept(&offer(&["a"], 5, 1, true), "/etc/x", Some("the configuration of this machine"))
    });
    assert_eq!(
        (answer.unwrap(), shown.as_str()),
        (
            true,
            "The other side offers a, 5 bytes.\nIt would go into the configuration of this \
             machine: programs act unasked on everything there.\nReceive into /etc/x? [y/N] "
        )
    );
}

#[test]
fn all_names_are_listed() {
    let names: Vec<String> = (0..1_000).map(|n| format!("file-{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (_, shown) = asked("\n", |t| t.accept(&offer(&names, 1, 1_000, true), "/in", None));
    assert!(names.iter().all(|name| shown.contains(&format!("  {name}\n"))));
    assert!(shown.contains("1000 items, 1 byte:"));
}

#[test]
fn names_cannot_paint_over_the_question() {
    let hostile = "a\x1b[2J\r\n\u{202e}[Y/n] y\u{9b}";
    let label = PeerText::new(hostile.to_owned());
    let shown = [
        asked("\n", |t| t.accept(&offer(&[hostile, hostile], 1, 2, true), hostile, None)).1,
        asked("\n", |t| t.accept(&offer(&[hostile], 1, 1, true), hostile, None)).1,
        asked("\n", |t| t.conflict(hostile, true)).1,
        asked("\n", |t| t.secret(Some(&label), 1)).1,
        asked("\n", |t| t.same_words(hostile)).1,
    ];
    for shown in shown {
        assert!(shown.contains("\\u{1b}[2J\\u{d}\\u{a}\\u{202e}"), "{shown}");
        assert!(!shown.chars().any(|c| c != '\n' && crate::escape::is_hidden(c)), "{shown:?}");
    }
}

#[test]
fn a_taken_name() {
    let typed = ["\n", "r\n", "s\n", "over\n"];
    let expected = [Conflict::Rename, Conflict::Rename, Conflict::Skip, Conflict::Overwrite];
    assert_eq!(answers(&typed, |t| t.conflict("a.txt", false)), expected);
    assert_eq!(
        asked("\n", |t| t.conflict("a.txt", false)).1,
        "a.txt is already here. [Rename/skip/overwrite] "
    );
}

#[test]
fn a_folder_that_meets_a_folder_can_be_joined() {
    let expected = [Conflict::Rename, Conflict::Skip, Conflict::Merge];
    assert_eq!(answers(&["\n", "s\n", "m\n"], |t| t.conflict("logs", true)), expected);
    assert_eq!(
        asked("over\nskip\n", |t| t.conflict("logs", true)).0.unwrap(),
        Conflict::Skip,
        "a folder replaces nothing"
    );
    assert_eq!(
        asked("\n", |t| t.conflict("logs", true)).1,
        "logs is already here. [Rename/skip/merge] "
    );
    let (answer, said) = in_channel("merge\n", |t| t.conflict("logs", true));
    assert_eq!(answer.unwrap(), Conflict::Merge);
    let shown = "/merge merges it into the old one and replaces files of the same name.\n";
    assert!(said.ends_with(shown), "{said}");
}

#[test]
fn where_a_secret_goes() {
    let expected = [SecretTo::File, SecretTo::File, SecretTo::Terminal, SecretTo::Nowhere];
    assert_eq!(answers(&["\n", "w\n", "show\n", "d\n"], |t| t.secret(None, 32)), expected);
    let label = PeerText::new("API_KEY".into());
    assert_eq!(
        asked("\n", |t| t.secret(Some(&label), 32)).1,
        "The other side sends the secret API_KEY, 32 bytes.\nWrite it to a file, show it here, or \
        decline? [Write/show/decline] "
    );
}

#[test]
fn words_to_compare_are_not_the_same_by_habit() {
    assert_eq!(answers(&["\n", "y\n"], |t| t.same_words("apple river")), [false, true]);
    assert_eq!(answers(&["\n", "n\n"], |t| t.new_code()), [true, false]);
}

#[test]
fn a_secret_is_shown_on_its_own_line() {
    let show = |secret: &[u8]| {
        let (shown, text) = asked("", |t| t.show_secret(SecretVec::new(secret.to_vec())));
        (shown.unwrap(), text)
    };
    assert_eq!(show(b"hunter2"), (true, "\n| hunter2\n\n".into()));
    assert_eq!(show("two\n✓ lines\n".as_bytes()), (true, "\n| two\n| ✓ lines\n\n".into()));
    let note = "Invisible characters are shown as \\u{…}, so a copy of this is different.\n";
    assert_eq!(show(b"a\x1b[2Jb"), (true, format!("\n| a\\u{{1b}}[2Jb\n\n{note}")));
    assert_eq!(show(b"\xff\xfe"), (false, String::new()));
}

#[test]
fn a_broken_terminal_is_a_failure() {
    let mut full = [0_u8; 3];
    let mut terminal = Terminal::new(&b"y\n"[..], &mut full[..]);
    assert_eq!(terminal.yes("Sure?", true).unwrap_err().exit(), Exit::NoAnswer);
}

#[test]
fn nobody_to_ask_says_what_answers_instead() {
    let failure = nobody_to_ask("the offer", "run it again with --yes");
    assert_eq!(failure.kind, Kind::NoAnswer);
    assert_eq!(failure.detail, "the offer needs an answer, and there is no terminal to ask at");
    assert_eq!(failure.next.as_deref(), Some("run it again with --yes"));
}
