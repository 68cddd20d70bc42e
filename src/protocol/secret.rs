//! Secret bytes: wiped when dropped, and with no way to print, compare or serialise them by
//! accident.

use alloc::vec::Vec;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A secret of `N` bytes. It has no `Debug`, `Display`, `PartialEq` or `Clone`;
/// [`SecretBytes::expose`] names each use.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct SecretBytes<const N: usize>([u8; N]);

impl<const N: usize> SecretBytes<N> {
    /// Takes the bytes over.
    #[must_use]
    pub const fn new(bytes: [u8; N]) -> Self {
        Self(bytes)
    }

    /// The bytes themselves, for a computation; never for output.
    #[must_use]
    pub const fn expose(&self) -> &[u8; N] {
        &self.0
    }
}

/// A secret of any length: the body of a secret message on its way through the program.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct SecretVec(Vec<u8>);

impl SecretVec {
    /// Takes the bytes over. The caller sees to it that no larger buffer held them before.
    #[must_use]
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes themselves, for delivery to the place the user chose.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Length in bytes, which is not secret: events carry it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
