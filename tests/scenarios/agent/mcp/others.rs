//! Sessions of others: the user's own, and those of other agents (TESTPLAN F3).

use super::*;

/// The words of a code, which nobody else may hear.
fn words(code: &str) -> &str {
    code.split_once('-').unwrap().1
}

/// Everything that the server has said to its client.
fn said(client: &Client) -> String {
    client.server.seen.join("\n")
}

/// A user's sessions beside an agent: a channel with a text and a secret in it, and a file from
/// outside of the fence that waits for its taker.
struct Users {
    host: Running,
    /// Its other side, and that side's machine.
    _peer: (Running, Machine),
    number: String,
    used: String,
    giver: Running,
    unused: String,
}

impl Users {
    fn at(here: &Machine) -> Self {
        std::fs::write(here.home().join("private"), "outside of the fence").unwrap();
        let there = Machine::new();
        let mut host = here.start(["host", "--label", "theirs"]);
        let used = host.code();
        let peer = there.start(["connect", &used]);
        host.until("status", "connected");
        there.write("key", "hush");
        there.run(["send", &used, "for the user's eyes", "--secret-file", "key"]).expect(0);
        let mut giver = here.start(["give", "../home/private", "--label", "gift"]);
        let unused = giver.code();
        Self { host, _peer: (peer, there), number: used[..4].to_owned(), used, giver, unused }
    }

    /// Nothing was taken from them, sent for them or ended.
    fn are_unharmed(mut self, here: &Machine) {
        let status = here.run(["status", "--label", "theirs"]).expect(0).one("session");
        assert_eq!(
            (&status["state"], &status["secrets_held"]),
            (&"connected".into(), &1.into()),
            "{status}"
        );
        assert_eq!(
            here.run(["receive", &self.number]).expect(0).one("text")["body"],
            "for the user's eyes"
        );
        assert!(
            self.host.child.try_wait().unwrap().is_none()
                && self.giver.child.try_wait().unwrap().is_none()
        );
        let taken = Machine::new().run(["take", &self.unused]).expect(0).one("file");
        assert_eq!(taken["name"], "private");
        here.run(["close", &self.number, "--now"]).expect(0);
    }
}

/// Every tool that is about a channel, with arguments for this one.
fn tools(channel: Option<&str>, role: Option<&str>) -> Vec<(&'static str, Value)> {
    let mut calls = vec![
        ("receive", json!({})),
        ("receive", json!({"after": 0})),
        ("receive", json!({"secret_to_file": "stolen"})),
        ("receive", json!({"secret_to_env_file": ".env:STOLEN"})),
        ("send", json!({"text": "in the user's name", "wait_s": 0})),
        ("send_file", json!({"paths": ["report"], "wait_s": 0})),
        ("send_secret", json!({"file": "report", "wait_s": 0})),
        ("ask", json!({"text": "who are you?", "wait_s": 0})),
        ("status", json!({})),
        ("close", json!({"now": true})),
    ];
    for (_, arguments) in &mut calls {
        channel.iter().for_each(|channel| arguments["channel"] = (*channel).into());
        role.iter().for_each(|role| arguments["role"] = (*role).into());
    }
    calls
}

#[test]
fn a_server_knows_its_own_sessions_and_nothing_else() {
    let here = Machine::new();
    here.write("report", "x");
    let users = Users::at(&here);
    let mut server = Client::new(&here);
    let named = ["theirs", "gift", &users.number, &users.used, &users.unused[..4], &users.unused];
    for channel in [None].into_iter().chain(named.map(Some)) {
        for role in [None, Some("host")] {
            for (tool, arguments) in tools(channel, role) {
                match (tool, channel, server.call(tool, arguments.clone())) {
                    ("status", None, listed) => assert_eq!(listed.unwrap()["sessions"], json!([])),
                    (_, _, called) => {
                        let word = if channel.is_some() { "code-not-open" } else { "not-open" };
                        let refusal = refused(called, word).to_string();
                        assert!(
                            !refusal.contains("theirs") && !refusal.contains("gift"),
                            "{tool} {arguments}: {refusal}"
                        );
                    }
                }
            }
        }
    }
    // One of its own changes nothing.
    let code = server.open();
    refused(server.call("receive", json!({"channel": "theirs"})), "code-not-open");
    assert_eq!(server.call("status", json!({})).unwrap()["sessions"].as_array().unwrap().len(), 1);
    let all = said(&server).replace(&code, "");
    for secret in
        [words(&users.used), words(&users.unused), "for the user's eyes", "theirs", "gift"]
    {
        assert!(!all.contains(secret), "{secret}: {all}");
    }
    assert!(!here.path("stolen").exists() && !here.path(".env").exists());
    users.are_unharmed(&here);
}

