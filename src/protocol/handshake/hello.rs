//! Hellos, before any tag: each side's versions, capabilities and role (SPEC 3.2). No secrets, and
//! nothing of what is wanted.

use super::Role;
use super::share::ShareFault;
use crate::limits::{FAITHFUL, PROVING, RESUMING, STRIPING, VERSIONS};
use alloc::vec::Vec;
use rand_core::{CryptoRng, RngCore};

/// Most versions that a hello names.
const MOST_VERSIONS: usize = 16;
/// Most bytes after the fields of version 1's first edition. Unknown ones are ignored, but the
/// transcript covers them.
const MOST_RESERVED: usize = 64;

/// The purpose of a handshake; the numbers are those of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Purpose {
    /// The first link of a conversation, from the code.
    Code = 1,
    /// A later one, from the conversation's secret.
    Link = 2,
}

/// A hello. Its 16 random bytes and whatever follows the fields matter only as part of the
/// transcript.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hello {
    /// Ascending, 1 to 16 of them.
    pub versions: Vec<u16>,
    /// A bit each (SPEC 3.2); unknown ones are ignored.
    pub capabilities: u64,
    pub role: Role,
    pub random: [u8; 16],
    pub purpose: Purpose,
    /// True if the sender, a joiner making a further link, still has one that works.
    pub linked: bool,
    /// The commitment to the host's part of the verification words: there from a host with a code,
    /// and from nobody else (SPEC 3.5).
    pub commitment: Option<[u8; 32]>,
    /// The number of words of the host's code; absent from hosts that do not say it.
    pub words: Option<u8>,
    /// The index of the link: there from a host that makes one, and from nobody else (SPEC 6.1).
    pub index: Option<u32>,
}

/// All that only some hellos say.
pub(super) enum Saying {
    /// A joiner with a code says nothing more.
    Nothing,
    /// From a joiner of a further link: true if it still has a working one.
    Linked(bool),
    /// From a host with a code.
    Code(OfCode),
    /// From a host that makes a further link: its index.
    Link(u32),
}

/// A hello that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Read {
    pub peer: Peer,
    /// From a host with a code.
    pub code: Option<OfCode>,
    /// From a host that makes a further link.
    pub index: Option<u32>,
}

/// A host's words about its code, in its hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OfCode {
    pub commitment: [u8; 32],
    pub words: Option<u8>,
}

/// A confirmed peer's hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The highest version that both sides speak.
    pub version: u16,
    /// Its capabilities, a bit each (SPEC 3.2).
    pub capabilities: u64,
    /// True if it is a joiner that still has a working link (SPEC 6).
    pub linked: bool,
}

impl Peer {
    /// True if it says and takes entries as they are (SPEC 7.3).
    #[must_use]
    pub const fn is_faithful(&self) -> bool {
        self.capabilities & FAITHFUL != 0
    }

    /// True if it makes links again when one is lost (SPEC 6).
    #[must_use]
    pub const fn is_resuming(&self) -> bool {
        self.capabilities & RESUMING != 0
    }

    /// True if it proves what the other side has from another day (SPEC 7.10).
    #[must_use]
    pub const fn is_proving(&self) -> bool {
        self.capabilities & PROVING != 0
    }

    /// True if its bulk may go over several links (SPEC 6.3).
    #[must_use]
    pub const fn is_striping(&self) -> bool {
        self.capabilities & STRIPING != 0
    }
}

/// The fault of the peer's hello or share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HelloError {
    /// Not the message that belongs here, or not in its form.
    Malformed,
    /// No version in common: one side needs an update. Nothing was risked.
    NoCommonVersion,
    /// The host's code has this many words, and what was typed another number. Nothing was risked.
    OtherWords(u8),
    /// A share that no honest side sends.
    Share(ShareFault),
}

