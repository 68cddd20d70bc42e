//! Working directories that say nothing: clients start servers in a home, in `/`, or where they
//! keep their plugins, and nobody works there.

use crate::platform::places::TEMPORARY;
use std::path::{Path, PathBuf};

/// The end of the path at which Codex and Claude Code keep plugins, wherever `CODEX_HOME` and
/// `CLAUDE_CONFIG_DIR` are, which servers are not told.
const PLUGINS: [&str; 2] = ["plugins", "cache"];

/// Surroundings of a process, by which folders are judged.
pub(super) struct Surroundings {
    home: Option<PathBuf>,
    temporary: Vec<PathBuf>,
}

impl Surroundings {
    /// Those of this process.
    pub(super) fn here() -> Self {
        let home = std::env::home_dir().and_then(|home| home.canonicalize().ok());
        let temporary = TEMPORARY.map(PathBuf::from).into_iter().chain([std::env::temp_dir()]);
        Self { home, temporary: temporary.filter_map(|path| path.canonicalize().ok()).collect() }
    }

    /// True if this folder, a path without links, can be a project's: neither the home nor above
    /// it, nor in a dot folder of it, no folder for temporary files or above one, and not where
    /// plugins are kept.
    pub(super) fn is_project(&self, folder: &Path) -> bool {
        let Some(_) = folder.parent() else { return false };
        let dotted = |home: &PathBuf| {
            let below = folder.strip_prefix(home).ok();
            below
                .and_then(|below| below.iter().next())
                .is_some_and(|first| first.as_encoded_bytes().starts_with(b"."))
        };
        let names: Vec<_> = folder.iter().collect();
        let plugins = names.windows(PLUGINS.len()).any(|names| names == PLUGINS);
        let personal =
            self.home.as_ref().is_some_and(|home| home.starts_with(folder) || dotted(home));
        !plugins
            && !personal
            && !self.temporary.iter().any(|temporary| temporary.starts_with(folder))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_a_plugin_cache_and_what_is_temporary_are_no_projects() {
        let around = Surroundings {
            home: Some("/home/mo".into()),
            temporary: vec!["/tmp".into(), "/var/tmp".into()],
        };
        for nothing in [
            "/",
            "/home",
            "/home/mo",
            "/home/mo/.codex/plugins/cache/pinhole/pinhole/0.1.0",
            "/home/mo/.claude/plugins",
            "/home/mo/.config",
            "/data/codex/plugins/cache",
            "/data/codex/plugins/cache/pinhole/pinhole/0.1.0",
            "/tmp",
            "/var",
            "/var/tmp",
        ] {
            assert!(!around.is_project(Path::new(nothing)), "{nothing}");
        }
        for project in [
            "/home/mo/work",
            "/home/mo/work/.hidden",
            "/home/eve",
            "/tmp/work",
            "/srv",
            "/srv/plugins",
            "/home/mo/plugins/x/cache",
        ] {
            assert!(around.is_project(Path::new(project)), "{project}");
        }
        assert!(Surroundings { home: None, temporary: Vec::new() }.is_project(Path::new("/tmp")));
    }
}
