//! A side's request to a relay, in two headers of its upgrade, and the statuses that refuse it
//! (SPEC 10.1).

use super::{HostToken, OwnerToken, SlotToken};
use crate::code::Nameplate;
use crate::role::Role;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use zeroize::Zeroizing;

/// The token in `Sec-WebSocket-Protocol` of this protocol between a side and a relay.
pub const VERSION: &str = "pinhole.1";
/// The value of `Sec-WebSocket-Version` (RFC 6455).
pub const WEBSOCKET_VERSION: &str = "13";

/// Words of the second token in `Sec-WebSocket-Protocol`, with `-` between them.
const HOST: &str = "host";
const JOIN: &str = "join";
const LINK: &str = "link";
const JOINER: &str = "joiner";

/// The scheme of `Authorization`, and the names of its parts.
const SCHEME: &str = "Pinhole";
const OWNER_PART: &str = "owner";
const HOST_PART: &str = "host";

/// Bytes that hold the longest `Authorization`: a buffer that grows leaves secrets where it was.
const AUTHORIZATION: usize = 256;

/// The purpose of a connection to a relay.
#[derive(Debug)]
pub enum Verb {
    /// A number for a new host.
    Host,
    /// The number that this host had.
    HostAgain(Nameplate, OwnerToken),
    /// A meeting with the host of this number.
    Join(Nameplate),
    /// A meeting with the other end of a link; this end is the conversation's host or joiner.
    Link(SlotToken, Role),
}

impl Verb {
    /// The value of `Sec-WebSocket-Protocol`.
    #[must_use]
    pub fn protocols(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{VERSION}, {}", self.word()))
    }

    /// The value of `Authorization`, of a side that may have a token of the relay's operator, which
    /// only a host shows; `None` if there is nothing to prove.
    #[must_use]
    pub fn authorization(&self, host_token: Option<&HostToken>) -> Option<Zeroizing<String>> {
        let owner = match self {
            Self::HostAgain(_, owner) => Some(owner.hex()),
            Self::Host | Self::Join(_) | Self::Link(..) => None,
        };
        let owner = owner.as_ref().map(|owner| (OWNER_PART, owner.as_str()));
        let host = host_token.filter(|_| self.is_hosts()).map(|host| (HOST_PART, host.expose()));
        let mut value = Zeroizing::new(String::with_capacity(AUTHORIZATION));
        for (name, secret) in [owner, host].into_iter().flatten() {
            let before = if value.is_empty() { SCHEME } else { "," };
            [before, " ", name, "=", secret].into_iter().for_each(|text| value.push_str(text));
        }
        (!value.is_empty()).then_some(value)
    }

    /// The token that names it. Of a link it holds a secret.
    fn word(&self) -> String {
        match self {
            Self::Host => HOST.into(),
            Self::HostAgain(nameplate, _) => format!("{HOST}-{nameplate}"),
            Self::Join(nameplate) => format!("{JOIN}-{nameplate}"),
            Self::Link(token, role) => format!("{LINK}-{}-{}", role_word(*role), token.hex()),
        }
    }

    /// Reads its token; the owner token was in another header.
    fn parse(word: &str, owner: Option<OwnerToken>) -> Option<Self> {
        let number = |text| Nameplate::parse(text).ok().filter(|nameplate| nameplate.is_relay());
        let (verb, rest) = match word.split_once('-') {
            Some((verb, rest)) => (verb, Some(rest)),
            None => (word, None),
        };
        Some(match (verb, rest, owner) {
            (HOST, None, None) => Self::Host,
            (HOST, Some(text), Some(owner)) => Self::HostAgain(number(text)?, owner),
            (JOIN, Some(text), None) => Self::Join(number(text)?),
            (LINK, Some(rest), None) => {
                let (role, token) = rest.split_once('-')?;
                let role = [Role::Host, Role::Joiner]
                    .into_iter()
                    .find(|candidate| role_word(*candidate) == role)?;
                Self::Link(SlotToken::parse(token)?, role)
            }
            _ => return None,
        })
    }

