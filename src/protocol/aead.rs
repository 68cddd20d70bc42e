//! The AEAD behind one seam: AES-256-GCM with a 96-bit nonce and a 128-bit tag (NIST SP 800-38D),
//! in place and without allocation.
//!
//! Two implementations give the same bytes: `aes-gcm`, always built and the only one where ring is
//! not to be had (wasm), and ring, the program's. `tests/wycheproof` runs the same vectors through
//! both. Nothing here counts nonces: that is `records`' work.

use crate::limits::TAG;
use crate::secret::SecretBytes;
use aes_gcm::aead::AeadInPlace;
use aes_gcm::{Aes256Gcm, KeyInit};
use alloc::boxed::Box;
use core::fmt;
#[cfg(feature = "ring")]
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

/// Bytes of an AES-256 key.
pub const KEY: usize = 32;
/// Bytes of the nonce, the only length for which GCM needs no extra hashing (SP 800-38D 5.2.1.1).
pub const NONCE: usize = 12;

/// Which implementation computes the AEAD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// The `aes-gcm` crate.
    Portable,
    /// The `ring` crate, several times as fast.
    #[cfg(feature = "ring")]
    Ring,
}

impl Default for Backend {
    fn default() -> Self {
        #[cfg(feature = "ring")]
        return Self::Ring;
        #[cfg(not(feature = "ring"))]
        return Self::Portable;
    }
}

/// A tag did not verify, or a length is none that the AEAD takes. It says nothing more, so it helps
/// no one who guesses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed;

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the AEAD refused its input")
    }
}

impl core::error::Error for Failed {}

/// An expanded AES-256-GCM key.
///
/// It has no `Debug`, `Clone` or `Serialize`. `aes-gcm` wipes its round keys when dropped; ring
/// leaves them (SECURITY.md).
pub struct Cipher(Expanded);

/// Boxed, so that a cipher is moved into its `Sealer` without leaving copies of the key on the
/// stack.
enum Expanded {
    Portable(Box<Aes256Gcm>),
    #[cfg(feature = "ring")]
    Ring(Box<LessSafeKey>),
}

