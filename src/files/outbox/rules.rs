//! Rules that leave things out of folders: `--exclude` and `--gitignore` of the user, and the
//! fence.

use super::{Barred, Fence, Links, Options};
use crate::failure::{Failure, Kind};
use crate::platform::file::{AsHandle, How, open_itself};
use crate::platform::folder::Folder;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// Bytes read of one `.gitignore`: far more than any real one, and a bound for what is no real one.
const IGNORE_FILE: u64 = 1 << 20;

/// The compiled options.
pub(super) struct Rules {
    exclude: Gitignore,
    gitignore: bool,
    pub links: Links,
    pub fence: Option<Fence>,
}

impl Rules {
    /// Compiles the options.
    ///
    /// # Errors
    /// A pattern that is not one: exit 2.
    pub fn new(options: &Options) -> Result<Self, Failure> {
        let mut builder = GitignoreBuilder::new("");
        for pattern in &options.exclude {
            let bad = |why: String| {
                Failure::new(
                    Kind::BadPattern,
                    format!("--exclude {pattern:?} is not a pattern: {why}"),
                )
                .next(
                    "quote the pattern for the shell and write it as in a .gitignore, such as \
                     '*.log' or 'build/'",
                )
            };
            let (except, rest) =
                pattern.strip_prefix('!').map_or(("", pattern.as_str()), |rest| ("!", rest));
            if rest.trim_end().is_empty() {
                return Err(bad("it is empty".into()));
            }
            let rest = rest.strip_prefix('.').filter(|rest| rest.starts_with('/')).unwrap_or(rest);
            // In a file this would begin a comment; on the command line it is part of a name.
            let comment = if rest.starts_with('#') { "\\" } else { "" };
            let line = format!("{except}{comment}{rest}");
            builder.add_line(None, &line).map_err(|error| bad(error.to_string()))?;
        }
        let exclude = builder
            .build()
            .map_err(|error| Failure::new(Kind::BadPattern, format!("--exclude: {error}")))?;
        Ok(Self {
            exclude,
            gitignore: options.gitignore,
            links: options.links,
            fence: options.fence.clone(),
        })
    }

    /// Admits the thing open at `handle` if the fence lets it out; `named` is the path that led
    /// there.
    pub fn admit(&self, handle: impl AsHandle, named: &Path) -> Result<(), Barred> {
        self.fence.as_ref().map_or(Ok(()), |fence| fence.admit(handle, named))
    }

    /// The same of a file that is read once: `content` is what was read of it, or nothing before
    /// that.
    pub fn admit_read(
        &self,
        handle: impl AsHandle,
        named: &Path,
        content: &[u8],
    ) -> Result<(), Barred> {
        self.fence.as_ref().map_or(Ok(()), |fence| fence.admit_read(handle, named, content))
    }

    /// True if the fence keeps in a thing at this path, whatever its content.
    pub fn keeps_in(&self, path: &Path) -> bool {
        self.fence.as_ref().is_some_and(|fence| fence.keeps_in(path))
    }

    /// True if something is left out. `path` is absolute, `below` the same from the named folder
    /// on. `folder` tells if it is one, if that is known. The last of `ignores` that has an opinion
    /// decides, as with git; the patterns of `--exclude` come first.
    pub fn leave_out(
        &self,
        ignores: &[Gitignore],
        path: &Path,
        below: &Path,
        folder: Option<bool>,
    ) -> bool {
        let leave_out = |folder| self.leave_out_as(ignores, path, below, folder);
        folder.map_or_else(|| leave_out(false) || leave_out(true), leave_out)
    }

    fn leave_out_as(&self, ignores: &[Gitignore], path: &Path, below: &Path, folder: bool) -> bool {
        let said = self.exclude.matched(below, folder);
        if said.is_ignore() || !self.gitignore {
            return said.is_ignore();
        }
        let decision = || {
            ignores
                .iter()
                .rev()
                .map(|ignore| ignore.matched(path, folder))
                .find(|found| !found.is_none())
        };
        path.file_name().is_some_and(|name| name == ".git")
            || said.is_none() && decision().is_some_and(|found| found.is_ignore())
    }

    /// The `.gitignore` rules of the folders above the named folder `path`, outermost first: those
    /// of its repository, if it is in one.
    pub fn above(&self, path: &Path) -> Vec<Gitignore> {
        if !self.gitignore || is_repository(path) {
            return Vec::new();
        }
        let parents: Vec<&Path> = path.ancestors().skip(1).collect();
        let Some(root) = parents.iter().position(|parent| is_repository(parent)) else {
            return Vec::new();
        };
        parents
            .iter()
            .take(root.saturating_add(1))
            .rev()
            .filter_map(|parent| parse(open_itself(&parent.join(".gitignore")).ok()?, parent))
            .collect()
    }

    /// The rules of the `.gitignore` in the directory `dir` at `path`, if there is one and it
    /// holds.
    pub fn inside(&self, dir: &Folder, path: &Path) -> Option<Gitignore> {
        let file = || dir.open_any(".gitignore".as_ref(), How::Read, false).ok();
        if self.gitignore { parse(file()?, path) } else { None }
    }
}

fn is_repository(path: &Path) -> bool {
    path.join(".git").symlink_metadata().is_ok()
}

/// Reads an ignore file, whose rules hold in the folder `root`. What cannot be read or parsed is no
/// rule, as with git.
fn parse(file: File, root: &Path) -> Option<Gitignore> {
    let mut text = Vec::new();
    file.take(IGNORE_FILE).read_to_end(&mut text).ok()?;
    let mut builder = GitignoreBuilder::new(root);
    for line in String::from_utf8_lossy(&text).trim_start_matches('\u{feff}').lines() {
        let _unparsable = builder.add_line(None, line);
    }
    builder.build().ok()
}
