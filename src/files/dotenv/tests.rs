use super::*;
use proptest::prelude::*;
use std::io::Write;
use std::process::{Command, Stdio};

/// The value of `$NAME` in sh after it has read `file`.
fn sh_reads(file: &[u8], name: &str) -> Vec<u8> {
    // The file is made a pipe, so that no path of a test's own has to be quoted.
    let script = format!(". /dev/stdin; printf %s \"${name}\"");
    let mut sh = Command::new("sh")
        .args(["-c", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    sh.stdin.take().unwrap().write_all(file).unwrap();
    sh.wait_with_output().unwrap().stdout
}

#[test]
fn what_is_special_somewhere_is_quoted_or_refused() {
    let written = |value: &str| quoted(value.as_bytes()).map(|text| text.to_string());
    for (value, expected) in [
        ("abc-1.2/3:4@5%6+7,8=", "abc-1.2/3:4@5%6+7,8="),
        ("~/x", "'~/x'"),
        ("a b", "'a b'"),
        ("#a", "'#a'"),
        ("$HOME `id` $(id) !x", "'$HOME `id` $(id) !x'"),
        ("say \"x\"", "'say \"x\"'"),
        ("a\\nb", "'a\\nb'"),
        ("it's", "\"it's\""),
        ("gr\u{fc}n", "'gr\u{fc}n'"),
        ("a\nb", "'a\nb'"),
        ("\n", "'\n'"),
        (
            "-----BEGIN X-----\nab+/=\n# \"y\"\nKEY=$5\n",
            "'-----BEGIN X-----\nab+/=\n# \"y\"\nKEY=$5\n'",
        ),
    ] {
        assert_eq!(written(value).as_deref(), Ok(expected));
    }
    for refused in [
        "",
        "a\r\nb",
        "a\nit's",
        "a\n\\",
        "a\0b",
        "a\tb",
        "a\u{85}b",
        "a${HOME}",
        "a\\\\b",
        "a b\\",
        "it's \"x\"",
        "it's $5",
        "it's `x`",
        "it's \\x",
    ] {
        assert!(written(refused).is_err(), "{refused:?}");
    }
    assert!(quoted(b"a\xffb").is_err());
}

#[test]
fn one_line_end_behind_a_secret_is_no_part_of_the_variable() {
    for (secret, value) in [
        ("a", "a"),
        ("a\n", "a"),
        ("a\r\n", "a"),
        ("a\r", "a\r"),
        ("a\n\n", "a\n"),
        ("\n", ""),
        ("", ""),
    ] {
        assert_eq!(as_variable(secret.as_bytes()), value.as_bytes());
    }
}

#[test]
fn a_variable_is_replaced_where_it_is_and_all_else_stays() {
    let set = |old: &str| String::from_utf8(set(old.as_bytes(), "KEY", "new").to_vec()).unwrap();
    for (old, new) in [
        ("", "KEY=new\n"),
        ("A=1\n", "A=1\nKEY=new\n"),
        ("A=1", "A=1\nKEY=new\n"),
        ("A=1\r\nKEY=old\r\nB=2\r\n", "A=1\r\nKEY=new\r\nB=2\r\n"),
        ("# KEY=x\nKEY = 'old' # why\n\n B=2", "# KEY=x\nKEY=new\n\n B=2"),
        ("  export \tKEY=old", "  export \tKEY=new\n"),
        ("KEY=1\nB=2\nKEY=3\n", "KEY=new\nB=2\n"),
        (
            "MY_KEY=1\nKEY_2=2\nexportKEY=3\nKEY.X=4\nkey=5\n",
            "MY_KEY=1\nKEY_2=2\nexportKEY=3\nKEY.X=4\nkey=5\nKEY=new\n",
        ),
        ("KEY=\"a\nKEY=b\\\"\nc\" # x\nB=2\n", "KEY=new\nB=2\n"),
        ("PEM='-----\nKEY=inside\n-----'\nKEY=old\n", "PEM='-----\nKEY=inside\n-----'\nKEY=new\n"),
        ("A='ends \\'\nKEY=old\n", "A='ends \\'\nKEY=new\n"),
        ("KEY", "KEY\nKEY=new\n"),
        ("KEY=", "KEY=new\n"),
    ] {
        assert_eq!(set(old), new, "{old:?}");
    }
    assert!(
        is_closed(b"A='\n' B='\nC=it's")
            && !is_closed(b"A=1\nB=' x\nC=\"")
            && !is_closed(b"B=\"a\\\"")
    );
    assert!(
        has(b"A=1\nexport KEY=", "KEY") && !has(b"A='\nKEY=1'\n", "KEY") && !has(b"#KEY=1", "KEY")
    );
}

#[test]
fn what_sh_reads_is_what_was_written() {
    // Every byte of ASCII that is no control character, each of which sh could take for its own.
    let mut shown = 0;
    for byte in (b' '..=b'~').chain([b'\n']) {
        for value in [
            vec![byte],
            vec![b'a', byte, b'b'],
            vec![byte, b' ', byte],
            vec![b'$', byte],
            vec![byte, b'\n', byte, b'\n', b'x'],
        ] {
            if let Ok(written) = quoted(&value) {
                shown += 1;
                let file = set(b"KEY=old\nB=2\n", "KEY", &written);
                assert_eq!(sh_reads(&file, "KEY"), value, "{}", written.as_str());
                assert_eq!(sh_reads(&file, "B"), b"2");
            }
        }
    }
    assert!(shown > 300, "{shown}");
}

proptest! {
    #[test]
    fn any_file_keeps_its_other_assignments(
        old in "([A-C]{1,2}|[ '\"=\\\\#\n\r]|export ){0,40}",
        value in "[a-z ]{1,8}",
    ) {
        prop_assume!(is_closed(old.as_bytes()));
        let written = quoted(value.as_bytes()).unwrap();
        let new = set(old.as_bytes(), "A", &written);
        let others = |text: &[u8]| {
            let lines = assignments(text).filter(|one| text.get(one.name.clone()) != Some(b"A"));
            lines.map(|one| text[one.whole].to_vec()).collect::<Vec<_>>()
        };
        // The last line may have had no end.
        let trimmed = |mut all: Vec<Vec<u8>>| {
            if let Some(last) = all.last_mut() {
                *last = last.strip_suffix(b"\n").unwrap_or(last).to_vec();
            }
            all
        };
        prop_assert_eq!(trimmed(others(old.as_bytes())), trimmed(others(&new)));
        prop_assert!(has(&new, "A"));
        // Setting it again changes nothing but the value.
        prop_assert_eq!(&*set(&new, "A", &written), &*new);
    }

    #[test]
    fn any_bytes_are_quoted_or_refused(value in prop::collection::vec(any::<u8>(), 0..40)) {
        if let Ok(written) = quoted(&value) {
            prop_assert!(
                (!written.contains('\n') || written.starts_with('\''))
                    && written.len() <= value.len() + 2
            );
        }
    }
}
