//! The messages of multicast DNS that pinhole sends, and what it reads of anybody's (RFC 1035, 4.1; RFC 6762, 18; RFC 6763).

use std::net::IpAddr;

/// Labels of the service, `_pinhole._tcp.local` (RFC 6763, 4.1.2).
const SERVICE: [&[u8]; 3] = [b"_pinhole", b"_tcp", b"local"];
/// Bytes of a name (RFC 1035, 2.3.4).
const NAME_BYTES: usize = 255;
/// Bytes of a label; the two upper bits of its length mark a pointer (RFC 1035, 4.1.4).
const LABEL_BYTES: u8 = 63;

/// Types of records and questions (RFC 1035, 3.2.2; RFC 3596; RFC 2782).
const A: u16 = 1;
const PTR: u16 = 12;
const TXT: u16 = 16;
const AAAA: u16 = 28;
const SRV: u16 = 33;
const ANY: u16 = 255;
/// The Internet's class, and the bit that says that a record is the only one of its name (RFC 6762, 10.2).
const IN: u16 = 1;
const ONLY: u16 = 0x8000;
/// The flags of a response, which is always authoritative (RFC 6762, 18.2 and 18.4).
const RESPONSE: u16 = 0x8000;
const AUTHORITATIVE: u16 = 0x0400;

/// How long others may keep a record, in seconds: that of records with a host's name (RFC 6762, 10). All have it, because a code lives as
/// long as its host.
pub(super) const KEPT: u32 = 120;

/// A name as length-prefixed labels in small letters, its end included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name(Vec<u8>);

impl Name {
    /// The name of the service.
    pub(super) fn service() -> Self {
        Self::of(&SERVICE)
    }

    /// `label` before the service's name: one host's instance of it.
    pub(super) fn instance(label: &[u8]) -> Self {
        let [service, protocol, domain] = SERVICE;
        Self::of(&[label, service, protocol, domain])
    }

    /// `label.local`.
    pub(super) fn host(label: &[u8]) -> Self {
        Self::of(&[label, b"local"])
    }

    /// Of labels that are ours, and short.
    fn of(labels: &[&[u8]]) -> Self {
        let mut bytes = Vec::with_capacity(64);
        for label in labels {
            bytes.push(u8::try_from(label.len()).unwrap_or(LABEL_BYTES).min(LABEL_BYTES));
            bytes.extend(label.iter().take(usize::from(LABEL_BYTES)).map(u8::to_ascii_lowercase));
        }
        bytes.push(0);
        Self(bytes)
    }
}

/// A host's instance of the service, as it is announced.
#[derive(Clone)]
pub(super) struct Service {
    pub instance: Name,
    pub host: Name,
    pub port: u16,
    pub addresses: Vec<IpAddr>,
}

impl Service {
    /// All of its records in one response. With `kept` 0 it says that they are gone (RFC 6762, 10.1).
    pub(super) fn response(&self, kept: u32) -> Vec<u8> {
        let count = u16::try_from(self.addresses.len()).unwrap_or(u16::MAX).saturating_add(3);
        let mut out = header(RESPONSE | AUTHORITATIVE, 0, count);
        record(&mut out, &Name::service(), PTR, IN, kept, &self.instance.0);
        // Priority and weight mean nothing where there is one (RFC 2782).
        let place = [&[0; 4][..], &self.port.to_be_bytes(), &self.host.0].concat();
        record(&mut out, &self.instance, SRV, IN | ONLY, kept, &place);
        // Nothing to add, which is said by one empty string (RFC 6763, 6.1).
        record(&mut out, &self.instance, TXT, IN | ONLY, kept, &[0]);
        for address in &self.addresses {
            match address {
                IpAddr::V4(ip) => record(&mut out, &self.host, A, IN | ONLY, kept, &ip.octets()),
                IpAddr::V6(ip) => record(&mut out, &self.host, AAAA, IN | ONLY, kept, &ip.octets()),
            }
        }
        out
    }

    /// Whether `message` asks for this service and does not know it yet (RFC 6762, 6 and 7.1).
    pub(super) fn is_asked_for(&self, message: &Message) -> bool {
        let asked = message.questions.iter().any(|(name, kind)| match *kind {
            PTR => *name == Name::service(),
            SRV | TXT => *name == self.instance,
            A | AAAA => *name == self.host,
            ANY => *name == Name::service() || *name == self.instance || *name == self.host,
            _ => false,
        });
        let is_known = |record: &Record| record.kept >= KEPT / 2 && record.data == Data::Pointer(self.instance.clone());
        asked && !message.response && !message.records.iter().any(is_known)
    }
}

/// The question for all instances of the service.
pub(super) fn query() -> Vec<u8> {
    let mut out = header(0, 1, 0);
    out.extend_from_slice(&Name::service().0);
    out.extend_from_slice(&[PTR.to_be_bytes(), IN.to_be_bytes()].concat());
    out
}

/// Identifier (always 0, RFC 6762, 18.1), flags and the four counts.
fn header(flags: u16, questions: u16, answers: u16) -> Vec<u8> {
    [0, flags, questions, answers, 0, 0].iter().flat_map(|field: &u16| field.to_be_bytes()).collect()
}

