//! A thing that is named on the command line, and what an offer says of it.

use super::SourceFailure;
use super::edges::Edges;
use super::first_end::Content;
use super::rules::Rules;
use super::source::open_resolved;
use crate::failure::{Failure, Kind};
use crate::platform::file::{Facts, How};
use crate::platform::name;
use pinhole_protocol::limits;
use pinhole_protocol::wire::PeerName;
use std::borrow::Cow;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// Encoded bytes of an item of an offer beside its name and what stands for it, at most: a map,
/// four keys, three headers, a size.
const ITEM_BYTES: usize = 24;

/// A named file or folder.
#[derive(Clone)]
pub(super) struct Chosen {
    /// Its name for the peer.
    pub name: OsString,
    /// Its path: absolute and without links.
    pub path: PathBuf,
    pub folder: bool,
    /// A file's bytes when it was checked.
    pub size: u64,
}

/// Facts of a thing in an offer.
#[derive(Clone, Default)]
pub(super) struct Offered {
    /// A file's bytes.
    pub size: u64,
    /// Those of them that are in holes.
    pub holes: u64,
    /// Content that was read for that.
    pub read: Option<Content>,
    /// By what it is known again if it grows.
    pub edges: Option<Edges>,
    /// Why it is not to be had, where it had to be read and could not be: then nothing is promised
    /// of it.
    pub lost: Option<SourceFailure>,
}

impl Chosen {
    /// The edges of the file as it is now, if the fence of `rules` lets it out.
    pub fn edges(&self, rules: &Rules) -> Option<Edges> {
        let file = readable(&self.path, false).ok()?;
        let facts = Facts::of(&file).ok().filter(|facts| facts.kind().is_file())?;
        rules.admit(&file, &self.path).ok()?;
        Edges::of(file, &facts)
    }

    /// Its name as people read it, and as it is where that is not the same.
    pub fn said(&self) -> (String, Option<PeerName>) {
        match self.name.to_string_lossy() {
            Cow::Borrowed(name) => (name.to_owned(), None),
            Cow::Owned(lossy) => (lossy, Some(PeerName::new(name::bytes(&self.name).to_vec()))),
        }
    }

    /// Its name for a peer that is told no other, and which those of `taken` are not.
    pub fn said_plainly(&self, taken: &mut HashMap<OsString, u32>) -> Result<String, Failure> {
        let name = distinct(self.name.to_string_lossy().into_owned().into(), self.folder, taken)
            .to_string_lossy()
            .into_owned();
        if name.len() > limits::NAME_BYTES { Err(too_long(&self.name)) } else { Ok(name) }
    }

    /// An upper bound of the bytes that it takes in an offer.
    pub fn offered_bytes(&self) -> usize {
        let (name, exact) = self.said();
        ITEM_BYTES
            .saturating_add(name.len())
            .saturating_add(exact.map_or(0, |exact| exact.raw().len()))
    }
}

/// Opens a file or folder, at its path without links, to see that it can be read.
pub(super) fn readable(path: &Path, folder: bool) -> io::Result<File> {
    open_resolved(path, if folder { How::Folder } else { How::Read })
}

/// `name`, or if that is taken already, the first free one of "name (1).txt", "name (2).txt", …
/// With each name that is taken goes the number that is tried next, so that ten thousand of one
/// name are found apart quickly.
pub(super) fn distinct(
    name: OsString,
    folder: bool,
    taken: &mut HashMap<OsString, u32>,
) -> OsString {
    let Some(mut number) = taken.get(&name).copied() else {
        taken.insert(name.clone(), 1);
        return name;
    };
    let bytes = name::bytes(&name);
    let dot = if folder {
        None
    } else {
        bytes.iter().rposition(|byte| *byte == b'.').filter(|dot| *dot > 0)
    };
    let (stem, extension) = bytes.split_at(dot.unwrap_or(bytes.len()));
    let free = loop {
        let free = name::from_vec([stem, format!(" ({number})").as_bytes(), extension].concat());
        number = number.saturating_add(1);
        if !taken.contains_key(&free) {
            break free;
        }
    };
    taken.insert(name, number);
    taken.insert(free.clone(), 1);
    free
}

pub(super) fn too_long(name: &OsStr) -> Failure {
    Failure::new(
        Kind::NameTooLong,
        format!(
            "the name {name:?} is longer than the {} bytes that a name can have",
            limits::NAME_BYTES
        ),
    )
    .next("rename it")
}