impl Cipher {
    /// Expands `key` for `backend`.
    #[must_use]
    pub fn new(backend: Backend, key: &SecretBytes<KEY>) -> Self {
        Self(match backend {
            Backend::Portable => Expanded::Portable(Box::new(Aes256Gcm::new(key.expose().into()))),
            #[cfg(feature = "ring")]
            Backend::Ring => {
                #[expect(
                    clippy::expect_used,
                    reason = "ring refuses a key only for its length, which the type fixes"
                )]
                let key = UnboundKey::new(&AES_256_GCM, key.expose())
                    .expect("an AES-256 key has 32 bytes");
                Expanded::Ring(Box::new(LessSafeKey::new(key)))
            }
        })
    }

    /// Encrypts `in_out` in place and returns the tag over it and `aad`. The caller never gives the
    /// same nonce twice under one key.
    ///
    /// # Errors
    /// [`Failed`] if `in_out` is longer than 2^36 - 32 bytes (SP 800-38D 5.2.1.1).
    pub fn seal(
        &self,
        nonce: &[u8; NONCE],
        aad: &[u8],
        in_out: &mut [u8],
    ) -> Result<[u8; TAG], Failed> {
        match &self.0 {
            Expanded::Portable(key) => Ok(key
                .encrypt_in_place_detached(nonce.into(), aad, in_out)
                .map_err(|_| Failed)?
                .into()),
            #[cfg(feature = "ring")]
            Expanded::Ring(key) => {
                let nonce = Nonce::assume_unique_for_key(*nonce);
                let tag = key
                    .seal_in_place_separate_tag(nonce, Aad::from(aad), in_out)
                    .map_err(|_| Failed)?;
                tag.as_ref().try_into().map_err(|_| Failed)
            }
        }
    }

    /// Decrypts `in_out`, which is ciphertext and tag, in place and returns the plaintext at its
    /// beginning.
    ///
    /// # Errors
    /// [`Failed`] if the tag does not verify or `in_out` is shorter than a tag; the content of
    /// `in_out` then means nothing.
    pub fn open<'a>(
        &self,
        nonce: &[u8; NONCE],
        aad: &[u8],
        in_out: &'a mut [u8],
    ) -> Result<&'a mut [u8], Failed> {
        let (text, tag) = in_out.split_last_chunk_mut::<TAG>().ok_or(Failed)?;
        match &self.0 {
            Expanded::Portable(key) => {
                key.decrypt_in_place_detached(nonce.into(), aad, text, (&*tag).into())
                    .map_err(|_| Failed)?;
                Ok(text)
            }
            #[cfg(feature = "ring")]
            Expanded::Ring(key) => {
                let nonce = Nonce::assume_unique_for_key(*nonce);
                key.open_in_place_separate_tag(nonce, Aad::from(aad), (*tag).into(), text, 0..)
                    .map_err(|_| Failed)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    const BACKENDS: &[Backend] = &[
        Backend::Portable,
        #[cfg(feature = "ring")]
        Backend::Ring,
    ];

    fn sealed(
        backend: Backend,
        key: [u8; KEY],
        nonce: [u8; NONCE],
        aad: &[u8],
        text: &[u8],
    ) -> Vec<u8> {
        let mut bytes = text.to_vec();
        let tag =
            Cipher::new(backend, &SecretBytes::new(key)).seal(&nonce, aad, &mut bytes).unwrap();
        bytes.extend(tag);
        bytes
    }

    #[test]
    fn the_fast_backend_is_the_default_where_it_is_built() {
        assert_eq!(Some(&Backend::default()), BACKENDS.last());
    }

    /// Compiles only while the feature `zeroize` of `aes` is on; `aes-gcm`'s own feature of that
    /// name does not turn it on.
    #[test]
    fn round_keys_are_wiped_when_dropped() {
        fn wiped<T: zeroize::ZeroizeOnDrop>() {}
        wiped::<aes::Aes256>();
    }

    /// Test case 16 of McGrew and Viega, "The Galois/Counter Mode of Operation (GCM)", appendix B.
    #[test]
    fn the_known_answer_is_given() {
        let hex = |text: &str| -> Vec<u8> {
            (0..text.len() / 2)
                .map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap())
                .collect()
        };
        let key = hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308")
            .try_into()
            .unwrap();
        let nonce = hex("cafebabefacedbaddecaf888").try_into().unwrap();
        let aad = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
        let text =
            hex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c959568\
             09532fcf0e2449a6b525b16aedf5aa0de657ba637b39");
        let want =
            hex("522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590d\
             bb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b");
        for backend in BACKENDS {
            assert_eq!(sealed(*backend, key, nonce, &aad, &text), want, "{backend:?}");
        }
    }

    #[test]
    fn what_is_shorter_than_a_tag_is_refused() {
        for backend in BACKENDS {
            let cipher = Cipher::new(*backend, &SecretBytes::new([1; KEY]));
            for length in 0..TAG {
                assert_eq!(
                    cipher.open(&[0; NONCE], b"", &mut std::vec![0; length]).err(),
                    Some(Failed)
                );
            }
        }
    }

    proptest! {
        #[test]
        fn backends_agree_and_open_each_other(
            key: [u8; KEY],
            nonce: [u8; NONCE],
            aad in prop::collection::vec(any::<u8>(), 0..40),
            text in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            for sealer in BACKENDS {
                let bytes = sealed(*sealer, key, nonce, &aad, &text);
                prop_assert_eq!(&bytes, &sealed(Backend::Portable, key, nonce, &aad, &text));
                for opener in BACKENDS {
                    let cipher = Cipher::new(*opener, &SecretBytes::new(key));
                    prop_assert_eq!(
                        cipher.open(&nonce, &aad, &mut bytes.clone()).map(|text| text.to_vec()),
                        Ok(text.clone())
                    );
                }
            }
        }

        #[test]
        fn a_flipped_bit_anywhere_is_refused(
            key: [u8; KEY],
            nonce: [u8; NONCE],
            aad in prop::collection::vec(any::<u8>(), 1..20),
            text in prop::collection::vec(any::<u8>(), 0..60),
            at: prop::sample::Index,
            bit in 0..8u8,
        ) {
            for backend in BACKENDS {
                let cipher = Cipher::new(*backend, &SecretBytes::new(key));
                let (mut nonce, mut aad, mut bytes) =
                    (nonce, aad.clone(), sealed(*backend, key, nonce, &aad, &text));
                let mut all: Vec<&mut u8> =
                    nonce.iter_mut().chain(&mut aad).chain(&mut bytes).collect();
                let at = at.index(all.len());
                *all[at] ^= 1 << bit;
                prop_assert_eq!(cipher.open(&nonce, &aad, &mut bytes).err(), Some(Failed));
            }
        }
    }
}