#[test]
fn a_server_that_may_see_them_all_hears_no_code_of_theirs() {
    let here = Machine::new();
    let users = Users::at(&here);
    let mut server = Client::with(&here, &["--all-sessions"]);
    let listed = server.call("status", json!({})).unwrap()["sessions"].as_array().unwrap().clone();
    assert_eq!(listed.len(), 2, "{listed:#?}");
    for channel in ["theirs", "gift", &users.number, &users.unused[..4]] {
        let events =
            server.call("receive", json!({"channel": channel, "after": 0})).unwrap()["events"]
                .clone();
        let channel =
            events.as_array().unwrap().iter().find(|event| event["event"] == "channel").unwrap();
        assert!(
            ["code", "join", "joins", "link"].iter().all(|field| channel.get(*field).is_none()),
            "{channel}"
        );
    }
    server.call("send", json!({"text": "from a tool", "channel": "theirs"})).unwrap();
    assert!(said(&server).contains("for the user's eyes"));
    for code in [&users.used, &users.unused] {
        assert!(!said(&server).contains(words(code)), "{}", said(&server));
    }
    users.are_unharmed_but_read(&here);
}

impl Users {
    fn are_unharmed_but_read(self, here: &Machine) {
        assert_eq!(here.run(["status"]).expect(0).all("session").len(), 2);
        here.run(["close", &self.number, "--now"]).expect(0);
    }
}

#[test]
fn no_variable_is_sent_that_was_not_named_beforehand() {
    let (here, there) = (Machine::new(), Machine::new());
    let started = |args: &[&str]| {
        let mut command = here.command([&["mcp"], args].concat());
        let names =
            ["GREETING", "ANTHROPIC_API_KEY", "PINHOLE_HOST_TOKEN", "CLAUDE_CODE_MESSAGING_TOKEN"];
        command.stdin(Stdio::piped()).envs(names.map(|name| (name, "hush-from-a-variable")));
        Client::of(Running::start(command)).begun()
    };
    let mut peer = Client::new(&there);
    let (mut plain, mut told) =
        (started(&[]), started(&["--allow-env", "GREETING", "--allow-env", "ANTHROPIC_API_KEY"]));
    for server in [&mut plain, &mut told] {
        let code = server.open();
        peer.call("connect", json!({"code": code})).unwrap();
        for name in [
            "ANTHROPIC_API_KEY",
            "PINHOLE_HOST_TOKEN",
            "CLAUDE_CODE_MESSAGING_TOKEN",
            "PATH",
            "NOT_SET",
        ] {
            let refusal = refused(
                server.call("send_secret", json!({"variable": name, "name": "GREETING"})),
                "fenced",
            );
            let opens = refusal["next"].as_str().unwrap().contains("pinhole mcp --allow-env");
            assert_eq!(opens, ["PATH", "NOT_SET"].contains(&name), "{refusal}");
        }
    }
    refused(plain.call("send_secret", json!({"variable": "GREETING"})), "fenced");
    assert_eq!(
        told.call("send_secret", json!({"variable": "GREETING"})).unwrap()["state"],
        "delivered"
    );
}

#[test]
fn a_server_reaches_an_agents_channel_by_its_whole_used_code_and_then_by_its_number() {
    let (here, there) = (Machine::new(), Machine::new());
    let mut command = here.command(["host", "--detach", "--label", "build"]);
    command.env("CLAUDE_CODE_SESSION_ID", "one");
    let code = Running::start(command).end().expect(0).all("status")[0]["code"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut server = Client::new(&here);
    refused(server.call("status", json!({"channel": code})), "code-not-open");
    let mut peer = there.start(["connect", &code]);
    peer.until("status", "connected");
    there.run(["send", &code, "hello"]).expect(0);
    for channel in [&code[..4], "build"] {
        refused(server.call("receive", json!({"channel": channel})), "code-not-open");
    }
    server.call("send", json!({"channel": code, "text": "I am back"})).unwrap();
    assert_eq!(peer.until("text", "")["body"], "I am back");
    let listed = server.call("status", json!({})).unwrap()["sessions"].clone();
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["label"]), (1, &"build".into()));
    // Lines that nobody has received come with the end.
    let closed = server.call("close", json!({"channel": &code[..4]})).unwrap();
    assert!(
        closed["events"].as_array().unwrap().iter().any(|event| event["body"] == "hello"),
        "{closed}"
    );
    peer.end().expect(0);
}
