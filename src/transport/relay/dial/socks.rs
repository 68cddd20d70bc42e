//! A connection through a SOCKS5 proxy (RFC 1928), with user name and password if there are some
//! (RFC 1929).

use super::Stream;
use super::tunnel::Refusal;
use std::net::{IpAddr, SocketAddr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use zeroize::Zeroizing;

/// The target that the proxy connects to.
pub(super) enum Target<'a> {
    Address(SocketAddr),
    /// A name that the proxy looks up, and a port.
    Name(&'a str, u16),
}

const VERSION: u8 = 5;
const NO_AUTHENTICATION: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
const NONE_ACCEPTABLE: u8 = 0xff;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// Asks a SOCKS5 proxy to connect to `target`. All that follows on `stream` is between here and the
/// target.
pub(super) async fn ask(
    stream: &mut Stream,
    target: &Target<'_>,
    credentials: Option<(&str, &str)>,
) -> Result<(), Refusal> {
    let methods: &[u8] = match credentials {
        None => &[VERSION, 1, NO_AUTHENTICATION],
        Some(_) => &[VERSION, 2, NO_AUTHENTICATION, USER_AND_PASSWORD],
    };
    say(stream, methods).await?;
    let mut chosen = [0; 2];
    stream.read_exact(&mut chosen).await?;
    match (chosen, credentials) {
        ([VERSION, NO_AUTHENTICATION], _) => {}
        ([VERSION, USER_AND_PASSWORD], Some((user, password))) => {
            authenticate(stream, user, password).await?
        }
        ([VERSION, NONE_ACCEPTABLE], _) => return Err(Refusal::Credentials),
        _ => return Err(Refusal::NoProxy),
    }
    let mut request = vec![VERSION, CONNECT, 0];
    let port = match target {
        Target::Address(address) => {
            match address.ip() {
                IpAddr::V4(ip) => {
                    request.push(IPV4);
                    request.extend_from_slice(&ip.octets());
                }
                IpAddr::V6(ip) => {
                    request.push(IPV6);
                    request.extend_from_slice(&ip.octets());
                }
            }
            address.port()
        }
        Target::Name(name, port) => {
            request.push(NAME);
            counted(&mut request, name).ok_or(Refusal::NoAddress)?;
            *port
        }
    };
    request.extend_from_slice(&port.to_be_bytes());
    say(stream, &request).await?;
    answer(stream).await
}

async fn authenticate(stream: &mut Stream, user: &str, password: &str) -> Result<(), Refusal> {
    let mut message = Zeroizing::new(vec![1]);
    counted(&mut message, user)
        .and_then(|()| counted(&mut message, password))
        .ok_or(Refusal::Credentials)?;
    say(stream, &message).await?;
    let mut verdict = [0; 2];
    stream.read_exact(&mut verdict).await?;
    if verdict == [1, 0] { Ok(()) } else { Err(Refusal::Credentials) }
}

/// A text after its length; nothing if it is longer than 255 bytes.
fn counted(message: &mut Vec<u8>, text: &str) -> Option<()> {
    message.push(u8::try_from(text.len()).ok()?);
    message.extend_from_slice(text.as_bytes());
    Some(())
}

async fn answer(stream: &mut Stream) -> Result<(), Refusal> {
    let mut head = [0; 4];
    stream.read_exact(&mut head).await?;
    let [VERSION, reply, _, kind] = head else { return Err(Refusal::NoProxy) };
    let not_reached = |why: &str| Err(Refusal::NotReached(why.to_owned()));
    match reply {
        0 => {}
        1 => return not_reached("general failure"),
        2 => return Err(Refusal::Forbidden("its rules".to_owned())),
        3 => return not_reached("network unreachable"),
        4 => return not_reached("host unreachable"),
        5 => return not_reached("connection refused"),
        6 => return not_reached("time to live expired"),
        7 => return not_reached("it does not connect at all"),
        8 => return not_reached("it does not know such addresses"),
        _ => return Err(Refusal::NoProxy),
    }
    // The address that the proxy uses, of no use here, and its port.
    let length = match kind {
        IPV4 => 4,
        IPV6 => 16,
        NAME => usize::from(stream.read_u8().await?),
        _ => return Err(Refusal::NoProxy),
    };
    let mut rest = vec![0; length + 2];
    stream.read_exact(&mut rest).await?;
    Ok(())
}

async fn say(stream: &mut Stream, bytes: &[u8]) -> Result<(), Refusal> {
    stream.write_all(bytes).await?;
    stream.flush().await?;
    Ok(())
}
