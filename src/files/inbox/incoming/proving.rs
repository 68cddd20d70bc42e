//! Bytes of an earlier transfer that the sender has proved to be its own: they count as written.

use super::Incoming;
use crate::files::inbox::Refusal;
use crate::files::proof::ProofKey;
use crate::platform::file::fill_at;
use pinhole_protocol::wire::Hash;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;

/// Bytes that are read at once.
const READ: usize = 256 << 10;

impl Incoming {
    /// Compares bytes that are here with the hashes of the sender's, of segments of positions. Those
    /// that are equal count as written, and are returned. Call it where blocking on the disk does
    /// no harm; segments that were not answered by [`Incoming::register`] are passed over.
    ///
    /// # Errors
    /// A [`Refusal`] when the disk fails; the transfer is then to be discarded. Bytes that cannot be
    /// read are to be sent, and are no failure.
    pub fn prove(
        &self,
        key: &ProofKey,
        proofs: &[(Range<u64>, Hash)],
    ) -> Result<Vec<Range<u64>>, Refusal> {
        {
            let mut underway = self.underway();
            if underway.over {
                return Ok(Vec::new());
            }
            underway.busy = underway.busy.saturating_add(1);
        }
        let mut buffer = vec![0; READ];
        let mut proved = Vec::new();
        let mut result = Ok(());
        for (range, hash) in proofs {
            if self.check_wanted().is_err() {
                break;
            }
            // Bytes that cannot be read are to be sent.
            if self.hash(key, range, &mut buffer).ok().flatten() != Some(*hash) {
                self.differ(range);
                continue;
            }
            if let Err(refusal) = self.count(range, &mut proved) {
                result = Err(refusal);
                break;
            }
        }
        let bytes = proved
            .iter()
            .fold(0, |sum: u64, range| sum.saturating_add(range.end.saturating_sub(range.start)));
        if self.underway().pace.counts(bytes) {
            self.note_now();
        }
        let mut underway = self.underway();
        underway.busy = underway.busy.saturating_sub(1);
        if underway.busy == 0 {
            self.idle.notify_all();
        }
        drop(underway);
        result.map(|()| proved)
    }

    /// The hash of what is here at some positions; nothing if not all of it is.
    fn hash(
        &self,
        key: &ProofKey,
        range: &Range<u64>,
        buffer: &mut [u8],
    ) -> io::Result<Option<Hash>> {
        let (mut hasher, mut at) = (key.hasher(), range.start);
        while at < range.end {
            let Some((file, offset, length)) = self.had_at(at, range.end)? else {
                return Ok(None);
            };
            let end = offset.saturating_add(length);
            let mut from = offset;
            while from < end {
                self.check_wanted()?;
                let left = usize::try_from(end.saturating_sub(from)).unwrap_or(usize::MAX);
                let most = left.min(buffer.len());
                let piece = buffer.get_mut(..most).unwrap_or_default();
                if fill_at(&*file, piece, from)? < most {
                    return Ok(None);
                }
                hasher.update(piece);
                from = from.saturating_add(u64::try_from(most).unwrap_or(u64::MAX));
            }
            at = at.saturating_add(length);
        }
        Ok(Some(hasher.finish()))
    }

    /// The file that has a position and was here, its offset there, and so many bytes up to `end`.
    fn had_at(&self, at: u64, end: u64) -> io::Result<Option<(Arc<File>, u64, u64)>> {
        let mut underway = self.underway();
        let Some(place) = underway.layout.locate(at) else { return Ok(None) };
        let length = place.left.min(end.saturating_sub(at));
        let offsets = place.offset..place.offset.saturating_add(length);
        let had = underway.pending.get(&place.entry).filter(|pending| !pending.lost);
        if !had.and_then(|had| had.had.as_ref()).is_some_and(|had| had.ranges.covers(&offsets)) {
            return Ok(None);
        }
        let there = had.filter(|had| had.there.is_some());
        let there = there.and_then(|had| self.items.get(had.at.item)?.delivered.as_ref());
        let file = match there {
            Some(there) => there.open()?.map(Arc::new),
            None => self.file(&mut underway, place.entry)?,
        };
        Ok(file.map(|file| (file, place.offset, length)))
    }

    /// Counts positions as written that are still to be proved, and adds them to those that are. If
    /// there would be too many pieces of them, the rest comes as if it were not here.
    fn count(&self, range: &Range<u64>, proved: &mut Vec<Range<u64>>) -> Result<(), Refusal> {
        let mut underway = self.underway();
        let mut at = range.start;
        while let Some(place) = underway.layout.locate(at).filter(|_| at < range.end) {
            let positions = at..at.saturating_add(place.left).min(range.end);
            at = positions.end;
            let offset = |at: u64| at.saturating_sub(positions.start).saturating_add(place.offset);
            let offsets = place.offset..offset(positions.end);
            let Some(pending) = underway.pending.get(&place.entry) else { continue };
            let span = underway.layout.span(place.entry);
            let counted = match (pending.there.is_some(), &pending.had) {
                (true, _) => {
                    span.filter(|_| self.equals(&mut underway, place.entry, offsets.clone()))
                }
                (false, Some(had)) => had.ranges.covers(&offsets).then_some(positions),
                // Something else was found out meanwhile.
                (false, None) => None,
            };
            let Some(counted) = counted.filter(|_| underway.written.pieces() < self.provable())
            else {
                continue;
            };
            underway.written.insert(counted.clone());
            match proved.last_mut().filter(|last| last.end == counted.start) {
                Some(last) => last.end = counted.end,
                None => proved.push(counted),
            }
            if let Some((pending, file)) = self.complete(&mut underway, place.entry)? {
                self.finish(&pending, &file)?;
            }
        }
        underway.forget_written();
        Ok(())
    }
}
