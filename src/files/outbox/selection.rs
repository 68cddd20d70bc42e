//! What was named on the command line, looked at before a code is shown.

use super::count::Counted;
use super::outgoing::Outgoing;
use super::rules::Rules;
use super::source::{READ, open_resolved};
use super::stream::{self, Available, Stream};
use super::tree::Tree;
use super::{Options, held};
use crate::failure::{Detail, Exit, Failure};
use pinhole_protocol::limits;
use pinhole_protocol::wire::{Item, ItemId, ItemKind, Offer, PeerText};
use rustix::fs::{FileType, Mode, OFlags};
use std::collections::HashSet;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// Files and folders, or one stream, that can be sent. Nothing of them is read yet, and one selection may be offered more than once.
pub struct Selection(What);

enum What {
    Things { chosen: Arc<[Chosen]>, rules: Arc<Rules>, counted: Arc<Counted> },
    Stream { name: String, input: Mutex<Option<Input>> },
}

/// A stream that nobody has read from.
type Input = Box<dyn io::Read + Send>;

/// A named file or folder.
#[derive(Clone)]
pub(super) struct Chosen {
    /// What the peer hears it called.
    pub name: String,
    /// Where it is: absolute and without links.
    pub path: PathBuf,
    pub folder: bool,
    /// A file's bytes when it was checked.
    size: u64,
}

impl Selection {
    /// Looks at `paths` without reading a byte of content or a name inside a folder. A named link is followed. `-` is `input`, which
    /// is read only after [`Selection::open`]; it and a named pipe are streams.
    ///
    /// # Errors
    /// Exit 2 if nothing is there, for devices, sockets and `/`, for a stream beside something else, for names over 255 bytes, for
    /// over 1,000 paths and for a pattern that is none; exit 5 for what the fence keeps in; exit 8 for what this user may not read.
    pub fn check(paths: &[PathBuf], options: &Options, input: impl io::Read + Send + 'static) -> Result<Self, Failure> {
        let rules = Rules::new(options)?;
        if paths.is_empty() {
            return Err(usage("nothing-to-give", "no file or folder was named").next("name at least one"));
        }
        if paths.len() > limits::ITEMS {
            return Err(usage("too-many-items", format!("{} paths were named, and one offer holds {}", paths.len(), limits::ITEMS))
                .next("put them into one folder and send that"));
        }
        let mut names = HashSet::new();
        let mut chosen = Vec::new();
        let mut input = Some(input);
        for path in paths {
            match look(path, &rules)? {
                Look::Thing(mut thing) => {
                    thing.name = distinct(thing.name, thing.folder, &mut names);
                    if thing.name.len() > limits::NAME_BYTES {
                        return Err(usage("name-too-long", format!("the name of {path:?} is longer than {} bytes", limits::NAME_BYTES))
                            .next("rename it"));
                    }
                    chosen.push(thing);
                }
                Look::Stream(..) if paths.len() > 1 => {
                    return Err(usage("stream-alone", format!("{path:?} has no known end, so it is sent alone"))
                        .next("send it with a command of its own"));
                }
                Look::Stream(name, pipe) => {
                    let input = pipe.or_else(|| input.take().map(|input| Box::new(input) as Input));
                    return Ok(Self(What::Stream { name, input: Mutex::new(input) }));
                }
            }
        }
        Ok(Self(What::Things { chosen: chosen.into(), rules: Arc::new(rules), counted: Arc::default() }))
    }

