//! The sending fence: what an agent's commands may send (`SECURITY.md`).
//!
//! Anything to be sent is opened first. Then the system is asked where the open handle really is,
//! and only through that handle is it read. So links and `..` in a path do not matter, nor what is
//! put in its place meanwhile.

mod barred;

pub use barred::{Barred, allowing};

use super::sensitive;
use crate::failure::{Advice, Failure, Kind};
use crate::files::acting::acting;
use crate::files::spot::Spot;
use crate::files::variable::is_agents;
use crate::platform::file::{AsHandle, Facts, Kind as What, whereabouts};
use crate::platform::folder::Folder;
use crate::platform::places::is_of_process;
use crate::typed::Typed;
use barred::{if_wanted, typed};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Limits on sending: only things that lie in one of its roots and do not commonly hold secrets.
#[derive(Clone, Debug)]
pub struct Fence {
    /// Files and folders: absolute, links resolved.
    roots: Vec<PathBuf>,
    /// Those of them that were named, so without the working directory: what is received may be
    /// written there.
    named: Vec<PathBuf>,
    /// True if things that commonly hold secrets may be sent too.
    sensitive: bool,
    /// Environment variables that may be sent.
    variables: Vec<String>,
    /// Why it is on, in a few words.
    why: String,
    keeper: Keeper,
    /// The command line that it is opened with, if it is a command's.
    typed: Typed,
    /// Fence that holds besides: a channel's own, if another command brings this one.
    around: Option<Box<Fence>>,
}

/// Owner of a fence, and so the one who can open it.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Keeper {
    /// The command that sends.
    #[default]
    Command,
    /// The command that opened the channel.
    Channel,
    /// The MCP server.
    Server,
}

impl Fence {
    /// Around the working directory and what is allowed besides, files or folders. The root of the
    /// file system is fenced in by no fence, so who works there sends only what is allowed.
    ///
    /// # Errors
    /// Something that is allowed is not there: exit 2.
    pub fn new(
        why: impl Into<String>,
        allow: &[PathBuf],
        sensitive: bool,
        keeper: Keeper,
    ) -> Result<Self, Failure> {
        // A directory that is removed, or outside of this process's root, has no path.
        let here = std::env::current_dir()
            .ok()
            .filter(|here| here.is_absolute() && here.parent().is_some());
        let allowed = allow.iter().map(|path| {
            path.canonicalize().map_err(|error| {
                Failure::new(Kind::NoSuchFile, format!("--allow {path:?} cannot be found: {error}"))
                    .next("name a file or folder that exists")
            })
        });
        let named = allowed.collect::<Result<Vec<_>, _>>()?;
        let roots = here.into_iter().chain(named.iter().cloned()).collect();
        Ok(Self {
            roots,
            named,
            sensitive,
            variables: Vec::new(),
            why: why.into(),
            keeper,
            typed: Typed::default(),
            around: None,
        })
    }

    /// Restores the fence of a command in another process, as that process described it.
    #[must_use]
    pub fn told(roots: Vec<PathBuf>, sensitive: bool, why: String) -> Self {
        let (named, variables, typed) = (Vec::new(), Vec::new(), Typed::default());
        Self {
            roots,
            named,
            sensitive,
            variables,
            why,
            keeper: Keeper::Command,
            typed,
            around: None,
        }
    }

    /// The same, of a command that was typed as this.
    #[must_use]
    pub fn typed_as(self, typed: Typed) -> Self {
        Self { typed, ..self }
    }

    /// The command line that was typed.
    #[must_use]
    pub const fn typed(&self) -> &Typed {
        &self.typed
    }

    /// The same, which this keeper can open.
    #[must_use]
    pub fn kept_by(self, keeper: Keeper) -> Self {
        Self { keeper, ..self }
    }

    /// The same around these folders, real paths, in place of the working directory.
    #[must_use]
    pub fn working_in(self, folders: &[PathBuf]) -> Self {
        Self { roots: folders.iter().chain(&self.named).cloned().collect(), ..self }
    }

    /// True for that of an MCP server.
    #[must_use]
    pub fn is_servers(&self) -> bool {
        self.keeper == Keeper::Server
    }

    /// The first folder that it is around; `None` if there is none.
    #[must_use]
    pub fn first_folder(&self) -> Option<&Path> {
        self.roots.iter().map(PathBuf::as_path).find(|root| root.is_dir())
    }

