//! The folders that an agent works in: the fence is around them, and relative paths begin there.
//!
//! Each source is the word of the person or of the client, and never of the model. The first that
//! names a folder wins (EVENTS.md, "MCP").

use super::client::{Client, Form, Stop, roots_of};
use super::project::Surroundings;
use super::usage;
use crate::failure::{Failure, Kind};
use crate::files::outbox::allowing;
use rmcp::{Peer, RoleServer};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

/// The variable in which Claude Code says to its servers where it works.
const VARIABLE: &str = "CLAUDE_PROJECT_DIR";
/// Time for a client to name its roots. No person is asked for them.
const PATIENCE: Duration = Duration::from_secs(5);

/// Knowledge about where an agent works.
pub(super) struct Workspace {
    /// True if it is the working directory whatever the client says (`--fence`).
    held: bool,
    /// The folder that the variable names, or else the working directory if that is a project.
    start: Option<PathBuf>,
    roots: watch::Sender<Roots>,
    question: Mutex<Option<Question>>,
}

/// The roots of a client in the lifecycle in which it says that they have changed.
#[derive(Default)]
struct Roots {
    /// Number of times that it was asked.
    turn: u64,
    /// Its last answer; `None` while it is asked.
    named: Option<Vec<PathBuf>>,
}

/// The one question that the person is asked.
struct Question {
    folder: PathBuf,
    /// `None` until it is answered.
    answer: watch::Sender<Option<bool>>,
}

impl Workspace {
    /// The workspace of a server which is about to serve.
    pub(super) fn new(held: bool) -> Self {
        let here = std::env::current_dir().ok().and_then(|here| folder(&here));
        let start = if held {
            here
        } else {
            let named =
                std::env::var_os(VARIABLE).map(PathBuf::from).filter(|named| named.is_absolute());
            named
                .and_then(|named| folder(&named))
                .or_else(|| here.filter(|here| Surroundings::here().is_project(here)))
        };
        Self { held, start, roots: watch::Sender::default(), question: Mutex::default() }
    }

    /// Asks for the roots of a client that has some, in place of what was known of them.
    pub(super) fn learn(&self, peer: Peer<RoleServer>) {
        let mut turn = 0;
        self.roots.send_modify(|roots| {
            turn = roots.turn.saturating_add(1);
            *roots = Roots { turn, named: None };
        });
        let roots = self.roots.clone();
        tokio::spawn(async move {
            let named = timeout(PATIENCE, roots_of(&peer)).await.unwrap_or_default();
            // Asked again meanwhile, it has said something newer.
            roots.send_if_modified(|roots| {
                let newest = roots.turn == turn;
                if newest {
                    roots.named = Some(named);
                }
                newest
            });
        });
    }

    /// The folders that the agent works in, real paths, of which the first is where relative paths
    /// begin; none if nothing says so.
    pub(super) async fn folders(&self, client: &Client) -> Result<Vec<PathBuf>, Stop> {
        // A repeated call has only the answer to what it was asked last (Claude Code 2.1.332).
        if let (Some(asked), Some(said)) = (&*self.question(), client.answer()) {
            asked
                .answer
                .send_if_modified(|answer| answer.is_none() && answer.replace(said).is_none());
        }
        let sandbox = client.sandbox().filter(|_| !self.held).and_then(|path| folder(path));
        let roots = if self.held || sandbox.is_some() || !client.has_roots() {
            Vec::new()
        } else if client.repeats() {
            client.roots()?
        } else {
            if self.roots.borrow().turn == 0 {
                self.learn(client.peer().clone());
            }
            let mut roots = self.roots.subscribe();
            // Its sender is here.
            roots
                .wait_for(|roots| roots.named.is_some())
                .await
                .ok()
                .and_then(|roots| roots.named.clone())
                .unwrap_or_default()
        };
        Ok(self.first(sandbox, &roots))
    }

    /// Those folders as far as they are known without asking anybody.
    pub(super) fn known(&self, client: &Client) -> Vec<PathBuf> {
        let sandbox = client.sandbox().filter(|_| !self.held).and_then(|path| folder(path));
        let roots = self.roots.borrow().named.clone().filter(|_| !self.held).unwrap_or_default();
        self.first(sandbox, &roots)
    }

    fn first(&self, sandbox: Option<PathBuf>, roots: &[PathBuf]) -> Vec<PathBuf> {
        let roots: Vec<PathBuf> = roots.iter().filter_map(|path| folder(path)).collect();
        let said =
            sandbox.map(|sandbox| vec![sandbox]).or(Some(roots).filter(|roots| !roots.is_empty()));
        let mut folders = said.unwrap_or_else(|| self.start.iter().cloned().collect());
        // The person's own word.
        folders.extend(
            self.question()
                .as_ref()
                .filter(|asked| *asked.answer.borrow() == Some(true))
                .map(|asked| asked.folder.clone()),
        );
        folders
    }

