//! The sessions of this user, found by their sockets, and which of them is meant.

use super::Control;
use super::call::{Call, Stopped, Target, not_answering};
use super::card::Card;
use super::owner::Visitor;
use super::runtime::Runtime;
use super::wire::{Reply, What};
use crate::events::{About, ChannelName, Path, State};
use crate::failure::{Failure, Kind, Run};
use crate::role::Role;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::timeout;
use zeroize::Zeroizing;

/// Time for a session to describe itself: one that is stopped delays nobody for longer.
const SOON: Duration = Duration::from_secs(1);
/// Time in all for a session that is meant, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

/// A session that was found.
pub struct Found {
    /// The session's description.
    pub about: About,
    pub(super) at: Target,
    /// Its process, if that is stopped.
    pub(super) stopped: Option<i32>,
}

/// Which session is meant.
#[derive(Default)]
pub struct Which {
    /// Its code, canonical, or its number.
    pub code: Option<Zeroizing<String>>,
    /// The label that its owner gave it.
    pub label: Option<String>,
    /// Which side of a code it is, where both are here.
    pub role: Option<Role>,
}

/// The sessions that are meant, of those that answer this visitor or would, ordered by number. One
/// that does not answer and is named is waited for if there is no other.
///
/// # Errors
/// If the directory of the sessions cannot be used.
pub async fn find(which: &Which, by: &Visitor) -> Result<Vec<Found>, Failure> {
    let found = look(which, by).await?;
    let slow = found.iter().all(|found| !found.answers() && found.stopped.is_none());
    match slow && !found.is_empty() && (which.code.is_some() || which.label.is_some()) {
        true => search(which, by, PATIENCE.saturating_sub(SOON)).await,
        false => Ok(found),
    }
}

/// The same within a second.
///
/// # Errors
/// As [`find`].
pub async fn look(which: &Which, by: &Visitor) -> Result<Vec<Found>, Failure> {
    search(which, by, SOON).await
}

async fn search(which: &Which, by: &Visitor, patience: Duration) -> Result<Vec<Found>, Failure> {
    let Some(runtime) = Runtime::existing()? else { return Ok(Vec::new()) };
    let runtime = Arc::new(runtime);
    let mut asked = JoinSet::new();
    for id in runtime.sessions()? {
        let (runtime, by, code) =
            (Arc::clone(&runtime), by.clone().of_side(which.role), which.code.clone());
        asked.spawn(async move { ask_about(runtime, &id, by, code, patience).await });
    }
    let found = meant(asked.join_all().await.into_iter().flatten().collect(), which);
    // An agent that names the whole code of one side, and of no other, becomes an owner of it.
    if let [found] = found.as_slice()
        && found.answers()
        && by.is_agent()
        && which.is_whole()
    {
        // One that ends meanwhile is nobody's.
        let _ =
            timeout(patience, async { Call::begin(&found.at, What::Adopt).await?.next().await })
                .await;
    }
    Ok(found)
}

impl Found {
    /// True if it has said what it is.
    fn answers(&self) -> bool {
        self.about.state != State::NotAnswering
    }
}

impl Which {
    /// True if it is a whole code, of which there is no other.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.code.as_ref().is_some_and(|code| code.contains('-'))
    }
}

/// The sessions of this process that are meant, ordered by number.
pub async fn find_here(sessions: impl IntoIterator<Item = Control>, which: &Which) -> Vec<Found> {
    let code = which.code.as_ref().map(|code| code.as_str());
    let mut found = Vec::new();
    for control in sessions {
        found.push(Found {
            about: control.about(&control.visitor(), code).await,
            at: Target::Here(control),
            stopped: None,
        });
    }
    meant(found, which)
}

impl Found {
    /// Names the session now under this number, with its role unless the number suffices.
    pub async fn name(&self, number: Option<u32>) -> ChannelName {
        let which = Which {
            code: number.map(|number| Zeroizing::new(number.to_string())),
            ..Which::default()
        };
        // If that is not known soon, its side is said, which is always right.
        let all = look(&which, &Visitor::here()).await.ok();
        let alone = all
            .is_some_and(|all| all.iter().all(|other| other.about.session == self.about.session));
        ChannelName { number, role: (!alone).then_some(self.about.role) }
    }
}

fn meant(mut found: Vec<Found>, which: &Which) -> Vec<Found> {
    found.retain(|found| {
        found.about.matches
            && which.role.is_none_or(|role| role == found.about.role)
            && which.label.as_ref().is_none_or(|label| found.about.label.as_ref() == Some(label))
    });
    found.sort_by(|a, b| {
        (a.about.number, a.about.role.word(), &a.about.session).cmp(&(
            b.about.number,
            b.about.role.word(),
            &b.about.session,
        ))
    });
    found
}

/// The session of this id, if it is there.
///
/// # Errors
/// As [`find`].
pub async fn session(id: &str) -> Result<Option<Found>, Failure> {
    let Some(runtime) = Runtime::existing()? else { return Ok(None) };
    Ok(ask_about(Arc::new(runtime), id, Visitor::here(), None, PATIENCE)
        .await
        .filter(Found::answers))
}

