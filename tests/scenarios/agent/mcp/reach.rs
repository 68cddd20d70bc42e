//! Channels of other processes, channels without sockets, and what may be sent.

use super::*;
use crate::harness::relay::Relay;
use std::os::unix::fs::{PermissionsExt, symlink};

#[test]
fn commands_reach_its_channels_and_its_tools_reach_theirs() {
    let (here, there) = (Machine::new(), Machine::new());
    let (mut server, mut peer) = (Client::with(&here, &["--all-sessions"]), Client::new(&there));
    let code = server.open();
    peer.call("connect", json!({"code": code})).unwrap();
    here.run(["send", &code[..4], "from a command"]).expect(0);
    assert_eq!(peer.until("text")["body"], "from a command");
    assert_eq!(
        here.run(["status"]).expect(0).one("session")["number"],
        code[..4].parse::<u64>().unwrap()
    );
    // A channel of another process.
    let mut host = here.start(["host", "--label", "theirs"]);
    let other = host.code();
    let mut joined = there.start(["connect", &other]);
    host.until("status", "connected");
    server.call("send", json!({"text": "from a tool", "channel": "theirs"})).unwrap();
    assert_eq!(joined.until("text", "")["body"], "from a tool");
    here.write("report", "all of it");
    server.call("send_file", json!({"paths": ["report"], "channel": other[..4]})).unwrap();
    joined.until("file", "");
    there.run(["send", &other, "back"]).expect(0);
    let got = server.call("receive", json!({"channel": "theirs", "wait_s": 45})).unwrap();
    assert!(got.to_string().contains("\"back\""), "{got}");
    let all = server.call("status", json!({})).unwrap()["sessions"].as_array().unwrap().clone();
    assert_eq!(all.len(), 2, "each once: {all:#?}");
    // Its own is meant where nothing else is said.
    server.call("send", json!({"text": "ours"})).unwrap();
    assert_eq!(peer.until("text")["body"], "ours");
    server.call("close", json!({"channel": "theirs"})).unwrap();
    host.end().expect(0);
    joined.end().expect(0);
    here.run(["close"]).expect(0);
}

#[test]
fn where_no_socket_can_be_it_works_all_the_same() {
    let (here, there) = (Machine::new(), Machine::new());
    // The directory of sockets is open to others, so nobody uses it.
    let run = here.home().join(".local/state/pinhole/run");
    std::fs::create_dir_all(&run).unwrap();
    std::fs::set_permissions(&run, std::fs::Permissions::from_mode(0o755)).unwrap();
    let (mut host, mut peer) = pair(&here, &there);
    host.call("send", json!({"text": "inside"})).unwrap();
    assert_eq!(peer.until("text")["body"], "inside");
    there.write("key", "hush");
    peer.call("send_secret", json!({"file": "key"})).unwrap();
    assert_eq!(host.until("secret")["stored"], "held");
    let taken = host.call("receive", json!({"secret_to_file": "key"})).unwrap();
    assert_eq!(std::fs::read(taken["events"][0]["saved_to"].as_str().unwrap()).unwrap(), b"hush");
    assert_eq!(host.call("status", json!({})).unwrap()["sessions"].as_array().unwrap().len(), 1);
    refused(host.call("send", json!({"text": "x", "channel": "1042"})), "code-not-open");
    host.call("close", json!({})).unwrap();
}

#[test]
fn nothing_gets_out_through_the_fence() {
    let (here, there) = (Machine::new(), Machine::new());
    std::fs::create_dir(here.home().join(".ssh")).unwrap();
    std::fs::write(here.home().join(".ssh/id_rsa"), "-----BEGIN OPENSSH PRIVATE KEY-----\n")
        .unwrap();
    let key = here.home().join(".ssh/id_rsa");
    symlink(&key, here.path("innocent")).unwrap();
    here.write(".env", "A=b");
    let allowed = tempfile::tempdir().unwrap();
    std::fs::write(allowed.path().join("report"), "x").unwrap();
    let args = ["--all-sessions", "--allow", allowed.path().to_str().unwrap()];
    let (mut host, mut peer) = (Client::with(&here, &args), Client::new(&there));
    let code = host.open();
    peer.call("connect", json!({"code": code})).unwrap();
    let mut elsewhere = here.start(["host", "--label", "elsewhere"]);
    elsewhere.code();
    for path in [key.to_str().unwrap(), "innocent", "../home/.ssh/id_rsa", ".env", "/etc/hostname"]
    {
        let refusal = refused(host.call("send_file", json!({"paths": [path]})), "fenced");
        assert!(refusal["next"].as_str().unwrap().contains("pinhole mcp --allow"), "{refusal}");
        refused(host.call("send_secret", json!({"file": path})), "fenced");
        refused(host.call("send_file", json!({"paths": [path], "channel": "elsewhere"})), "fenced");
    }
    let system = refused(host.call("send_secret", json!({"file": "/proc/self/environ"})), "fenced");
    assert!(!system["next"].as_str().unwrap().contains("--allow"), "{system}");
    let report = allowed.path().join("report");
    host.call("send_file", json!({"paths": [report.to_str().unwrap()]})).unwrap();
    assert_eq!(peer.until("file")["name"], "report");
}

