use super::*;
use proptest::prelude::*;
use simple_dns::QCLASS;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn service() -> Service {
    let addresses = vec![ip("192.0.2.1"), ip("fd00::1")];
    Service { instance: instance("00c0ffee"), host: host("0badcafe"), port: 9471, addresses }
}

fn parsed(bytes: &[u8]) -> Message<'_> {
    Message::parse(bytes).unwrap()
}

#[test]
fn what_is_announced_is_found_under_its_number_alone() {
    let response = service().response(KEPT);
    assert_eq!(parsed(&response).hosts(9471), [(service().instance, service().addresses)]);
    assert!(parsed(&response).hosts(9472).is_empty());
}

#[test]
fn a_goodbye_and_a_question_find_nobody() {
    assert!(parsed(&service().response(0)).hosts(9471).is_empty());
    let mut question = service().response(KEPT);
    question[2] = 0;
    assert!(parsed(&question).hosts(9471).is_empty());
}

#[test]
fn the_most_that_is_announced_fits_one_frame() {
    let label = "a".repeat(16);
    let addresses = vec![ip("fd00::1"); super::super::ADDRESSES];
    let service =
        Service { instance: instance(&label), host: host(&label), addresses, ..service() };
    // An Ethernet frame's 1,500 bytes less the headers of IPv6 and UDP.
    assert!((1..=1_500 - 40 - 8).contains(&service.response(KEPT).len()));
}

/// The service's name, on the wire.
const NAME: &[u8] = b"\x08_pinhole\x04_tcp\x05local\0";
/// A pointer to it, where it comes first.
const POINTER: &[u8] = &[0xc0, 12];

/// A header with these flags and counts.
fn header(flags: u16, counts: [u16; 4]) -> Vec<u8> {
    [&[0, flags][..], &counts].concat().iter().flat_map(|field| field.to_be_bytes()).collect()
}

/// A record that may be kept for nine seconds.
fn record(name: &[u8], kind: u16, class: u16, data: &[u8]) -> Vec<u8> {
    let fields = [kind, class, 0, 9, u16::try_from(data.len()).unwrap()];
    [name, &fields.map(u16::to_be_bytes).concat(), data].concat()
}

#[test]
fn an_announcement_is_these_bytes() {
    let (instance, host) = ([b"\x0800c0ffee", NAME].concat(), b"\x080badcafe\x05local\0");
    let expected = [
        header(0x8400, [0, 5, 0, 0]),
        record(NAME, 12, 1, &instance),
        record(&instance, 33, 0x8001, &[&[0, 0, 0, 0, 0x24, 0xff], &host[..]].concat()),
        record(&instance, 16, 0x8001, &[0]),
        record(host, 1, 0x8001, &[192, 0, 2, 1]),
        record(host, 28, 0x8001, &[0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
    ];
    assert_eq!(service().response(9), expected.concat());
    assert_eq!(query(), [&header(0, [1, 0, 0, 0]), NAME, &[0, 12, 0, 1]].concat());
}

/// A message of one question, by whoever knows these of the service for so long.
fn asking(name: &Name<'static>, kind: QTYPE, known: &[(Name<'static>, u32)]) -> Vec<u8> {
    let mut packet = Packet::new_query(0);
    packet.questions.push(Question::new(name.clone(), kind, QCLASS::ANY, true));
    let records = known.iter().map(|(name, kept)| {
        ResourceRecord::new(
            Name::new_unchecked(SERVICE),
            CLASS::IN,
            *kept,
            RData::PTR(PTR(name.clone())),
        )
    });
    packet.answers.extend(records);
    packet.build_bytes_vec_compressed().unwrap()
}

