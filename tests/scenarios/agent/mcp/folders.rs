//! Folders that the agent works in: the fence is around those that its client names, whatever
//! directory the server was started in.

use super::*;
use std::os::unix::fs::symlink;
use std::time::Instant;

/// A client that can be asked for its roots.
const ROOTS: &str = r#"{"roots": {"listChanged": true}}"#;
const FORMS: &str = r#"{"elicitation": {"form": {}}}"#;
const BOTH: &str = r#"{"roots": {}, "elicitation": {}}"#;

/// A machine with a project and a plugin cache below its home, and a file in each.
struct Place {
    machine: Machine,
    project: PathBuf,
    other: PathBuf,
    cache: PathBuf,
}

impl Place {
    fn new() -> Self {
        let machine = Machine::new();
        let home = machine.home().canonicalize().unwrap();
        let [project, other, cache] = ["projects/one", "projects/two", ".codex/plugins/cache/x/1"]
            .map(|path| home.join(path));
        for folder in [&project, &other, &cache] {
            std::fs::create_dir_all(folder.join("sub")).unwrap();
            std::fs::write(folder.join("report"), folder.to_str().unwrap()).unwrap();
            std::fs::write(folder.join("sub/deep"), "deep").unwrap();
        }
        std::fs::write(project.join(".env"), "KEY=hush").unwrap();
        Self { machine, project, other, cache }
    }

    /// A server that was started there.
    fn server(&self, here: &Path, args: &[&str], variables: &[(&str, &Path)]) -> Client {
        let mut command = self.machine.command([&["mcp"], args].concat());
        command.current_dir(here).stdin(Stdio::piped()).envs(variables.iter().copied());
        Client::of(Running::start(command))
    }

    /// One in the plugin cache, with a channel to another server, whose client can be asked this.
    fn channel(&self, capabilities: &str) -> (Asked, Client) {
        self.channel_of(self.server(&self.cache, &[], &[]), capabilities)
    }

    fn channel_of(&self, server: Client, capabilities: &str) -> (Asked, Client) {
        Asked::new(server, capabilities).connected(&Machine::new())
    }
}

/// A client that answers what the server asks.
struct Asked {
    client: Client,
    /// Its roots; if it has none it answers nothing.
    roots: Option<Vec<String>>,
    /// Its person's answer to a question, which stays open without one.
    says: Option<Value>,
    /// The numbers of questions that are open.
    open: Vec<Value>,
    /// Questions to the person.
    questions: Vec<String>,
    /// Requests for its roots.
    listed: usize,
}

impl Asked {
    fn new(server: Client, capabilities: &str) -> Self {
        let mut client = server;
        let capabilities: Value = serde_json::from_str(capabilities).unwrap();
        let about = json!({
            "protocolVersion": "2025-11-25",
            "capabilities": capabilities,
            "clientInfo": {"name": "test", "version": "1"},
        });
        client.request("initialize", about);
        client.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        Self {
            client,
            roots: Some(Vec::new()),
            says: None,
            open: Vec::new(),
            questions: Vec::new(),
            listed: 0,
        }
    }

    fn with_roots(self, roots: &[&Path]) -> Self {
        Self {
            roots: Some(
                roots
                    .iter()
                    .map(|root| format!("file://{}", root.to_str().unwrap().replace(' ', "%20")))
                    .collect(),
            ),
            ..self
        }
    }

    fn whose_person_says(self, says: Value) -> Self {
        Self { says: Some(says), ..self }
    }

    /// The answer to the request of this number, and to what the server asks meanwhile.
    #[track_caller]
    fn answer(&mut self, id: u64) -> Value {
        loop {
            let line = self
                .client
                .server
                .line()
                .unwrap_or_else(|| panic!("it ended: {:#?}", self.client.server.seen));
            let message: Value = serde_json::from_str(&line).unwrap();
            let result = match message["method"].as_str() {
                None if message["id"] == id => return message,
                Some("roots/list") => {
                    self.listed += 1;
                    self.roots.as_ref().map(|roots| {
                        let roots: Vec<_> = roots.iter().map(|uri| json!({"uri": uri})).collect();
                        json!({"roots": roots})
                    })
                }
                Some("elicitation/create") => {
                    let asked = &message["params"];
                    let schema = &asked["requestedSchema"];
                    assert_eq!(
                        (&schema["properties"]["allow"]["type"], &schema["required"]),
                        (&"boolean".into(), &json!(["allow"])),
                        "{asked}"
                    );
                    self.questions.push(asked["message"].as_str().unwrap().to_owned());
                    self.open.extend(self.says.is_none().then(|| message["id"].clone()));
                    self.says.clone()
                }
                Some(method) if method.starts_with("notifications/") => None,
                _ => panic!("{line}"),
            };
            if let Some(result) = result {
                self.client.say(&json!({"jsonrpc": "2.0", "id": message["id"], "result": result}));
            }
        }
    }

