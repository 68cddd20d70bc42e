//! Keys, nonces and associated data: which record is sealed under what (SPEC 4.2 and 4.4).

use super::{Direction, RecordError};
use crate::aead::{Backend, Cipher, KEY, NONCE};
use crate::limits::{EPOCH_RECORDS, TAG};
use crate::secret::SecretBytes;
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

/// The version in the associated data: that of the record layer, chosen by the handshake.
const VERSION: u8 = 1;
/// The HKDF-Expand label of the next epoch's key.
const REKEY: &[u8] = b"pinhole/1 rekey";
/// Bytes of the associated data: version, direction, epoch, length.
const AAD: usize = 10;

/// The key of one direction and the counter of its records. Only [`Keys::next`] moves it, and only
/// forward.
pub(super) struct Keys {
    key: SecretBytes<KEY>,
    cipher: Cipher,
    direction: Direction,
    pub(super) epoch: u32,
    pub(super) counter: u64,
    /// Records of one epoch: [`EPOCH_RECORDS`], fewer in tests.
    pub(super) epoch_records: u64,
}

impl Keys {
    pub(super) fn new(key: SecretBytes<KEY>, direction: Direction) -> Self {
        Self {
            cipher: Cipher::new(Backend::default(), &key),
            key,
            direction,
            epoch: 0,
            counter: 0,
            epoch_records: EPOCH_RECORDS,
        }
    }

    /// Takes the next nonce for a record whose length field says `length`. Whatever becomes of that
    /// record, the nonce is spent.
    pub(super) fn next(&mut self, length: u32) -> Result<Turn<'_>, RecordError> {
        if self.counter >= self.epoch_records {
            self.epoch = self.epoch.checked_add(1).ok_or(RecordError::Exhausted)?;
            self.key = next_key(&self.key);
            self.cipher = Cipher::new(Backend::default(), &self.key);
            self.counter = 0;
        }
        let turn = Turn {
            cipher: &self.cipher,
            nonce: nonce(self.counter),
            aad: aad(self.direction, self.epoch, length),
        };
        self.counter = self.counter.checked_add(1).ok_or(RecordError::Exhausted)?;
        Ok(turn)
    }
}

/// The right to seal or open one record.
pub(super) struct Turn<'a> {
    cipher: &'a Cipher,
    nonce: [u8; NONCE],
    aad: [u8; AAD],
}

impl Turn<'_> {
    /// Encrypts a plaintext in place and returns its tag.
    pub(super) fn seal(self, plaintext: &mut [u8]) -> Result<[u8; TAG], RecordError> {
        self.cipher.seal(&self.nonce, &self.aad, plaintext).map_err(|_| RecordError::TooLong)
    }

    /// Decrypts ciphertext and tag in place and returns the plaintext.
    pub(super) fn open(self, frame: &mut [u8]) -> Result<&mut [u8], RecordError> {
        self.cipher.open(&self.nonce, &self.aad, frame).map_err(|_| RecordError::Tampered)
    }
}

/// k(e+1) = HKDF-Expand(k(e), "pinhole/1 rekey", 32), by HMAC-SHA-256 (RFC 5869 2.3).
#[expect(
    clippy::expect_used,
    reason = "both lengths are constants that HKDF takes: a key of one hash and an output of one \
             hash"
)]
fn next_key(key: &SecretBytes<KEY>) -> SecretBytes<KEY> {
    let mut next = Zeroizing::new([0; KEY]);
    Hkdf::<Sha256>::from_prk(key.expose())
        .expect("32 bytes are a PRK")
        .expand(REKEY, &mut *next)
        .expect("32 bytes are within 255 hashes");
    SecretBytes::new(*next)
}

/// 4 zero bytes | u64 BE counter.
fn nonce(counter: u64) -> [u8; NONCE] {
    let mut nonce = [0; NONCE];
    let [_, _, _, _, low @ ..] = &mut nonce;
    *low = counter.to_be_bytes();
    nonce
}

/// u8 version | u8 direction | u32 BE epoch | u32 BE length.
fn aad(direction: Direction, epoch: u32, length: u32) -> [u8; AAD] {
    let [e0, e1, e2, e3] = epoch.to_be_bytes();
    let [l0, l1, l2, l3] = length.to_be_bytes();
    [VERSION, direction as u8, e0, e1, e2, e3, l0, l1, l2, l3]
}
