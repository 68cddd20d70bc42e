//! The amount that has arrived by now, in words for whoever breaks off.

use crate::amounts::{count, size};

/// Everything that was to go one way.
#[derive(Default)]
pub(super) struct SoFar {
    /// Items that are where they belong.
    whole: u64,
    /// Items under way.
    parts: u64,
    /// Bytes of those that are written at their receiver.
    done: u64,
    /// Bytes of those in all, if that is known of each.
    total: Option<u64>,
}

impl SoFar {
    /// So many items that are where they belong.
    pub(super) fn whole(items: usize) -> Self {
        Self { whole: items as u64, total: Some(0), ..Self::default() }
    }

    /// And so many under way together, with so many of their bytes.
    pub(super) fn and(self, items: usize, done: u64, total: Option<u64>) -> Self {
        Self {
            parts: self.parts.saturating_add(items as u64),
            done: self.done.saturating_add(done),
            total: self.total.zip(total).map(|(all, total)| all.saturating_add(total)),
            ..self
        }
    }

    /// The amount that had come here; nothing if nothing was to come.
    pub(super) fn here(&self) -> Option<String> {
        self.words("here", "had come", "nothing had come")
    }

    /// The amount that had arrived at the other side, as far as that has said; nothing if nothing
    /// was sent.
    pub(super) fn there(&self) -> Option<String> {
        self.words("there", "had arrived there", "it had not arrived there")
    }

    fn words(&self, place: &str, arrived: &str, nothing: &str) -> Option<String> {
        let bytes = match self.total {
            _ if self.done == 0 => None,
            Some(total) if total >= self.done => {
                Some(format!("{} of {} {arrived}", size(self.done), size(total)))
            }
            _ => Some(format!("{} {arrived}", size(self.done))),
        };
        let all = count(self.whole.saturating_add(self.parts), "item");
        Some(match (self.whole, self.parts, bytes) {
            (0, 0, _) => return None,
            (0, 1, bytes) => bytes.unwrap_or_else(|| nothing.to_owned()),
            (1, 0, _) => format!("1 item is {place}"),
            (whole, 0, _) => format!("{whole} items are {place}"),
            (whole, _, None) => format!("{whole} of {all} are {place}"),
            (whole, _, Some(bytes)) => {
                format!("{whole} of {all} are {place}, and of the rest {bytes}")
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_come_is_said_in_a_few_words() {
        let words = |so_far: SoFar| so_far.here().unwrap_or_default();
        assert_eq!(words(SoFar::whole(0)), "");
        assert_eq!(words(SoFar::whole(1)), "1 item is here");
        assert_eq!(words(SoFar::whole(3)), "3 items are here");
        assert_eq!(words(SoFar::whole(0).and(1, 0, Some(7))), "nothing had come");
        let gigabytes = |tenths: u64| tenths * 100_000_000;
        let one = SoFar::whole(0).and(1, gigabytes(12), Some(gigabytes(51)));
        assert_eq!(one.there().unwrap(), "1.2 GB of 5.1 GB had arrived there");
        assert_eq!(words(SoFar::whole(0).and(1, 2_000, None)), "2.0 kB had come");
        assert_eq!(words(SoFar::whole(2).and(3, 0, None)), "2 of 5 items are here");
        let several = SoFar::whole(2).and(2, 500, Some(1_000)).and(1, 500, Some(3_000));
        let said = "2 of 5 items are here, and of the rest 1.0 kB of 4.0 kB had come";
        assert_eq!(words(several), said);
        // It was more than what was said first.
        assert_eq!(words(SoFar::whole(0).and(1, 2_000, Some(1_000))), "2.0 kB had come");
    }
}