    /// True for those of a conversation's host, who may have to show a [`HostToken`].
    const fn is_hosts(&self) -> bool {
        match self {
            Self::Host | Self::HostAgain(..) | Self::Link(_, Role::Host) => true,
            Self::Join(_) | Self::Link(_, Role::Joiner) => false,
        }
    }
}

const fn role_word(role: Role) -> &'static str {
    match role {
        Role::Host => HOST,
        Role::Joiner => JOINER,
    }
}

/// A whole request, as a relay reads it.
#[derive(Debug)]
pub struct Request {
    /// Its purpose.
    pub verb: Verb,
    /// The token of the relay's operator, if a host shows one.
    pub host_token: Option<HostToken>,
}

impl Request {
    /// Reads the elements of `Sec-WebSocket-Protocol`, over all its lines, and the value of
    /// `Authorization`.
    ///
    /// # Errors
    /// [`Refusal::Upgrade`] if no element is a version that is spoken here, [`Refusal::Malformed`]
    /// for all else that is not in the form of SPEC 10.1.
    pub fn parse<'a>(
        protocols: impl IntoIterator<Item = &'a str>,
        authorization: Option<&str>,
    ) -> Result<Self, Refusal> {
        let word = word(protocols)?;
        let Authorization { owner, host } = authorization
            .map_or(Some(Authorization::default()), Authorization::parse)
            .ok_or(Refusal::Malformed)?;
        let verb = Verb::parse(word, owner).ok_or(Refusal::Malformed)?;
        if host.is_some() && !verb.is_hosts() {
            return Err(Refusal::Malformed);
        }
        Ok(Self { verb, host_token: host })
    }
}

/// The one token beside the version's.
fn word<'a>(protocols: impl IntoIterator<Item = &'a str>) -> Result<&'a str, Refusal> {
    let (mut ours, mut words) = (0_u32, Vec::new());
    for element in protocols {
        match element {
            VERSION => ours = ours.saturating_add(1),
            // Of a side that also speaks this one.
            later if is_version(later) => {}
            word => words.push(word),
        }
    }
    match (ours, words.as_slice()) {
        (0, _) => Err(Refusal::Upgrade),
        (1, [word]) => Ok(word),
        _ => Err(Refusal::Malformed),
    }
}

fn is_version(element: &str) -> bool {
    let is_digit = |character: char| character.is_ascii_digit();
    let number = element.strip_prefix(VERSION.trim_end_matches(is_digit));
    number.is_some_and(|number| !number.is_empty() && number.chars().all(is_digit))
}

/// The two secrets of one header.
#[derive(Default)]
struct Authorization {
    owner: Option<OwnerToken>,
    host: Option<HostToken>,
}

impl Authorization {
    fn parse(value: &str) -> Option<Self> {
        let mut found = Self::default();
        let (scheme, parts) = value.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case(SCHEME) {
            return None;
        }
        for part in parts.split(',') {
            let again = match part.trim().split_once('=')? {
                (OWNER_PART, value) => found.owner.replace(OwnerToken::parse(value)?).is_some(),
                (HOST_PART, value) => found.host.replace(HostToken::parse(value)?).is_some(),
                _ => return None,
            };
            if again {
                return None;
            }
        }
        Some(found)
    }
}

/// The reason why an upgrade is not answered with 101.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// It is not in the form of SPEC 10.1.
    Malformed,
    /// A host shows no host token, or another relay's.
    Token,
    /// No upgrade, one that was cut on its way, or of no version that the relay speaks.
    Upgrade,
    /// The source is over its limits.
    Limit,
    /// The relay is about to end.
    Ending,
}