impl Hello {
    /// This side's hello.
    pub(super) fn ours(
        role: Role,
        (purpose, capabilities): (Purpose, u64),
        saying: &Saying,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Self {
        let mut random = [0; 16];
        rng.fill_bytes(&mut random);
        let mut hello = Self {
            versions: VERSIONS.to_vec(),
            capabilities,
            role,
            random,
            purpose,
            linked: false,
            commitment: None,
            words: None,
            index: None,
        };
        match *saying {
            Saying::Nothing => {}
            Saying::Linked(linked) => hello.linked = linked,
            Saying::Code(OfCode { commitment, words }) => {
                (hello.commitment, hello.words) = (Some(commitment), words);
            }
            Saying::Link(index) => hello.index = Some(index),
        }
        hello
    }

    /// The canonical bytes, the length before them included: 29 and two a version, then 33 for a
    /// commitment and the number of words, or 4 for an index.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(96);
        // At most 16 versions, so the length is at most 93.
        bytes.push(self.versions.len() as u8);
        for version in &self.versions {
            bytes.extend_from_slice(&version.to_be_bytes());
        }
        bytes.extend_from_slice(&self.capabilities.to_be_bytes());
        bytes.push(self.role as u8);
        bytes.extend_from_slice(&self.random);
        bytes.push(self.purpose as u8);
        bytes.push(u8::from(self.linked));
        bytes.extend_from_slice(self.commitment.as_ref().map_or(&[][..], |commitment| commitment));
        bytes.extend(self.words);
        bytes.extend(self.index.into_iter().flat_map(u32::to_be_bytes));
        bytes.insert(0, bytes.len() as u8);
        bytes
    }

    /// Splits a message's bytes after its hello; the hello keeps its length byte.
    pub(super) fn split(body: &[u8]) -> Option<(&[u8], &[u8])> {
        body.split_at_checked(usize::from(*body.first()?).saturating_add(1))
    }

    /// Reads a hello with its length byte. Nothing if it is not canonical.
    pub(super) fn parse(hello: &[u8]) -> Option<Self> {
        let (length, rest) = hello.split_first()?;
        let (count, rest) = rest.split_first()?;
        let count = usize::from(*count);
        if usize::from(*length).saturating_add(1) != hello.len()
            || !(1..=MOST_VERSIONS).contains(&count)
        {
            return None;
        }
        let (versions, rest) = rest.split_at_checked(count.saturating_mul(2))?;
        let versions: Vec<u16> = versions
            .chunks_exact(2)
            .filter_map(|version| version.try_into().ok())
            .map(u16::from_be_bytes)
            .collect();
        if !versions.is_sorted_by(|earlier, later| earlier < later) {
            return None;
        }
        let (capabilities, rest) = rest.split_first_chunk()?;
        let (role, rest) = rest.split_first()?;
        let (random, rest) = rest.split_first_chunk()?;
        let (purpose, rest) = rest.split_first()?;
        let (linked, rest) = rest.split_first()?;
        let role = match role {
            1 => Role::Host,
            2 => Role::Joiner,
            _ => return None,
        };
        let purpose = match purpose {
            1 => Purpose::Code,
            2 => Purpose::Link,
            _ => return None,
        };
        let linked = match (linked, role, purpose) {
            (0, _, _) => false,
            (1, Role::Joiner, Purpose::Link) => true,
            _ => return None,
        };
        let (commitment, index, reserved) = match (role, purpose) {
            (Role::Host, Purpose::Code) => {
                let (commitment, reserved) = rest.split_first_chunk()?;
                (Some(*commitment), None, reserved)
            }
            (Role::Host, Purpose::Link) => {
                let (index, reserved) = rest.split_first_chunk()?;
                (None, Some(u32::from_be_bytes(*index)), reserved)
            }
            (Role::Joiner, _) => (None, None, rest),
        };
        let words = commitment.and_then(|_| reserved.first().copied());
        let capabilities = u64::from_be_bytes(*capabilities);
        (reserved.len() <= MOST_RESERVED).then_some(Self {
            versions,
            capabilities,
            role,
            random: *random,
            purpose,
            linked,
            commitment,
            words,
            index,
        })
    }