    #[track_caller]
    fn call_with(&mut self, tool: &str, arguments: Value, meta: Option<Value>) -> Called {
        let mut params = json!({"name": tool, "arguments": arguments});
        if let Some(meta) = meta {
            params["_meta"] = meta;
        }
        let id = self.client.begin("tools/call", params);
        let answer = self.answer(id);
        if self.client.returns.is_empty() {
            let id = self.client.begin("tools/list", json!({}));
            let listed = self.answer(id);
            for tool in listed["result"]["tools"].as_array().unwrap() {
                self.client.returns.insert(
                    tool["name"].as_str().unwrap().to_owned(),
                    tool["outputSchema"].clone(),
                );
            }
        }
        self.client.judged(tool, &answer)
    }

    #[track_caller]
    fn call(&mut self, tool: &str, arguments: Value) -> Called {
        self.call_with(tool, arguments, None)
    }

    #[track_caller]
    fn connected(mut self, there: &Machine) -> (Self, Client) {
        let code = self.call("open", json!({})).unwrap()["code"].as_str().unwrap().to_owned();
        let mut peer = Client::new(there);
        assert_eq!(peer.call("connect", json!({"code": code})).unwrap()["state"], "connected");
        (self, peer)
    }

    /// Sends each of these paths: true if it is delivered, false if it is fenced in.
    #[track_caller]
    fn sends(&mut self, paths: &[&Path]) -> Vec<bool> {
        let sent = |path: &&Path| match self.call("send_file", json!({"paths": [path]})) {
            Ok(sent) => sent["state"] == "delivered",
            Err(refusal) => {
                assert_eq!(
                    (&refusal["error"], &refusal["exit"]),
                    (&"fenced".into(), &5.into()),
                    "{refusal}"
                );
                false
            }
        };
        paths.iter().map(sent).collect()
    }
}

/// The content of the next file that comes.
#[track_caller]
fn came(peer: &mut Client) -> String {
    content(&peer.until("file"))
}

/// The contents of this many files that come.
#[track_caller]
fn all_came(peer: &mut Client, count: usize) -> Vec<String> {
    let mut came = Vec::new();
    while came.len() < count {
        let received = peer.call("receive", json!({"wait_s": 45})).unwrap();
        came.extend(
            received["events"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|event| event["type"] == "file")
                .map(content),
        );
    }
    came
}

fn content(file: &Value) -> String {
    std::fs::read_to_string(file["saved_to"].as_str().unwrap()).unwrap()
}

#[test]
fn the_roots_of_the_client_are_what_the_fence_is_around_also_when_they_change() {
    let place = Place::new();
    let (host, mut peer) = place.channel(ROOTS);
    let (one, two, cache) =
        (place.project.join("report"), place.other.join("report"), place.cache.join("report"));
    // A server asks at the beginning, before there was anything to answer here.
    let mut host = host.with_roots(&[&place.project]);
    host.client.say(&json!({"jsonrpc": "2.0", "method": "notifications/roots/list_changed"}));
    host.call("status", json!({})).unwrap();
    assert_eq!(
        host.sends(&[
            &one,
            Path::new("report"),
            Path::new("sub/deep"),
            &two,
            &cache,
            &place.project.join(".env")
        ]),
        [true, true, true, false, false, false]
    );
    let project = place.project.to_str().unwrap();
    assert_eq!(all_came(&mut peer, 3), [project, project, "deep"]);
    let listed = host.listed;
    let mut host = host.with_roots(&[&place.other, &place.project.join("sub")]);
    host.client.say(&json!({"jsonrpc": "2.0", "method": "notifications/roots/list_changed"}));
    while host.listed == listed {
        host.call("status", json!({})).unwrap();
    }
    assert_eq!(
        host.sends(&[&two, Path::new("report"), &place.project.join("sub/deep"), &one]),
        [true, true, true, false]
    );
    let other = place.other.to_str().unwrap();
    assert_eq!(all_came(&mut peer, 3), [other, other, "deep"]);
    assert!(host.questions.is_empty());
}

