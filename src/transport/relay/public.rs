//! A relay as the other side is told of it.

use crate::events::Join;
use pinhole_protocol::code::RelayUrl;

/// A relay as the other side is told of it.
pub struct Public {
    /// The address at which the peer finds it.
    pub url: RelayUrl,
    /// Name of the relay in a sentence.
    pub name: String,
    /// Those that find it without that address.
    pub known: Known,
}

/// Those that find a relay by a code alone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Every pinhole of this make.
    Everywhere,
    /// Every pinhole that has set the same relay.
    WhereSet,
    /// Nobody.
    Nowhere,
}

impl Public {
    /// The lines for the other machine. `command` is everything before the code's `@`, such as
    /// `pinhole take 417-…`.
    #[must_use]
    pub fn join_lines(&self, command: &str) -> Vec<Join> {
        let url = &self.url;
        // Without TLS the other side has to allow it too.
        let (place, allowed) = match (url.is_here(), url.tls()) {
            (true, _) => ("on this machine", ""),
            (false, true) => ("anywhere", ""),
            (false, false) => ("where this address is reached", " --insecure-relay"),
        };
        let named = Join {
            place: place.into(),
            command: format!("{command}@{}{allowed}", url.beside_code()),
        };
        match self.known {
            Known::Everywhere => vec![Join { place: place.into(), command: command.to_owned() }],
            Known::WhereSet => vec![
                named,
                Join { place: "where this relay is set".into(), command: command.to_owned() },
            ],
            Known::Nowhere => vec![named],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(url: &str, known: Known) -> Vec<(String, String)> {
        let public = Public { url: RelayUrl::parse(url).unwrap(), name: "the relay".into(), known };
        public
            .join_lines("take 417-x")
            .into_iter()
            .map(|line| (line.place.into_owned(), line.command))
            .collect()
    }

    #[test]
    fn the_line_names_the_relay_unless_everybody_knows_it() {
        let set = ("where this relay is set".to_owned(), "take 417-x".to_owned());
        assert_eq!(
            lines("wss://relay.example", Known::Everywhere),
            [("anywhere".to_owned(), "take 417-x".to_owned())]
        );
        assert_eq!(
            lines("wss://relay.example", Known::WhereSet),
            [("anywhere".to_owned(), "take 417-x@relay.example".to_owned()), set]
        );
        assert_eq!(
            lines("ws://127.0.0.1:7", Known::Nowhere),
            [("on this machine".to_owned(), "take 417-x@127.0.0.1:7".to_owned())]
        );
    }

    #[test]
    fn without_tls_the_line_says_what_the_other_side_has_to_allow() {
        let line = "take 417-x@ws://10.0.0.7:7667 --insecure-relay".to_owned();
        assert_eq!(
            lines("ws://10.0.0.7:7667", Known::Nowhere),
            [("where this address is reached".to_owned(), line)]
        );
    }
}
