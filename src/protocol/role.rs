//! The two roles in a channel.

/// A side by its part in the code, whoever dials. The numbers are those of the wire and of the
/// identities (SPEC 3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Role {
    /// The side that made the code: SPAKE2's side A.
    Host = 1,
    /// The side that was told it: side B.
    Joiner = 2,
}

impl Role {
    /// The peer's role.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Host => Self::Joiner,
            Self::Joiner => Self::Host,
        }
    }
}
