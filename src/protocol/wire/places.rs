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
