use super::*;
use proptest::prelude::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn service() -> Service {
    let addresses = vec![ip("192.0.2.1"), ip("fd00::1")];
    Service { instance: Name::instance(b"00c0ffee"), host: Name::host(b"0badcafe"), port: 9471, addresses }
}

fn parsed(bytes: &[u8]) -> Message {
    Message::parse(bytes).unwrap()
}

#[test]
fn what_is_announced_is_found_under_its_number_alone() {
    let message = parsed(&service().response(KEPT));
    assert_eq!(message.hosts(9471), [(service().instance, service().addresses)]);
    assert!(message.hosts(9472).is_empty());
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
    let label = [b'a'; 16];
    let addresses = vec![ip("fd00::1"); super::super::ADDRESSES];
    let service = Service { instance: Name::instance(&label), host: Name::host(&label), addresses, ..service() };
    // An Ethernet frame's 1,500 bytes less the headers of IPv6 and UDP.
    assert!(service.response(KEPT).len() <= 1_500 - 40 - 8);
}

/// A message of one question.
fn asking(name: &Name, kind: u16) -> Vec<u8> {
    [header(0, 1, 0), name.0.clone(), kind.to_be_bytes().to_vec(), IN.to_be_bytes().to_vec()].concat()
}

#[test]
fn questions_for_it_are_known_and_others_are_not() {
    let (service, other) = (service(), Name::instance(b"other"));
    for (name, kind) in
        [(&Name::service(), PTR), (&service.instance, SRV), (&service.instance, TXT), (&service.host, A), (&service.host, AAAA)]
    {
        assert!(service.is_asked_for(&parsed(&asking(name, kind))), "{name:?} {kind}");
        assert!(service.is_asked_for(&parsed(&asking(name, ANY))), "{name:?}");
    }
    for (name, kind) in [(&Name::service(), A), (&other, SRV), (&other, ANY), (&service.instance, PTR), (&service.host, SRV)] {
        assert!(!service.is_asked_for(&parsed(&asking(name, kind))), "{name:?} {kind}");
    }
    let loud = query().to_ascii_uppercase();
    assert!(service.is_asked_for(&parsed(&query())) && service.is_asked_for(&parsed(&loud)));
    assert!(!service.is_asked_for(&parsed(&service.response(KEPT))));
}

#[test]
fn who_knows_it_already_is_not_answered() {
    let service = service();
    for (kept, answered) in [(KEPT, false), (KEPT / 2, false), (KEPT / 2 - 1, true)] {
        let mut message = asking(&Name::service(), PTR);
        message[7] = 1;
        record(&mut message, &Name::service(), PTR, IN, kept, &service.instance.0);
        assert_eq!(service.is_asked_for(&parsed(&message)), answered, "{kept}");
    }
}

/// A response as others write it: names by pointers, records in the additional section, one of a type that is not known here.
#[test]
fn pointers_and_sections_of_other_writers_are_read() {
    let mut message: Vec<u8> = [0_u16, RESPONSE, 0, 1, 0, 3].iter().flat_map(|field| field.to_be_bytes()).collect();
    record(&mut message, &Name::service(), PTR, IN, 9, &[2, b'h', b'1', 0xc0, 12]);
    let instance = Name(vec![0xc0, u8::try_from(message.len() - 5).unwrap()]);
    record(&mut message, &instance, 47, IN, 9, b"whatever");
    // "local" comes after "_pinhole" and "_tcp", which begin at 12.
    record(&mut message, &instance, SRV, IN, 9, &[0, 0, 0, 0, 0x24, 0xff, 2, b'H', b'2', 0xc0, 12 + 9 + 5]);
    record(&mut message, &Name::host(b"h2"), A, IN, 9, &[192, 0, 2, 9]);
    assert_eq!(parsed(&message).hosts(9471), [(Name::instance(b"h1"), vec![ip("192.0.2.9")])]);
}

#[test]
fn pointers_that_lead_nowhere_or_around_are_refused() {
    for pointer in [[0xc0, 12], [0xc0, 13], [0xff, 0xff], [0x80, 0], [0x40, 0]] {
        let message = [&header(0, 1, 0)[..], &pointer, &[0, 12, 0, 1]].concat();
        assert!(Message::parse(&message).is_none(), "{pointer:?}");
    }
}

#[test]
fn names_that_are_too_long_are_refused() {
    let name = |last: u8| {
        let full = [&[63][..], &[b'a'; 63]].concat().repeat(3);
        [&header(0, 1, 0)[..], &full, &[last], &vec![b'b'; last.into()], &[0], &[0, 12, 0, 1]].concat()
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

#[test]
fn one_message_names_no_more_hosts_and_addresses_than_are_wanted() {
    let mut message = header(RESPONSE, 0, 40 * 23);
    for host in 0..40_u8 {
        let addresses = vec![ip("192.0.2.1"); 20];
        let service = Service { instance: Name::instance(&[b'!' + host]), host: Name::host(&[b'!' + host]), addresses, ..service() };
        message.extend_from_slice(&service.response(KEPT)[12..]);
    }
    let hosts = parsed(&message).hosts(9471);
    assert!(hosts.len() == super::super::HOSTS && hosts.iter().all(|(_, addresses)| addresses.len() == super::super::ADDRESSES));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300), port: u16) {
        let _ = Message::parse(&bytes).map(|message| message.hosts(port));
    }

    #[test]
    fn a_changed_byte_is_read_or_refused(at in 0_usize..200, byte: u8) {
        let mut bytes = service().response(KEPT);
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = Message::parse(&bytes).map(|message| (message.hosts(9471), service().is_asked_for(&message)));
    }

    #[test]
    fn a_cut_message_is_refused(at in 0_usize..200) {
        let bytes = service().response(KEPT);
        prop_assert!(Message::parse(&bytes[..at % bytes.len()]).is_none());
    }

    #[test]
    fn any_service_is_read_as_it_was_written(label in "[a-z0-9]{1,63}", port: u16, v4: [u8; 4], v6: [u8; 16]) {
        let service = Service { instance: Name::instance(label.as_bytes()), port, addresses: vec![v4.into(), v6.into()], ..service() };
        prop_assert_eq!(parsed(&service.response(KEPT)).hosts(port), [(service.instance.clone(), service.addresses)]);
    }
}