#[test]
fn questions_for_it_are_known_and_others_are_not() {
    let (service, other, all) = (service(), instance("other"), Name::new_unchecked(SERVICE));
    let is_asked =
        |name: &Name<'static>, kind| service.is_asked_for(&parsed(&asking(name, kind, &[])));
    for (name, kind) in [
        (&all, TYPE::PTR),
        (&service.instance, TYPE::SRV),
        (&service.instance, TYPE::TXT),
        (&service.host, TYPE::A),
        (&service.host, TYPE::AAAA),
    ] {
        assert!(is_asked(name, kind.into()), "{name:?} {kind:?}");
        assert!(is_asked(name, QTYPE::ANY), "{name:?}");
    }
    for (name, kind) in [
        (&all, TYPE::A),
        (&other, TYPE::SRV),
        (&service.instance, TYPE::PTR),
        (&service.host, TYPE::SRV),
    ] {
        assert!(!is_asked(name, kind.into()), "{name:?} {kind:?}");
    }
    assert!(!is_asked(&other, QTYPE::ANY));
    let loud = query().to_ascii_uppercase();
    assert!(service.is_asked_for(&parsed(&query())) && service.is_asked_for(&parsed(&loud)));
    let answered = [&[0, 0, 0x84], &query()[3..]].concat();
    assert!(
        !service.is_asked_for(&parsed(&answered))
            && !service.is_asked_for(&parsed(&service.response(KEPT)))
    );
}

#[test]
fn who_knows_it_already_is_not_answered() {
    let (service, other) = (service(), (instance("other"), KEPT));
    for (kept, answered) in [(KEPT, false), (KEPT / 2, false), (KEPT / 2 - 1, true)] {
        let known = [other.clone(), (service.instance.clone(), kept)];
        let message = asking(&Name::new_unchecked(SERVICE), TYPE::PTR.into(), &known);
        assert_eq!(service.is_asked_for(&parsed(&message)), answered, "{kept}");
    }
}

/// Additions to a question by system responders: another one, others' services that they know,
/// records to probe for (RFC 6762, 8.2). Some also add types that their host lacks (NSEC), their
/// machine's address for waking it (OPT), and unknown types.
#[test]
fn what_others_add_to_a_question_does_not_hide_it() {
    let added = [
        record(POINTER, 12, 1, &[2, b'h', b'1', 0xc0, 12]),
        record(&[0xc0, 12 + 9 + 5], 13, 1, b"\x03ARM\x05LINUX"),
        record(POINTER, 1_000, 1, b"whatever"),
        record(&[0xc0, 12 + 9 + 5], 47, 0x8001, &[0xc0, 12 + 9 + 5, 0, 4, 0x40, 0, 0, 8]),
        record(&[0], 41, 1_440, b"\0\x04\0\x08\0\0abcdef"),
    ];
    let questions = [NAME, &[0, 12, 0x80, 1], POINTER, &[0, 65, 0, 1]].concat();
    let message = [header(0x200, [2, 2, 1, 2]), questions, added.concat()].concat();
    assert!(service().is_asked_for(&parsed(&message)));
}

/// A response as others write it: names by pointers, records in all sections, one of a type not
/// known here and one of somebody else.
#[test]
fn pointers_and_sections_of_other_writers_are_read() {
    let mut message =
        [header(0x8000, [0, 1, 2, 2]), record(NAME, 12, 1, b"\x02h1\xc0\x0c")].concat();
    let name = [0xc0, u8::try_from(message.len() - 5).unwrap()];
    message.extend(record(&name, 1_000, 1, b"whatever"));
    // "local" comes after "_pinhole" and "_tcp", which begin at 12.
    message.extend(record(
        &name,
        33,
        1,
        &[0, 0, 0, 0, 0x24, 0xff, 2, b'H', b'2', 0xc0, 12 + 9 + 5],
    ));
    message.extend(record(b"\x02h3\x05local\0", 1, 1, &[192, 0, 2, 8]));
    message.extend(record(b"\x02h2\x05LOCAL\0", 1, 1, &[192, 0, 2, 9]));
    assert_eq!(parsed(&message).hosts(9471), [(instance("h1"), vec![ip("192.0.2.9")])]);
}

