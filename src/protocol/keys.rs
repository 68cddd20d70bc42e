//! From one SPAKE2 result to every key of a link (SPEC 3.5).

use crate::records::Direction;
use crate::rendezvous::SlotToken;
use crate::role::Role;
use crate::secret::SecretBytes;
use crate::wordlist;
use hkdf::Hkdf;
use rand_core::{CryptoRng, RngCore};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// The protocol's name in everything that is hashed.
pub(crate) const APP: &[u8] = b"pinhole/1";

/// SHA-256 over both sides' view of a handshake, each part behind its length as `u16` (SPEC 3.5).
/// Sides that differ in one byte of it get keys that have nothing in common.
pub(crate) fn transcript(
    context: &[u8],
    hello_host: &[u8],
    hello_joiner: &[u8],
    share_host: &[u8],
    share_joiner: &[u8],
) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [APP, context, hello_host, hello_joiner, share_host, share_joiner] {
        // Every part is at most a handshake body, 1 KiB.
        hash.update((part.len() as u16).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// The root of one handshake's keys: HKDF's PRK (RFC 5869, 2.2).
pub(crate) struct Keys(SecretBytes<32>);

impl Keys {
    /// HKDF-Extract with the transcript as salt and SPAKE2's output as input.
    pub(crate) fn extract(transcript: &[u8; 32], shared: &[u8]) -> Self {
        let (mut prk, _) = Hkdf::<Sha256>::extract(Some(transcript), shared);
        let keys = Self(SecretBytes::new(prk.into()));
        prk.as_mut_slice().zeroize();
        keys
    }

    /// The tag by which `role` proves that it has these keys. No MAC is computed over anything: the
    /// transcript is in the keys.
    pub(crate) fn confirmation(&self, role: Role) -> SecretBytes<32> {
        match role {
            Role::Host => expand(&self.0, &[b"confirm host"]),
            Role::Joiner => expand(&self.0, &[b"confirm joiner"]),
        }
    }

    /// The first key of the records of one direction.
    pub(crate) fn records(&self, direction: Direction) -> SecretBytes<32> {
        match direction {
            Direction::HostToJoiner => expand(&self.0, &[b"host->joiner"]),
            Direction::JoinerToHost => expand(&self.0, &[b"joiner->host"]),
        }
    }

    /// The secret that makes later links of the conversation; only of the code's handshake.
    pub(crate) fn resume(&self) -> ResumeSecret {
        ResumeSecret {
            secret: expand(&self.0, &[b"resume"]),
            conversation: *expand(&self.0, &[b"conversation id"]).expose(),
        }
    }

    /// The source of the words, once the host's nonce is known; only of the code's handshake.
    fn verifier(&self, nonce: &[u8; 32]) -> Verifier {
        Verifier(expand(&self.0, &[b"verifier", nonce]))
    }
}

/// HKDF-Expand (RFC 5869, 2.3) to `N` bytes, the info in pieces.
pub(crate) fn expand<const N: usize>(key: &SecretBytes<32>, info: &[&[u8]]) -> SecretBytes<N> {
    let mut output = [0; N];
    let expanded = Hkdf::<Sha256>::from_prk(key.expose())
        .is_ok_and(|hkdf| hkdf.expand_multi_info(info, &mut output).is_ok());
    // Only a key under 32 bytes or an N over 8,160 is refused, and neither exists; going on with
    // zeros would be worse than ending.
    assert!(expanded);
    let secret = SecretBytes::new(output);
    output.zeroize();
    secret
}

/// The secret of a conversation, 256 bits, and its id. It comes from the code's handshake, makes
/// every later link (SPEC 3.9), is never replaced and never stored.
pub struct ResumeSecret {
    secret: SecretBytes<32>,
    conversation: [u8; 32],
}

impl ResumeSecret {
    /// The token of a place at a relay where links of the conversation meet, 0 to 7 (SPEC 3.9).
    #[must_use]
    pub fn slot(&self, place: u8) -> SlotToken {
        let place = u32::from(place).to_be_bytes();
        SlotToken::new(*expand(&self.secret, &[b"slot relay", &place]).expose())
    }

    /// A fresh token for message 0 of a direct connection, from `sender` (SPEC 3.9).
    pub fn direct(&self, sender: Role, rng: &mut (impl RngCore + CryptoRng)) -> SlotToken {
        let mut random = [0; 8];
        rng.fill_bytes(&mut random);
        self.direct_of(sender, random)
    }

    /// True if `token` is one of `sender`'s for a direct connection of this conversation. The time
    /// does not depend on where it differs. Its receiver takes each once.
    #[must_use]
    pub fn is_direct(&self, sender: Role, token: SlotToken) -> bool {
        let bytes = token.bytes();
        let random = bytes.first_chunk().copied().unwrap_or_default();
        self.direct_of(sender, random).bytes().ct_eq(&bytes).into()
    }

    /// The key of all proofs of what `sender` sends in the conversation (SPEC 7.10).
    #[must_use]
    pub fn proof(&self, sender: Role) -> SecretBytes<32> {
        expand(&self.secret, &[b"proof", &[sender as u8]])
    }

    pub(crate) fn direct_of(&self, sender: Role, random: [u8; 8]) -> SlotToken {
        let proof = expand::<8>(&self.secret, &[b"slot direct", &[sender as u8], &random]);
        let mut bytes = [0; 16];
        for (byte, value) in bytes.iter_mut().zip(random.iter().chain(proof.expose())) {
            *byte = *value;
        }
        SlotToken::new(bytes)
    }

    #[cfg(test)]
    pub(crate) const fn of(secret: [u8; 32], conversation: [u8; 32]) -> Self {
        Self { secret: SecretBytes::new(secret), conversation }
    }

    pub(crate) const fn secret(&self) -> &[u8; 32] {
        self.secret.expose()
    }

    pub(crate) const fn conversation(&self) -> &[u8; 32] {
        &self.conversation
    }
}

/// The host's part of the verification words: 32 bytes, fresh in every handshake with a code
/// (SPEC 3.5).
pub(crate) struct VerifierNonce(SecretBytes<32>);

impl VerifierNonce {
    pub(crate) fn fresh(rng: &mut (impl RngCore + CryptoRng)) -> Self {
        let mut nonce = [0; 32];
        rng.fill_bytes(&mut nonce);
        let fresh = Self(SecretBytes::new(nonce));
        nonce.zeroize();
        fresh
    }

    /// The digest in the host's hello, which gives nothing of the nonce away.
    pub(crate) fn digest(&self) -> [u8; 32] {
        digest(self.0.expose())
    }
}

fn digest(nonce: &[u8; 32]) -> [u8; 32] {
    Sha256::new().chain_update(b"pinhole/1 verifier").chain_update(nonce).finalize().into()
}

/// The commitment that the verification words hang on (SPEC 3.5). Its nonce is fixed before the
/// host sees message 2, and unknown to the joiner when it sends that: neither can choose the words.
pub struct Commitment {
    keys: Keys,
    end: End,
}

/// One side's end of a commitment.
enum End {
    /// The host's, which made it.
    Host(VerifierNonce),
    /// The joiner's, which has seen the digest.
    Joiner([u8; 32]),
}

/// The host has not said the nonce that it had committed itself to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OtherNonce;

impl Commitment {
    pub(crate) const fn host(keys: Keys, nonce: VerifierNonce) -> Self {
        Self { keys, end: End::Host(nonce) }
    }

    pub(crate) const fn joiner(keys: Keys, digest: [u8; 32]) -> Self {
        Self { keys, end: End::Joiner(digest) }
    }

    /// Both ends of one, host's first, over keys that no handshake has made: for simulated
    /// conversations.
    #[must_use]
    pub fn simulated(keys: [u8; 32], nonce: [u8; 32]) -> (Self, Self) {
        let (nonce, keys) =
            (VerifierNonce(SecretBytes::new(nonce)), || Keys(SecretBytes::new(keys)));
        let joiner = Self::joiner(keys(), nonce.digest());
        (Self::host(keys(), nonce), joiner)
    }

    /// The side whose end this is.
    #[must_use]
    pub const fn role(&self) -> Role {
        match self.end {
            End::Host(_) => Role::Host,
            End::Joiner(_) => Role::Joiner,
        }
    }

    /// The nonce, which a host says in its first `use` (SPEC 6.2); `None` at a joiner.
    #[must_use]
    pub const fn nonce(&self) -> Option<&[u8; 32]> {
        match &self.end {
            End::Host(nonce) => Some(nonce.0.expose()),
            End::Joiner(_) => None,
        }
    }

    /// The words' source, from the nonce that the other side has said, if any; a host has its own.
    pub(crate) fn open(&self, said: Option<&[u8; 32]>) -> Result<Verifier, OtherNonce> {
        let nonce = match &self.end {
            End::Host(nonce) => Some(nonce.0.expose()),
            End::Joiner(expected) => said.filter(|said| digest(said).ct_eq(expected).into()),
        };
        nonce.map(|nonce| self.keys.verifier(nonce)).ok_or(OtherNonce)
    }
}

/// The value that both ends of a confirmed code handshake share and nobody between them has: shown
/// as words under `--verify`.
pub struct Verifier(SecretBytes<32>);

impl Verifier {
    /// Four words, 41 bits: the big-endian `u64`s of the 32 bytes, modulo the word list (SPEC 3.5).
    #[must_use]
    pub fn words(&self) -> [&'static str; 4] {
        let mut numbers = self
            .0
            .expose()
            .chunks_exact(8)
            .filter_map(|bytes| bytes.try_into().ok())
            .map(u64::from_be_bytes);
        [(); 4].map(|()| wordlist::at(numbers.next().unwrap_or_default()))
    }
}