    /// Asks the person, once for as long as the server lives, if files may leave the folder of the
    /// file or folder at `path`, and waits until `until` for the answer. A later answer counts,
    /// too.
    ///
    /// # Errors
    /// `fenced`, unless it is yes.
    pub(super) async fn ask(
        &self,
        client: &Client,
        path: &Path,
        until: Instant,
    ) -> Result<PathBuf, Stop> {
        let place = path
            .canonicalize()
            .ok()
            .and_then(|real| Some((place(&real, &Surroundings::here())?, real)));
        let mut answer = {
            let mut question = self.question();
            match (&*question, place) {
                // A client that repeats its call may have lost the question; until it is answered
                // it has not been asked.
                (Some(asked), Some((_, real)))
                    if client.repeats()
                        && asked.answer.borrow().is_none()
                        && real.starts_with(&asked.folder) =>
                {
                    let Some(form) = Form::new(asking(&real, &asked.folder)) else {
                        return Err(nowhere(path).into());
                    };
                    return Err(form.asked());
                }
                (Some(asked), _) => asked.answer.subscribe(),
                (None, Some((folder, real))) if client.has_forms() => {
                    let Some(form) = Form::new(asking(&real, &folder)) else {
                        return Err(nowhere(path).into());
                    };
                    let answer = watch::Sender::new(None);
                    *question = Some(Question { folder, answer: answer.clone() });
                    if client.repeats() {
                        return Err(form.asked());
                    }
                    let (waiting, peer) = (answer.subscribe(), client.peer().clone());
                    tokio::spawn(async move { answer.send_replace(Some(form.put(&peer).await)) });
                    waiting
                }
                (None, _) => return Err(nowhere(path).into()),
            }
        };
        if !client.repeats() {
            // The answer is looked at below, in time or not.
            let _ = timeout_at(until, answer.wait_for(Option::is_some)).await;
        }
        let said = *answer.borrow();
        let folder = self.question().as_ref().map(|asked| asked.folder.clone()).unwrap_or_default();
        match said {
            Some(true) => Ok(folder),
            Some(false) => {
                let detail = format!(
                    "{path:?} is held back: it is not known which folder this agent works in, \
                     and the user was asked once and did not let files leave {folder:?}"
                );
                Err(Failure::new(Kind::Fenced, detail)
                    .ask_user(format!("if it should be sent: {}", allowing(&folder)))
                    .into())
            }
            None => {
                let detail = format!(
                    "{path:?} is held back: the user was asked whether files may leave \
                     {folder:?} and has not answered yet"
                );
                Err(Failure::new(Kind::Fenced, detail)
                    .ask_user("call again once the user has answered")
                    .into())
            }
        }
    }

    fn question(&self) -> MutexGuard<'_, Option<Question>> {
        self.question.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The folder at which relative paths begin: `folder`, or the one that `cwd` chooses from there.
/// `None` if nothing says where.
pub(super) fn begun_at(folder: Option<&Path>, cwd: Option<&str>) -> Option<PathBuf> {
    let Some(cwd) = cwd.map(Path::new) else { return folder.map(Path::to_owned) };
    folder
        .map(|folder| folder.join(cwd))
        .or_else(|| Some(cwd.to_owned()))
        .filter(|cwd| cwd.is_absolute())
}

/// Target of a path that begins at `start` if it is relative.
///
/// # Errors
/// Usage, if it is none; `fenced` if nothing says where it begins.
pub(super) fn led_from(start: Option<&Path>, path: &Path) -> Result<PathBuf, Failure> {
    let whole = match start {
        // An empty path would be the folder itself.
        _ if path.is_absolute() || path.as_os_str().is_empty() => path.to_owned(),
        Some(start) => start.join(path),
        None => return Err(nowhere(path)),
    };
    std::path::absolute(whole).map_err(|error| usage(format!("{path:?} is not a path: {error}")))
}

/// Refusal of a path while nothing says where the agent works.
fn nowhere(path: &Path) -> Failure {
    let detail = format!(
        "{path:?} is held back: it is not known which folder this agent works in. Its client \
         names none, and this server was not started in a project"
    );
    let allowing = if path.is_absolute() {
        let place = path.canonicalize().ok().and_then(|real| place(&real, &Surroundings::here()));
        allowing(&place.unwrap_or_else(|| path.to_owned()))
    } else {
        "pinhole mcp --allow with the path of that folder".to_owned()
    };
    Failure::new(Kind::Fenced, detail).ask_user(format!(
        "if it should be sent, the user can have the client start this server in the project's \
         folder, or name the folder in its configuration: {allowing}"
    ))
}

/// The real path of a folder that is there. A fence around the root of the file system is none.
fn folder(path: &Path) -> Option<PathBuf> {
    path.canonicalize().ok().filter(|real| real.is_dir() && real.parent().is_some())
}

/// Folder that the person is asked about: that of what is to be sent, or the file alone where the
/// folder is nobody's project.
fn place(real: &Path, around: &Surroundings) -> Option<PathBuf> {
    let folder = if real.is_dir() { Some(real) } else { real.parent() };
    folder
        .filter(|folder| around.is_project(folder))
        .or(Some(real).filter(|real| real.is_file()))
        .map(Path::to_owned)
}

/// The question. Paths are those that the system knows, and not as the model has written them.
fn asking(real: &Path, folder: &Path) -> String {
    let whole = if folder.is_dir() { "and the folders in it, " } else { "" };
    format!(
        "An agent wants to send {real:?} to the other side of a pinhole channel. It is not known \
         which folder it works in. May files leave {folder:?} {whole}for as long as this server \
         runs? Files that commonly hold secrets are held back either way."
    )
}