#[test]
fn a_secret_is_written_nowhere_outside_what_was_allowed_and_to_nothing_that_runs() {
    let (here, there) = (Machine::new(), Machine::new());
    let rc = here.home().join(".bashrc");
    std::fs::write(&rc, "A=b\n").unwrap();
    let allowed = here.path("allowed");
    for folder in ["sub", "allowed", "allowed/.ssh", "allowed/.git", "allowed/sub"] {
        std::fs::create_dir(here.path(folder)).unwrap();
    }
    here.write("allowed/.profile", "A=b\n");
    here.write("allowed/.env", "MY_KEY=old\n");
    symlink(here.home(), here.path("inside")).unwrap();
    symlink(here.path(".env"), here.path("allowed/link")).unwrap();
    let args = ["--allow", allowed.to_str().unwrap()];
    let (mut host, mut peer) = (Client::with(&here, &args), Client::new(&there));
    let code = host.open();
    peer.call("connect", json!({"code": code})).unwrap();
    peer.call("send_secret", json!({"variable": "GREETING"})).unwrap();
    host.until("secret");
    let outside = [
        "../home/.bashrc",
        "inside/.bashrc",
        rc.to_str().unwrap(),
        "../home/new",
        "inside/new",
        "sub/../../home/new",
    ];
    // The working directory is where the agent works, and what stands there is run, built and
    // obeyed.
    let makefile = here.dir().join("Makefile");
    let here_too = ["sub/file", "./CLAUDE.md", makefile.to_str().unwrap()];
    for outside in outside.iter().chain(&here_too) {
        for arguments in [
            json!({"secret_to_env_file": format!("{outside}:API_KEY")}),
            json!({"secret_to_file": outside}),
        ] {
            let refusal = refused(host.call("receive", arguments), "fenced");
            assert!(refusal["next"].as_str().unwrap().contains("pinhole mcp --allow"), "{refusal}");
        }
    }
    for within in [
        ".profile",
        "link",
        ".ssh/authorized_keys",
        ".git/config",
        "sub/.envrc",
        "CLAUDE.md",
        "Makefile",
        "conftest.py",
    ] {
        let within = format!("allowed/{within}");
        refused(
            host.call("receive", json!({"secret_to_env_file": format!("{within}:API_KEY")})),
            "fenced",
        );
        refused(host.call("receive", json!({"secret_to_file": within})), "fenced");
    }
    for no_file in ["..", "/", "missing/file"] {
        assert!(host.call("receive", json!({"secret_to_file": no_file})).is_err());
    }
    // A name that an agent was talked into is no better than the other side's own, and nothing is
    // replaced.
    for (name, word) in [
        ("BASH_ENV", "bad-name"),
        ("OPENAI_API_KEY", "bad-name"),
        ("DATABASE_URL", "bad-name"),
        ("MY_KEY", "exists"),
    ] {
        let refusal = refused(
            host.call("receive", json!({"secret_to_env_file": format!("allowed/.env:{name}")})),
            word,
        );
        assert!(refusal["next"].as_str().unwrap().contains("pinhole mcp --"), "{refusal}");
    }
    // Without a name it is what the other side calls it, which is no credential's.
    let refusal =
        refused(host.call("receive", json!({"secret_to_env_file": "allowed/.env"})), "bad-name");
    assert!(refusal["detail"].as_str().unwrap().contains("--accept-env GREETING"), "{refusal}");
    let read = |name: &str| std::fs::read_to_string(here.path(name)).unwrap();
    assert_eq!(
        (std::fs::read(&rc).unwrap(), read("allowed/.profile"), read("allowed/.env")),
        (b"A=b\n".to_vec(), "A=b\n".into(), "MY_KEY=old\n".into())
    );
    // It stays in the channel through all that.
    host.call("receive", json!({"secret_to_env_file": "allowed/.env:API_TOKEN"})).unwrap();
    assert!(read("allowed/.env").contains("API_TOKEN=hush-from-a-variable"));
    let mut take = |arguments| {
        peer.call("send_secret", json!({"variable": "GREETING"})).unwrap();
        host.until("secret");
        let taken = host.call("receive", arguments).unwrap();
        PathBuf::from(taken["events"][0]["saved_to"].as_str().unwrap())
    };
    let key = allowed.join("service.key");
    assert_eq!(take(json!({"secret_to_file": key.to_str().unwrap()})), key);
    // A name alone is one in the private folder of the server, whatever it is.
    for name in ["CLAUDE.md", "Makefile", ".bashrc"] {
        let private = take(json!({"secret_to_file": name}));
        assert!(
            private.ends_with(name)
                && private.starts_with(here.home().join(".local/state/pinhole")),
            "{private:?}"
        );
        assert_eq!(
            private.parent().unwrap().metadata().unwrap().permissions().mode() & 0o777,
            0o700
        );
        assert!(!here.path(name).exists());
    }
}

