//! A look at each thing that was named, before there is a code and for an offer.

use super::Input;
use crate::failure::{Failure, Kind};
use crate::files::outbox::chosen::{Chosen, Offered, readable};
use crate::files::outbox::file_systems::FileSystems;
use crate::files::outbox::first_end::{Content, Reader, Unread};
use crate::files::outbox::outgoing::{Pipe, STDIN};
use crate::files::outbox::rules::Rules;
use crate::files::outbox::source::open_resolved;
use crate::platform::file::{Facts, How, Kind as Found, open_at, try_reading};
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// Bytes of named files that are read for their lengths and held in memory; the last of them may
/// exceed it.
const IN_MEMORY: usize = 64 << 20;
/// Named files that may grow until they are accepted: so many are looked into for an offer.
const MAY_GROW: usize = 100;
/// Longest time for reading them for one offer.
const READING: Duration = Duration::from_secs(15);
/// Longest time for looking into those that may grow: a disk may be asleep, and the peer waits.
const LOOKING: Duration = Duration::from_secs(1);

/// Why a file is not read that has to be.
const TOO_MUCH: &str = "the files before it have to be read for their lengths, and that takes more \
                       than 64 MiB or 15 seconds";

/// Outcome of a look at one path of the command line.
pub(super) enum Look {
    /// With the content that was read of it, if it has to be.
    Thing(Chosen, Option<Content>),
    /// A stream's name, and what to read if it is not standard input.
    Stream(String, Option<Input>),
}

/// A look at what was named, one after another: what it has cost so far.
pub(super) struct Looking<'a> {
    rules: &'a Rules,
    systems: FileSystems,
    reader: Reader,
    begun: Instant,
    in_memory: usize,
    may_grow: usize,
}

impl<'a> Looking<'a> {
    pub(super) fn new(rules: &'a Rules) -> Self {
        let (systems, reader) = (FileSystems::default(), Reader::default());
        Self { rules, systems, reader, begun: Instant::now(), in_memory: 0, may_grow: MAY_GROW }
    }

    /// True if one more may be read.
    fn has_room(&self) -> bool {
        self.in_memory < IN_MEMORY && self.begun.elapsed() < READING
    }

    fn read(&mut self, file: File, path: &Path) -> Result<Content, Unread> {
        let content = self.reader.content(file, path, self.rules, &AtomicBool::new(false))?;
        self.in_memory = self.in_memory.saturating_add(content.bytes.len());
        Ok(content)
    }

    /// Finds out what one path of the command line is, and that it can be read.
    pub(super) fn at(&mut self, path: &Path) -> Result<Look, Failure> {
        if path == Path::new("-") {
            return Ok(Look::Stream(STDIN.into(), None));
        }
        let refuse = |error: io::Error| refused(path, &error);
        let facts = Facts::at(path).map_err(refuse)?;
        let given_name = path.file_name().map(OsStr::to_os_string);
        let folder = match facts.kind() {
            Found::Folder => true,
            Found::File => false,
            Found::Pipe => {
                // Opening it here would wait for a writer, or take the reader from one.
                try_reading(path).map_err(refuse)?;
                let seen = open_at(path, How::Look).map_err(refuse)?;
                self.rules.admit(seen, path).map_err(|barred| barred.failure())?;
                // Absolute by hand: what a shell hands over is a pipe that has no
                // path to be resolved to.
                let path = std::path::absolute(path).map_err(refuse)?;
                return Ok(Look::Stream(
                    given_name
                        .map_or_else(|| STDIN.into(), |name| name.to_string_lossy().into_owned()),
                    Some(Box::new(Pipe::new(path, self.rules.fence.clone()))),
                ));
            }
            _ => {
                return Err(Failure::new(
                    Kind::NotSendable,
                    format!("{path:?} is a device or a socket, which cannot be sent"),
                )
                .next("send a file or a folder; '-' reads standard input"));
            }
        };
        let resolved = path.canonicalize().map_err(refuse)?;
        let Some(own_name) = resolved.file_name() else {
            return Err(Failure::new(
                Kind::NotSendable,
                "'/' is the whole machine, which cannot be sent",
            )
            .next("name a folder in it"));
        };
        let name = given_name.unwrap_or_else(|| own_name.to_os_string());
        let opened = readable(&resolved, folder).map_err(refuse)?;
        let facts = Facts::of(&opened).map_err(refuse)?;
        let size = facts.size();
        let content = if !folder && self.systems.lie(&facts, || Some(&opened)) {
            if !self.has_room() {
                return Err(Failure::new(Kind::TooManyItems, format!("{path:?} and {TOO_MUCH}"))
                    .next("name fewer of them, or their folder"));
            }
            match self.read(opened, path) {
                Ok(content) => Some(content),
                Err(Unread::Busy(facts)) if self.systems.vouch_for_empty(&facts) => None,
                Err(unread) => return Err(unread.refusal(path)),
            }
        } else {
            self.rules.admit(&opened, path).map_err(|barred| barred.failure())?;
            None
        };
        Ok(Look::Thing(Chosen { name, path: resolved, folder, size }, content))
    }