    /// What it is, in a few words for people, such as `report.pdf`, `3 items` or `standard input`. Unprintable characters are escaped.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.0 {
            What::Stream { name, .. } if name == stream::STDIN => "standard input".into(),
            What::Stream { name, .. } => printable(name),
            What::Things { chosen, .. } => match &**chosen {
                [one] => printable(&one.name),
                several => format!("{} items", several.len()),
            },
        }
    }

    /// How many things were named.
    #[must_use]
    pub fn items(&self) -> usize {
        match &self.0 {
            What::Stream { .. } => 1,
            What::Things { chosen, .. } => chosen.len(),
        }
    }

    /// Begins to count what is in the folders, on a thread of its own, unless that was begun before. It ends with the selection.
    pub fn count_in_background(&self) -> Option<Arc<Counted>> {
        let What::Things { chosen, rules, counted } = &self.0 else { return None };
        counted.begin(chosen.iter().filter(|thing| thing.folder).cloned().collect(), Arc::clone(rules));
        Some(Arc::clone(counted))
    }

    /// The offer as things are now: sizes of files are asked again, folders as far as they are counted.
    #[must_use]
    pub fn offer(&self, item: ItemId) -> Offer {
        let (chosen, counted) = match &self.0 {
            What::Stream { name, .. } => {
                let stream = Item { name: PeerText::new(name.clone()), kind: ItemKind::Stream, size: None };
                return Offer { item, items: vec![stream], bytes: 0, entries: 1, counted: false };
            }
            What::Things { chosen, counted, .. } => (chosen, counted),
        };
        let mut offer = Offer { item, items: Vec::new(), bytes: 0, entries: 0, counted: true };
        for thing in chosen.iter() {
            let (kind, size) = if thing.folder { (ItemKind::Folder, None) } else { (ItemKind::File, Some(thing.size_now())) };
            offer.bytes = offer.bytes.saturating_add(size.unwrap_or(0));
            offer.entries = offer.entries.saturating_add(u32::from(!thing.folder));
            offer.items.push(Item { name: PeerText::new(thing.name.clone()), kind, size });
        }
        let folders = u32::try_from(chosen.iter().filter(|thing| thing.folder).count()).unwrap_or(u32::MAX);
        if folders > 0 {
            // Before the count has come to them, the folders themselves are known to be there.
            offer.counted = counted.done();
            offer.bytes = offer.bytes.saturating_add(counted.bytes());
            offer.entries = offer.entries.saturating_add(counted.entries().max(folders));
        }
        offer
    }

    /// Begins to send, once the offer is accepted. For a stream, `told` hears how far it is read; a stream can be opened only once.
    ///
    /// # Errors
    /// A stream that was opened before, exit 2; no thread to be had for a stream, exit 1.
    pub fn open(&self, told: impl Fn(Available) + Send + 'static) -> Result<Outgoing, Failure> {
        match &self.0 {
            What::Things { chosen, rules, .. } => Ok(Outgoing::tree(Tree::new(Arc::clone(chosen), Arc::clone(rules)))),
            What::Stream { name, input } => {
                let input = held(input).take().ok_or_else(|| {
                    usage("stream-spent", format!("{} was read once and cannot be sent again", self.describe()))
                        .next("run the command again")
                })?;
                Stream::start(name.clone(), input, told).map(Outgoing::stream)
            }
        }
    }

    /// Whether it can still be opened: always for files, for a stream as long as nothing of it was asked for.
    #[must_use]
    pub fn reusable(&self) -> bool {
        match &self.0 {
            What::Things { .. } => true,
            What::Stream { input, .. } => held(input).is_some(),
        }
    }
}

#[cfg(test)]
impl Selection {
    /// What a walk is made of, for tests of the walk.
    pub(super) fn things(&self) -> Option<(Arc<[Chosen]>, Arc<Rules>)> {
        match &self.0 {
            What::Things { chosen, rules, .. } => Some((Arc::clone(chosen), Arc::clone(rules))),
            What::Stream { .. } => None,
        }
    }
}

impl Drop for Selection {
    fn drop(&mut self) {
        if let What::Things { counted, .. } = &self.0 {
            counted.stop();
        }
    }
}

impl Chosen {
    /// The size now; where that cannot be had, the size at the check: what is wrong will be said by the walk.
    fn size_now(&self) -> u64 {
        self.path.symlink_metadata().map_or(self.size, |now| now.len())
    }
}

