//! The places at which a side can be met for another link (SPEC 6.6).

use super::PeerText;
use crate::limits::{PLACE_PORT, PLACE_RELAY, PLACES};
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};
use minicbor::encode::Write;
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

/// All places at which the sender can be met now. Which of them may be dialled is for the receiver
/// to judge.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Places {
    /// Addresses at which it listens, at most [`PLACES`].
    #[n(0)]
    #[cbor(encode_with = "encode_direct", decode_with = "decode_direct")]
    pub direct: Vec<SocketAddr>,
    /// The relay at which a host waits.
    #[n(1)]
    #[cbor(decode_with = "decode_relay")]
    pub relay: Option<PeerText>,
}

/// Writes each address as its 4 or 16 bytes and its port.
fn encode_direct<C, W: Write>(
    places: &Vec<SocketAddr>,
    encoder: &mut Encoder<W>,
    _: &mut C,
) -> Result<(), encode::Error<W::Error>> {
    encoder.array(u64::try_from(places.len()).unwrap_or(u64::MAX))?;
    for place in places {
        encoder.array(2)?;
        match place.ip() {
            IpAddr::V4(ip) => encoder.bytes(&ip.octets())?,
            IpAddr::V6(ip) => encoder.bytes(&ip.octets())?,
        };
        encoder.u16(place.port())?;
    }
    Ok(())
}

fn decode_direct<C>(
    decoder: &mut Decoder<'_>,
    context: &mut C,
) -> Result<Vec<SocketAddr>, decode::Error> {
    let mut places = Vec::new();
    for place in decoder.array_iter_with(context)? {
        let Place(place): Place = place?;
        if places.len() >= PLACES {
            return Err(decode::Error::message("more addresses than allowed"));
        }
        places.push(place);
    }
    Ok(places)
}

/// One address with its port.
struct Place(SocketAddr);

impl<'b, C> Decode<'b, C> for Place {
    fn decode(decoder: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        let Some(fields @ 2..) = decoder.array()? else {
            return Err(decode::Error::message("an address without a port"));
        };
        let bytes = decoder.bytes()?;
        let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
        let ip = four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from));
        let port = decoder.u16()?;
        for _ in 2..fields {
            decoder.skip()?;
        }
        match ip {
            Ok(ip) if port >= PLACE_PORT => Ok(Self(SocketAddr::new(ip, port))),
            _ => Err(decode::Error::message("no address that can be said")),
        }
    }
}

fn decode_relay<C>(
    decoder: &mut Decoder<'_>,
    context: &mut C,
) -> Result<Option<PeerText>, decode::Error> {
    let relay = PeerText::decode(decoder, context)?;
    if relay.raw().len() > PLACE_RELAY {
        return Err(decode::Error::message("too long for a relay's address"));
    }
    Ok(Some(relay))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Control, encoded, read};
    use proptest::prelude::*;
    use std::string::String;

    prop_compose! {
        fn address()(v4 in any::<bool>(), ip in any::<[u8; 16]>(), port in any::<u16>()) -> SocketAddr {
            let [a, b, c, d, ..] = ip;
            let ip = if v4 { IpAddr::from([a, b, c, d]) } else { IpAddr::from(ip) };
            SocketAddr::new(ip, port)
        }
    }

    fn again(places: &Places) -> Option<Places> {
        match read::<Control>(&encoded(&Control::Places(places.clone()), 0))? {
            Control::Places(places) => Some(places),
            _ => None,
        }
    }

    proptest! {
        #[test]
        fn what_is_within_the_limits_is_read_as_it_was_said_and_nothing_else(
            direct in prop::collection::vec(address(), 0..12),
            relay in prop::option::of(".{0,400}"),
        ) {
            let lawful = direct.len() <= PLACES
                && direct.iter().all(|place| place.port() >= PLACE_PORT)
                && relay.as_ref().map_or(0, String::len) <= PLACE_RELAY;
            let places = Places { direct, relay: relay.map(PeerText::new) };
            prop_assert_eq!(again(&places), lawful.then_some(places));
        }

        #[test]
        fn whatever_is_read_is_within_the_limits(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        ) {
            let direct = std::vec!["192.0.2.7:41234".parse().unwrap(), "[fd00::7]:1024".parse().unwrap()];
            let relay = Some(PeerText::new("wss://relay.example/".into()));
            let mut bytes = encoded(&Control::Places(Places { direct, relay }), 0);
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if let Some(Control::Places(places)) = read(&bytes) {
                prop_assert!(places.direct.len() <= PLACES);
                prop_assert!(places.direct.iter().all(|place| place.port() >= PLACE_PORT));
                prop_assert_eq!(again(&places), Some(places));
            }
        }
    }
}
