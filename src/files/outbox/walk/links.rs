//! Links inside a named folder. Kept are those that lead out of it neither by their text nor by
//! what is there.

use crate::platform::folder::{Folder, Led};
use std::path::{Component, Path};

/// True if this text of a link, which lies so many folders below the named one, is at no point
/// above that.
pub(super) fn stays_by_its_text(target: &Path, mut below: usize) -> bool {
    target.components().all(|part| {
        let depth = match part {
            Component::CurDir => Some(below),
            Component::Normal(_) => below.checked_add(1),
            Component::ParentDir => below.checked_sub(1),
            Component::RootDir | Component::Prefix(_) => None,
        };
        below = depth.unwrap_or(0);
        depth.is_some()
    })
}

/// True if the link at a path below the held `folder` does not lead out of that through other
/// links. One that leads nowhere stays.
pub(super) fn stays_by_what_is_there(folder: &Folder, link: &Path) -> bool {
    folder.lead(link) != Led::Out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_if_it_is_never_above_the_folder() {
        let stays = |target: &str, below| stays_by_its_text(Path::new(target), below);
        for (target, below) in [
            ("a", 0),
            ("./a/../b", 0),
            ("..", 1),
            ("../../a", 2),
            ("a/b/../..", 0),
            (".", 0),
            ("a//b/", 0),
        ] {
            assert!(stays(target, below), "{target} at {below}");
        }
        for (target, below) in [
            ("..", 0),
            ("/", 5),
            ("/a", 0),
            ("../../a", 1),
            ("a/../..", 0),
            ("../top/a", 0),
            ("../../top/a", 1),
        ] {
            assert!(!stays(target, below), "{target} at {below}");
        }
    }
}