#[test]
fn what_a_server_was_started_with_is_allowed() {
    let (here, there) = (Machine::new(), Machine::new());
    here.write(".env", "GREETING=old\n");
    let args = ["--allow", ".env", "--accept-env", "GREETING", "--conflict", "overwrite"];
    let (mut host, mut peer) = (Client::with(&here, &args), Client::new(&there));
    let code = host.open();
    peer.call("connect", json!({"code": code})).unwrap();
    for _ in 0..2 {
        peer.call("send_secret", json!({"variable": "GREETING"})).unwrap();
        host.until("secret");
        host.call("receive", json!({"secret_to_env_file": ".env"})).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(here.path(".env")).unwrap(),
        "GREETING=hush-from-a-variable\n"
    );
}

#[test]
fn a_token_is_shown_to_no_relay_that_only_the_agent_names() {
    let here = Machine::new();
    let token = here.write("token", "a-token.of_16~bytes");
    let token = ["--host-token-file", token.to_str().unwrap()];
    let relay = Relay::with(&token);
    let url = relay.url();
    let mut client = Client::with(&here, &[&token[..], &["--allow-relay", &url]].concat());
    let refusal = refused(client.call("open", json!({"relay": relay.url()})), "relay-refused");
    assert!(refusal["detail"].as_str().unwrap().contains("none was given"), "{refusal}");
    let mut client = Client::with(&here, &[&token[..], &["--relay", &relay.url()]].concat());
    for arguments in [json!({}), json!({"relay": relay.url()})] {
        assert_eq!(client.call("open", arguments).unwrap()["reach"], "relay");
    }
}

#[test]
fn a_folder_in_which_something_acts_never_comes_where_the_agent_works() {
    let (here, there) = (Machine::new(), Machine::new());
    std::fs::create_dir(here.path("inbox")).unwrap();
    for name in ["project/.claude/settings.json", "plain/a", "CLAUDE.md"] {
        there.write(name, "x");
    }
    let (mut host, mut peer) = (Client::with(&here, &["-o", "inbox"]), Client::new(&there));
    let code = host.open();
    peer.call("connect", json!({"code": code})).unwrap();
    let mut saved = |name: &str| {
        peer.call("send_file", json!({"paths": [name]})).unwrap();
        host.until("file")
    };
    let project = saved("project");
    assert_eq!(
        (&project["set_aside"], &project["acts"]),
        (&json!("acts"), &json!(["project/.claude"]))
    );
    let private = here.home().canonicalize().unwrap().join(".local/state/pinhole");
    assert!(PathBuf::from(project["saved_to"].as_str().unwrap()).starts_with(private), "{project}");
    assert!(saved("plain")["set_aside"].is_null() && saved("CLAUDE.md")["name"] == "_CLAUDE.md");
    let mut names: Vec<_> = std::fs::read_dir(here.path("inbox"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["_CLAUDE.md", "plain"]);
}
