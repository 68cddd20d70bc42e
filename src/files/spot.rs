//! Place of a small file to be written: at a path, or in a folder judged before and held since.

use crate::platform::folder::Folder;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file's place.
#[derive(Clone, Debug)]
pub struct Spot {
    path: PathBuf,
    folder: Option<Arc<Folder>>,
}

impl Spot {
    /// The file at `path`, which lies in the folder that is open as `folder`: whatever becomes of
    /// the path, it is written there.
    pub(super) fn held(folder: Folder, path: PathBuf) -> Self {
        Self { path, folder: Some(Arc::new(folder)) }
    }

    /// Its path, as it is told.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder that is held, if one is.
    pub(super) fn folder(&self) -> Option<&Folder> {
        self.folder.as_deref()
    }
}

impl From<PathBuf> for Spot {
    /// The path that the user has named, found when it is written.
    fn from(path: PathBuf) -> Self {
        Self { path, folder: None }
    }
}
