//! Fingerprint of a named file at its offer, which tells later whether it has only grown.

use super::source::{Seen, Stamp};
use crate::platform::file::{AsHandle, Facts, fill_at};
use twox_hash::XxHash3_128;

/// Bytes at its beginning and at its end that are looked at, so all of one of 128 KiB. What is
/// appended to a log changes neither, other changes commonly one of them: a database writes its
/// first page with the others. One that is changed only between them, and has grown, is sent as it
/// is then, as long as it was.
const EDGE: usize = 64 << 10;

/// A file as it was offered.
#[derive(Clone, Copy)]
pub(super) struct Edges {
    stamp: Stamp,
    digest: u128,
}

impl Edges {
    /// Looks at an open file, of which `facts` were asked.
    pub fn of(file: impl AsHandle, facts: &Facts) -> Option<Self> {
        let stamp = Stamp::of(facts);
        Some(Self { stamp, digest: digest(file, stamp.size)? })
    }

    /// Bytes of the file.
    pub const fn size(&self) -> u64 {
        self.stamp.size
    }

    /// True if the open file, of which `facts` were asked, is that one with something behind its
    /// end. It is no proof: whoever can write the file chooses what is sent.
    pub fn have_grown(&self, file: impl AsHandle, facts: &Facts) -> bool {
        self.stamp.seen(facts) == Seen::Grown && digest(file, self.stamp.size) == Some(self.digest)
    }
}

/// Of the first and the last bytes of so many, if they can be read.
fn digest(file: impl AsHandle, size: u64) -> Option<u128> {
    let (mut hasher, mut edge) = (XxHash3_128::new(), vec![0; EDGE]);
    for start in [0, size.saturating_sub(EDGE as u64)] {
        let len = usize::try_from(size.saturating_sub(start)).unwrap_or(EDGE).min(EDGE);
        let edge = edge.get_mut(..len).unwrap_or_default();
        if fill_at(&file, edge, start).ok()? < len {
            return None;
        }
        hasher.write(edge);
    }
    Some(hasher.finish_128())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::os::unix::fs::FileExt;

    #[test]
    fn what_is_appended_changes_neither_edge_and_other_changes_do() {
        type Change = fn(&File);
        let appended: Change = |file| file.write_all_at(b"more", 10_000).unwrap();
        let cases: [(Change, bool); 5] = [
            (appended, true),
            (|file| file.write_all_at(&[1; 20_000], 0).unwrap(), false),
            (
                |file| {
                    file.write_all_at(&[1; 100], 5_000).and_then(|()| file.set_len(9_000)).unwrap()
                },
                false,
            ),
            (|file| file.write_all_at(b"shifted", 9_999).unwrap(), false),
            (
                |file| {
                    file.write_all_at(b"middle", 5_000)
                        .and_then(|()| file.write_all_at(b"more", 10_000))
                        .unwrap()
                },
                false,
            ),
        ];
        for (which, (change, grown)) in cases.into_iter().enumerate() {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("file");
            std::fs::write(&path, [0; 10_000]).unwrap();
            let file = File::options().read(true).write(true).open(&path).unwrap();
            let edges = Edges::of(&file, &Facts::of(&file).unwrap()).unwrap();
            assert!(
                !edges.have_grown(&file, &Facts::of(&file).unwrap()),
                "nothing has happened yet"
            );
            change(&file);
            assert_eq!(edges.have_grown(&file, &Facts::of(&file).unwrap()), grown, "{which}");
        }
        assert_eq!(digest(File::open("/dev/null").unwrap(), 0), Some(XxHash3_128::oneshot(b"")));
        assert!(digest(File::open("/dev/null").unwrap(), 1).is_none());
    }
}
