//! Rests of undelivered transfers.

/// Fate of the rest of a transfer that is not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// It stays under its hidden names for another day, if a byte of it is here and others cannot
    /// write to its folder; but not a stream, and nothing that waits in a private directory.
    Kept,
    /// It is removed, with what it has taken over of earlier ones: nobody wants it.
    Removed,
}
