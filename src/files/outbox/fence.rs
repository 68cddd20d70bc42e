//! The sending fence: what an agent's commands may send (DESIGN 5).
//!
//! What is to be sent is opened first; then the system is asked where the open handle really is, and only through that handle is it read.
//! So it does not matter what links, `..` and `/proc` a path goes through, or what is put in its place meanwhile.

use super::sensitive;
use super::skipped::Why;
use crate::failure::{Exit, Failure};
use rustix::fs::{FileType, fstat};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::{Path, PathBuf};

/// What may be sent: what lies in one of its roots and does not commonly hold secrets.
#[derive(Clone, Debug)]
pub struct Fence {
    /// Files and folders: absolute, links resolved.
    roots: Vec<PathBuf>,
    /// Whether what commonly holds secrets may be sent too.
    sensitive: bool,
    /// Why it is on, in a few words.
    why: String,
    keeper: Keeper,
    /// What holds besides: a channel's own fence, where another command brings this one.
    around: Option<Box<Fence>>,
}

/// Whose fence it is, and so who can open it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeper {
    /// The command that sends.
    Command,
    /// The command that opened the channel.
    Channel,
    /// The MCP server.
    Server,
}

impl Fence {
    /// Around the working directory and what is allowed besides, files or folders. The root of the file system is fenced in by no fence, so
    /// who works there sends only what is allowed.
    ///
    /// # Errors
    /// Something that is allowed is not there: exit 2.
    pub fn new(why: impl Into<String>, allow: &[PathBuf], sensitive: bool, keeper: Keeper) -> Result<Self, Failure> {
        // A directory that is removed, or outside of this process's root, has no path.
        let here = std::env::current_dir().ok().filter(|here| here.is_absolute() && here.parent().is_some());
        let allowed = allow.iter().map(|path| {
            path.canonicalize().map_err(|error| {
                Failure::new(Exit::Usage, "no-such-file", format!("--allow {path:?} cannot be followed: {error}"))
                    .next("name a file or folder that is there")
            })
        });
        let roots = here.into_iter().map(Ok).chain(allowed).collect::<Result<_, _>>()?;
        Ok(Self { roots, sensitive, why: why.into(), keeper, around: None })
    }

    /// That of a command in another process, as it was told.
    #[must_use]
    pub const fn told(roots: Vec<PathBuf>, sensitive: bool, why: String) -> Self {
        Self { roots, sensitive, why, keeper: Keeper::Command, around: None }
    }

    /// The same, with another that holds too.
    #[must_use]
    pub fn inside(self, around: Option<Self>) -> Self {
        Self { around: around.map(Box::new), ..self }
    }

    /// What is allowed, to tell another process: roots, whether what is sensitive may be sent, why it is on.
    #[must_use]
    pub fn tell(&self) -> (&[PathBuf], bool, &str) {
        (&self.roots, self.sensitive, &self.why)
    }

    /// Whether what is open at `handle` may be sent. `named` is the path that led there. A pipe without a name is what a shell has opened,
    /// as it does standard input.
    ///
    /// # Errors
    /// [`Barred`].
    pub fn admit(&self, handle: impl AsFd, named: &Path) -> Result<(), Barred> {
        let handle = handle.as_fd();
        let place = fstat(handle).map_err(io::Error::from).and_then(|stat| Ok((stat, whereabouts(handle)?)));
        let (stat, path) = place.map_err(|error| self.unknown(named, &error))?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        if kind == FileType::Fifo && !path.is_absolute() {
            return Ok(());
        }
        let own = self.slip(&path, named, handle, kind);
        let around = self.around.as_deref().map(|fence| (fence, fence.slip(&path, named, handle, kind)));
        match around {
            // A flag of the command opens only its own fence, so what is said is what opens both.
            Some((fence, slip)) if slip.bars() => {
                let either = Slip { outside: own.outside || slip.outside, telling: own.telling.or_else(|| slip.telling.clone()) };
                Err(fence.barred(&path, named, &slip, &either))
            }
            _ if own.bars() => Err(self.barred(&path, named, &own, &own)),
            _ => Ok(()),
        }
    }

    /// What is against sending what is open at `handle`, which is at `path`.
    fn slip(&self, path: &Path, named: &Path, handle: BorrowedFd<'_>, kind: FileType) -> Slip {
        let outside = !self.roots.iter().any(|root| path.starts_with(root));
        let telling = if self.sensitive {
            None
        } else {
            let own_name = || sensitive::by_path(Path::new(named.file_name()?));
            sensitive::by_path(path).or_else(own_name).or_else(|| {
                // What cannot be read is sent by nobody.
                let key = kind == FileType::RegularFile && sensitive::by_content(handle).unwrap_or(false);
                key.then(|| "a private key".to_owned())
            })
        };
        Slip { outside, telling }
    }

