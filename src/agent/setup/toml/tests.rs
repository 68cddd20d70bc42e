use super::*;
use proptest::prelude::*;

#[track_caller]
fn there_and_back(text: &str) -> String {
    let put = put(Some(text), "pinhole", "pinhole", None).unwrap();
    assert!(is_current(Client::Codex, &get(&put, "pinhole").unwrap().unwrap(), "pinhole"), "{put}");
    assert_eq!(take(&put, "pinhole", "pinhole").unwrap().as_deref(), Some(text), "{put}");
    put
}

#[test]
fn a_new_file_comes_and_goes() {
    let new = put(None, "pinhole", "/opt/pinhole", None).unwrap();
    assert!(
        new.starts_with(
            "[mcp_servers.pinhole]\ncommand = \"/opt/pinhole\"\nargs = [\"mcp\"]\nenv_vars = ["
        ),
        "{new}"
    );
    assert_eq!(take(&new, "pinhole", "/opt/pinhole"), Ok(None));
}

#[test]
fn everything_around_it_stays_byte_for_byte() {
    for text in [
        "",
        "\n",
        "model = 'x' # of mine",
        "model = 'x'\n\n\n# end\n",
        "a = 1\r\n[b]\r\nc = 2\r\n",
        "[mcp_servers.other]\ncommand = \"x\"\n",
        "mcp_servers.other.command = 'x'\n",
        "[mcp_servers]\n[mcp_servers.other]\ncommand = \"x\"",
        "[[profiles]]\nx = 1\n[mcp_servers.\"a.b\"] # quoted\ncommand = \
        '''\n[mcp_servers.pin]\n'''\n",
    ] {
        there_and_back(text);
    }
}

#[test]
fn what_has_come_since_stays() {
    let later = there_and_back("a = 1\n") + "\n# mine\n[next]\nb = 2\n";
    assert_eq!(
        take(&later, "pinhole", "pinhole").unwrap().unwrap(),
        "a = 1\n\n# mine\n[next]\nb = 2\n"
    );
}

#[test]
fn an_entry_is_replaced_where_it_stands() {
    let text = put(Some("# a\n"), "pinhole", "/old/pinhole", None).unwrap() + "\n[next]\n";
    let new = put(Some(&text), "pinhole", "pinhole", Some("/old/pinhole")).unwrap();
    assert_eq!(new, text.replace("/old/pinhole", "pinhole"));
}

#[test]
fn what_is_not_understood_is_said() {
    for (text, says) in [
        ("a = \n", "is not TOML, line 1"),
        ("a = 1\na = 2\n", "is not TOML, line 2"),
        ("mcp_servers = 1\n", ""),
        ("mcp_servers = { other = { command = 'x' } }\n", "in a form that setup cannot change"),
        ("[[mcp_servers]]\n", ""),
    ] {
        let Fault(why) = put(Some(text), "pinhole", "pinhole", None).unwrap_err();
        assert!(why.contains(says), "{text}: {why}");
    }
    let Fault(why) = get("mcp_servers = 1\n", "pinhole").unwrap_err();
    assert!(why.contains("something other than a table"), "{why}");
    let Fault(why) = take(
        "mcp_servers.pinhole = { command = 'pinhole', args = ['mcp'] }\n",
        "pinhole",
        "pinhole",
    )
    .unwrap_err();
    assert!(why.contains("in a form that setup cannot change"), "{why}");
}

proptest! {
    #[test]
    fn any_text_is_survived(
        text in prop_oneof![
            any::<String>(),
            "((\\[mcp_servers(\\.[ap])?\\]|a = 1|# x|mcp_servers = \\{\\})\r?\n?){0,5}",
        ],
    ) {
        if let Ok(new) = put(Some(&text), "pinhole", "pinhole", None) {
            prop_assert_eq!(take(&new, "pinhole", "pinhole").unwrap(), Some(text));
        }
    }
}

#[test]
fn what_others_have_written_into_it_is_not_left_to_the_table_before() {
    let before = "[mcp_servers.docs]\ncommand = \"docs\"\n";
    let text = put(Some(before), "pinhole", "/usr/bin/pinhole", None).unwrap();
    assert_eq!(take(&text, "pinhole", "/usr/bin/pinhole").unwrap().unwrap(), before);
    // A comment behind a line, and the same in other spaces.
    for (ours, theirs) in [
        ("args = [\"mcp\"]", "args = [\"mcp\"] # mine"),
        ("env_vars = [", "env_vars=["),
        ("approval_mode = ", "approval_mode="),
    ] {
        let edited = text.replacen(ours, theirs, 1);
        assert_ne!(edited, text, "{text}");
        let Ok(Some(rest)) = take(&edited, "pinhole", "/usr/bin/pinhole") else { continue };
        assert_eq!(rest, before, "{theirs}");
    }
}