#[test]
fn roots_that_are_none_of_this_machine_say_nothing_and_one_that_never_comes_is_not_waited_for() {
    let place = Place::new();
    for roots in [&["vscode-remote://wsl/home", "file:///", "file:///no/such/folder"][..], &[]] {
        let mut host = Asked::new(place.server(&place.project, &[], &[]), ROOTS);
        host.roots = Some(roots.iter().map(ToString::to_string).collect());
        let (mut host, _peer) = host.connected(&Machine::new());
        assert_eq!(
            host.sends(&[Path::new("report"), &place.other.join("report")]),
            [true, false],
            "today's fence: a project"
        );
    }
    let mut host = Asked::new(place.server(&place.project, &[], &[]), ROOTS);
    host.roots = None;
    let begun = Instant::now();
    let (mut host, _peer) = host.connected(&Machine::new());
    assert_eq!(host.sends(&[Path::new("report")]), [true]);
    assert!(begun.elapsed().as_secs() < 40, "{:?}", begun.elapsed());
}

#[test]
fn the_variable_of_claude_code_and_the_sandbox_of_codex_name_a_folder_and_the_sandbox_wins() {
    let place = Place::new();
    let server = place.server(&place.cache, &[], &[("CLAUDE_PROJECT_DIR", &place.project)]);
    let (mut host, _peer) = place.channel_of(server, "{}");
    // So Codex knows that it is to be said.
    assert!(
        host.client.server.seen[0].contains(r#""experimental":{"codex/sandbox-state-meta":{}}"#),
        "{}",
        host.client.server.seen[0]
    );
    let (one, two) = (place.project.join("report"), place.other.join("report"));
    assert_eq!(host.sends(&[&one, Path::new("report"), &two]), [true, true, false]);
    let sandbox = |folder: &Path| {
        Some(json!({
            "codex/sandbox-state-meta": {"sandboxCwd": format!("file://{}", folder.display())}
        }))
    };
    let report = json!({"paths": ["report"]});
    host.call_with("send_file", report.clone(), sandbox(&place.other)).unwrap();
    refused(host.call_with("send_file", json!({"paths": [one]}), sandbox(&place.other)), "fenced");
    host.call_with("send_secret", json!({"file": two}), sandbox(&place.other)).unwrap();
    refused(host.call_with("send_secret", json!({"file": one}), sandbox(&place.other)), "fenced");
    // It is said with each call. What a model says is no word of the client's.
    refused(host.call("send_file", json!({"paths": [two]})), "fenced");
    refused(
        host.call("send_file", json!({"paths": [two], "_meta": sandbox(&place.other)})),
        "usage",
    );
    for nothing in ["/", "relative", "/no/such/folder"] {
        host.call_with(
            "send_file",
            json!({"paths": [one]}),
            Some(json!({"codex/sandbox-state-meta": {"sandboxCwd": nothing}})),
        )
        .unwrap();
    }
}

#[test]
fn what_the_command_line_says_holds_whatever_the_client_says() {
    let place = Place::new();
    let (one, two, cache) =
        (place.project.join("report"), place.other.join("report"), place.cache.join("report"));
    // An allowed folder is allowed besides, and relative paths begin in it if nothing else is
    // named.
    let allowed = ["--allow", place.other.to_str().unwrap()];
    let (mut host, _peer) = place.channel_of(place.server(&place.cache, &allowed, &[]), FORMS);
    assert_eq!(host.sends(&[&two, Path::new("report"), &one, &cache]), [true, true, false, false]);
    assert!(host.questions.is_empty());
    let host =
        Asked::new(place.server(&place.cache, &allowed, &[]), ROOTS).with_roots(&[&place.project]);
    let (mut host, _peer) = host.connected(&Machine::new());
    assert_eq!(host.sends(&[&two, &one, Path::new("sub/deep"), &cache]), [true, true, true, false]);
    // The working directory was asked for by name.
    let host = Asked::new(
        place.server(&place.cache, &["--fence"], &[("CLAUDE_PROJECT_DIR", &place.project)]),
        ROOTS,
    );
    let (mut host, _peer) = host.with_roots(&[&place.project]).connected(&Machine::new());
    let sandbox = json!({"codex/sandbox-state-meta": {"sandboxCwd": place.project}});
    refused(host.call_with("send_file", json!({"paths": [one]}), Some(sandbox)), "fenced");
    assert_eq!(host.sends(&[Path::new("report"), &cache, &one]), [true, true, false]);
}

#[test]
fn where_nothing_says_so_nothing_leaves_unless_the_user_says_so() {
    let place = Place::new();
    let report = place.project.join("report");
    let home = place.machine.home();
    for here in [&place.cache, &home, Path::new("/"), Path::new("/tmp")] {
        let mut host = Asked::new(place.server(here, &[], &[]), "{}");
        host.call("open", json!({})).unwrap();
        for call in [
            ("send_file", json!({"paths": [report], "wait_s": 1})),
            ("send_file", json!({"paths": ["report"], "wait_s": 1})),
        ] {
            let refusal = refused(host.call(call.0, call.1), "fenced");
            assert!(refusal["next"].as_str().unwrap().contains("pinhole mcp --allow"), "{refusal}");
        }
        refused(host.call("send_secret", json!({"file": report, "wait_s": 1})), "fenced");
        // Texts and what is named beforehand leave all the same.
        assert_eq!(
            host.call("send", json!({"text": "x", "wait_s": 0})).unwrap()["state"],
            "pending"
        );
    }
}

#[test]
fn the_user_is_asked_once_and_a_yes_lets_files_leave_that_folder() {
    let place = Place::new();
    let (host, mut peer) = place.channel(FORMS);
    let mut host = host.whose_person_says(json!({"action": "accept", "content": {"allow": true}}));
    let (one, two) = (place.project.join("report"), place.other.join("report"));
    // Nobody is asked about a path that is kept in wherever it lies, nor about one that is not
    // there.
    refused(host.call("send_file", json!({"paths": [place.project.join(".env")]})), "fenced");
    refused(host.call("send_file", json!({"paths": [place.project.join("none")]})), "fenced");
    assert!(host.questions.is_empty());
    assert_eq!(
        host.sends(&[
            &one,
            &place.project.join("sub"),
            Path::new("sub/deep"),
            &two,
            &place.project.join(".env")
        ]),
        [true, true, true, false, false]
    );
    assert_eq!(host.questions.len(), 1);
    assert!(
        host.questions[0].contains(&format!("{:?}", place.project))
            && host.questions[0].contains(one.to_str().unwrap())
    );
    assert_eq!(came(&mut peer), place.project.to_str().unwrap());
}

#[test]
fn a_no_or_a_client_that_cannot_ask_after_all_is_one_for_good() {
    let place = Place::new();
    for no in [
        json!({"action": "accept", "content": {"allow": false}}),
        json!({"action": "accept"}),
        json!({"action": "decline"}),
        json!({"action": "cancel"}),
        json!({}),
    ] {
        let mut host = Asked::new(place.server(&place.cache, &[], &[]), BOTH).whose_person_says(no);
        host.call("open", json!({})).unwrap();
        assert_eq!(
            host.sends(&[
                &place.project.join("report"),
                &place.other.join("report"),
                &place.project.join("report")
            ]),
            [false; 3]
        );
        assert_eq!(host.questions.len(), 1);
        let refusal = refused(
            host.call("send_file", json!({"paths": [place.project.join("report")]})),
            "fenced",
        );
        assert!(
            refusal["next"]
                .as_str()
                .unwrap()
                .contains(&format!("pinhole mcp --allow {}", place.project.display())),
            "{refusal}"
        );
    }
}

#[test]
fn a_question_that_nobody_answers_holds_up_no_call_and_a_late_answer_counts() {
    let place = Place::new();
    let (mut host, mut peer) = place.channel(FORMS);
    let report = json!({"paths": [place.project.join("report")], "wait_s": 1});
    for _ in 0..3 {
        let refusal = refused(host.call("send_file", report.clone()), "fenced");
        assert!(refusal["detail"].as_str().unwrap().contains("not answered"), "{refusal}");
    }
    // Meanwhile everything else goes on.
    host.call("send", json!({"text": "meanwhile"})).unwrap();
    assert_eq!(peer.until("text")["body"], "meanwhile");
    assert_eq!((host.questions.len(), host.open.len()), (1, 1));
    host.client.say(&json!({
        "jsonrpc": "2.0",
        "id": host.open[0],
        "result": {"action": "accept", "content": {"allow": true}},
    }));
    let mut report = report;
    report["wait_s"] = 45.into();
    assert_eq!(host.call("send_file", report).unwrap()["state"], "delivered");
    assert_eq!(host.questions.len(), 1);
}

#[test]
fn a_file_in_nobodys_project_is_asked_about_alone() {
    let place = Place::new();
    let letter = place.machine.home().canonicalize().unwrap().join("letter");
    std::fs::write(&letter, "dear").unwrap();
    let (host, _peer) = place.channel(FORMS);
    let mut host = host.whose_person_says(json!({"action": "accept", "content": {"allow": true}}));
    assert_eq!(host.sends(&[&place.machine.home()]), [false]);
    assert!(host.questions.is_empty(), "a whole home is asked about by nobody");
    assert_eq!(host.sends(&[&letter, &place.project.join("report")]), [true, false]);
    assert!(!host.questions[0].contains("and the folders in it"), "{:?}", host.questions);
}

#[test]
fn a_cwd_chooses_inside_of_the_fence_and_never_widens_it() {
    let place = Place::new();
    symlink(&place.other, place.project.join("out")).unwrap();
    symlink(place.project.join("sub"), place.project.join("in")).unwrap();
    std::fs::create_dir(place.project.join(".ssh")).unwrap();
    std::fs::write(place.project.join(".ssh/deep"), "x").unwrap();
    let host =
        Asked::new(place.server(&place.cache, &[], &[]), ROOTS).with_roots(&[&place.project]);
    let (mut host, mut peer) = host.connected(&Machine::new());
    for cwd in ["sub", "./sub", "in", "sub/../in", place.project.join("sub").to_str().unwrap()] {
        host.call("send_file", json!({"paths": ["deep"], "cwd": cwd})).unwrap();
        host.call("send_secret", json!({"file": "deep", "cwd": cwd})).unwrap();
        assert_eq!(came(&mut peer), "deep");
    }
    let upward = pathdiff(&place.project, &place.other);
    for cwd in [
        "out",
        "..",
        "../two",
        &upward,
        "/",
        "/tmp",
        ".ssh",
        place.other.to_str().unwrap(),
        place.cache.to_str().unwrap(),
    ] {
        for path in ["report", "deep", "sub/deep", place.project.join("report").to_str().unwrap()] {
            refused(host.call("send_file", json!({"paths": [path], "cwd": cwd})), "fenced");
            refused(host.call("send_secret", json!({"file": path, "cwd": cwd})), "fenced");
        }
    }
    for cwd in ["missing", "report", "sub/missing/.."] {
        refused(host.call("send_file", json!({"paths": ["report"], "cwd": cwd})), "no-such-file");
    }
    // From a folder inside of it, what is outside stays outside.
    refused(host.call("send_file", json!({"paths": ["../../two/report"], "cwd": "sub"})), "fenced");
    refused(host.call("send_file", json!({"paths": ["../out/report"], "cwd": "sub"})), "fenced");
}

/// A way from one folder to another that goes up to the root.
fn pathdiff(from: &Path, to: &Path) -> String {
    let up = "../".repeat(from.components().count() - 1);
    format!("{up}{}", to.strip_prefix("/").unwrap().display())
}

#[test]
fn a_secret_is_written_where_paths_begin_only_if_that_was_allowed() {
    let place = Place::new();
    let allowed = ["--allow", place.other.to_str().unwrap()];
    let host =
        Asked::new(place.server(&place.cache, &allowed, &[]), ROOTS).with_roots(&[&place.project]);
    let (mut host, mut peer) = host.connected(&Machine::new());
    let mut take = |arguments: Value| {
        peer.call("send_secret", json!({"variable": "GREETING"})).unwrap();
        host.call("receive", arguments)
            .map(|taken| PathBuf::from(taken["events"][0]["saved_to"].as_str().unwrap()))
    };
    // A name goes to the private folder: that an agent works somewhere lets nothing be written
    // there.
    let private = take(json!({"secret_to_file": "one", "wait_s": 45})).unwrap();
    assert!(
        private
            .starts_with(place.machine.home().canonicalize().unwrap().join(".local/state/pinhole")),
        "{private:?}"
    );
    for outside in [
        json!({"secret_to_file": "sub/new"}),
        json!({"secret_to_file": "new", "cwd": "sub"}),
        json!({"secret_to_env_file": ".env:API_KEY", "cwd": place.project}),
    ] {
        refused(take(outside).map(|path| json!(path)), "fenced");
    }
    let inside = [
        (json!({"secret_to_file": "../two/new"}), "new"),
        (json!({"secret_to_file": "newer", "cwd": place.other}), "newer"),
        (json!({"secret_to_env_file": ".env:API_KEY", "cwd": "../two/sub"}), "sub/.env"),
    ];
    for (arguments, name) in inside {
        assert_eq!(take(arguments).unwrap(), place.other.join(name));
    }
}

#[test]
fn in_the_lifecycle_without_initialize_a_call_is_repeated_with_what_it_wants_to_know() {
    let place = Place::new();
    let mut host = place.server(&place.cache, &[], &[]);
    host.meta = Some(json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {"roots": {}, "elicitation": {"form": {}}},
    }));
    let found = host.request("server/discover", json!({}));
    assert_eq!(
        found["result"]["capabilities"]["experimental"],
        json!({"codex/sandbox-state-meta": {}})
    );
    host.learn();
    let code = host.open();
    let mut peer = Client::new(&Machine::new());
    peer.call("connect", json!({"code": code})).unwrap();
    let (one, two) = (place.project.join("report"), place.other.join("report"));
    let call = |host: &mut Client, path: &Path, answers: Value| {
        let file = json!({
            "name": "send_file",
            "arguments": {"paths": [path], "wait_s": 45},
            "inputResponses": answers,
        });
        let answer = host.request("tools/call", file);
        match answer["result"]["resultType"] == "input_required" {
            true => Ok(answer["result"]["inputRequests"].clone()),
            false => Err(host.judged("send_file", &answer)),
        }
    };
    let asked = call(&mut host, &one, json!({})).unwrap();
    assert_eq!(asked, json!({"roots": {"method": "roots/list"}}));
    let roots = |folder: &Path| json!({"roots": [{"uri": format!("file://{}", folder.display())}]});
    let sent = call(&mut host, &one, json!({"roots": roots(&place.project)})).unwrap_err();
    assert_eq!(sent.unwrap()["state"], "delivered");
    refused(call(&mut host, &two, json!({"roots": roots(&place.project)})).unwrap_err(), "fenced");
    assert_eq!(came(&mut peer), place.project.to_str().unwrap());
    // An answer to what was not asked is none.
    let yes = json!({"action": "accept", "content": {"allow": true}});
    let none = json!({"roots": {"roots": []}, "folder": yes});
    let asked = call(&mut host, &one, none.clone()).unwrap();
    assert!(
        asked["folder"]["params"]["message"]
            .as_str()
            .unwrap()
            .contains(&format!("{:?}", place.project)),
        "{asked}"
    );
    refused(call(&mut host, &two, json!({"roots": {"roots": []}})).unwrap_err(), "fenced");
    // Some clients send the answer to the last question alone.
    assert_eq!(
        call(&mut host, &one, json!({"folder": yes})).unwrap(),
        json!({"roots": {"method": "roots/list"}})
    );
    assert_eq!(
        call(&mut host, &one, json!({"roots": {"roots": []}})).unwrap_err().unwrap()["state"],
        "delivered"
    );
    // A second answer counts for nothing.
    let no = json!({"roots": {"roots": []}, "folder": {"action": "decline"}});
    assert_eq!(call(&mut host, &one, no).unwrap_err().unwrap()["state"], "delivered");
    refused(call(&mut host, &two, json!({"roots": {"roots": []}})).unwrap_err(), "fenced");
    assert_eq!(
        call(&mut host, &one, json!({"roots": {"roots": []}})).unwrap_err().unwrap()["state"],
        "delivered"
    );
}
