//! The way to something that is sent, however deep it lies: each folder on it is kept once, for
//! everything in it.

use crate::platform::name::bytes;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file or folder that is sent.
#[derive(Debug)]
pub(super) struct Trail {
    /// The folder that it lies in; nothing for what was named itself.
    above: Option<Arc<Trail>>,
    /// Its name there; its absolute path if it was named.
    name: Box<OsStr>,
    /// Its name for the peer, if it was named.
    said: Box<OsStr>,
}

impl Trail {
    /// To what was named, at `path`, and is said to be `said`.
    pub fn named(path: &Path, said: &OsStr) -> Self {
        Self { above: None, name: path.as_os_str().into(), said: said.into() }
    }

    /// To what has this name in the folder `above`.
    pub fn inside(above: Arc<Self>, name: &OsStr) -> Self {
        Self { above: Some(above), name: name.into(), said: Box::default() }
    }

    /// Its absolute path, which may be longer than the system opens at once.
    pub fn path(&self) -> PathBuf {
        self.names().iter().rev().collect()
    }

    /// Its names as the peer hears them, from the named folder down, with `/` between two.
    pub fn said(&self) -> Vec<u8> {
        let mut names = self.names();
        names.pop();
        let top = std::iter::successors(Some(self), |trail| trail.above.as_deref())
            .last()
            .unwrap_or(self);
        let mut said = bytes(&top.said).to_vec();
        for name in names.iter().rev() {
            said.push(b'/');
            said.extend_from_slice(bytes(name));
        }
        said
    }

    /// Its name, those of the folders above it, and the path of the one that was named.
    fn names(&self) -> Vec<&OsStr> {
        std::iter::successors(Some(self), |trail| trail.above.as_deref())
            .map(|trail| &*trail.name)
            .collect()
    }
}

impl Drop for Trail {
    /// One folder after another: thousands within each other would be as many calls.
    fn drop(&mut self) {
        let mut above = self.above.take();
        while let Some(mut last) = above.and_then(Arc::into_inner) {
            above = last.above.take();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trail_has_a_path_and_names_and_is_dropped_at_any_depth() {
        let named = Trail::named(Path::new("/home/user/top"), OsStr::new("said"));
        assert_eq!((named.path(), named.said()), ("/home/user/top".into(), b"said".to_vec()));
        let file = Trail::inside(
            Arc::new(Trail::inside(Arc::new(named), OsStr::new("d"))),
            OsStr::new("file"),
        );
        assert_eq!(
            (file.path(), file.said()),
            ("/home/user/top/d/file".into(), b"said/d/file".to_vec())
        );
        let mut deep = Arc::new(file);
        for _ in 0..1_000_000 {
            deep = Arc::new(Trail::inside(deep, OsStr::new("d")));
        }
        drop(deep);
    }
}