    /// True if it lets no file out.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.roots.is_empty()
    }

    /// Admits this folder, at which relative paths begin, if it is inside.
    ///
    /// # Errors
    /// `fenced` if it is not; exit 2 if it is no folder.
    pub fn admit_folder(&self, path: &Path) -> Result<(), Failure> {
        let folder = Folder::open(path).map_err(|error| {
            Failure::new(Kind::NoSuchFile, format!("the folder {path:?} cannot be opened: {error}"))
                .next("name a folder that exists")
        })?;
        self.admit(folder, path).map_err(|barred| barred.failure())
    }

    /// The same, which lets these environment variables out, and no other.
    #[must_use]
    pub fn letting_out(self, variables: Vec<String>) -> Self {
        Self { variables, ..self }
    }

    /// Lets the environment variable of this name be sent if it was named beforehand and is neither
    /// pinhole's nor an agent's own.
    ///
    /// # Errors
    /// `fenced`, set or not.
    pub fn admit_variable(&self, name: &str) -> Result<(), Failure> {
        let barred = |why: &str, next: Advice| {
            let detail = format!(
                "the variable {name} {why}: {} holds it back ({})",
                self.keeper.fence(),
                self.why
            );
            Err(Failure::new(Kind::Fenced, detail).next(next))
        };
        if is_agents(name) {
            return barred(
                "belongs to an agent, its models or this program",
                "leave it out: no flag opens the fence for it".into(),
            );
        }
        if self.variables.iter().any(|allowed| allowed == name) {
            return Ok(());
        }
        let opens = match self.keeper {
            Keeper::Command | Keeper::Channel => self.typed.with(&format!("--allow-env {name}")),
            Keeper::Server => {
                format!("a person can have the server started as: pinhole mcp --allow-env {name}")
            }
        };
        barred("was not named beforehand", if_wanted(&opens))
    }

    /// The same, with another that holds too.
    #[must_use]
    pub fn inside(self, around: Option<Self>) -> Self {
        Self { around: around.map(Box::new), ..self }
    }

    /// Description for another process: roots, permission to send sensitive things, why it is on,
    /// and its keeper.
    #[must_use]
    pub fn tell(&self) -> (&[PathBuf], bool, &str, Keeper) {
        (&self.roots, self.sensitive, &self.why, self.keeper)
    }

    /// Admits the thing that is open at `handle` if it may be sent; `named` is the path that led
    /// there. A pipe without a name is one that a shell has opened, as it does standard input.
    ///
    /// # Errors
    /// [`Barred`].
    pub fn admit(&self, handle: impl AsHandle, named: &Path) -> Result<(), Barred> {
        self.judge(&handle, named, None)
    }

    /// The same of a file that is read once: `content` is what was read of it, or nothing before
    /// that.
    ///
    /// # Errors
    /// [`Barred`].
    pub fn admit_read(
        &self,
        handle: impl AsHandle,
        named: &Path,
        content: &[u8],
    ) -> Result<(), Barred> {
        self.judge(&handle, named, Some(content))
    }

    /// True if something at this path is kept in, whatever its content.
    pub fn keeps_in(&self, path: &Path) -> bool {
        let bars = |fence: &Self| fence.slip(path, path, || false, false).bars();
        bars(self) || self.around.as_deref().is_some_and(bars)
    }

    fn judge(
        &self,
        handle: &impl AsHandle,
        named: &Path,
        content: Option<&[u8]>,
    ) -> Result<(), Barred> {
        let place = Facts::of(handle).and_then(|facts| Ok((facts, whereabouts(handle)?)));
        let (facts, path) = place.map_err(|error| self.unknown(named, &error))?;
        let kind = facts.kind();
        // A pipe that the command itself was given, as by a shell. Others are other programs', and
        // a server's is its client.
        if kind == What::Pipe
            && !path.is_absolute()
            && is_of_process(named)
            && self.keeper != Keeper::Server
        {
            return Ok(());
        }
        // Which of its names is asked for says nothing about the others.
        let linked = kind.is_file() && facts.has_other_names();
        let key = || match content {
            Some(content) => sensitive::is_in(content),
            // Nobody can send a file that cannot be read.
            None => kind.is_file() && sensitive::by_content(handle).unwrap_or(false),
        };
        let slip = |fence: &Self| fence.slip(&path, named, key, linked);
        let own = slip(self);
        let around = self.around.as_deref().map(|fence| (fence, slip(fence)));
        match around {
            // A flag of the command opens only its own fence, so what is said is what opens both.
            Some((fence, slip)) if slip.bars() => {
                let either = Slip {
                    outside: own.outside || slip.outside,
                    telling: own.telling.or_else(|| slip.telling.clone()),
                    linked: own.linked || slip.linked,
                };
                Err(fence.barred(&path, named, &slip, &either))
            }
            _ if own.bars() => Err(self.barred(&path, named, &own, &own)),
            _ => Ok(()),
        }
    }

    /// Objections to sending the thing open at `path`; `key` tells if a private key is in it.
    fn slip(&self, path: &Path, named: &Path, key: impl FnOnce() -> bool, linked: bool) -> Slip {
        let outside = !self.roots.iter().any(|root| path.starts_with(root));
        let telling = if self.sensitive {
            None
        } else {
            let own_name = || sensitive::by_path(Path::new(named.file_name()?));
            sensitive::by_path(path)
                .or_else(own_name)
                .or_else(|| key().then(|| "a private key".to_owned()))
        };
        Slip { outside, telling, linked: linked && !self.sensitive }
    }

    /// Finds the spot for something received that is to be at `path`. Its folder is opened once,
    /// then the system is asked where that really is. Through that handle alone it is written. Its
    /// place was allowed by name and does not commonly hold secrets, and it is no file by which
    /// programs act. It need not be there yet, and must not be a link.
    ///
    /// # Errors
    /// `fenced` if it may not be written there; exit 8 if its folder cannot be found.
    pub fn landing(&self, path: &Path) -> Result<Spot, Failure> {
        let Some(name) = path.file_name() else {
            return Err(Failure::new(Kind::Usage, format!("{path:?} does not name a file"))
                .next("name a file"));
        };
        let parent =
            path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let opened = Folder::open(parent)
            .and_then(|folder| whereabouts(&folder).map(|place| (folder, place)));
        let (folder, place) = opened.map_err(|error| {
            Failure::new(Kind::Disk, format!("the folder of {path:?} cannot be found: {error}"))
                .next("name a file in a folder that exists")
        })?;
        let place = place.join(name);
        let is_link = folder.facts(name, false).is_ok_and(|facts| facts.kind().is_symlink());
        if let Some((why, next)) = self.bars_landing(&place, is_link) {
            let detail = format!(
                "{place:?} {why}: {} allows no writing there ({})",
                self.keeper.fence(),
                self.why
            );
            return Err(Failure::new(Kind::Fenced, detail).next(next));
        }
        Ok(Spot::held(folder, place))
    }

    /// Says what is against writing to `place`, and what helps.
    fn bars_landing(&self, place: &Path, is_link: bool) -> Option<(String, Advice)> {
        let Some(below) = self.named.iter().find_map(|root| place.strip_prefix(root).ok()) else {
            let folder = typed(place.parent().unwrap_or(place));
            let next = format!(
                "name a file without a folder, and it goes into the private folder of this \
                 server; or, to put it there, a person can have the server started as: pinhole \
                 mcp --allow {folder}"
            );
            return Some(("is not in an allowed place".into(), Advice::for_user(next)));
        };
        if is_link {
            return Some(("is a link".into(), "name a file that is not a link".into()));
        }
        // The folder itself was chosen by who allowed it; a file that was allowed is below itself.
        let below = if below.as_os_str().is_empty() {
            place.file_name().map_or(place, Path::new)
        } else {
            below
        };
        let telling =
            acting(below).or_else(|| sensitive::place(place).filter(|_| !self.sensitive))?;
        Some((
            format!("is not a place for it ({telling})"),
            "name another file, such as .env in a folder that is allowed".into(),
        ))
    }
}

impl Keeper {
    const fn fence(self) -> &'static str {
        match self {
            Self::Command => "the sending fence",
            Self::Channel => "the sending fence that this channel was opened with",
            Self::Server => "the sending fence of this server",
        }
    }
}

/// Objections to sending something.
struct Slip {
    /// It is in none of the roots.
    outside: bool,
    /// Sign that it commonly holds secrets, if there is one.
    telling: Option<String>,
    /// It has another name. One in a root can have been made by whoever may write there, for a file
    /// that they may not name.
    linked: bool,
}

impl Slip {
    const fn bars(&self) -> bool {
        self.outside || self.telling.is_some() || self.linked
    }
}
