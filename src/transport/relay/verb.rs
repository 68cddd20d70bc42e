//! What a side wants of a relay, said in its upgrade request (SPEC 10.1).

use pinhole_protocol::code::Nameplate;
use pinhole_relay::settings::HostToken;
use zeroize::Zeroizing;

/// This protocol between a side and a relay.
pub(super) const PROTOCOL: &str = "pinhole.1";

/// What gets a number back after its host's connection was lost.
#[derive(Clone)]
pub(super) struct Owner(Zeroizing<String>);

impl Owner {
    /// 64 lower-case hexadecimal digits (SPEC 10.3), which mean something to the relay alone.
    pub(super) fn parse(text: String) -> Option<Self> {
        let text = Zeroizing::new(text);
        let hexadecimal = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        (text.len() == 64 && text.bytes().all(hexadecimal)).then_some(Self(text))
    }
}

/// What is wanted.
pub(super) enum Verb<'a> {
    /// A number for a new host.
    Host,
    /// The number that this host had.
    HostAgain(Nameplate, &'a Owner),
    /// To meet the host of a number.
    Join(Nameplate),
}

impl Verb<'_> {
    /// The tokens of `Sec-WebSocket-Protocol`.
    pub(super) fn protocols(&self) -> String {
        match self {
            Self::Host => format!("{PROTOCOL}, host"),
            Self::HostAgain(nameplate, _) => format!("{PROTOCOL}, host-{}", nameplate.number()),
            Self::Join(nameplate) => format!("{PROTOCOL}, join-{}", nameplate.number()),
        }
    }

    /// The value of `Authorization`, if there is anything to prove.
    pub(super) fn authorization(&self, host: Option<&HostToken>) -> Option<Zeroizing<String>> {
        let owner = match self {
            Self::HostAgain(_, owner) => Some(format!("owner={}", owner.0.as_str())),
            Self::Host => None,
            Self::Join(_) => return None,
        };
        let host = host.map(|token| format!("host={}", token.expose()));
        let parts: Vec<String> = [owner, host].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| Zeroizing::new(format!("Pinhole {}", parts.join(", "))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: &str = "0000019ad3f0a1c85e0c41d20b9f4f7d8a6b3c2d1e0f9a8b4c1d7e2f90a3b586";

    #[test]
    fn a_verb_is_what_the_specification_says() {
        let number = Nameplate::new(417).unwrap();
        let owner = Owner::parse(OWNER.into()).unwrap();
        let token = HostToken::parse("a-token.of_16~bytes").unwrap();
        let again = Verb::HostAgain(number, &owner);
        assert_eq!(
            [Verb::Host, Verb::Join(number)].map(|verb| verb.protocols()),
            ["pinhole.1, host", "pinhole.1, join-417"]
        );
        assert_eq!(again.protocols(), "pinhole.1, host-417");
        let shown =
            |verb: &Verb<'_>, token| verb.authorization(token).map(|value| value.to_string());
        assert_eq!(shown(&Verb::Host, None), None);
        assert_eq!(
            shown(&Verb::Host, Some(&token)).as_deref(),
            Some("Pinhole host=a-token.of_16~bytes")
        );
        let both = format!("Pinhole owner={OWNER}, host=a-token.of_16~bytes");
        assert_eq!(shown(&again, Some(&token)), Some(both));
        // Only hosts show a token.
        assert_eq!(shown(&Verb::Join(number), Some(&token)), None);
    }

    #[test]
    fn tokens_that_no_relay_gives_are_refused() {
        let upper = OWNER.to_uppercase();
        for bad in
            ["", "5e0c", &upper, &format!("{OWNER}0"), &OWNER[..32], &OWNER.replace('b', "g")]
        {
            assert!(Owner::parse(bad.into()).is_none(), "{bad}");
        }
    }
}
