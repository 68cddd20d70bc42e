//! The three messages, for a code and for a link alike (SPEC 3.4). Who may take which step how
//! often is said in `host`, `joiner`, `link`.

use super::Role;
use super::frame::{Frame, Kind, encode};
use super::hello::{Hello, HelloError, OfCode, Peer, Purpose, Saying};
use super::outcome::{JoinError, LinkKeys, NotAGuess};
use super::share::{Exchange, SHARE};
use crate::code::{Nameplate, Password};
use crate::keys::{Keys, ResumeSecret, transcript};
use crate::limits::CAPABILITIES;
use crate::records::{Direction, Opener, Sealer};
use alloc::vec::Vec;
use rand_core::{CryptoRng, RngCore};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The subject of a handshake, on which both sides must agree; part of the identities and of the
/// transcript (SPEC 3.3).
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Context {
    pub purpose: Purpose,
    /// This side's, as its hello says them.
    capabilities: u64,
    /// The number of words of the code; it is in the transcript by the host's hello alone.
    words: Option<u8>,
    /// The link's index, which both ids have, too.
    index: Option<u32>,
    pub bytes: Vec<u8>,
}

impl Context {
    /// The code's: its number.
    pub(super) fn code(nameplate: Nameplate, password: &Password, capabilities: u64) -> Self {
        Self {
            purpose: Purpose::Code,
            capabilities,
            words: Some(password.words()),
            index: None,
            bytes: nameplate.number().to_be_bytes().to_vec(),
        }
    }

    /// A link's: the conversation's id and the link's index.
    pub(super) fn link(resume: &ResumeSecret, index: u32) -> Self {
        Self {
            purpose: Purpose::Link,
            capabilities: CAPABILITIES,
            words: None,
            index: Some(index),
            bytes: [resume.conversation().as_slice(), &index.to_be_bytes()].concat(),
        }
    }
}

/// A host that has made message 1.
pub(super) struct Waiting {
    pub context: Context,
    hello: Vec<u8>,
    exchange: Exchange,
    /// SHA-256 of message 1's body: message 2 names what it answers.
    digest: [u8; 32],
}

/// Makes message 1; with a code, `commitment` is the host's to its part of the verification words.
pub(super) fn begin(
    context: Context,
    password: &[u8],
    commitment: Option<[u8; 32]>,
    rng: &mut (impl RngCore + CryptoRng),
) -> (Waiting, Vec<u8>) {
    let code =
        commitment.map(|commitment| Saying::Code(OfCode { commitment, words: context.words }));
    let saying = code.or(context.index.map(Saying::Link)).unwrap_or(Saying::Nothing);
    let about = (context.purpose, context.capabilities);
    let hello = Hello::ours(Role::Host, about, &saying, rng).encode();
    let exchange = Exchange::start(Role::Host, password, &context.bytes, rng);
    let body = [hello.as_slice(), exchange.share()].concat();
    let digest = Sha256::digest(&body).into();
    (Waiting { context, hello, exchange, digest }, encode(Kind::Hello, &body))
}

/// A complete, well-formed message 2 whose tag has not been looked at. To look is to judge a guess.
pub(super) struct Claim {
    keys: Keys,
    tag: [u8; 32],
    peer: Peer,
}

impl Waiting {
    /// Reads message 2 up to its tag. Whatever fails here is no guess, because no tag was looked
    /// at.
    pub(super) fn read(self, frame: &Frame) -> Result<Claim, NotAGuess> {
        let malformed = NotAGuess::Hello(HelloError::Malformed);
        if frame.kind != Kind::Answer {
            return Err(malformed);
        }
        let (digest, rest) = frame.body.split_first_chunk::<32>().ok_or(malformed)?;
        let (hello, rest) = Hello::split(rest).ok_or(malformed)?;
        let (share, tag) = rest.split_first_chunk::<SHARE>().ok_or(malformed)?;
        let tag = tag.try_into().map_err(|_| malformed)?;
        if *digest != self.digest {
            return Err(NotAGuess::OtherHello);
        }
        let read =
            Hello::read(hello, Role::Joiner, self.context.purpose).map_err(NotAGuess::Hello)?;
        let ours = self.exchange.share().to_vec();
        let shared = self
            .exchange
            .finish(share)
            .map_err(|fault| NotAGuess::Hello(HelloError::Share(fault)))?;
        let transcript = transcript(&self.context.bytes, &self.hello, hello, &ours, share);
        Ok(Claim { keys: Keys::extract(&transcript, &shared), tag, peer: read.peer })
    }
}

