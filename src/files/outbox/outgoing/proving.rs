//! Hashes of what is being sent, for a receiver that has some of it from another day (SPEC 7.10).

use super::{Outgoing, Read, SourceFailure};
use crate::files::proof::{Hasher, ProofKey};
use pinhole_protocol::wire::Hash;
use std::ops::Range;

/// Hashes that are told together: those of a gibibyte, so that the receiver compares meanwhile.
const TOGETHER: usize = 64;
/// Bytes read at once.
const BUFFER: usize = 1 << 20;
/// The hash of a segment that cannot be read.
const NONE: Hash = [0; 32];

impl Outgoing {
    /// Hashes segments of positions, each of parts that were produced, and tells the hashes in
    /// their order. It reads the disk, and stops when [`Outgoing::stop`] is called.
    ///
    /// # Errors
    /// As [`Outgoing::read`].
    pub fn prove(
        &self,
        key: &ProofKey,
        segments: &[Range<u64>],
        mut told: impl FnMut(Vec<Hash>),
    ) -> Result<(), SourceFailure> {
        let mut buf = vec![0; BUFFER];
        for segments in segments.chunks(TOGETHER) {
            let mut hashes = Vec::with_capacity(segments.len());
            for segment in segments {
                if self.is_stopped() {
                    return Ok(());
                }
                hashes.push(self.hash(key, segment.clone(), &mut buf)?.unwrap_or(NONE));
            }
            told(hashes);
        }
        Ok(())
    }

    /// Hashes one. Nothing if some of it is not to be had.
    fn hash(
        &self,
        key: &ProofKey,
        segment: Range<u64>,
        buf: &mut [u8],
    ) -> Result<Option<Hash>, SourceFailure> {
        let mut hasher = key.hasher();
        let mut at = segment.start;
        while at < segment.end {
            let left = segment.end.saturating_sub(at);
            let most = usize::try_from(left).map_or(buf.len(), |left| left.min(buf.len()));
            let Some(buf) = buf.get_mut(..most) else { return Ok(None) };
            let read = match self.read(at, buf)? {
                Some(Read::Bytes { len, .. }) => {
                    hasher.update(buf.get(..len).unwrap_or_default());
                    len as u64
                }
                Some(Read::Gap { end, why: None }) => {
                    let zeros = end.min(segment.end).saturating_sub(at);
                    add_zeros(&mut hasher, zeros, buf);
                    zeros
                }
                Some(Read::Gap { why: Some(_), .. }) | None => return Ok(None),
            };
            at = at.saturating_add(read);
        }
        Ok(Some(hasher.finish()))
    }
}

/// Adds so many zeros.
fn add_zeros(hasher: &mut Hasher, count: u64, buf: &mut [u8]) {
    buf.fill(0);
    let mut left = count;
    while left > 0 {
        let most = usize::try_from(left).map_or(buf.len(), |left| left.min(buf.len()));
        hasher.update(buf.get(..most).unwrap_or_default());
        left = left.saturating_sub(most as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::outbox::{Next, Options, Selection};
    use pinhole_protocol::limits::SEGMENT;
    use pinhole_protocol::secret::SecretBytes;
    use std::fs::File;
    use std::path::Path;

    fn opened(path: &Path) -> Outgoing {
        let selection =
            Selection::check(&[path.into()], &Options::default(), std::io::empty()).unwrap();
        let source = selection.open(true, |_| ()).unwrap();
        while let Next::Part(_) = source.next_part().unwrap() {}
        source
    }

    fn hash(key: &ProofKey, bytes: &[u8]) -> Hash {
        let mut hasher = key.hasher();
        hasher.update(bytes);
        hasher.finish()
    }

    #[test]
    fn segments_are_hashed_over_files_and_holes_and_what_changed_is_not_to_be_had() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("d");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("a"), b"abc").unwrap();
        std::fs::write(folder.join("b"), b"defgh").unwrap();
        File::create(folder.join("c")).unwrap().set_len(3 * SEGMENT).unwrap();
        let source = opened(&folder);
        let key = ProofKey::new(SecretBytes::new([7; 32]));
        let mut hashes = Vec::new();
        let mut prove = |segments: &[Range<u64>]| {
            hashes.clear();
            source.prove(&key, segments, |more| hashes.extend(more)).unwrap();
            hashes.clone()
        };
        // The walk goes by name.
        let zeros = vec![0; SEGMENT as usize];
        assert_eq!(
            prove(&[1..6, 9..20, SEGMENT..2 * SEGMENT]),
            [hash(&key, b"bcdef"), hash(&key, &zeros[..11]), hash(&key, &zeros)]
        );
        std::fs::write(folder.join("b"), b"other").unwrap();
        assert_eq!(prove(&[0..3, 2..5]), [hash(&key, b"abc"), NONE]);
        source.stop();
        assert!(prove(&[0..3, 3..4]).is_empty());
    }
}
