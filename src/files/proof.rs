//! Proof that both sides have the same bytes of a transfer, which neither sends: a hash of a piece
//! of its positions, keyed from this conversation (SPEC 7, `SECURITY.md`).

use pinhole_protocol::keys::ResumeSecret;
use pinhole_protocol::role::Role;
use pinhole_protocol::secret::SecretBytes;
use pinhole_protocol::wire::Hash;
use std::sync::Arc;
use zeroize::Zeroize;

/// The key of all proofs of a conversation. Without it a hash tells nothing, not even if two
/// conversations had the same bytes. It has no `Debug`, and is wiped when dropped.
pub struct ProofKey(SecretBytes<32>);

impl ProofKey {
    /// Takes over the bytes that the conversation derives for it.
    #[must_use]
    pub const fn new(bytes: SecretBytes<32>) -> Self {
        Self(bytes)
    }

    /// Begins the hash of a segment.
    #[must_use]
    pub fn hasher(&self) -> Hasher {
        Hasher(Box::new(blake3::Hasher::new_keyed(self.0.expose())))
    }
}

/// The keys of proofs of what each side sends in a conversation (SPEC 7.10).
pub struct ProofKeys {
    /// Of what this side sends.
    pub ours: Arc<ProofKey>,
    /// Of what the peer sends.
    pub theirs: Arc<ProofKey>,
}

impl ProofKeys {
    /// Those of a conversation, at the side of this role.
    #[must_use]
    pub fn new(resume: &ResumeSecret, role: Role) -> Self {
        let key = |sender| Arc::new(ProofKey::new(resume.proof(sender)));
        Self { ours: key(role), theirs: key(role.other()) }
    }
}

/// The hash of a segment while it is read. It is wiped when dropped, because the key is in it.
pub struct Hasher(Box<blake3::Hasher>);

impl Hasher {
    /// Adds the bytes that follow.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The hash of all that was added.
    #[must_use]
    pub fn finish(&self) -> Hash {
        *self.0.finalize().as_bytes()
    }
}

impl Drop for Hasher {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_depends_on_the_key_and_on_every_byte_but_not_on_how_they_are_read() {
        let hash = |key: u8, pieces: &[&[u8]]| {
            let mut hasher = ProofKey::new(SecretBytes::new([key; 32])).hasher();
            pieces.iter().for_each(|piece| hasher.update(piece));
            hasher.finish()
        };
        let expected = *blake3::keyed_hash(&[1; 32], b"abc").as_bytes();
        assert_eq!(hash(1, &[b"abc"]), expected);
        assert_eq!(hash(1, &[b"a", b"", b"bc"]), expected);
        assert_ne!(hash(2, &[b"abc"]), expected);
        assert_ne!(hash(1, &[b"abd"]), expected);
    }
}
