use super::super::message;
use super::*;
use crate::transport::addresses::tests::interface;
use proptest::prelude::*;

const PORT: u16 = 9471;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// The addresses found when one host answers with these.
fn noted(addresses: &[&str], own: &[Interface]) -> Vec<String> {
    let mut found = Vec::new();
    note(
        &mut found,
        vec![(message::host("a"), addresses.iter().copied().map(ip).collect())],
        PORT,
        own,
    );
    found.iter().flat_map(|host| &host.addresses).map(ToString::to_string).collect()
}

#[test]
fn only_neighbours_are_dialled() {
    let own = [interface("192.0.2.7", 24), interface("fd00::7", 64)];
    let fine = ["192.0.2.1", "fd00::1", "::ffff:192.0.2.9"];
    assert_eq!(noted(&fine, &own), ["192.0.2.1:9471", "[fd00::1]:9471", "192.0.2.9:9471"]);
    let others = [
        "127.0.0.1",
        "::1",
        "::ffff:127.0.0.1",
        "0.0.0.0",
        "::",
        "224.0.0.251",
        "ff02::fb",
        "255.255.255.255",
        "192.0.2.255",
        "192.0.2.0",
        "192.0.3.1",
        "10.0.0.1",
        "169.254.1.1",
        "fe80::1",
        "fd01::1",
        "2001:db8::1",
        "::ffff:10.0.0.1",
    ];
    for other in others {
        assert!(noted(&[other], &own).is_empty(), "{other}");
    }
}

#[test]
fn the_subnet_decides_and_a_mask_of_nothing_is_none() {
    assert_eq!(noted(&["10.1.2.3"], &[interface("10.0.0.1", 8)]).len(), 1);
    assert_eq!(noted(&["192.0.2.0"], &[interface("192.0.2.1", 31)]).len(), 1);
    assert!(noted(&["192.0.2.2"], &[interface("192.0.2.1", 32)]).is_empty());
    assert!(
        noted(&["192.0.2.2", "fd00::2"], &[interface("192.0.2.1", 0), interface("fd00::1", 0)])
            .is_empty()
    );
    // Even where a machine has such an address itself.
    assert!(
        noted(
            &["169.254.0.2", "fe80::2"],
            &[interface("169.254.0.1", 16), interface("fe80::1", 64)]
        )
        .is_empty()
    );
    assert!(noted(&["127.0.0.2"], &[interface("127.0.0.1", 8)]).is_empty());
}

#[test]
fn one_host_with_several_addresses_is_one_host_and_keeps_their_order() {
    let own = [interface("10.0.0.1", 8)];
    let mut found = Vec::new();
    for addresses in [["10.0.0.5", "10.0.0.3"], ["10.0.0.5", "10.0.0.4"]] {
        note(&mut found, vec![(message::host("a"), addresses.map(ip).to_vec())], PORT, &own);
    }
    let [host] = &found[..] else { panic!("{} hosts", found.len()) };
    assert_eq!(
        host.addresses.iter().map(SocketAddr::ip).collect::<Vec<_>>(),
        ["10.0.0.5", "10.0.0.3", "10.0.0.4"].map(ip)
    );
    note(&mut found, vec![(message::host("b"), vec![ip("10.0.0.5")])], PORT, &own);
    assert_eq!(found.len(), 2);
}

proptest! {
    #[test]
    fn however_much_is_answered_little_is_kept(
        answers in proptest::collection::vec((0_u8..40, any::<[u8; 4]>()), 0..400),
    ) {
        let mut found = Vec::new();
        for (host, address) in answers {
            note(
                &mut found,
                vec![(message::host(&host.to_string()), vec![address.into()])],
                PORT,
                &[interface("10.0.0.1", 1)],
            );
        }
        prop_assert!(found.len() <= HOSTS);
        prop_assert!(found.iter().all(|host| (1..=ADDRESSES).contains(&host.addresses.len())));
    }
}
