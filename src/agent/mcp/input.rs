//! Standard input: a message of JSON-RPC a line, and the moment of its end, which rmcp says only
//! after the calls under way, some of which wait for a channel. rmcp's own reader says nothing to
//! what is no message, and its client waits for an answer.

use rmcp::RoleServer;
use rmcp::model::{JsonRpcError, JsonRpcMessage};
use rmcp::service::RxJsonRpcMessage;
use serde_json::{Value, json};
use tokio::io::{AsyncBufRead, AsyncBufReadExt};
use tokio::sync::watch;

/// Longest line, in bytes: far more than any message that a tool here could use, and a bound for a
/// client that never ends one.
const LONGEST: usize = 16 << 20;

/// A message, or the answer to what is none.
pub(super) type Message = Result<Box<RxJsonRpcMessage<RoleServer>>, Value>;

/// A stream of lines whose end can be waited for.
pub(super) struct Input<R> {
    inner: R,
    /// Bytes of the next line.
    line: Vec<u8>,
    /// True while a line that is too long goes on. It is answered already.
    too_long: bool,
    ended: watch::Sender<bool>,
}

/// Waits for the end of an [`Input`].
pub(super) struct Ended(watch::Receiver<bool>);

impl<R> Input<R> {
    pub(super) fn new(inner: R) -> (Self, Ended) {
        let (ended, waiting) = watch::channel(false);
        (Self { inner, line: Vec::new(), too_long: false, ended }, Ended(waiting))
    }
}

impl<R: AsyncBufRead + Unpin> Input<R> {
    /// The next line that matters. Nothing is lost if the wait is given up.
    pub(super) async fn next(&mut self) -> Option<Message> {
        loop {
            let read = match self.inner.fill_buf().await {
                Ok(read) if !read.is_empty() => read,
                // A line that has no end is no line.
                Ok(_) | Err(_) => {
                    self.ended.send_replace(true);
                    return None;
                }
            };
            let end = read.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(read.len(), |end| end.saturating_add(1));
            let fits = self.line.len().saturating_add(taken) <= LONGEST;
            if fits && !self.too_long {
                self.line.extend(read.iter().take(taken));
            }
            self.inner.consume(taken);
            let answered = self.too_long;
            self.too_long = end.is_none() && (answered || !fits);
            if answered {
                continue;
            }
            if !fits {
                self.line = Vec::new();
                return Some(Err(error(
                    INVALID,
                    format!("a line is longer than {LONGEST} bytes"),
                    Value::Null,
                )));
            }
            if end.is_some()
                && let Some(line) = judged(&std::mem::take(&mut self.line))
            {
                return Some(line);
            }
        }
    }
}

impl Ended {
    pub(super) async fn wait(mut self) {
        // A stream that is dropped has ended too.
        let _ = self.0.wait_for(|ended| *ended).await;
    }
}

/// Error codes of JSON-RPC 2.0, 5.1.
const NO_JSON: i32 = -32_700;
const INVALID: i32 = -32_600;

/// The kind of a line; `None` if it is empty, or asks for no answer and is none of the protocol.
fn judged(line: &[u8]) -> Option<Message> {
    let line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line).trim_ascii();
    if line.is_empty() {
        return None;
    }
    let Ok(text) = std::str::from_utf8(line) else {
        return Some(Err(error(NO_JSON, "a line is not UTF-8".into(), Value::Null)));
    };
    match serde_json::from_str(text) {
        // It answers nothing that was asked.
        Ok(JsonRpcMessage::Error(JsonRpcError { id: None, .. })) => return None,
        Ok(message) => return Some(Ok(Box::new(message))),
        Err(_) => {}
    }
    let value: Value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(why) => {
            return Some(Err(error(NO_JSON, format!("a line is not JSON: {why}"), Value::Null)));
        }
    };
    let id = value.get("id").filter(|id| id.is_string() || id.is_number()).cloned();
    let (asks, answers) = (
        value.get("method").is_some_and(Value::is_string),
        value.get("result").or(value.get("error")).is_some(),
    );
    // Notifications of other protocols; and answers, or two programs could go on telling each other
    // of errors for ever.
    if asks && value.get("id").is_none() || answers && !asks {
        return None;
    }
    Some(Err(error(
        INVALID,
        "this is JSON, but not a JSON-RPC 2.0 message".into(),
        id.unwrap_or_default(),
    )))
}

