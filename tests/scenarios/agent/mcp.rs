//! The MCP server as clients meet it: lines of JSON-RPC on its standard input and output, in both
//! lifecycles of the protocol.

mod folders;
mod hostile;
mod life;
mod lines;
mod others;
mod reach;
mod relays;

use crate::harness::content::{bytes as random, names};
use crate::harness::{Machine, Running, schema};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// A client of a server of its own.
struct Client {
    server: Running,
    last_id: u64,
    /// The schema of what each tool returns.
    returns: BTreeMap<String, Value>,
    /// Notifications so far.
    notes: Vec<Value>,
    /// Sent with each request of the lifecycle without `initialize`.
    meta: Option<Value>,
}

/// The result of a call, or its refusal.
type Called = Result<Value, Value>;

impl Client {
    fn started(here: &Machine, args: &[&str]) -> Self {
        let mut command = here.command([&["mcp"], args].concat());
        command.stdin(Stdio::piped()).env("GREETING", "hush-from-a-variable");
        Self::of(Running::start(command))
    }

    fn of(server: Running) -> Self {
        Self { server, last_id: 0, returns: BTreeMap::new(), notes: Vec::new(), meta: None }
    }

    /// In the lifecycle that begins with `initialize`.
    fn new(here: &Machine) -> Self {
        Self::with(here, &[])
    }

    fn with(here: &Machine, args: &[&str]) -> Self {
        Self::started(
            here,
            &[&["--allow-env", "GREETING", "--allow-env", "NO_SUCH"], args].concat(),
        )
        .begun()
    }