    /// Facts of a named file for an offer now; `before` was read of it already, if it has to be.
    /// Anything else that is wrong with it is reported by the walk.
    fn as_it_is(&mut self, thing: &Chosen, before: Option<Content>) -> Offered {
        let path = &thing.path;
        // Without opening it: that alone may fetch it from another machine.
        let Ok(facts) = Facts::at_itself(path) else {
            return Offered { size: thing.size, ..Offered::default() };
        };
        let size = facts.size();
        if !facts.kind().is_file() {
            return Offered { size, ..Offered::default() };
        }
        let place = || open_resolved(path, How::Look).ok();
        // Asked anew each time: a log that was empty may be long by now, and one that was long
        // empty.
        if self.systems.lie(&facts, place) {
            // An ordinary file may have been filled meanwhile, or replaced.
            let before = before
                .filter(|before| !before.bytes.is_empty() && !self.systems.keep_files(&facts));
            return match before.map_or_else(|| self.read_again(path), Ok) {
                Ok(read) => Offered {
                    size: read.bytes.len() as u64,
                    read: Some(read),
                    ..Offered::default()
                },
                Err(Unread::Busy(facts)) if self.systems.vouch_for_empty(&facts) => {
                    Offered::default()
                }
                Err(unread) => Offered { lost: Some(unread.failure(path)), ..Offered::default() },
            };
        }
        let looks = self.may_grow > 0
            && self.begun.elapsed() < LOOKING
            && self.systems.are_near(&facts, place);
        self.may_grow = self.may_grow.saturating_sub(usize::from(looks));
        let edges = if looks { thing.edges(self.rules) } else { None };
        let holes = size.saturating_sub(facts.kept());
        Offered {
            size: edges.map_or(size, |edges| edges.size()),
            holes,
            edges,
            ..Offered::default()
        }
    }

    fn read_again(&mut self, path: &Path) -> Result<Content, Unread> {
        if !self.has_room() {
            return Err(Unread::Failed(io::Error::other(format!("it and {TOO_MUCH}"))));
        }
        let file = readable(path, false).map_err(Unread::Failed)?;
        self.read(file, path)
    }
}

/// Facts of each thing for an offer; `read` was read of them already.
pub(super) fn as_they_are(
    chosen: &[Chosen],
    read: Vec<Option<Content>>,
    rules: &Rules,
) -> Vec<Offered> {
    let (mut looking, read) =
        (Looking::new(rules), read.into_iter().chain(std::iter::repeat_with(|| None)));
    let said = |(thing, before): (&Chosen, _)| {
        if thing.folder { Offered::default() } else { looking.as_it_is(thing, before) }
    };
    chosen.iter().zip(read).map(said).collect()
}

fn refused(path: &Path, error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            let detail = if path.is_symlink() {
                "is a link to something that does not exist"
            } else {
                "is not there"
            };
            Failure::new(Kind::NoSuchFile, format!("{path:?} {detail}"))
                .next("check the spelling of the path")
        }
        _ => Failure::new(
            Kind::SourceUnreadable,
            format!("{path:?} is there but cannot be read: {error}"),
        )
        .next("check its permissions, or run this as a user who may read it"),
    }
}
