//! This user's own directories: where running sessions are found, where received things go, and how
//! much room there is.

use super::{Finding, Setup};
use crate::amounts::size;
use crate::control::runtime::Runtime;
use crate::control::unreachable::instead;
use crate::files::inbox::Policy;
use crate::files::private::private_base;
use crate::platform::disk::Space;
use crate::platform::private::{STATE_VARIABLE, create_file, create_folders};
use crate::settings::agent::Agent;
use rand_core::{OsRng, RngCore};
use std::io;
use std::path::Path;

/// Checks if other commands can reach a running session.
pub(super) fn unix_sockets(_: &Setup) -> Finding {
    let runtime = match Runtime::make() {
        Ok(runtime) => runtime,
        Err(failure) => return failure.into(),
    };
    match runtime.try_out() {
        Ok(()) => Finding::fine("other commands can reach a running session"),
        Err(error) => Finding::wrong(
            format!(
                "other commands cannot reach a running session, because Unix sockets are refused \
                 here: {error}"
            ),
            instead(Agent::here()),
        ),
    }
}

/// Checks if received files can be kept.
pub(super) fn files(_: &Setup) -> Finding {
    let base = match private_base() {
        Ok(base) => base,
        Err(failure) => return failure.into(),
    };
    // Nothing else has that name.
    let path = base.join(format!("doctor-{:08x}", OsRng.next_u32()));
    let made = create_folders(&base);
    let written = made.and_then(|()| create_file(&path)).and_then(|file| {
        let synced = io::Write::write_all(&mut &file, b"pinhole\n").and_then(|()| file.sync_all());
        std::fs::remove_file(&path).and(synced)
    });
    match written {
        Ok(()) => Finding::fine(format!("received things can be kept in {}", base.display())),
        Err(error) => Finding::wrong(
            format!(
                "nothing can be written to {}, where received things go: {error}",
                base.display()
            ),
            format!(
                "receive into a folder that can be written, -o DIR, or set {STATE_VARIABLE} to one"
            ),
        ),
    }
}

/// Checks if there is room for received files.
pub(super) fn space(_: &Setup) -> Finding {
    let base = match private_base() {
        Ok(base) => base,
        Err(failure) => return failure.into(),
    };
    // A folder that is not there yet will be on the disk of its parent.
    let Some((path, disk)) = base.ancestors().find_map(|path| Some((path, Space::at(path).ok()?)))
    else {
        return Finding::wrong(
            format!("the free space of {}'s disk is unknown", base.display()),
            "receive into another folder, -o DIR",
        );
    };
    room(path, disk.available, disk.total)
}

fn room(path: &Path, free: u64, total: u64) -> Finding {
    // A float's 53 bits lose less than a block.
    let kept = (total as f64 * Policy::default().keep_free) as u64;
    let (path, said) = (path.display(), size(free));
    // Some network and FUSE file systems do not say their size.
    if total == 0 || free > kept {
        return Finding::fine(if total == 0 {
            format!("the free space of {path}'s disk is unknown")
        } else {
            format!("{said} are free on the disk of {path}")
        });
    }
    Finding::wrong(
        format!(
            "{said} are free on the disk of {path}, but {} have to stay free: nothing can be \
             received there",
            size(kept)
        ),
        "free some space, or receive onto another disk, -o DIR",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_much_stays_free_as_receiving_leaves() {
        let room = |free, total| room(Path::new("/d"), free, total);
        assert!(room(6, 100).ok && room(0, 0).ok && room(u64::MAX, u64::MAX).ok);
        let full = room(5, 100);
        assert!(!full.ok && full.detail.contains("5 bytes are free") && full.next.is_some());
    }
}