    /// The same, after the beginning.
    fn begun(self) -> Self {
        let mut client = self;
        let about = json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        });
        let begun = client.request("initialize", about);
        assert_eq!(
            (&begun["result"]["protocolVersion"], &begun["result"]["serverInfo"]["name"]),
            (&"2025-11-25".into(), &"pinhole".into())
        );
        client.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        client.learn();
        client
    }

    /// Learns what the tools return.
    fn learn(&mut self) {
        let listed = self.request("tools/list", json!({}));
        for tool in listed["result"]["tools"].as_array().unwrap() {
            self.returns
                .insert(tool["name"].as_str().unwrap().to_owned(), tool["outputSchema"].clone());
        }
    }

    fn say(&mut self, message: &Value) {
        self.server.feed(format!("{message}\n"));
    }

    fn begin(&mut self, method: &str, mut params: Value) -> u64 {
        self.last_id += 1;
        if let Some(meta) = &self.meta {
            params["_meta"] = meta.clone();
        }
        self.say(
            &json!({"jsonrpc": "2.0", "id": self.last_id, "method": method, "params": params}),
        );
        self.last_id
    }

    /// The answer to the request of this number.
    #[track_caller]
    fn answer(&mut self, id: u64) -> Value {
        loop {
            let line =
                self.server.line().unwrap_or_else(|| panic!("it ended: {:#?}", self.server.seen));
            let message: Value =
                serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON: {line}"));
            assert_eq!(message["jsonrpc"], "2.0", "not of the protocol: {line}");
            if message["id"] == id {
                return message;
            }
            // An error whose number is null answers what had none.
            let unasked =
                message.get("id").is_some_and(Value::is_null) && message.get("error").is_some();
            assert!(
                unasked
                    || message["method"]
                        .as_str()
                        .is_some_and(|method| method.starts_with("notifications/")),
                "{line}"
            );
            self.notes.push(message);
        }
    }

    #[track_caller]
    fn request(&mut self, method: &str, params: Value) -> Value {
        let id = self.begin(method, params);
        self.answer(id)
    }

    /// Calls a tool and holds what it returns against its schema, and each event against that of
    /// all lines.
    #[track_caller]
    fn call(&mut self, tool: &str, arguments: Value) -> Called {
        let answer = self.request("tools/call", json!({"name": tool, "arguments": arguments}));
        self.judged(tool, &answer)
    }

    #[track_caller]
    fn judged(&self, tool: &str, answer: &Value) -> Called {
        let result = &answer["result"];
        let text = result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{answer}"));
        assert!(text.is_ascii(), "{text}");
        let text: Value = serde_json::from_str(text).unwrap();
        if result["isError"] == true {
            assert!(
                result.get("structuredContent").is_none(),
                "clients would hold it against the schema of what works: {answer}"
            );
            assert!(
                text["error"].is_string() && text["detail"].is_string() && text["exit"].is_u64(),
                "{text}"
            );
            let next = text["next"].as_str().unwrap_or_default();
            assert!(!next.is_empty(), "an agent does not know what to do: {text}");
            // Only the server's own start is a command line.
            let others = next.split("pinhole mcp").next().unwrap_or_default();
            assert!(!others.contains("pinhole "), "no tool is called so: {text}");
            assert!(
                next.contains("pinhole mcp") || !next.contains(" --"),
                "tools have arguments, not options: {text}"
            );
            assert!(text.get("call").is_none() || text.get("ask").is_none(), "{text}");
            self.callable(text.get("call"));
            return Err(text);
        }
        let returned = &result["structuredContent"];
        assert_eq!(returned, &text);
        holds(&self.returns[tool], returned);
        self.callable(returned.get("call"));
        for line in ["events", "sessions", "checks"]
            .iter()
            .filter_map(|field| returned[field].as_array())
            .flatten()
            .chain(returned.get("reply"))
        {
            assert_eq!(schema::fault(line), None, "{line}");
        }
        Ok(returned.clone())
    }

    /// Checks advice: few tools may be called unread, with no more arguments than those that name
    /// the channel.
    #[track_caller]
    fn callable(&self, call: Option<&Value>) {
        let Some(call) = call else { return };
        let arguments: Vec<&str> =
            call["arguments"].as_object().unwrap().keys().map(String::as_str).collect();
        match call["tool"].as_str().unwrap() {
            "status" | "doctor" => assert!(arguments.is_empty(), "{call}"),
            "receive" => assert_eq!(arguments, ["channel", "role", "wait_s"], "{call}"),
            other => panic!("{other} is not to be called unread: {call}"),
        }
    }

    /// Calls what an answer says may be called, as it stands.
    #[track_caller]
    fn follow(&mut self, answer: &Value) -> Called {
        let call = &answer["call"];
        self.call(
            call["tool"].as_str().unwrap_or_else(|| panic!("nothing to call: {answer}")),
            call["arguments"].clone(),
        )
    }

    /// Receives until an event of this type has come.
    #[track_caller]
    fn until(&mut self, kind: &str) -> Value {
        loop {
            let received = self.call("receive", json!({"wait_s": 45})).unwrap();
            if let Some(event) =
                received["events"].as_array().unwrap().iter().find(|event| event["type"] == kind)
            {
                return event.clone();
            }
        }
    }

    /// Receives until the only channel has ended: how.
    #[track_caller]
    fn until_ended(&mut self) -> Value {
        loop {
            let received = self.call("receive", json!({"wait_s": 45})).unwrap();
            if let Some(ended) = received.get("ended") {
                return ended.clone();
            }
        }
    }

    /// Opens a channel: its code.
    #[track_caller]
    fn open(&mut self) -> String {
        self.call("open", json!({})).unwrap()["code"].as_str().unwrap().to_owned()
    }

    /// Ends the input and waits for the end: what was said on standard error.
    #[track_caller]
    fn hang_up(mut self) -> String {
        self.server.hang_up();
        let ended = self.server.end();
        assert_eq!(ended.status.code(), Some(0), "{:#?}", ended.errors);
        ended.errors.join("\n")
    }
}

/// Holds a value against a schema, by a validator that is not ours.
#[track_caller]
fn holds(schema: &Value, value: &Value) {
    let (mut schemas, mut compiler) = (boon::Schemas::new(), boon::Compiler::new());
    compiler.set_default_draft(boon::Draft::V2020_12);
    compiler.add_resource("tool", schema.clone()).unwrap();
    let index = compiler.compile("tool", &mut schemas).unwrap();
    if let Err(fault) = schemas.validate(value, index) {
        panic!("{fault}: {value}");
    }
}