enum Look {
    Thing(Chosen),
    /// A stream's name, and what to read if it is not standard input.
    Stream(String, Option<Input>),
}

/// Finds out what one path of the command line is, and that it can be read.
fn look(path: &Path, rules: &Rules) -> Result<Look, Failure> {
    if path == Path::new("-") {
        return Ok(Look::Stream(stream::STDIN.into(), None));
    }
    let refuse = |error: io::Error| refused(path, &error);
    let stat = rustix::fs::stat(path).map_err(|error| refuse(error.into()))?;
    let given_name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let folder = match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => true,
        FileType::RegularFile => false,
        FileType::Fifo => {
            // Opening it here would wait for a writer, or take the reader from one.
            rustix::fs::access(path, rustix::fs::Access::READ_OK).map_err(|error| refuse(error.into()))?;
            let seen = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).map_err(|error| refuse(error.into()))?;
            rules.admit(seen, path).map_err(|barred| barred.failure())?;
            // Absolute by hand: what a shell hands over as /dev/fd/63 is a pipe that has no path to be resolved to.
            let path = std::path::absolute(path).map_err(refuse)?;
            return Ok(Look::Stream(
                given_name.unwrap_or_else(|| stream::STDIN.into()),
                Some(Box::new(stream::Pipe::new(path, rules.fence.clone()))),
            ));
        }
        _ => {
            return Err(usage("not-sendable", format!("{path:?} is a device or a socket, which cannot be sent"))
                .next("send a file or a folder; '-' reads standard input"));
        }
    };
    let resolved = path.canonicalize().map_err(refuse)?;
    let Some(own_name) = resolved.file_name() else {
        return Err(usage("not-sendable", "'/' is the whole machine, which cannot be sent").next("name a folder in it"));
    };
    let name = given_name.unwrap_or_else(|| own_name.to_string_lossy().into_owned());
    let opened = readable(&resolved, folder).map_err(refuse)?;
    rules.admit(&opened, path).map_err(|barred| barred.failure())?;
    let size = rustix::fs::fstat(&opened).map_err(|error| refuse(error.into()))?.st_size;
    let size = u64::try_from(size).unwrap_or(0);
    Ok(Look::Thing(Chosen { name, path: resolved, folder, size }))
}

/// Opens a file or folder, at its path without links, to see that it can be read.
fn readable(path: &Path, folder: bool) -> io::Result<OwnedFd> {
    let kind = if folder { OFlags::DIRECTORY } else { OFlags::empty() };
    open_resolved(path, READ | kind)
}

/// `name`, or if that is taken already, the first free one of "name (1).txt", "name (2).txt", …
fn distinct(name: String, folder: bool, taken: &mut HashSet<String>) -> String {
    if taken.insert(name.clone()) {
        return name;
    }
    let dot = if folder { None } else { name.rfind('.').filter(|dot| *dot > 0) };
    let (stem, extension) = name.split_at(dot.unwrap_or(name.len()));
    // There are at most 1,000 names, so one of these is free.
    (1..).map(|n: u32| format!("{stem} ({n}){extension}")).find(|name| taken.insert(name.clone())).unwrap_or_default()
}

fn refused(path: &Path, error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            let detail = if path.is_symlink() { "is a link to something that is not there" } else { "is not there" };
            usage("no-such-file", format!("{path:?} {detail}")).next("check the spelling of the path")
        }
        _ => Failure::new(Exit::Disk, "source-unreadable", format!("{path:?} is there but cannot be read: {error}"))
            .next("check its permissions, or run as a user who may read it"),
    }
}

fn usage(word: &'static str, detail: impl Into<Detail>) -> Failure {
    Failure::new(Exit::Usage, word, detail)
}

/// A name with its unprintable characters escaped.
fn printable(name: &str) -> String {
    let quoted = format!("{name:?}");
    quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(&quoted).into()
}
