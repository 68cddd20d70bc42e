//! `pinhole config`: what is set, who set it, and changing the file without losing what its owner
//! wrote there.

use crate::harness::Machine;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;

#[test]
fn a_setting_is_set_shown_and_unset() {
    let here = Machine::new();
    let path = here.home().join(".config/pinhole/config.toml");
    let shown = here.run_plain(["config"]);
    assert!(
        shown.contains("relay   = none   (default)\n")
            && shown.contains("lan     = true   (default)\n"),
        "{shown}"
    );
    assert!(shown.contains(&format!("The file would be {}", path.display())), "{shown}");
    assert_eq!(here.run_plain(["config", "get", "relay"]), "none\n");

    let line = format!("relay   = wss://relay.example/   (from {})\n", path.display());
    assert_eq!(here.run_plain(["config", "set", "relay", "https://relay.example"]), line);
    assert!(here.run_plain(["config"]).contains(&line));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "relay = \"wss://relay.example/\"\n");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);

    std::fs::write(
        &path,
        "# the office's\nrelay = 'wss://a' # since May\n\n# quiet\nlan = false\n",
    )
    .unwrap();
    here.run_plain(["config", "set", "relay", "wss://b"]);
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        "# the office's\nrelay = \"wss://b/\" # since May\n\n# quiet\nlan = false\n"
    );
    assert_eq!(here.run_plain(["config", "unset", "relay"]), "relay   = none   (default)\n");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "# the office's\n\n# quiet\nlan = false\n");
    assert_eq!(here.run_plain(["config", "get", "lan"]), "false\n");
    here.run_plain(["config", "unset", "relay"]);
}

#[test]
fn who_set_what_is_one_json_object() {
    let here = Machine::new();
    here.run_plain(["config", "set", "lan", "false"]);
    let mut command = here.command(["config", "--json"]);
    command.env("PINHOLE_RELAY", "wss://relay.example");
    let shown: Value = serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
    let path = here.home().join(".config/pinhole/config.toml");
    assert_eq!(
        (&shown["file"], &shown["file_exists"]),
        (&Value::from(path.to_str().unwrap()), &Value::from(true))
    );
    let settings = shown["settings"].as_array().unwrap();
    assert_eq!(
        (&settings[0]["value"], &settings[0]["from"]),
        (&"wss://relay.example/".into(), &"from PINHOLE_RELAY".into())
    );
    assert_eq!(
        (&settings[2]["value"], &settings[2]["from"]),
        (&"false".into(), &format!("from {}", path.display()).into())
    );
}

#[test]
fn what_cannot_be_set_is_refused_and_nothing_is_written() {
    let here = Machine::new();
    here.write("text", "no certificate");
    for (args, says) in [
        (["set", "relay", "wss://me:hunter2@relay.example"], "user name"),
        (["set", "lan", "maybe"], "must be true or false"),
        (["set", "ca-file", "text"], "has no certificate in it"),
        (["set", "ca-file", "missing"], "cannot be read"),
    ] {
        let ended = here.command([&["config", "--json"], &args[..]].concat()).output().unwrap();
        let all = String::from_utf8(ended.stdout).unwrap();
        assert_eq!(ended.status.code(), Some(2), "{all}");
        assert!(
            all.contains(says) && all.contains("\"error\":\"usage\"") && !all.contains("hunter2"),
            "{all}"
        );
    }
    assert!(!here.home().join(".config").exists());
    assert_eq!(
        here.command(["config", "set", "realy", "x"]).output().unwrap().status.code(),
        Some(2)
    );
}

/// A command's complaint about a setting comes when it is set.
#[test]
fn a_relay_that_no_command_would_use_is_not_set() {
    let here = Machine::new();
    for (url, says) in [
        ("http://relay.example", "anybody in between sees the code's number"),
        ("ws://192.0.2.1:7667", "anybody in between sees the code's number"),
        ("ws://0.0.0.0", "anybody in between sees the code's number"),
        ("wss://relay..example", "no certificate can be for"),
    ] {
        let ended = here.command(["config", "--json", "set", "relay", url]).output().unwrap();
        let said = String::from_utf8(ended.stdout).unwrap();
        let lines: Vec<Value> =
            said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(
            (ended.status.code(), &lines[0]["error"]),
            (Some(2), &"usage".into()),
            "{url}: {said}"
        );
        assert!(
            lines[0]["detail"].as_str().unwrap().contains(says) && lines[0]["next"].is_string(),
            "{url}: {said}"
        );
        assert!(!said.contains("--insecure-relay"), "config has no such option: {said}");
    }
    assert!(!here.home().join(".config").exists());
    // A setting that would be used can be made, too.
    let mut command = here.command(["config", "set", "relay", "http://relay.example"]);
    assert!(command.env("PINHOLE_INSECURE_RELAY", "1").status().unwrap().success());
    assert_eq!(here.run_plain(["config", "get", "relay"]), "ws://relay.example/\n");
    for url in [
        "ws://localhost:7667",
        "http://127.0.0.1:7667/p",
        "[::1]:7667",
        "wss://relay.example",
        "wss://192.0.2.1",
        "none",
    ] {
        here.run_plain(["config", "set", "relay", url]);
    }
}

#[test]
fn a_file_that_cannot_be_followed_stops_every_command_and_is_not_touched() {
    let here = Machine::new();
    let path = here.home().join(".config/pinhole/config.toml");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    for (text, says) in [
        ("# mine\nrealy = 'wss://a'\n", "line 2: `realy` is not a setting; did you mean `relay`?"),
        ("relay = [", "line 1: "),
    ] {
        std::fs::write(&path, text).unwrap();
        let error = here.run(["give", "--text", "x"]).expect(2).failure();
        assert_eq!(error["error"], "usage");
        let detail = error["detail"].as_str().unwrap();
        assert!(
            detail.contains(path.to_str().unwrap())
                && detail.contains(says)
                && error["next"].is_string(),
            "{error}"
        );
        for args in
            [&["config"][..], &["config", "set", "lan", "true"], &["config", "unset", "lan"]]
        {
            let ended = here.command(args).output().unwrap();
            assert_eq!((ended.status.code(), ended.stdout.len()), (Some(2), 0));
            assert!(String::from_utf8(ended.stderr).unwrap().contains(says));
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
    // The value that is replaced may have been what was wrong.
    std::fs::write(&path, "relay = 7\n").unwrap();
    here.run_plain(["config", "set", "relay", "none"]);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "relay = \"none\"\n");
}

#[test]
fn commands_that_change_it_at_once_lose_nothing() {
    let here = Machine::new();
    let path = here.home().join(".config/pinhole/config.toml");
    for round in 0..20 {
        let set = [["relay", "wss://relay.example"], ["lan", "false"]]
            .map(|[key, value]| here.command(["config", "set", key, value]).spawn().unwrap());
        for mut command in set {
            assert!(command.wait().unwrap().success());
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("relay = ") && text.contains("lan = false"), "{round}: {text}");
        std::fs::remove_file(&path).unwrap();
    }
    assert_eq!(path.parent().unwrap().read_dir().unwrap().count(), 0);
}
