//! Paths on which programs act in an item that is joined with an existing folder, by the names that
//! they get there.

use crate::events::Acting;
use crate::files::acting::acting;
use crate::files::inbox::incoming::tree::{FolderId, Tree};
use crate::files::name::FileName;
use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Paths in an item on which programs act, and the new names that parts of them have there.
pub(super) struct Acts {
    all: Acting,
    /// All names in those paths.
    parts: HashSet<String>,
    renamed: HashMap<String, String>,
}

impl Acts {
    /// This much of it, and nothing renamed yet.
    pub(super) fn of(all: &Acting) -> Self {
        let parts =
            all.names().iter().flat_map(|path| path.split('/')).map(str::to_owned).collect();
        Self { all: all.clone(), parts, renamed: HashMap::new() }
    }

    /// Notes that something in a folder is called `to` there.
    pub(super) fn renamed(&mut self, tree: &Tree, within: FolderId, name: &OsStr, to: &FileName) {
        // Most are none of them, and a path may be long.
        if self.parts.contains(&*name.to_string_lossy()) {
            let path = tree.path(within).join(name).to_string_lossy().into_owned();
            let is_in = |one: &String| {
                one.strip_prefix(&path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            if self.all.names().iter().any(is_in) {
                self.renamed.insert(path, to.text().into_owned());
            }
        }
    }

    /// The same by the names there, without what none acts on under its new name.
    pub(super) fn there(self) -> Acting {
        let mut there = Acting::default();
        for name in self.all.names() {
            let (mut old, mut new) = (String::new(), PathBuf::new());
            for part in name.split('/') {
                old.push_str(part);
                new.push(self.renamed.get(&old).map_or(part, String::as_str));
                old.push('/');
            }
            if new == Path::new(name) || acting(&new).is_some() {
                there.add(|| new.to_string_lossy().into_owned());
            }
        }
        Acting::read(there.names().to_vec(), there.more().saturating_add(self.all.more()))
    }
}