    /// Where something received is written that is to be at `path`: the same place with every link on the way resolved. It is in one of
    /// the roots, holds no secrets of others, and is no file that makes programs run. It may not be there yet, nor be a link.
    ///
    /// # Errors
    /// `fenced` if it may not be written there; exit 8 if its folder cannot be found.
    pub fn landing(&self, path: &Path) -> Result<PathBuf, Failure> {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = parent.canonicalize().map_err(|error| {
            Failure::new(Exit::Disk, "disk", format!("the folder of {path:?} cannot be found: {error}"))
                .next("name a file in a folder that is there")
        })?;
        let Some(name) = path.file_name() else {
            return Err(Failure::new(Exit::Usage, "usage", format!("{path:?} names no file")).next("name a file"));
        };
        let place = folder.join(name);
        let refused = |why: &str, next: String| {
            let detail = format!("{place:?} {why}: {} lets nothing be written there ({})", self.keeper.fence(), self.why);
            Err(Failure::new(Exit::Unreachable, "fenced", detail).next(next))
        };
        if place.is_symlink() {
            return refused("is a link", "name a file that is none".into());
        }
        if !self.roots.iter().any(|root| place.starts_with(root)) {
            let next = format!(
                "name a file in the working directory; or, if it is meant to be there, a person can have the server started as: pinhole mcp --allow {}",
                typed(&folder)
            );
            return refused("is nowhere that is allowed", next);
        }
        if let Some(telling) = sensitive::runs(&place).or_else(|| sensitive::place(&place).filter(|_| !self.sensitive)) {
            return refused(&format!("is no place for it ({telling})"), "name another file, such as .env in the working directory".into());
        }
        match &self.around {
            Some(around) => around.landing(&place),
            None => Ok(place),
        }
    }

    /// `slip` is what is against it here, `opened` what flags have to allow.
    fn barred(&self, path: &Path, named: &Path, slip: &Slip, opened: &Slip) -> Barred {
        let same = std::path::absolute(named).is_ok_and(|named| named == path);
        let what = if same { format!("{path:?}") } else { format!("{named:?}, which is {path:?},") };
        let roots: Vec<_> = self.roots.iter().map(|root| format!("{root:?}")).collect();
        let reasons = [
            slip.outside
                .then(|| if roots.is_empty() { "is nowhere that is allowed".into() } else { format!("is not in {}", roots.join(", ")) }),
            slip.telling.as_ref().map(|telling| format!("commonly holds secrets ({telling})")),
        ];
        let typed = typed(path);
        let flags = [opened.outside.then(|| format!("--allow {typed}")), opened.telling.as_ref().map(|_| "--allow-sensitive".to_owned())];
        let listed = |words: [Option<String>; 2], between| words.into_iter().flatten().collect::<Vec<_>>().join(between);
        let detail = format!("{what} {}: {} keeps it in ({})", listed(reasons, " and "), self.keeper.fence(), self.why);
        let flags = listed(flags, " ");
        let opens = match self.keeper {
            Keeper::Command => format!("add {flags}"),
            Keeper::Channel => format!("with a code of its own: pinhole give {typed} {flags}"),
            Keeper::Server => format!("a person can have the server started as: pinhole mcp {flags}"),
        };
        // What the system makes up there is opened by nobody for one thing to send.
        let next = if ["/proc", "/sys", "/dev"].iter().any(|system| path.starts_with(system)) {
            "leave it out: what is in /proc, /sys and /dev is the system's".to_owned()
        } else {
            format!("if it is meant to be sent, and not only asked for by the other side: {opens}")
        };
        Barred { why: if slip.outside { Why::Outside } else { Why::Sensitive }, detail, next }
    }

    /// That the system does not say where something is.
    fn unknown(&self, named: &Path, error: &io::Error) -> Barred {
        let detail = format!(
            "where {named:?} really is cannot be found out, and {} lets nothing else out ({}): /proc/self/fd: {error}",
            self.keeper.fence(),
            self.why
        );
        Barred { why: Why::Outside, detail, next: "mount /proc here, or give it where that is mounted".into() }
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

/// What is against sending something.
struct Slip {
    /// It is in none of the roots.
    outside: bool,
    /// What says that it commonly holds secrets.
    telling: Option<String>,
}

impl Slip {
    const fn bars(&self) -> bool {
        self.outside || self.telling.is_some()
    }
}

/// Why the fence keeps something in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Barred {
    /// What is said of it inside of a folder.
    pub(super) why: Why,
    detail: String,
    next: String,
}

impl Barred {
    /// What the user here is told.
    #[must_use]
    pub fn failure(&self) -> Failure {
        Failure::new(Exit::Unreachable, "fenced", self.detail.clone()).next(self.next.clone())
    }
}

/// A path as it is typed into a shell; one with letters that a terminal could take for something else as it is quoted everywhere.
fn typed(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    shlex::try_quote(&text).ok().filter(|_| plain).map_or_else(|| format!("{path:?}"), Into::into)
}

/// Where an open file is now (proc(5), `/proc/pid/fd`); a pipe without a name is not at an absolute path.
fn whereabouts(handle: impl AsFd) -> io::Result<PathBuf> {
    std::fs::read_link(format!("/proc/self/fd/{}", handle.as_fd().as_raw_fd()))
}