/// Two servers with a channel between them.
fn pair(here: &Machine, there: &Machine) -> (Client, Client) {
    let (mut host, mut peer) = (Client::new(here), Client::new(there));
    let code = host.open();
    assert_eq!(peer.call("connect", json!({"code": code})).unwrap()["state"], "connected");
    // The joiner knows first.
    while !host.call("receive", json!({"wait_s": 45})).unwrap()["events"]
        .to_string()
        .contains("\"connected\"")
    {}
    (host, peer)
}

#[track_caller]
fn refused(called: Called, word: &str) -> Value {
    let refusal = called.expect_err("it was refused");
    assert_eq!(refusal["error"], word, "{refusal}");
    refusal
}

/// `PINHOLE_WRITE_HELP=1 cargo test --test scenarios mcp` writes the file anew.
#[test]
fn the_tools_are_those_of_the_file() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios/agent/mcp/tools.json");
    let here = Machine::new();
    let listed = Client::new(&here).request("tools/list", json!({}))["result"]["tools"].clone();
    let all = format!("{listed:#}\n");
    if std::env::var_os("PINHOLE_WRITE_HELP").is_some() {
        std::fs::write(&file, &all).unwrap();
    }
    assert!(
        all == std::fs::read_to_string(&file).unwrap_or_default(),
        "{} is not what this program lists:\n{all}",
        file.display()
    );
    let listed_names: Vec<_> =
        listed.as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(
        listed_names,
        [
            "open",
            "connect",
            "send",
            "send_file",
            "send_secret",
            "receive",
            "ask",
            "status",
            "close",
            "doctor"
        ]
    );
    // An agent pays for these texts at each start; and no client has to follow a reference.
    assert!(
        all.is_ascii() && !all.contains("$ref") && listed.to_string().len() < 20_000,
        "{}",
        listed.to_string().len()
    );
}

#[test]
fn two_servers_carry_a_conversation() {
    let (here, there) = (Machine::new(), Machine::new());
    let (mut host, mut peer) = pair(&here, &there);
    for text in ["one", "two\nlines \u{202e}\u{0}", "{\"type\":\"end\"}"] {
        assert_eq!(host.call("send", json!({"text": text})).unwrap()["state"], "delivered");
        let got = peer.until("text");
        assert_eq!(
            (&got["body"], &got["from"], &got["trust"]),
            (&text.into(), &"peer".into(), &"untrusted".into())
        );
        peer.call("send", json!({"text": text})).unwrap();
        assert_eq!(host.until("text")["body"], text);
    }
    let content = random(3_000_000);
    let path = here.write("report", &content);
    let file = json!({
        "name": "send_file",
        "arguments": {"paths": ["report"]},
        "_meta": {"progressToken": "f"},
    });
    let sent = host.request("tools/call", file);
    assert_eq!(
        host.judged("send_file", &sent).unwrap()["state"],
        "delivered",
        "{}",
        path.display()
    );
    let told: Vec<f64> =
        host.notes.iter().map(|note| note["params"]["progress"].as_f64().unwrap()).collect();
    assert!(told.is_sorted_by(|a, b| a < b) && told.last() == Some(&3e6), "{told:?}");
    assert!(
        host.notes
            .iter()
            .all(|note| note["params"]["progressToken"] == "f" && note["params"]["total"] == 3e6)
    );
    let saved = peer.until("file")["saved_to"].as_str().unwrap().to_owned();
    assert!(std::fs::read(saved).unwrap() == content);
    // A question, answered by whoever receives it.
    let id = peer.begin("tools/call", json!({"name": "ask", "arguments": {"text": "which one?"}}));
    assert_eq!(host.until("text")["body"], "which one?");
    host.call("send", json!({"text": "the second"})).unwrap();
    let answer = peer.answer(id);
    assert_eq!(peer.judged("ask", &answer).unwrap()["reply"]["body"], "the second");
    // Asked and not answered is no failure.
    let unanswered = peer.call("ask", json!({"text": "again?", "wait_s": 1})).unwrap();
    assert!(unanswered.get("reply").is_none() && unanswered["next"].is_string());
    peer.call("close", json!({})).unwrap();
    refused(peer.call("receive", json!({})), "not-open");
    let ended = host.until_ended();
    assert_eq!((&ended["exit"], &ended["reason"]), (&0.into(), &"done".into()));
    assert_eq!((host.hang_up(), peer.hang_up()), (String::new(), String::new()));
}

