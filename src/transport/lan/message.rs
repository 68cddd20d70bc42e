//! The messages of multicast DNS that pinhole sends, and what it reads of anybody's (RFC 1035, 4.1;
//! RFC 6762, 18; RFC 6763).

use simple_dns::rdata::{PTR, RData, SRV, TXT};
use simple_dns::{
    CLASS, Name, Packet, PacketFlag, QTYPE, Question, ResourceRecord, TYPE, header_buffer,
};
use std::net::IpAddr;

/// The service (RFC 6763, 4.1.2).
const SERVICE: &str = "_pinhole._tcp.local";
/// Bytes of a header, and the fewest of a question and of a record: those about the root (RFC 1035,
/// 4.1).
const HEADER: usize = 12;
const QUESTION: usize = 5;
const RECORD: usize = 11;

/// Seconds for which others may keep a record: those of records with a host's name (RFC 6762, 10).
/// All have it, because a code lives as long as its host.
pub(super) const KEPT: u32 = 120;

/// `label`, of at most 63 bytes without dots, before the service's name: one host's instance of it.
pub(super) fn instance(label: &str) -> Name<'static> {
    Name::new_unchecked(&format!("{label}.{SERVICE}")).into_owned()
}

/// `label.local`, with a label of the same kind.
pub(super) fn host(label: &str) -> Name<'static> {
    Name::new_unchecked(&format!("{label}.local")).into_owned()
}

/// A host's instance of the service, as it is announced.
#[derive(Clone)]
pub(super) struct Service {
    pub instance: Name<'static>,
    pub host: Name<'static>,
    pub port: u16,
    pub addresses: Vec<IpAddr>,
}

impl Service {
    /// All of its records in one response. With `kept` 0 it says that they are gone (RFC 6762,
    /// 10.1).
    pub(super) fn response(&self, kept: u32) -> Vec<u8> {
        // The only record of its name and type (RFC 6762, 10.2).
        let only = |name: &Name<'static>, data| {
            ResourceRecord::new(name.clone(), CLASS::IN, kept, data).with_cache_flush(true)
        };
        // Priority and weight mean nothing where there is one (RFC 2782).
        let place = SRV { priority: 0, weight: 0, port: self.port, target: self.host.clone() };
        let mut packet = Packet::new_reply(0);
        // As every response is (RFC 6762, 18.4).
        packet.set_flags(PacketFlag::AUTHORITATIVE_ANSWER);
        packet.answers = vec![
            ResourceRecord::new(
                Name::new_unchecked(SERVICE),
                CLASS::IN,
                kept,
                RData::PTR(PTR(self.instance.clone())),
            ),
            only(&self.instance, RData::SRV(place)),
            // Nothing to add, which is said by one empty string (RFC 6763, 6.1).
            only(&self.instance, RData::TXT(TXT::new())),
        ];
        packet.answers.extend(self.addresses.iter().map(|address| match *address {
            IpAddr::V4(ip) => only(&self.host, RData::A(ip.into())),
            IpAddr::V6(ip) => only(&self.host, RData::AAAA(ip.into())),
        }));
        written(&packet)
    }

    /// True if `message` asks for this service and does not know it yet (RFC 6762, 6 and 7.1).
    pub(super) fn is_asked_for(&self, message: &Message) -> bool {
        let service = Name::new_unchecked(SERVICE);
        let asked =
            message.0.questions.iter().any(|Question { qname: name, qtype, .. }| match qtype {
                QTYPE::TYPE(TYPE::PTR) => *name == service,
                QTYPE::TYPE(TYPE::SRV | TYPE::TXT) => *name == self.instance,
                QTYPE::TYPE(TYPE::A | TYPE::AAAA) => *name == self.host,
                QTYPE::ANY => *name == service || *name == self.instance || *name == self.host,
                _ => false,
            });
        let is_known = |record: &ResourceRecord| {
            record.ttl >= KEPT / 2
                && matches!(&record.rdata, RData::PTR(PTR(instance)) if *instance == self.instance)
        };
        asked && !message.0.has_flags(PacketFlag::RESPONSE) && !message.records().any(is_known)
    }
}

/// The question for all instances of the service.
pub(super) fn query() -> Vec<u8> {
    let mut packet = Packet::new_query(0);
    packet.questions.push(Question::new(
        Name::new_unchecked(SERVICE),
        TYPE::PTR.into(),
        CLASS::IN.into(),
        false,
    ));
    written(&packet)
}

fn written(packet: &Packet) -> Vec<u8> {
    // Writing to memory does not fail.
    packet.build_bytes_vec().unwrap_or_default()
}

/// A message as read from a datagram.
pub(super) struct Message<'a>(Packet<'a>);

impl<'a> Message<'a> {
    /// Reads a datagram; nothing if the library finds a fault in it, or a type of question or a
    /// class that it does not know.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        // It takes memory for as many as the header says before it looks for them.
        if bytes.len() < least_length(bytes) {
            return None;
        }
        Packet::parse(bytes).ok().map(Self)
    }

    /// The hosts in this response that wait under `port`, among the first that it names: each one's
    /// instance and addresses. A host says all of it in one message (SPEC 11), so nothing has to be
    /// kept from one to the next.
    pub(super) fn hosts(&self, port: u16) -> Vec<(Name<'static>, Vec<IpAddr>)> {
        let service = Name::new_unchecked(SERVICE);
        let instances = self
            .said_of(&service)
            .filter(|_| self.0.has_flags(PacketFlag::RESPONSE))
            .filter_map(|data| match data {
                RData::PTR(PTR(instance)) => Some(instance),
                _ => None,
            });
        // All records are looked through for each, so no more are taken than are wanted, whatever
        // they turn out to be.
        let waiting = instances.take(super::HOSTS).filter_map(|instance| {
            let host = self.said_of(instance).find_map(|data| match data {
                RData::SRV(place) if place.port == port => Some(&place.target),
                _ => None,
            })?;
            let addresses = self.said_of(host).filter_map(|data| match data {
                RData::A(ip) => Some(IpAddr::V4(ip.address.into())),
                RData::AAAA(ip) => Some(IpAddr::V6(ip.address.into())),
                _ => None,
            });
            Some((instance.clone().into_owned(), addresses.take(super::ADDRESSES).collect()))
        });
        waiting.collect()
    }

    /// The data of the records of `name`, except those that are gone.
    fn said_of<'m>(&'m self, name: &'m Name<'a>) -> impl Iterator<Item = &'m RData<'a>> {
        self.records()
            .filter(move |record| record.name == *name && record.ttl > 0)
            .map(|record| &record.rdata)
    }

    fn records(&self) -> impl Iterator<Item = &ResourceRecord<'a>> {
        self.0.answers.iter().chain(&self.0.name_servers).chain(&self.0.additional_records)
    }
}

/// The fewest bytes that a message with the counts of this header has.
fn least_length(header: &[u8]) -> usize {
    let count = |read: fn(&[u8]) -> simple_dns::Result<u16>| read(header).map_or(0, usize::from);
    let records = count(header_buffer::answers)
        + count(header_buffer::name_servers)
        + count(header_buffer::additional_records);
    HEADER + QUESTION * count(header_buffer::questions) + RECORD * records
}

#[cfg(test)]
mod tests;
