//! This machine's addresses: which are printed for the other side, or told to it. Those of a peer:
//! how far away it is, and which of its choice may be dialled.

use crate::events::{Join, Path, Reach};
use crate::platform::network;
use crate::settings::Network;
use if_addrs::{IfAddr, Interface, get_if_addrs};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The lines for the other machine: at most three, the most likely first (EVENTS.md). `command` is
/// everything before the code's `@`, such as `pinhole take 9471-…`; `reach` says where that alone
/// is enough; `bound` is where the host listens, if not everywhere.
#[must_use]
pub fn join_lines(command: &str, reach: &Reach, bound: Option<IpAddr>) -> Vec<Join> {
    let alone = |place: &'static str| Join { place: place.into(), command: command.to_owned() };
    if *reach == Reach::Machine {
        return vec![alone("on this machine")];
    }
    let addresses: Vec<IpAddr> = match bound {
        Some(ip) if !ip.is_unspecified() => vec![ip],
        _ => outside_interfaces().iter().map(Interface::ip).collect(),
    };
    let tailnet = addresses.iter().copied().find(|ip| is_tailnet(*ip));
    let local = addresses.iter().copied().find(|ip| !is_tailnet(*ip));
    let mut lines = Vec::new();
    if *reach == Reach::Announced {
        lines.push(alone("on this network"));
    }
    let place = if lines.is_empty() { "on this network" } else { "by address" };
    lines.extend(
        local.map(|ip| Join {
            place: place.into(),
            command: format!("{command}@{}", bracketed(ip)),
        }),
    );
    lines.extend(tailnet.map(|ip| Join {
        place: "on the tailnet".into(),
        command: format!("{command}@{}", bracketed(ip)),
    }));
    if let (true, Some(name)) = (lines.len() < 2 && bound.is_none(), host_name()) {
        lines.push(Join { place: "by name".into(), command: format!("{command}@{name}") });
    }
    if *reach != Reach::Announced {
        lines.push(alone("on this machine"));
    }
    lines
}

/// IPv6 in brackets, as in `CODE@[addr]`.
pub(super) fn bracketed(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

/// Interfaces and their addresses that another machine could dial, IPv4 first: none of a
/// container's, loopback's or a link's own.
#[must_use]
pub fn outside_interfaces() -> Vec<Interface> {
    let mut found = get_if_addrs().unwrap_or_default();
    found.retain(|interface| !is_container(&interface.name) && is_outside(interface.ip()));
    found.sort_by_key(|interface| interface.ip().is_ipv6());
    found
}

/// Bridges and pairs that container engines and virtual machines make: nobody outside this machine
/// can dial them.
fn is_container(interface: &str) -> bool {
    ["docker", "br-", "veth", "virbr", "podman", "cni", "lxc", "vmnet"]
        .iter()
        .any(|prefix| interface.starts_with(prefix))
}

fn is_outside(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !(ip.is_loopback() || ip.is_link_local() || ip.is_unspecified()),
        IpAddr::V6(ip) => !(ip.is_loopback() || ip.is_unspecified() || ip.is_unicast_link_local()),
    }
}

/// True if the peer may be told that this side listens at this address of its own (SPEC 6.6).
pub(super) fn sayable(ip: IpAddr, network: Network) -> bool {
    match network {
        Network::Any => is_outside(ip),
        Network::Loopback => ip.is_loopback(),
    }
}

/// True if an address that the peer has named may be dialled here (SPEC 6.6).
pub(super) fn dialable(ip: IpAddr, network: Network) -> bool {
    may_dial(ip.to_canonical(), network, &outside_interfaces())
}

/// The same on a machine with these interfaces, for an unmapped address.
fn may_dial(ip: IpAddr, network: Network, own: &[Interface]) -> bool {
    if network == Network::Loopback {
        return ip.is_loopback();
    }
    let near = || own.iter().any(|own| is_neighbour(ip, own));
    let none = ip.is_loopback() || ip.is_unspecified() || ip.is_multicast();
    match ip {
        _ if none => false,
        IpAddr::V4(ip) if ip.is_link_local() => false,
        // Those of this network, and those that nobody has.
        IpAddr::V4(ip) if ip.octets()[0] == 0 || ip.octets()[0] >= 240 => false,
        IpAddr::V4(ip) if ip.is_private() => near(),
        IpAddr::V4(_) if is_tailnet(ip) => own.iter().any(|own| is_tailnet(own.ip())),
        IpAddr::V4(_) => true,
        IpAddr::V6(ip) if ip.is_unicast_link_local() || embeds_v4(ip) => false,
        IpAddr::V6(ip) if ip.is_unique_local() => near(),
        IpAddr::V6(_) => true,
    }
}

