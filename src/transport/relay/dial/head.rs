//! The head of an HTTP answer: what a relay, a proxy, or something in the place of either says
//! first.

use pinhole_protocol::code::RelayUrl;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Longest head that is read, in bytes: what servers commonly allow.
const LONGEST: usize = 8 << 10;

/// The head of an answer of HTTP/1.
pub struct Head {
    /// True for HTTP/1.0, which knows no upgrade.
    pub old: bool,
    /// Its status.
    pub status: u16,
    fields: Vec<(String, String)>,
}

/// The answer in place of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Frames of HTTP/2.
    Http2,
    /// Records of TLS.
    Tls,
    /// Nothing: the connection ended.
    Cut,
    /// Something else.
    Foreign,
}

/// The target of a redirect.
pub struct Redirect {
    /// Its address; nothing if no relay could have one like it.
    pub to: Option<RelayUrl>,
    /// True if that is all of it, without a query that was left out.
    pub whole: bool,
}

impl Head {
    /// Reads a head byte by byte, so that nothing is taken of what follows.
    ///
    /// # Errors
    /// If what comes is none.
    pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Self, Fault> {
        let mut bytes = Vec::with_capacity(256);
        while !bytes.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => bytes.push(byte),
                Err(_) if bytes.is_empty() => return Err(Fault::Cut),
                Err(_) => return Err(Fault::Foreign),
            }
            if let Some(fault) = fault(&bytes) {
                return Err(fault);
            }
        }
        Self::parse(&bytes).ok_or(Fault::Foreign)
    }

    /// The head at the beginning of these bytes, if there is a whole one.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        // Bytes that are not UTF-8 are in no field of interest.
        let text = String::from_utf8_lossy(bytes.get(..end)?);
        let mut lines = text.split("\r\n");
        let (version, rest) = lines.next()?.split_once(' ')?;
        let status = rest
            .get(..3)
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?
            .parse()
            .ok()?;
        let minor = version.strip_prefix("HTTP/1.")?;
        let field = |line: &str| {
            line.split_once(':')
                .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        };
        Some(Self { old: minor == "0", status, fields: lines.filter_map(field).collect() })
    }

    /// The values of a field, whose name is in small letters.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields
            .iter()
            .filter(move |(called, _)| called == name)
            .map(|(_, value)| value.as_str())
    }

    /// True if a field that is a list has this element, in whatever case.
    #[must_use]
    pub fn lists(&self, name: &str, element: &str) -> bool {
        self.values(name)
            .flat_map(|value| value.split(','))
            .any(|one| one.trim().eq_ignore_ascii_case(element))
    }

    /// The target of this answer to a request for `from`, if it is a redirect.
    #[must_use]
    pub fn redirect(&self, from: &RelayUrl) -> Option<Redirect> {
        if !matches!(self.status, 301..=303 | 307 | 308) {
            return None;
        }
        let location = self.values("location").next().unwrap_or_default();
        // A fragment is for whoever reads the page there.
        let location = location.split('#').next().unwrap_or_default();
        let (place, query) = location
            .split_once('?')
            .map_or((location, None), |(place, query)| (place, Some(query)));
        let base = from.to_string();
        let (scheme, rest) = base.split_once("://")?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let absolute = if place.contains("://") {
            place.to_owned()
        } else if let Some(rest) = place.strip_prefix("//") {
            format!("{scheme}://{rest}")
        } else if place.starts_with('/') {
            format!("{scheme}://{authority}{place}")
        } else {
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            format!(
                "{scheme}://{authority}/{folder}{}{place}",
                if folder.is_empty() { "" } else { "/" }
            )
        };
        let to = if place.is_empty() { None } else { RelayUrl::parse(&absolute).ok() };
        Some(Redirect { to, whole: query.is_none() })
    }
}

impl Redirect {
    /// The address to go on at: that of the same host, reached the same way as `from`.
    #[must_use]
    pub fn followed(&self, from: &RelayUrl) -> Option<RelayUrl> {
        let stays =
            |to: &&RelayUrl| to.tls() == from.tls() && to.host().eq_ignore_ascii_case(from.host());
        self.to.as_ref().filter(stays).filter(|_| self.whole).cloned()
    }

    /// Name of the target, as the end of a sentence. A query is left out, because it may hold what
    /// is nobody else's business.
    #[must_use]
    pub fn named(&self) -> String {
        self.to.as_ref().map_or_else(
            || "an address that no relay has".to_owned(),
            |to| to.to_string().replacen("ws", "http", 1),
        )
    }
}