    /// Reads the hello of the other side, which has `role`, in a handshake for `purpose`.
    pub(super) fn read(hello: &[u8], role: Role, purpose: Purpose) -> Result<Read, HelloError> {
        let hello = Self::parse(hello)
            .filter(|hello| hello.role == role && hello.purpose == purpose)
            .ok_or(HelloError::Malformed)?;
        let version = VERSIONS
            .iter()
            .rev()
            .find(|version| hello.versions.contains(version))
            .ok_or(HelloError::NoCommonVersion)?;
        let peer =
            Peer { version: *version, capabilities: hello.capabilities, linked: hello.linked };
        let code = hello.commitment.map(|commitment| OfCode { commitment, words: hello.words });
        Ok(Read { peer, code, index: hello.index })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec;

    fn hello() -> Hello {
        Hello {
            versions: vec![1, 0x0203],
            capabilities: 0x0102_0304_0506_0708,
            role: Role::Joiner,
            random: [9; 16],
            purpose: Purpose::Link,
            linked: true,
            commitment: None,
            words: None,
            index: None,
        }
    }

    #[test]
    fn the_bytes_are_fixed() {
        let bytes =
            [&[32, 2, 0, 1, 2, 3, 1, 2, 3, 4, 5, 6, 7, 8, 2][..], &[9; 16], &[2, 1]].concat();
        assert_eq!(hello().encode(), bytes);
        assert_eq!(Hello::parse(&bytes), Some(hello()));
        assert_eq!(
            Hello::split(&[bytes.as_slice(), b"rest"].concat()),
            Some((bytes.as_slice(), b"rest".as_slice()))
        );
        assert_eq!(Hello::split(&bytes[..32]), None);
        assert_eq!(Hello::split(&[]), None);
    }

    #[test]
    fn what_is_not_canonical_is_refused() {
        let with = |position: usize, byte: u8| {
            let mut bytes = hello().encode();
            bytes[position] = byte;
            Hello::parse(&bytes)
        };
        for (position, byte) in
            [(0, 31), (0, 33), (1, 0), (1, 17), (1, 3), (14, 0), (14, 3), (31, 0), (31, 3), (32, 2)]
        {
            assert_eq!(with(position, byte), None, "{position} {byte}");
        }
        let versions = |versions: &[u16]| {
            Hello::parse(&Hello { versions: versions.to_vec(), ..hello() }.encode())
        };
        assert!(
            versions(&[]).is_none() && versions(&[1, 1]).is_none() && versions(&[2, 1]).is_none()
        );
        assert!(
            versions(&(0..16).collect::<Vec<u16>>()).is_some()
                && versions(&(0..17).collect::<Vec<u16>>()).is_none()
        );
        // Only a joiner of a further link can still have a link.
        assert!(Hello::parse(&Hello { role: Role::Host, ..hello() }.encode()).is_none());
        assert!(Hello::parse(&Hello { purpose: Purpose::Code, ..hello() }.encode()).is_none());
        assert!(
            Hello::parse(&Hello { purpose: Purpose::Code, linked: false, ..hello() }.encode())
                .is_some()
        );
    }

    #[test]
    fn a_host_with_a_code_commits_itself_and_nobody_else_does() {
        let host = |purpose, commitment| Hello {
            role: Role::Host,
            purpose,
            linked: false,
            commitment,
            ..hello()
        };
        let committed = host(Purpose::Code, Some([5; 32]));
        assert_eq!(committed.encode()[33..], [5; 32]);
        assert_eq!(Hello::parse(&committed.encode()), Some(committed.clone()));
        let read = Hello::read(&committed.encode(), Role::Host, Purpose::Code);
        assert_eq!(
            read.map(|read| read.code),
            Ok(Some(OfCode { commitment: [5; 32], words: None }))
        );
        // Without it, or with a part of it, the hello is malformed.
        let mut short = committed.encode();
        short[0] -= 1;
        short.pop();
        assert_eq!(Hello::parse(&short), None);
        assert_eq!(Hello::parse(&host(Purpose::Code, None).encode()), None);
        // From anybody else the bytes are those of a field of tomorrow.
        let joiner = Hello { role: Role::Joiner, ..host(Purpose::Code, None) };
        let more = Hello { commitment: Some([5; 32]), ..joiner.clone() };
        assert_eq!(Hello::parse(&more.encode()), Some(joiner));
    }

    #[test]
    fn a_host_that_makes_a_link_says_its_index_and_nobody_else_does() {
        let host = Hello { role: Role::Host, linked: false, index: Some(0x0102_0304), ..hello() };
        let bytes = host.encode();
        assert_eq!((&bytes[33..], bytes[0]), (&[1, 2, 3, 4][..], 36));
        assert_eq!(Hello::parse(&bytes), Some(host.clone()));
        let read = Hello::read(&bytes, Role::Host, Purpose::Link);
        assert_eq!(read.map(|read| read.index), Ok(Some(0x0102_0304)));
        for cut in 1..=4 {
            let mut short = bytes[..bytes.len() - cut].to_vec();
            short[0] -= u8::try_from(cut).unwrap();
            assert_eq!(Hello::parse(&short), None, "{cut}");
        }
        let code = Hello { purpose: Purpose::Code, commitment: Some([5; 32]), ..host };
        assert_eq!(Hello::parse(&code.encode()).and_then(|code| code.index), None);
    }

    #[test]
    fn a_host_says_how_many_words_its_code_has_and_one_that_does_not_is_understood() {
        let host = Hello {
            role: Role::Host,
            purpose: Purpose::Code,
            linked: false,
            commitment: Some([5; 32]),
            words: Some(4),
            ..hello()
        };
        let bytes = host.encode();
        assert_eq!((bytes[65..].to_vec(), usize::from(bytes[0])), (vec![4], 65));
        for more in [0, 63, 64] {
            let mut longer = [bytes.clone(), vec![7; more]].concat();
            longer[0] += more as u8;
            assert_eq!(Hello::parse(&longer), (more < 64).then(|| host.clone()), "{more}");
        }
        let silent = Hello { words: None, ..host };
        assert_eq!(Hello::parse(&silent.encode()), Some(silent));
        // Nobody else has a code to say it of.
        let joiner = Hello { words: Some(4), ..hello() };
        assert_eq!(Hello::parse(&joiner.encode()), Some(hello()));
    }

    #[test]
    fn fields_of_tomorrow_are_passed_over() {
        for reserved in [0, 1, 64, 65] {
            let mut bytes = [hello().encode(), vec![7; reserved]].concat();
            bytes[0] += reserved as u8;
            assert_eq!(Hello::parse(&bytes), (reserved <= 64).then(hello), "{reserved}");
        }
    }

    #[test]
    fn the_highest_common_version_is_taken() {
        let read = |versions: &[u16]| {
            let hello = Hello { versions: versions.to_vec(), ..hello() }.encode();
            Hello::read(&hello, Role::Joiner, Purpose::Link).map(|read| read.peer.version)
        };
        assert_eq!(read(&[0, 1, 2]), Ok(1));
        assert_eq!(read(&[0, 2]), Err(HelloError::NoCommonVersion));
        let hello = hello().encode();
        assert_eq!(Hello::read(&hello, Role::Host, Purpose::Link), Err(HelloError::Malformed));
        assert_eq!(Hello::read(&hello, Role::Joiner, Purpose::Code), Err(HelloError::Malformed));
    }

    proptest! {
        #[test]
        fn every_hello_is_read_back(
            versions in proptest::collection::btree_set(any::<u16>(), 1..=16),
            capabilities: u64,
            random: [u8; 16],
            linked: bool,
            host: bool,
            index: u32,
        ) {
            let role = if host { Role::Host } else { Role::Joiner };
            let hello = Hello {
                versions: versions.into_iter().collect(),
                capabilities,
                role,
                random,
                purpose: Purpose::Link,
                linked: linked && !host,
                commitment: None,
                words: None,
                index: host.then_some(index),
            };
            prop_assert_eq!(Hello::parse(&hello.encode()), Some(hello));
        }

        #[test]
        fn anything_may_be_said(
            flips in proptest::collection::vec((0..33_usize, any::<u8>()), 0..4),
            tail: Vec<u8>,
        ) {
            let mut bytes = [hello().encode(), tail].concat();
            for (position, byte) in flips {
                bytes[position] = byte;
            }
            if let Some((raw, _)) = Hello::split(&bytes)
                && let Some(read) = Hello::parse(raw)
            {
                let encoded = read.encode();
                prop_assert_eq!(&encoded[1..], &raw[1..encoded.len()]);
            }
        }
    }
}