/// Describes the session `id`, from its card if it does not answer. `None` if there is none, or it
/// ended without removing its socket, which is then removed.
async fn ask_about(
    runtime: Arc<Runtime>,
    id: &str,
    by: Visitor,
    code: Option<Zeroizing<String>>,
    patience: Duration,
) -> Option<Found> {
    let (path, visitor, named) = (runtime.socket(id), by.clone(), code.clone());
    let at = Target::Socket { path, _runtime: Arc::clone(&runtime), by, code };
    let asked = timeout(patience, async {
        let mut call = Call::begin(&at, What::About).await?;
        call.next().await
    });
    let stopped = match asked.await {
        Ok(Ok(Some(Reply::About(about)))) => return Some(Found { about, at, stopped: None }),
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
            runtime.remove(id);
            return None;
        }
        // Its process is stopped, or as many wait there to be heard as the system lets wait.
        Ok(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => Stopped::of(&error),
        Err(_) => None,
        Ok(_) => return None,
    };
    let about =
        Card::read(&runtime, id)?.about(id, &visitor, named.as_ref().map(|code| code.as_str()));
    Some(Found { about, at, stopped })
}

/// Those that can be meant. One that says nothing is among them: what is for it must not go to
/// another.
///
/// # Errors
/// `not-answering` if it is the only one.
fn candidates(found: Vec<Found>) -> Result<Vec<Found>, Failure> {
    let found = open_first(found);
    match found.as_slice() {
        [one] if !one.answers() => Err(not_answering(&line(&one.about), one.stopped)),
        _ => Ok(found),
    }
}

/// Those that are over are meant only where there is no other: their number may have been used
/// again.
fn open_first(found: Vec<Found>) -> Vec<Found> {
    let (over, open): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|found| found.about.state == State::Ended);
    if open.is_empty() { over } else { open }
}

/// The sessions that end with the one channel that is meant: one, or both sides of it where both
/// are here. `whole` is whether they were found by a whole code: the same number may be that of a
/// channel elsewhere, so otherwise both have to lead to this machine.
///
/// # Errors
/// `several-open` if several channels are meant; `not-answering`.
pub fn sides(found: Vec<Found>, whole: bool) -> Result<Vec<Found>, Failure> {
    let found = candidates(found)?;
    if let [a, b] = found.as_slice()
        && (a.about.number, true) == (b.about.number, a.about.role != b.about.role)
        && (whole || [a, b].iter().all(|side| side.about.path == Some(Path::Loopback)))
    {
        return Ok(found);
    }
    Ok(one(found, "close")?.into_iter().collect())
}

/// The one session that is meant, if one is. `command` is for what is said if several are: what was
/// to be done with it.
///
/// # Errors
/// `several-open` if several are meant; `not-answering`.
pub fn one(found: Vec<Found>, command: &str) -> Result<Option<Found>, Failure> {
    let mut found = candidates(found)?;
    match found.len() {
        0 | 1 => Ok(found.pop()),
        _ => {
            let lines: Vec<String> = found.iter().map(|found| line(&found.about)).collect();
            let all_of = |same: fn(&About, &About) -> bool| {
                found.windows(2).all(|two| matches!(two, [a, b] if same(&a.about, &b.about)))
            };
            let how = match (all_of(|a, b| a.number == b.number), all_of(|a, b| a.role != b.role)) {
                (true, true) if found.len() == 2 => {
                    let number = found.first().map(Found::number).unwrap_or_default();
                    format!(
                        "add --role host or --role peer: pinhole {command}{number} --role host \
                         ..."
                    )
                }
                // A code that is used up leaves its number to others.
                (true, _) => {
                    "name one by its whole code or --label, and --role if both sides are here"
                        .into()
                }
                (false, _) => "name one by its number or --label".into(),
            };
            Err(Failure::new(
                Kind::SeveralOpen,
                format!("several channels are open here: {}", lines.join(", ")),
            )
            .next(how))
        }
    }
}

/// A session in a few words.
fn line(about: &About) -> String {
    let number = about
        .number
        .map_or_else(|| format!("session {}", about.session), |number| number.to_string());
    let label = about.label.as_ref().map(|label| format!(" {label:?}")).unwrap_or_default();
    format!("{number} ({}{label})", about.role.word())
}

/// The failure if no session is the one that was asked for.
///
/// # Errors
/// `not-open` where none was named, else `code-not-open`.
pub async fn nothing_open(which: &Which, by: &Visitor) -> Failure {
    if which.code.is_none() && which.label.is_none() {
        return not_open_at_all();
    }
    let open = look(&Which::default(), by).await.unwrap_or_default();
    not_open(&open)
}

/// The failure if no session is open.
#[must_use]
pub fn not_open_at_all() -> Failure {
    Failure::new(Kind::NotOpen, "no channel is open here").ask_user(
        "open one: pinhole host; or join with the other side's code: pinhole connect CODE",
    )
}

/// The failure if no session is the one that was asked for, with those that are open.
#[must_use]
pub fn not_open(open: &[Found]) -> Failure {
    let open: Vec<String> = open.iter().map(|found| line(&found.about)).collect();
    let detail = match open.as_slice() {
        [] => "no channel is open here; that one may have ended".to_owned(),
        _ => format!("that channel is not open here, or has ended; open are {}", open.join(", ")),
    };
    Failure::new(Kind::CodeNotOpen, detail).next(Run::Status)
}