impl Claim {
    /// Judges the tag. If it is right: the keys, and message 3.
    pub(super) fn verify(self) -> Option<(Confirmed, Vec<u8>)> {
        let expected = self.keys.confirmation(Role::Joiner);
        bool::from(expected.expose().ct_eq(&self.tag)).then(|| {
            let message = encode(Kind::Confirmation, self.keys.confirmation(Role::Host).expose());
            (Confirmed { role: Role::Host, keys: self.keys, peer: self.peer }, message)
        })
    }
}

/// A joiner that has made message 2.
pub(super) struct Answered {
    pub keys: Keys,
    pub peer: Peer,
    /// The host's, in a code's handshake.
    pub commitment: Option<[u8; 32]>,
}

/// The index of the link that message 1 is of.
pub(super) fn index(frame: &Frame) -> Result<u32, HelloError> {
    let (hello, _) = Hello::split(&frame.body)
        .filter(|_| frame.kind == Kind::Hello)
        .ok_or(HelloError::Malformed)?;
    let read = Hello::read(hello, Role::Host, Purpose::Link)?;
    read.index.ok_or(HelloError::Malformed)
}

/// Reads message 1 and makes message 2; `linked` is said of a link alone.
pub(super) fn answer(
    context: &Context,
    password: &[u8],
    linked: bool,
    frame: &Frame,
    rng: &mut (impl RngCore + CryptoRng),
) -> Result<(Answered, Vec<u8>), HelloError> {
    if frame.kind != Kind::Hello {
        return Err(HelloError::Malformed);
    }
    let (theirs, share) = Hello::split(&frame.body).ok_or(HelloError::Malformed)?;
    let share: &[u8; SHARE] = share.try_into().map_err(|_| HelloError::Malformed)?;
    let read = Hello::read(theirs, Role::Host, context.purpose)?;
    // A word that was missed, or typed twice: the tag would be a wrong guess, and end the code.
    if let Some(words) =
        read.code.and_then(|code| code.words).filter(|words| Some(*words) != context.words)
    {
        return Err(HelloError::OtherWords(words));
    }
    let saying = if context.index.is_some() { Saying::Linked(linked) } else { Saying::Nothing };
    let about = (context.purpose, context.capabilities);
    let hello = Hello::ours(Role::Joiner, about, &saying, rng).encode();
    let exchange = Exchange::start(Role::Joiner, password, &context.bytes, rng);
    let ours = exchange.share().to_vec();
    let shared = exchange.finish(share).map_err(HelloError::Share)?;
    let keys = Keys::extract(&transcript(&context.bytes, theirs, &hello, share, &ours), &shared);
    let digest = Sha256::digest(&frame.body);
    let body =
        [digest.as_slice(), &hello, &ours, keys.confirmation(Role::Joiner).expose()].concat();
    Ok((
        Answered { keys, peer: read.peer, commitment: read.code.map(|code| code.commitment) },
        encode(Kind::Answer, &body),
    ))
}

impl Answered {
    /// Judges the host's reply.
    pub(super) fn finish(self, frame: &Frame) -> Result<Confirmed, JoinError> {
        match (frame.kind, <&[u8; 32]>::try_from(frame.body.as_slice())) {
            (Kind::Confirmation, Ok(tag))
                if self.keys.confirmation(Role::Host).expose().ct_eq(tag).into() =>
            {
                Ok(Confirmed { role: Role::Joiner, keys: self.keys, peer: self.peer })
            }
            (Kind::Confirmation, Ok(_)) => Err(JoinError::WrongConfirmation),
            (Kind::Refusal, _) if frame.body.is_empty() => Err(JoinError::Refused),
            (Kind::NoCommonVersion, _) if frame.body.is_empty() => Err(JoinError::NoCommonVersion),
            _ => Err(JoinError::Malformed),
        }
    }
}

/// Keys that the other side has proved to have too.
pub(super) struct Confirmed {
    role: Role,
    pub keys: Keys,
    peer: Peer,
}

impl Confirmed {
    /// The link's two ends on this side.
    pub(super) fn link(&self) -> LinkKeys {
        let (out, back) = match self.role {
            Role::Host => (Direction::HostToJoiner, Direction::JoinerToHost),
            Role::Joiner => (Direction::JoinerToHost, Direction::HostToJoiner),
        };
        LinkKeys {
            sealer: Sealer::new(self.keys.records(out), out),
            opener: Opener::new(self.keys.records(back), back),
            peer: self.peer,
        }
    }
}
