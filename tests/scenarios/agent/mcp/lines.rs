//! Lines that are no messages, and a client that does not read.

use super::*;
use crate::harness::wait;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command};

impl Client {
    /// The next line, which answers what was no message: its code.
    #[track_caller]
    fn refusal(&mut self) -> i64 {
        let line = self.server.line().expect("it ended");
        let message: Value = serde_json::from_str(&line).unwrap();
        assert!(
            message["id"].is_null() && message.get("id").is_some() && message["jsonrpc"] == "2.0",
            "{line}"
        );
        message["error"]["code"].as_i64().unwrap_or_else(|| panic!("{line}"))
    }
}

#[test]
fn what_is_no_message_is_answered_and_the_next_one_is_as_ever() {
    let here = Machine::new();
    // Before a client has begun, and after.
    for mut client in [Client::started(&here, &[]), Client::new(&here)] {
        for (line, code) in [
            (&b"garbage"[..], -32_700),
            (b"{\"jsonrpc\":\"2.0\",", -32_700),
            (b"\xff\xfe\x00", -32_700),
            (b"{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"\xc3\"}", -32_700),
            (b"[]", -32_600),
            (b"{}", -32_600),
            (&vec![b'x'; (16 << 20) + 1], -32_600),
        ] {
            client.server.feed([line, b"\n"].concat());
            assert_eq!(
                client.refusal(),
                code,
                "{}",
                String::from_utf8_lossy(&line[..line.len().min(60)])
            );
        }
        assert_eq!(client.request("ping", json!({}))["result"], json!({}));
        // A line that asks for no answer gets none: the next one is that of the request.
        client.server.feed(
            "\n \r\n{\"method\":\"$/progress\"}\n\
             {\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":1,\"message\":\"\"}}\n",
        );
        assert_eq!(client.request("ping", json!({}))["result"], json!({}));
        assert_eq!(client.notes, Vec::<Value>::new());
    }
}

/// A server whose output is a pipe that the test holds, and which has begun.
fn piped(mut command: Command) -> Child {
    let mut server = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let about = json!({
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    });
    let begin = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": about});
    let begun = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    server.stdin.as_mut().unwrap().write_all(format!("{begin}\n{begun}\n").as_bytes()).unwrap();
    BufReader::new(server.stdout.as_mut().unwrap()).read_line(&mut String::new()).unwrap();
    server
}

/// Waits for its end: what it said on standard error.
#[track_caller]
fn ended(mut server: Child) -> String {
    wait("ended", || server.try_wait().unwrap());
    let mut said = String::new();
    server.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(server.wait().unwrap().success(), "{said}");
    said
}

#[test]
fn it_ends_when_nobody_reads_it_though_its_input_stays() {
    let here = Machine::new();
    let mut server = piped(here.command(["mcp"]));
    let _input = server.stdin.take();
    drop(server.stdout.take());
    ended(server);
}

#[test]
fn a_client_that_reads_nothing_does_not_hold_it_once_its_input_has_ended() {
    let here = Machine::new();
    let mut server = piped(here.command(["mcp"]));
    let output = server.stdout.take();
    let mut input = server.stdin.take().unwrap();
    // Far more than a pipe holds.
    let list = (1..200).map(|id| {
        format!("{}\n", json!({"jsonrpc": "2.0", "id": id, "method": "tools/list", "params": {}}))
    });
    input.write_all(list.collect::<String>().as_bytes()).unwrap();
    drop(input);
    ended(server);
    drop(output);
}
