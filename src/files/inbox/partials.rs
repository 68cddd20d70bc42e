//! A list of what unfinished transfers have left, for whoever wants to see or remove it.

use super::earlier::{Ground, Left, left_in, private};
use crate::failure::{Failure, Kind};
use crate::platform::folder::Folder;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What an unfinished transfer has left. Nobody goes on with it meanwhile.
#[derive(Debug)]
pub struct Partial {
    /// The name of its first item at the sender.
    pub name: Vec<u8>,
    /// Its items.
    pub items: usize,
    /// Bytes of it that are here.
    pub bytes: u64,
    /// Bytes of all of it, if its sender had counted them.
    pub size: Option<u64>,
    /// When the last of them came.
    pub grown: SystemTime,
    /// True if a transfer is using it.
    pub in_use: bool,
    /// The first of its items, under its hidden name.
    pub path: PathBuf,
    left: Left,
}

impl Partial {
    /// Removes it with its journal. False if it is in use, or cannot be removed.
    #[must_use]
    pub fn remove(self) -> bool {
        !self.in_use && self.left.remove(|_| true)
    }
}

/// What is in the folder `dir`, the latest first; nothing where others may write.
///
/// # Errors
/// A [`Failure`] with exit 8 if the folder cannot be opened.
pub fn partials(dir: &Path) -> Result<Vec<Partial>, Failure> {
    let opened = dir.canonicalize().and_then(|path| Ok((Folder::open(&path)?, path)));
    let (folder, path) = opened.map_err(|error| {
        let cannot = format!("the folder {} cannot be opened: {error}", dir.display());
        Failure::new(Kind::Disk, cannot).next("name another with -o DIR")
    })?;
    Ok(listed(Ground::safe(&path, folder)))
}

/// What is in the private directories in `base`.
#[must_use]
pub fn private_partials(base: &Path) -> Vec<Partial> {
    listed(private(base))
}

fn listed(grounds: impl IntoIterator<Item = Ground>) -> Vec<Partial> {
    let mut all: Vec<_> = grounds.into_iter().flat_map(left_in).filter_map(Partial::of).collect();
    all.sort_by_key(|partial| std::cmp::Reverse(partial.grown));
    all
}

impl Partial {
    /// Nothing for a journal that tells of nothing.
    fn of(left: Left) -> Option<Self> {
        let told = &left.found.told;
        let first = told.items.first()?;
        Some(Self {
            name: first.name.0.clone(),
            items: told.items.len(),
            bytes: told.wrote.bytes,
            size: told.wrote.of,
            grown: left.found.grown,
            in_use: left.found.held.is_none(),
            path: left.ground.path.join(&first.part),
            left,
        })
    }
}