/// True for an IPv6 address that leads to an IPv4 one: compatible, by a translator (RFC 6052), or
/// by 6to4.
fn embeds_v4(ip: Ipv6Addr) -> bool {
    matches!(ip.segments(), [0, 0, 0, 0, 0, 0, ..] | [0x64, 0xff9b, ..] | [0x2002, ..])
}

/// True if `ip` may be a machine in the subnet of `own`, and is no address of many or of none.
pub(super) fn is_neighbour(ip: IpAddr, own: &Interface) -> bool {
    if ip.is_loopback() || ip.is_multicast() || ip.is_unspecified() {
        return false;
    }
    let is_one = match (ip, &own.addr) {
        (IpAddr::V4(ip), IfAddr::V4(own)) => {
            let (address, mask) = (u32::from(ip), u32::from(own.netmask));
            // A network's first and last address are its own and everybody's, where it has more
            // than two (RFC 3021).
            let of_all = !mask > 1 && (address & !mask == 0 || address | mask == u32::MAX);
            !of_all && !ip.is_broadcast() && !ip.is_link_local()
        }
        (IpAddr::V6(ip), IfAddr::V6(_)) => !ip.is_unicast_link_local(),
        _ => false,
    };
    is_one && is_in_subnet(ip, own)
}

/// True if an address is in the subnet of an interface; one without a mask has none.
fn is_in_subnet(ip: IpAddr, own: &Interface) -> bool {
    match (ip, &own.addr) {
        (IpAddr::V4(ip), IfAddr::V4(own)) => {
            let mask = u32::from(own.netmask);
            mask != 0 && u32::from(own.ip) & mask == u32::from(ip) & mask
        }
        (IpAddr::V6(ip), IfAddr::V6(own)) => {
            let mask = u128::from(own.netmask);
            mask != 0 && u128::from(own.ip) & mask == u128::from(ip) & mask
        }
        _ => false,
    }
}

/// 100.64/10, where tailnets and carriers hand out addresses (RFC 6598).
fn is_tailnet(ip: IpAddr) -> bool {
    const FIRST: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 0);
    matches!(ip.to_canonical(), IpAddr::V4(ip) if u32::from(ip) >> 22 == u32::from(FIRST) >> 22)
}

/// The machine's name, if it is one that could be typed and dialled.
fn host_name() -> Option<String> {
    let name = network::host_name()?;
    let sayable = !name.is_empty()
        && name.len() <= 63
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.');
    (sayable && name != "localhost").then_some(name)
}

