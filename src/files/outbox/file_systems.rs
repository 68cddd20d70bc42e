//! File systems, by the lengths that they tell of their files.

use crate::platform::disk::Lengths;
use crate::platform::file::{AsHandle, Facts};
use std::collections::HashMap;

/// File systems that are remembered.
const KNOWN: usize = 256;

/// The file systems that a walk has met, by their devices.
#[derive(Default)]
pub(super) struct FileSystems(HashMap<u64, Lengths>);

impl FileSystems {
    /// True if a regular file has to be read for its length. `open` opens it, or what is on the
    /// same file system, if that is not known yet.
    pub fn lie<T: AsHandle>(&mut self, facts: &Facts, open: impl FnOnce() -> Option<T>) -> bool {
        match self.lengths(facts, open) {
            Some(Lengths::MadeUp) => true,
            Some(Lengths::True) => false,
            Some(Lengths::Beneath | Lengths::TrueButForZero) | None => facts.size() == 0,
        }
    }

    /// True if a file is on a disk of this machine, or in its memory, so that a look into it is
    /// quick and fetches nothing. `open` is that of [`FileSystems::lie`].
    pub fn are_near<T: AsHandle>(
        &mut self,
        facts: &Facts,
        open: impl FnOnce() -> Option<T>,
    ) -> bool {
        matches!(self.lengths(facts, open), Some(Lengths::True | Lengths::Beneath))
    }

    fn lengths<T: AsHandle>(
        &mut self,
        facts: &Facts,
        open: impl FnOnce() -> Option<T>,
    ) -> Option<Lengths> {
        self.0.get(&facts.disk()).copied().or_else(|| {
            let found = Lengths::of(open()?).ok()?;
            if self.0.len() >= KNOWN {
                self.0.clear();
            }
            self.0.insert(facts.disk(), found);
            Some(found)
        })
    }

    /// The same, for tests: what is on this device is on a network.
    #[cfg(test)]
    pub fn on_a_network(device: u64) -> Self {
        Self([(device, Lengths::TrueButForZero)].into())
    }

    /// True if an ordinary file is taken for as empty as it is said to be, where it cannot be read
    /// for others that have no end.
    pub fn vouch_for_empty(&self, facts: &Facts) -> bool {
        facts.size() == 0 && self.keep_files(facts)
    }

    /// True if a file on this device that was read and is empty is an ordinary one, and its times
    /// those of its content.
    pub fn keep_files(&self, facts: &Facts) -> bool {
        self.0.get(&facts.disk()).is_some_and(|lengths| *lengths != Lengths::MadeUp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::path::Path;

    #[test]
    fn lengths_are_believed_where_they_are_kept() {
        let mut met = FileSystems::default();
        let mut lie = |path: &Path| {
            let file = File::open(path).unwrap();
            met.lie(&Facts::of(&file).unwrap(), || Some(file))
        };
        assert!(lie("/proc/version".as_ref()) && lie("/sys/devices/system/cpu/online".as_ref()));
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("file"), "x").unwrap();
        assert!(!lie(&dir.path().join("file")));
        let kinds = [Lengths::True, Lengths::MadeUp, Lengths::TrueButForZero, Lengths::Beneath];
        // Files on another machine, or made by a program or a kernel, are not looked into.
        let near = |lengths: Lengths| {
            let facts = Facts::at(dir.path()).unwrap();
            FileSystems([(facts.disk(), lengths)].into()).are_near(&facts, || None::<File>)
        };
        assert_eq!(kinds.map(near), [true, false, false, true]);
        assert!(!FileSystems::default().are_near(&Facts::at(dir.path()).unwrap(), || None::<File>));
        // On an unknown file system, an empty file is read and another is not.
        let facts = |path: &Path| Facts::at(path).unwrap();
        let unknown = || None::<File>;
        std::fs::write(dir.path().join("empty"), "").unwrap();
        let mut met = FileSystems::default();
        assert!(
            met.lie(&facts(&dir.path().join("empty")), unknown)
                && !met.lie(&facts(&dir.path().join("file")), unknown)
        );
    }
}