#[test]
fn what_may_be_called_unread_does_what_it_says() {
    let (here, there) = (Machine::new(), Machine::new());
    let (mut host, mut peer) = (Client::new(&here), Client::new(&there));
    let opened = host.call("open", json!({})).unwrap();
    // Nobody has come: it waits, and a second one would not find another channel.
    let pending = host.call("send", json!({"text": "early", "wait_s": 0})).unwrap();
    assert_eq!(pending["state"], "pending");
    let refusal = refused(host.call("close", json!({})), "undelivered");
    assert_eq!((&refusal["ask"], refusal.get("call")), (&"user".into(), None));
    assert_eq!(
        peer.call("connect", json!({"code": opened["code"]})).unwrap()["state"],
        "connected"
    );
    for answer in [&opened, &pending] {
        peer.call("send", json!({"text": "something to hear"})).unwrap();
        let heard = host.follow(answer).unwrap();
        assert!(!heard["events"].as_array().unwrap().is_empty(), "{heard}");
    }
    let unknown = refused(host.call("status", json!({"channel": "9999"})), "code-not-open");
    assert_eq!(host.follow(&unknown).unwrap()["sessions"].as_array().unwrap().len(), 1);
    let unanswered = peer.call("ask", json!({"text": "well?", "wait_s": 0})).unwrap();
    host.call("send", json!({"text": "yes"})).unwrap();
    let mut heard = Vec::new();
    while !heard.iter().any(|event: &Value| event["body"] == "yes") {
        heard.extend(peer.follow(&unanswered).unwrap()["events"].as_array().unwrap().clone());
    }
}

#[test]
fn a_secret_goes_from_a_variable_to_a_dotenv_file_and_is_seen_by_nobody() {
    let (here, there) = (Machine::new(), Machine::new());
    let (mut host, mut peer) = pair(&here, &there);
    host.call("send_secret", json!({"variable": "GREETING"})).unwrap();
    let held = peer.until("secret");
    assert_eq!((&held["stored"], &held["value"]), (&"held".into(), &"<withheld>".into()));
    let lost = refused(peer.call("close", json!({})), "secrets-held");
    assert!(lost["next"].as_str().unwrap().contains("secret_to_env_file"));
    let taken = peer.call("receive", json!({"secret_to_env_file": ".env:API_TOKEN"})).unwrap();
    assert_eq!(taken["events"][0]["variable"], "API_TOKEN");
    let env = PathBuf::from(taken["events"][0]["saved_to"].as_str().unwrap());
    assert!(
        env.ends_with(".env") && env.starts_with(there.home().join(".local/state/pinhole")),
        "{env:?}"
    );
    assert!(std::fs::read_to_string(&env).unwrap().contains("hush-from-a-variable"));
    refused(peer.call("receive", json!({"secret_to_file": "more"})), "no-secret");
    // A secret that cannot be written stays there, for another call.
    host.call("send_secret", json!({"variable": "GREETING"})).unwrap();
    peer.until("secret");
    let there_already = refused(peer.call("receive", json!({"secret_to_file": ".env"})), "disk");
    assert!(there_already["next"].as_str().unwrap().contains("secret_to_file"), "{there_already}");
    refused(peer.call("receive", json!({"secret_to_env_file": ".env:no-name"})), "usage");
    peer.call("receive", json!({"secret_to_file": "second"})).unwrap();
    assert_eq!(std::fs::read(env.with_file_name("second")).unwrap(), b"hush-from-a-variable");
    assert!(names(there.dir()).is_empty(), "{:?}", names(there.dir()));
    refused(host.call("send_secret", json!({"variable": "NO_SUCH"})), "no-such-variable");
    // Not repeated: it may be the value.
    let mistaken = refused(host.call("send_secret", json!({"variable": "sk-live-1234"})), "usage");
    assert!(!mistaken.to_string().contains("sk-live"));
    peer.call("close", json!({})).unwrap();
    for client in [host, peer] {
        let said = client.server.seen.join("\n");
        assert!(!said.contains("hush") && !client.hang_up().contains("hush"));
    }
}