/// The path of a connection: how far away its peer is.
#[must_use]
pub fn path(local: SocketAddr, peer: SocketAddr) -> Path {
    let (local, peer) = (local.ip().to_canonical(), peer.ip().to_canonical());
    if peer.is_loopback() || peer == local {
        return Path::Loopback;
    }
    let near = get_if_addrs().unwrap_or_default().iter().any(|own| is_in_subnet(peer, own));
    if near && !is_tailnet(peer) { Path::Lan } else { Path::Direct }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use if_addrs::{IfOperStatus, Ifv4Addr, Ifv6Addr};

    #[test]
    fn on_loopback_only_this_machine_is_named() {
        let lines = join_lines("pinhole take 9471-x", &Reach::Machine, None);
        let [line] = &lines[..] else { panic!("{} lines", lines.len()) };
        assert_eq!((&*line.place, &*line.command), ("on this machine", "pinhole take 9471-x"));
    }

    #[test]
    fn a_bound_address_is_the_one_named() {
        let bound = Some("fd00::7".parse().unwrap());
        let lines = |reach| {
            join_lines("take 9471-x", reach, bound)
                .into_iter()
                .map(|line| (line.place.into_owned(), line.command))
                .collect::<Vec<_>>()
        };
        let (alone, at) = ("take 9471-x".to_owned(), "take 9471-x@[fd00::7]".to_owned());
        assert_eq!(
            lines(&Reach::Silent(None)),
            [("on this network".into(), at.clone()), ("on this machine".into(), alone.clone())]
        );
        assert_eq!(
            lines(&Reach::Announced),
            [("on this network".into(), alone), ("by address".into(), at)]
        );
        for reach in [Reach::Announced, Reach::Silent(None)] {
            assert!(join_lines("x", &reach, None).len() <= 3);
        }
    }

    #[test]
    fn addresses_nobody_outside_can_dial_are_left_out() {
        for bad in ["127.0.0.1", "169.254.1.1", "fe80::1", "::1", "0.0.0.0"] {
            assert!(!is_outside(bad.parse().unwrap()), "{bad}");
        }
        assert!(
            is_outside("192.168.1.5".parse().unwrap()) && is_outside("fd00::1".parse().unwrap())
        );
        assert!(
            is_tailnet("100.64.0.1".parse().unwrap())
                && is_tailnet("100.127.255.254".parse().unwrap())
        );
        assert!(
            !is_tailnet("100.128.0.1".parse().unwrap())
                && !is_tailnet("100.63.0.1".parse().unwrap())
        );
        assert!(is_container("docker0") && is_container("veth12ab") && !is_container("eth0"));
    }

    /// An interface with this address, in a subnet of so many bits.
    pub fn interface(address: &str, bits: u32) -> Interface {
        let addr = match address.parse().unwrap() {
            IpAddr::V4(ip) => {
                let netmask = u32::MAX.checked_shl(32 - bits).unwrap_or(0).into();
                IfAddr::V4(Ifv4Addr { ip, netmask, prefixlen: 0, broadcast: None })
            }
            IpAddr::V6(ip) => {
                let netmask = u128::MAX.checked_shl(128 - bits).unwrap_or(0).into();
                IfAddr::V6(Ifv6Addr { ip, netmask, prefixlen: 0, broadcast: None })
            }
        };
        Interface {
            name: "eth0".into(),
            addr,
            index: Some(2),
            oper_status: IfOperStatus::Up,
            is_p2p: false,
        }
    }

    #[test]
    fn what_a_peer_names_is_dialled_if_it_can_be_the_peer_s() {
        let own = [interface("10.9.0.2", 24), interface("fd09::2", 64)];
        let may = |text: &str, own: &[Interface]| {
            let ip: IpAddr = text.parse().unwrap();
            may_dial(ip.to_canonical(), Network::Any, own)
        };
        for good in [
            "10.9.0.1",
            "::ffff:10.9.0.1",
            "fd09::1",
            "198.51.100.7",
            "8.8.8.8",
            "2001:db8::1",
            "172.32.0.1",
            "100.63.0.1",
            "11.0.0.1",
        ] {
            assert!(may(good, &own), "{good}");
        }
        for bad in [
            "0.0.0.0",
            "0.1.2.3",
            "::",
            "127.0.0.1",
            "::1",
            "::ffff:127.0.0.1",
            "224.0.0.1",
            "ff02::1",
            "255.255.255.255",
            "240.0.0.1",
            "169.254.1.1",
            "::ffff:169.254.1.1",
            "fe80::1",
            "10.8.0.1",
            "10.9.0.0",
            "10.9.0.255",
            "::ffff:10.8.0.1",
            "192.168.0.1",
            "172.16.0.1",
            "fd08::1",
            "fc00::1",
            "100.64.0.1",
            "::10.9.0.1",
            "64:ff9b::a09:1",
            "2002:a09:1::1",
        ] {
            assert!(!may(bad, &own), "{bad}");
        }
        assert!(may("100.64.0.1", &[interface("100.100.0.2", 32)]));
        assert!(!may("10.9.0.1", &[]) && may("198.51.100.7", &[]));
        // Confined to this machine, nothing else is dialled.
        for (text, may) in [("127.0.0.1", true), ("::1", true), ("10.9.0.1", false)] {
            assert_eq!(may_dial(text.parse().unwrap(), Network::Loopback, &own), may, "{text}");
        }
    }

    #[test]
    fn this_machine_s_addresses_are_told_where_others_can_dial_them() {
        for (text, anywhere, here) in [
            ("127.0.0.1", false, true),
            ("::1", false, true),
            ("10.9.0.1", true, false),
            ("fe80::1", false, false),
            ("fd09::1", true, false),
            ("0.0.0.0", false, false),
        ] {
            let said =
                [Network::Any, Network::Loopback].map(|to| sayable(text.parse().unwrap(), to));
            assert_eq!(said, [anywhere, here], "{text}");
        }
    }

    #[test]
    fn a_peer_on_this_machine_is_on_loopback() {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        assert_eq!(path(at("127.0.0.1:1"), at("127.0.0.9:2")), Path::Loopback);
        assert_eq!(path(at("[::ffff:127.0.0.1]:1"), at("[::ffff:127.0.0.1]:2")), Path::Loopback);
        assert_eq!(path(at("192.0.2.1:1"), at("192.0.2.1:2")), Path::Loopback);
        assert_eq!(path(at("192.0.2.1:1"), at("198.51.100.1:2")), Path::Direct);
    }
}