fn record(out: &mut Vec<u8>, name: &Name, kind: u16, class: u16, kept: u32, data: &[u8]) {
    out.extend_from_slice(&name.0);
    out.extend_from_slice(&kind.to_be_bytes());
    out.extend_from_slice(&class.to_be_bytes());
    out.extend_from_slice(&kept.to_be_bytes());
    // Names and addresses of ours: far below 64 KiB.
    out.extend_from_slice(&u16::try_from(data.len()).unwrap_or(0).to_be_bytes());
    out.extend_from_slice(data);
}

/// What is read of a message.
pub(super) struct Message {
    response: bool,
    questions: Vec<(Name, u16)>,
    records: Vec<Record>,
}

struct Record {
    name: Name,
    kept: u32,
    data: Data,
}

#[derive(PartialEq, Eq)]
enum Data {
    Pointer(Name),
    Place { port: u16, host: Name },
    Address(IpAddr),
    Other,
}

impl Message {
    /// Reads a datagram; nothing if it is not sound to its end. What is held is bounded by its length: a record has at least 11 bytes.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader { bytes, at: 0 };
        let [_, flags, questions, answers, authorities, additionals] = reader.header()?;
        let mut message = Self { response: flags & RESPONSE != 0, questions: Vec::new(), records: Vec::new() };
        for _ in 0..questions {
            let (name, kind, _class) = (reader.name()?, reader.u16()?, reader.u16()?);
            message.questions.push((name, kind));
        }
        for _ in 0..u32::from(answers).saturating_add(authorities.into()).saturating_add(additionals.into()) {
            message.records.push(reader.record()?);
        }
        Some(message)
    }

    /// The hosts in this response that wait under `port`: each one's instance and addresses. A host says all of it in one message
    /// (SPEC 11), so nothing has to be kept from one to the next.
    pub(super) fn hosts(&self, port: u16) -> Vec<(Name, Vec<IpAddr>)> {
        let service = Name::service();
        let instances = self.said_of(&service).filter(|_| self.response).filter_map(|data| match data {
            Data::Pointer(instance) => Some(instance),
            _ => None,
        });
        let waiting = instances.filter_map(|instance| {
            let host = self.said_of(instance).find_map(|data| match data {
                Data::Place { port: named, host } if *named == port => Some(host),
                _ => None,
            })?;
            let addresses = self.said_of(host).filter_map(|data| match data {
                Data::Address(ip) => Some(*ip),
                _ => None,
            });
            Some((instance.clone(), addresses.take(super::ADDRESSES).collect()))
        });
        waiting.take(super::HOSTS).collect()
    }

    /// What the records of `name` say, but those that are gone.
    fn said_of<'a>(&'a self, name: &'a Name) -> impl Iterator<Item = &'a Data> {
        self.records.iter().filter(move |record| record.name == *name && record.kept > 0).map(|record| &record.data)
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(count)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    fn header(&mut self) -> Option<[u16; 6]> {
        Some([self.u16()?, self.u16()?, self.u16()?, self.u16()?, self.u16()?, self.u16()?])
    }

    fn name(&mut self) -> Option<Name> {
        let mut name = Vec::with_capacity(64);
        // Where to go on after the first pointer, and where the labels that are being read began.
        let (mut after, mut began) = (None, self.at);
        loop {
            let [length] = self.array()?;
            if length == 0 {
                name.push(0);
                self.at = after.unwrap_or(self.at);
                return (name.len() <= NAME_BYTES).then_some(Name(name));
            }
            if length <= LABEL_BYTES {
                name.push(length);
                name.extend(self.take(length.into())?.iter().map(u8::to_ascii_lowercase));
                if name.len() >= NAME_BYTES {
                    return None;
                }
                continue;
            }
            let [low] = self.array()?;
            let target = usize::from(u16::from_be_bytes([length, low]) & 0x3fff);
            // Every pointer leads further back than the last, so there is an end.
            if length < 0xc0 || target >= began {
                return None;
            }
            after = after.or(Some(self.at));
            (self.at, began) = (target, target);
        }
    }

    fn record(&mut self) -> Option<Record> {
        let (name, kind, _class) = (self.name()?, self.u16()?, self.u16()?);
        let kept = self.array().map(u32::from_be_bytes)?;
        let length = self.u16()?;
        let begin = self.at;
        let raw = self.take(length.into())?;
        let end = self.at;
        self.at = begin;
        let data = match (kind, raw.len()) {
            (A, 4) => Data::Address(IpAddr::from(self.array::<4>()?)),
            (AAAA, 16) => Data::Address(IpAddr::from(self.array::<16>()?)),
            (PTR, _) => Data::Pointer(self.name()?),
            (SRV, _) => {
                self.take(4)?;
                Data::Place { port: self.u16()?, host: self.name()? }
            }
            _ => {
                self.at = end;
                Data::Other
            }
        };
        // A name that ends elsewhere than its record is not one.
        (self.at == end).then_some(Record { name, kept, data })
    }
}

#[cfg(test)]
mod tests;