#[test]
fn a_client_of_the_lifecycle_without_initialize_is_served() {
    let here = Machine::new();
    let mut client = Client::started(&here, &[]);
    let refusal = client.request("tools/list", json!({}));
    assert!(refusal["error"]["message"].as_str().unwrap().contains("_meta"), "{refusal}");
    client.meta = Some(json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }));
    let found = client.request("server/discover", json!({}))["result"].clone();
    let versions = found["supportedVersions"].as_array().unwrap();
    assert!(
        versions.contains(&"2026-07-28".into()) && versions.contains(&"2025-11-25".into()),
        "{found}"
    );
    assert!(found["instructions"].as_str().unwrap().contains("never an instruction"));
    let listed = client.request("tools/list", json!({}))["result"].clone();
    assert_eq!(
        (&listed["resultType"], listed["ttlMs"].is_number(), listed["cacheScope"].is_string()),
        (&"complete".into(), true, true)
    );
    client.learn();
    let code = client.open();
    let status = client.request("tools/call", json!({"name": "status", "arguments": {}}));
    assert_eq!(status["result"]["resultType"], "complete");
    assert_eq!(
        client.judged("status", &status).unwrap()["sessions"][0]["number"],
        code[..4].parse::<u64>().unwrap()
    );
    let gone = client.request("ping", json!({}));
    assert_eq!(gone["error"]["code"], -32601, "{gone}");
}

#[test]
fn wrong_calls_are_answered_and_harm_no_channel() {
    let (here, there) = (Machine::new(), Machine::new());
    let (mut host, mut peer) = pair(&here, &there);
    for (tool, arguments) in [
        ("send", json!({})),
        ("send", json!({"text": 7})),
        ("send", json!({"text": "x", "txt": "y"})),
        ("send", json!({"text": "x", "wait_s": 46})),
        ("send", json!({"text": "x", "role": "boss"})),
        ("send_file", json!({"paths": []})),
        ("send_secret", json!({})),
        ("send_secret", json!({"file": "a", "variable": "B"})),
        ("receive", json!({"wait_s": -1})),
        ("receive", json!({"secret_to_file": "a", "secret_to_env_file": "b"})),
        ("open", json!({"ttl": "5d"})),
        ("open", json!({"relay": "ftp://x"})),
    ] {
        let refusal = refused(host.call(tool, arguments), "usage");
        assert_eq!(refusal["exit"], 2);
    }
    // Its number is a number where it is returned.
    let number = host.call("status", json!({})).unwrap()["sessions"][0]["number"].clone();
    assert!(number.is_u64());
    host.call("receive", json!({"channel": number})).unwrap();
    for channel in [json!(0), json!(-1), json!(1.5), json!([1]), json!("")] {
        host.call("receive", json!({"channel": channel})).unwrap_err();
    }
    // Standard input is the protocol's, so no code comes from there.
    refused(host.call("connect", json!({"code": "-"})), "code-malformed");
    refused(
        host.call("connect", json!({"code": "9471-walrus-clipbord-mango"})),
        "code-unknown-word",
    );
    refused(host.call("connect", json!({"code": "417-walrus-clipboard-mango"})), "no-relay");
    refused(host.call("send", json!({"text": "x", "channel": "1042"})), "code-not-open");
    refused(host.call("close", json!({"channel": "no such label"})), "code-not-open");
    // The longest by the schema is the longest.
    let most = 1_048_257;
    let long = refused(host.call("send", json!({"text": "x".repeat(most + 1)})), "too-long");
    assert!(long["detail"].as_str().unwrap().contains(&most.to_string()), "{long}");
    refused(host.call("send_file", json!({"paths": ["missing"]})), "no-such-file");
    let unknown = host.request("tools/call", json!({"name": "shell", "arguments": {}}));
    assert_eq!(unknown["error"]["code"], -32602, "{unknown}");
    for garbage in ["garbage", "[]", "{\"jsonrpc\":\"2.0\"}", "\u{0}"] {
        host.server.feed(format!("{garbage}\n"));
    }
    assert_eq!(host.request("nonsense/method", json!({}))["error"]["code"], -32601);
    host.call("send", json!({"text": "unharmed"})).unwrap();
    assert_eq!(peer.until("text")["body"], "unharmed");
}
