//! A joiner at a relay: it names the number, gets message 1 as its turn comes, and spends its one
//! tag (SPEC 3.6, 10.2).

use super::host::whole;
use super::replies::Closed;
use super::socket::{Socket, ended};
use super::{Access, link};
use crate::failure::{Failure, Kind};
use crate::transport::{JoinEnd, Met};
use pinhole_protocol::code::Nameplate;
use pinhole_protocol::handshake::{Frame, HelloError, Joiner};
use pinhole_protocol::limits::{HANDSHAKE_TIME, JOINER_RETRIES, LINK_MESSAGE_TIME};
use pinhole_protocol::rendezvous::Verb;
use rand_core::OsRng;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::Bytes;

/// Longer than a joiner can wait in a relay's line, with the host away at first (SPEC 10.7): the
/// relay says when it is over.
const TURN_TIME: Duration = Duration::from_secs(180);
/// Before the second try; each further pause is twice as long, up to [`LONGEST_PAUSE`].
const PAUSE: Duration = Duration::from_millis(300);
/// So eight tries fit in the time for them: a relay refuses whoever joins ten times in a minute for
/// nothing (SPEC 10.7).
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// Meets the host of a number. A joiner that is cut before its tag tries again for 15 s (SPEC 3.7);
/// after the tag it is told whether an answer came.
///
/// # Errors
/// [`JoinEnd`].
pub async fn join(
    access: &Access,
    nameplate: Nameplate,
    mut joiner: Joiner,
) -> Result<Met, JoinEnd> {
    // Set once this joiner had message 1 and was cut before its tag: from then on "unavailable"
    // means "not yet".
    let mut until: Option<Instant> = None;
    let mut next_pause = PAUSE;
    loop {
        let pause = next_pause;
        next_pause = (pause * 2).min(LONGEST_PAUSE);
        let (mut socket, message1) = match first_message(access, nameplate).await {
            Ok(first) => first,
            Err(Miss { failure, held }) => {
                if held {
                    until.get_or_insert(Instant::now() + JOINER_RETRIES);
                }
                if until.is_none_or(|until| Instant::now() + pause >= until) {
                    return Err(JoinEnd::Nobody(failure));
                }
                sleep(pause).await;
                continue;
            }
        };
        let until = *until.get_or_insert(Instant::now() + JOINER_RETRIES);
        match joiner.confirm(&message1, &mut OsRng) {
            Ok((tagged, message2)) => {
                let answer = timeout(HANDSHAKE_TIME, answer(&mut socket, message2)).await;
                let Ok(Some(answer)) = answer else {
                    drop(socket);
                    if tagged.is_resuming() && still_waits(access, nameplate).await {
                        return Err(JoinEnd::CutAfterTag);
                    }
                    return Ok(Met::Unheard(Box::new(tagged)));
                };
                let answer = whole(&answer).ok_or(JoinEnd::Impostor)?;
                let joined = link::joined(socket, tagged.finish(&answer)?);
                return joined.map(|joined| Met::Joined(Box::new(joined))).map_err(JoinEnd::Nobody);
            }
            Err((_, HelloError::NoCommonVersion)) => return Err(JoinEnd::NoCommonVersion),
            Err((_, HelloError::OtherWords(words))) => return Err(JoinEnd::OtherWords(words)),
            Err((unspent, _)) => {
                // Only somebody in the host's place says that, or a host whose words were mangled:
                // nothing was sent to it.
                joiner = unspent;
                // It holds the number, and a source has one place.
                drop(socket);
                if Instant::now() + pause >= until {
                    return Err(JoinEnd::Impostor);
                }
                sleep(pause).await;
            }
        }
    }
}

/// Sends message 2 and waits for the answer; `None` if the connection ends before.
async fn answer(socket: &mut Socket, message2: Vec<u8>) -> Option<Bytes> {
    socket.send(message2).await.ok()?;
    socket.frame().await.ok()
}

/// True if the host still waits under its number. Before it makes message 1 for another joiner it
/// has judged every tag that it got, so ours has not come to it (SPEC 3.7).
async fn still_waits(access: &Access, nameplate: Nameplate) -> bool {
    matches!(timeout(LINK_MESSAGE_TIME, first_message(access, nameplate)).await, Ok(Ok(_)))
}

/// No message 1.
struct Miss {
    failure: Failure,
    /// True if this joiner held the number and may try again at once.
    held: bool,
}

/// Connects, waits for its turn, and gets message 1.
async fn first_message(access: &Access, nameplate: Nameplate) -> Result<(Socket, Frame), Miss> {
    let free = |failure| Miss { failure, held: false };
    let mut socket = Socket::open(access, &Verb::Join(nameplate)).await.map_err(free)?;
    let bytes = match timeout(TURN_TIME, socket.frame()).await.unwrap_or(Err(Closed::Unavailable)) {
        Ok(bytes) => bytes,
        Err(Closed::Unavailable) => return Err(free(unavailable(access, nameplate))),
        // The connection ended with nothing said of the host.
        Err(ending) => {
            return Err(Miss {
                failure: ended(access, ending),
                held: matches!(
                    ending,
                    Closed::Lost | Closed::Restart | Closed::Again | Closed::Done
                ),
            });
        }
    };
    match whole(&bytes) {
        Some(frame) => Ok((socket, frame)),
        None => Err(free(ended(access, Closed::Foreign))),
    }
}

fn unavailable(access: &Access, nameplate: Nameplate) -> Failure {
    let detail = format!(
        "nobody is waiting under {} at {}: the number is wrong, or the code was used or has ended",
        nameplate.number(),
        access.choice.named()
    );
    Failure::new(Kind::CodeUnavailable, detail).next(
        "check the code, and that the other side uses the same relay; otherwise ask it for a new \
         code",
    )
}