#[test]
fn pointers_that_lead_nowhere_or_around_are_refused() {
    for pointer in [[0xc0, 12], [0xc0, 13], [0xff, 0xff], [0x80, 0], [0x40, 0]] {
        let message = [&header(0, [1, 0, 0, 0])[..], &pointer, &[0, 12, 0, 1]].concat();
        assert!(Message::parse(&message).is_none(), "{pointer:?}");
    }
    // Around by way of a label.
    let message = [&header(0, [1, 0, 0, 0])[..], b"\x01a\xc0\x0c", &[0, 12, 0, 1]].concat();
    assert!(Message::parse(&message).is_none());
}

#[test]
fn names_that_are_too_long_are_refused() {
    let name = |last: u8| {
        let full = [&[63][..], &[b'a'; 63]].concat().repeat(3);
        [
            &header(0, [1, 0, 0, 0])[..],
            &full,
            &[last],
            &vec![b'b'; last.into()],
            &[0],
            &[0, 12, 0, 1],
        ]
        .concat()
    };
    assert!(Message::parse(&name(61)).is_some());
    assert!(Message::parse(&name(62)).is_none());
}

#[test]
fn counts_that_are_not_there_are_refused() {
    let mut message = service().response(KEPT);
    for count in [6, 0xffff_u16] {
        message[6..8].copy_from_slice(&count.to_be_bytes());
        assert!(Message::parse(&message).is_none());
    }
}

/// Each count takes its share, and the smallest message that there is of each kind is not refused.
#[test]
fn counts_say_how_long_a_message_is_at_least() {
    assert_eq!(least_length(&header(0, [1_000, 100, 10, 1])), 12 + 5 * 1_000 + 11 * 111);
    let question = [header(0, [1, 0, 0, 0]), vec![0, 0, 12, 0, 1]].concat();
    let records = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
        .map(|[a, b, c]| [header(0, [0, a, b, c]), record(&[0], 1_000, 1, b"")].concat());
    for message in [&question, &records[0], &records[1], &records[2]] {
        assert!(
            least_length(message) == message.len() && Message::parse(message).is_some(),
            "{message:?}"
        );
    }
}

#[test]
fn one_message_names_no_more_hosts_and_addresses_than_are_wanted() {
    let mut message = header(0x8000, [0, 40 * 23, 0, 0]);
    for number in 0..40 {
        let (label, addresses) = (number.to_string(), vec![ip("192.0.2.1"); 20]);
        let service =
            Service { instance: instance(&label), host: host(&label), addresses, ..service() };
        message.extend_from_slice(&service.response(KEPT)[12..]);
    }
    let hosts = parsed(&message).hosts(9471);
    assert!(
        hosts.len() == super::super::HOSTS
            && hosts.iter().all(|(_, addresses)| addresses.len() == super::super::ADDRESSES)
    );
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        port: u16,
    ) {
        let _ = Message::parse(&bytes).map(|message| message.hosts(port));
    }

    #[test]
    fn a_changed_byte_is_read_or_refused(at in 0_usize..300, byte: u8) {
        let mut bytes = service().response(KEPT);
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = Message::parse(&bytes)
            .map(|message| (message.hosts(9471), service().is_asked_for(&message)));
    }

    #[test]
    fn a_cut_message_is_refused(at in 0_usize..300) {
        let bytes = service().response(KEPT);
        prop_assert!(Message::parse(&bytes[..at % bytes.len()]).is_none());
    }

    #[test]
    fn any_service_is_read_as_it_was_written(
        label in "[a-z0-9]{1,63}",
        port: u16,
        v4: [u8; 4],
        v6: [u8; 16],
    ) {
        let service = Service {
            instance: instance(&label),
            port,
            addresses: vec![v4.into(), v6.into()],
            ..service()
        };
        prop_assert_eq!(
            parsed(&service.response(KEPT)).hosts(port),
            [(service.instance.clone(), service.addresses)]
        );
    }
}