fn error(code: i32, message: String, id: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tokio::io::{AsyncWriteExt, BufReader, duplex};
    use tokio::time::{Duration, timeout};

    /// The codes and numbers of the answers to these lines; `Ok` for a message.
    fn said(bytes: &[u8]) -> Vec<Result<(), (i64, Value)>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let (mut input, _ended) = Input::new(BufReader::new(bytes));
            let mut all = Vec::new();
            while let Some(line) = input.next().await {
                all.push(line.map(drop).map_err(|error| {
                    (error["error"]["code"].as_i64().unwrap(), error["id"].clone())
                }));
            }
            all
        })
    }

    #[test]
    fn what_is_no_message_is_answered_once() {
        let (null, ping) = (Value::Null, r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#);
        for (line, answer) in [
            (&b"garbage"[..], Some(Err((-32_700, null.clone())))),
            (b"{", Some(Err((-32_700, null.clone())))),
            (b"\xff\xfe", Some(Err((-32_700, null.clone())))),
            (
                b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"p\xc3\"}",
                Some(Err((-32_700, null.clone()))),
            ),
            (&[b'['; 5_000], Some(Err((-32_700, null.clone())))),
            (b"[]", Some(Err((-32_600, null.clone())))),
            (b"7", Some(Err((-32_600, null.clone())))),
            (b"{}", Some(Err((-32_600, null.clone())))),
            (b"{\"id\":{},\"method\":\"ping\"}", Some(Err((-32_600, null.clone())))),
            (b"{\"id\":7,\"method\":\"ping\"}", Some(Err((-32_600, 7.into())))),
            (b"{\"jsonrpc\":\"2.0\",\"id\":\"x\"}", Some(Err((-32_600, "x".into())))),
            // Nobody waits for an answer to these.
            (b"", None),
            (b" \r", None),
            (b"{\"method\":\"$/cancelRequest\"}", None),
            (
                b"{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,\"message\":\"x\"}}",
                None,
            ),
            (ping.as_bytes(), Some(Ok(()))),
            (format!("\u{feff}{ping}\r").as_bytes(), Some(Ok(()))),
        ] {
            let expected: Vec<_> = answer.into_iter().chain([Ok(())]).collect();
            assert_eq!(
                said(&[line, b"\n", ping.as_bytes(), b"\n"].concat()),
                expected,
                "{}",
                String::from_utf8_lossy(line)
            );
        }
        assert_eq!(said(ping.as_bytes()), [], "a line has an end");
    }

    #[test]
    fn a_line_that_is_too_long_is_answered_before_its_end_and_not_kept() {
        let ping = b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n";
        let long = vec![b'x'; 2 * LONGEST];
        assert_eq!(said(&long), [Err((-32_600, Value::Null))]);
        assert_eq!(
            said(&[&long, &b"\n"[..], ping].concat()),
            [Err((-32_600, Value::Null)), Ok(())]
        );
    }

    #[tokio::test]
    async fn the_end_is_heard_when_it_is_read_and_a_wait_given_up_loses_nothing() {
        let (mut there, here) = duplex(16);
        let (mut input, ended) = Input::new(BufReader::new(here));
        let ended = ended.wait();
        tokio::pin!(ended);
        there.write_all(b"half a ").await.unwrap();
        assert!(timeout(Duration::ZERO, input.next()).await.is_err());
        there.write_all(b"line\n").await.unwrap();
        assert!(matches!(input.next().await, Some(Err(_))));
        assert!(timeout(Duration::ZERO, ended.as_mut()).await.is_err());
        drop(there);
        assert!(input.next().await.is_none());
        ended.await;
    }

    proptest! {
        #[test]
        fn any_lines_are_survived(
            bytes: Vec<u8>,
            near in "(\\{(\"(id|method|jsonrpc|error)\":(1|\"2.0\"|null|\\{\\}),?){0,3}\\}\n){0,3}",
        ) {
            let _ = (said(&bytes), said(near.as_bytes()));
        }
    }
}