/// The fault in these bytes, if they are not the beginning of a head.
fn fault(bytes: &[u8]) -> Option<Fault> {
    const BEGIN: &[u8] = b"HTTP/1.";
    if bytes.len() > LONGEST {
        return Some(Fault::Foreign);
    }
    if BEGIN.starts_with(bytes.get(..BEGIN.len()).unwrap_or(bytes)) {
        return None;
    }
    match bytes {
        // An alert or a handshake record, of whatever version.
        [0x15 | 0x16, 3, ..] => Some(Fault::Tls),
        [0x15 | 0x16] => None,
        // SETTINGS or GOAWAY of the connection itself, no longer than a frame may be at first
        // (RFC 9113, 4.1).
        [0, _, _, 4 | 7, _, 0, 0, 0, 0] => Some(Fault::Http2),
        [0, rest @ ..] if rest.len() < 8 => None,
        _ => Some(Fault::Foreign),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(bytes: &[u8]) -> Result<Head, Fault> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut rest = bytes;
        runtime.block_on(Head::read(&mut rest))
    }

    #[test]
    fn a_head_is_read_and_nothing_behind_it() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut bytes = &b"HTTP/1.0 401 \xff\r\nWWW-Authenticate: Basic realm=\"x\"\r\nA: b , \
                          C\r\na:d\r\nno field\r\n\r\nrest"[..];
        let head =
            runtime.block_on(Head::read(&mut bytes)).unwrap_or_else(|fault| panic!("{fault:?}"));
        assert_eq!((head.old, head.status, bytes), (true, 401, &b"rest"[..]));
        assert!(head.lists("a", "c") && head.lists("a", "D") && !head.lists("a", "e"));
        assert_eq!(head.values("www-authenticate").collect::<Vec<_>>(), ["Basic realm=\"x\""]);
    }

    #[test]
    fn what_is_no_head_is_told_apart() {
        for (bytes, fault) in [
            (&b""[..], Fault::Cut),
            (b"HTTP/1.1 200 OK\r\n", Fault::Foreign),
            (b"HTTP/1.1 x\r\n\r\n", Fault::Foreign),
            (b"HTTP/1.1 20\r\n\r\n", Fault::Foreign),
            (b"HTTP/2 200\r\n\r\n", Fault::Foreign),
            (b"SSH-2.0-x\r\n\r\n", Fault::Foreign),
            (b"\x15\x03\x03\x00\x02\x02\x46", Fault::Tls),
            (b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03", Fault::Http2),
            (b"\x00\x00\x08\x07\x00\x00\x00\x00\x00\x00", Fault::Http2),
            (b"\x00\x00\x08\x07\x00\x00\x00\x00\x01\x00", Fault::Foreign),
            (&[0; 20], Fault::Foreign),
            (&[b"HTTP/1.1 200 OK\r\nX: ".as_slice(), &[b'x'; LONGEST]].concat(), Fault::Foreign),
        ] {
            assert_eq!(read(bytes).err(), Some(fault), "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn a_redirect_is_followed_where_host_and_scheme_stay() {
        let from = RelayUrl::parse("wss://relay.example:8443/a/b").unwrap();
        let led = |status: u16, to: &str| {
            let head =
                Head::parse(format!("HTTP/1.1 {status} x\r\nLocation: {to}\r\n\r\n").as_bytes())
                    .unwrap();
            head.redirect(&from)
                .map(|redirect| (redirect.named(), redirect.followed(&from).is_some()))
        };
        for (to, named, followed) in [
            ("/p/", "https://relay.example:8443/p/", true),
            ("c", "https://relay.example:8443/a/c", true),
            ("https://Relay.Example/p#x", "https://Relay.Example/p", true),
            ("wss://relay.example:1/", "https://relay.example:1/", true),
            ("//relay.example:8443/p", "https://relay.example:8443/p", true),
            ("http://relay.example/p", "http://relay.example/p", false),
            ("https://login.example/sso?token=hunter2", "https://login.example/sso", false),
            ("/login?to=/a/b", "https://relay.example:8443/login", false),
            ("//other.example/", "https://other.example/", false),
            ("https://me:hunter2@relay.example/", "an address that no relay has", false),
            ("ftp://relay.example/", "an address that no relay has", false),
            ("/\u{1b}[2J", "an address that no relay has", false),
            ("", "an address that no relay has", false),
        ] {
            assert_eq!(led(302, to), Some((named.to_owned(), followed)), "{to}");
        }
        assert!(
            led(200, "/p/").is_none() && led(304, "/p/").is_none() && led(308, "/p/").is_some()
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(
            bytes: Vec<u8>,
            near in "HTTP/1.[01] [0-9]{2,3} x\r\n(Location: [a-z:/?#@.]{0,20}\r\n)?\r\n",
        ) {
            let from = RelayUrl::parse("wss://relay.example").unwrap();
            for bytes in [bytes.as_slice(), near.as_bytes()] {
                let _ = read(bytes);
                if let Some(redirect) = Head::parse(bytes).and_then(|head| head.redirect(&from)) {
                    let named = redirect.named();
                    prop_assert!(
                        named.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
                            && !named.contains(['?', '#', '@'])
                    );
                }
            }
        }
    }
}
