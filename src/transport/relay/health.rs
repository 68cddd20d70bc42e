//! Asks a relay whether it works.

use super::dial::{Head, Stream, Trust, dial, dial_directly};
use super::upgrade::{REDIRECTS, refused};
use crate::failure::{Failure, Kind};
use crate::settings::{Network, RelayChoice};
use pinhole_protocol::code::RelayUrl;
use serde_json::Value;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Time of a relay to say that it is well. Docker's own limit is 30 s, systemd's
/// watchdogs are longer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of its answer that are read; it has some hundred.
const ANSWER: u64 = 4096;

/// Asks the relay for its `/health`. No proxy leads to one on this machine.
///
/// # Errors
/// Unreachable, if nothing answers there, something else does, or the relay is about to end.
pub async fn health(choice: &RelayChoice, trust: &Trust, network: Network) -> Result<(), Failure> {
    within(PATIENCE, choice, asked(choice, trust, network, choice.url.is_here())).await
}

/// The same by the way that `give` and `take` go, through whatever proxy is set, for no longer than
/// `patience`.
///
/// # Errors
/// As [`health`].
pub async fn health_as_used(
    choice: &RelayChoice,
    trust: &Trust,
    network: Network,
    patience: Duration,
) -> Result<(), Failure> {
    within(patience, choice, asked(choice, trust, network, false)).await
}

async fn within(
    patience: Duration,
    choice: &RelayChoice,
    asked: impl Future<Output = Result<(), Failure>>,
) -> Result<(), Failure> {
    let late = |_| ill(choice, format!("does not answer within {} s", patience.as_secs()));
    tokio::time::timeout(patience, asked).await.map_err(late)?
}

/// Asks a relay, also where it redirects to as it may do with an upgrade.
async fn asked(
    choice: &RelayChoice,
    trust: &Trust,
    network: Network,
    directly: bool,
) -> Result<(), Failure> {
    let mut at = choice.clone();
    for _ in 0..=REDIRECTS {
        let stream = if directly {
            dial_directly(&at, trust, network).await?
        } else {
            dial(&at, trust, network).await?
        };
        let answer = answer(stream, &at.url)
            .await
            .map_err(|error| ill(choice, format!("does not answer: {error}")))?;
        let (Some(head), Some((_, status))) = (Head::parse(&answer), said(&answer)) else { break };
        match (head.status, status.as_str(), page(&at.url)) {
            (200, "ok", _) => return Ok(()),
            (200, _, _) | (_, _, None) => break,
            (503, "draining", _) => {
                let detail = format!("{} is shutting down", choice.named());
                let next = "try again in a moment, once it has restarted";
                return Err(Failure::new(Kind::RelayBusy, detail).next(next));
            }
            (_, _, Some(page)) => {
                let followed = head.redirect(&page).and_then(|redirect| redirect.followed(&page));
                let Some(url) = followed
                    .and_then(|url| RelayUrl::parse(url.to_string().strip_suffix("health")?).ok())
                else {
                    return Err(refused(&RelayChoice { url: page, ..at }, &head, None));
                };
                at.url = url;
            }
        }
    }
    Err(ill(choice, "answers, but not like a working relay".into()))
}

/// The address of a relay's `/health`.
fn page(relay: &RelayUrl) -> Option<RelayUrl> {
    RelayUrl::parse(&format!("{}/health", relay.to_string().trim_end_matches('/'))).ok()
}

async fn answer(mut stream: Stream, url: &RelayUrl) -> io::Result<Vec<u8>> {
    let shown = url.to_string();
    let after = shown.split_once("://").map_or(&*shown, |(_, rest)| rest);
    let (host, path) = after.split_once('/').unwrap_or((after, ""));
    let path = path.trim_end_matches('/');
    let slash = if path.is_empty() { "" } else { "/" };
    let request =
        format!("GET /{path}{slash}health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(ANSWER).read_to_end(&mut answer).await?;
    Ok(answer)
}

/// The status of an HTTP answer, and the `status` of the object in its body.
fn said(answer: &[u8]) -> Option<(u16, String)> {
    let text = std::str::from_utf8(answer).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let (version, rest) = head.split_once(' ')?;
    let status = rest.get(..3)?.parse().ok().filter(|_| version.starts_with("HTTP/1."))?;
    // A proxy may have put it into chunks, whose sizes are around it.
    let object = body.find('{').zip(body.rfind('}')).and_then(|(from, to)| body.get(from..=to));
    let object: Option<Value> = object.and_then(|object| serde_json::from_str(object).ok());
    Some((
        status,
        object.and_then(|object| object["status"].as_str().map(str::to_owned)).unwrap_or_default(),
    ))
}

fn ill(choice: &RelayChoice, why: String) -> Failure {
    Failure::new(Kind::RelayUnreachable, format!("{} {why}", choice.named()))
        .next("check the relay's log")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_a_relay_that_is_well_says_ok() {
        let answer = |text: &str| said(text.as_bytes());
        assert_eq!(
            answer("HTTP/1.1 200 OK\r\nA: b\r\n\r\n{\"status\":\"ok\",\"more\":1}\n"),
            Some((200, "ok".into()))
        );
        assert_eq!(
            answer("HTTP/1.1 200 OK\r\n\r\n10\r\n{\"status\":\"ok\"}\n\r\n0\r\n\r\n"),
            Some((200, "ok".into()))
        );
        assert_eq!(
            answer("HTTP/1.1 503 Service Unavailable\r\n\r\n{\"status\":\"draining\"}"),
            Some((503, "draining".into()))
        );
        assert_eq!(answer("HTTP/1.0 200 OK\r\n\r\n<html>"), Some((200, String::new())));
        for other in [
            "",
            "200 OK\r\n\r\n",
            "HTTP/1.1 20\r\n\r\n",
            "SSH-2.0-x 200\r\n\r\n{\"status\":\"ok\"}",
            "HTTP/1.1 200 OK\r\n",
        ] {
            assert_eq!(answer(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(
            bytes in any::<Vec<u8>>(),
            near in "HTTP/1.1 [0-9é]{0,4} \r\n\r\n[{}\"a-zé:]{0,20}",
        ) {
            let _ = (said(&bytes), said(near.as_bytes()));
        }
    }
}