impl Refusal {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Malformed, Self::Token, Self::Upgrade, Self::Limit, Self::Ending];

    /// The HTTP status of the answer.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::Token => 401,
            Self::Upgrade => 426,
            Self::Limit => 429,
            Self::Ending => 503,
        }
    }

    /// The refusal that this HTTP status says; `None` if no relay answers with it.
    #[must_use]
    pub fn of(status: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|refusal| refusal.status() == status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::ToString;

    const OWNER: &str = "0000019ad3f0a1c85e0c41d20b9f4f7d8a6b3c2d1e0f9a8b4c1d7e2f90a3b586";
    const TOKEN: &str = "a-token.of_16~bytes";

    fn shown(verb: &Verb, token: Option<&HostToken>) -> (String, Option<String>) {
        let authorization = verb.authorization(token).map(|value| value.to_string());
        (verb.protocols().to_string(), authorization)
    }

    #[test]
    fn a_request_is_written_as_the_specification_says() {
        let number = Nameplate::new(417).unwrap();
        let owner = OwnerToken::parse(OWNER).unwrap();
        let token = HostToken::parse(TOKEN).unwrap();
        let slot = SlotToken::new([0xa7; 16]);
        let hex = "a7".repeat(16);
        let (own, host) = (format!("owner={OWNER}"), format!("host={TOKEN}"));
        for (verb, protocols, alone, with_token) in [
            (Verb::Host, "pinhole.1, host".into(), None, Some(format!("Pinhole {host}"))),
            (
                Verb::HostAgain(number, owner),
                "pinhole.1, host-417".into(),
                Some(format!("Pinhole {own}")),
                Some(format!("Pinhole {own}, {host}")),
            ),
            // Only hosts show a token.
            (Verb::Join(number), "pinhole.1, join-417".to_string(), None, None),
            (
                Verb::Link(slot, Role::Host),
                format!("pinhole.1, link-host-{hex}"),
                None,
                Some(format!("Pinhole {host}")),
            ),
            (Verb::Link(slot, Role::Joiner), format!("pinhole.1, link-joiner-{hex}"), None, None),
        ] {
            assert_eq!(shown(&verb, None), (protocols.clone(), alone));
            assert_eq!(shown(&verb, Some(&token)), (protocols, with_token));
        }
    }

    #[test]
    fn the_longest_authorization_fits_its_buffer() {
        let again =
            Verb::HostAgain(Nameplate::new(417).unwrap(), OwnerToken::parse(OWNER).unwrap());
        let token = HostToken::parse(&"t".repeat(128)).unwrap();
        let value = again.authorization(Some(&token)).unwrap();
        assert!(value.len() <= AUTHORIZATION, "{}", value.len());
    }

    fn any_verb() -> impl Strategy<Value = Verb> {
        let role = prop_oneof![Just(Role::Host), Just(Role::Joiner)];
        let number = prop_oneof![100..=999_u32, 100_000..=999_999_999_u32]
            .prop_map(|number| Nameplate::new(number).unwrap());
        prop_oneof![
            Just(()).prop_map(|()| Verb::Host),
            (number.clone(), any::<[u8; 32]>())
                .prop_map(|(number, owner)| Verb::HostAgain(number, OwnerToken::new(owner))),
            number.prop_map(Verb::Join),
            (any::<[u8; 16]>(), role)
                .prop_map(|(token, role)| Verb::Link(SlotToken::new(token), role)),
        ]
    }

    proptest! {
        #[test]
        fn a_relay_reads_back_all_that_a_side_can_ask(verb in any_verb(), token: bool) {
            let token = token.then(|| HostToken::parse(TOKEN).unwrap());
            let (protocols, authorization) = (verb.protocols(), verb.authorization(token.as_ref()));
            let read = Request::parse(
                protocols.split(", "),
                authorization.as_ref().map(|value| value.as_str()),
            )
            .unwrap();
            prop_assert_eq!(read.verb.protocols(), protocols);
            prop_assert_eq!(read.verb.authorization(read.host_token.as_ref()), authorization);
        }

        #[test]
        fn anything_may_be_asked(elements: Vec<String>, authorization: Option<String>) {
            let elements = elements.iter().map(String::as_str);
            let refused = Request::parse(elements, authorization.as_deref()).err();
            prop_assert_eq!(refused, Some(Refusal::Upgrade));
        }
    }
}
