//! This machine's addresses: what to print for the other side, and how far away a peer is.

use crate::events::{Join, Path, Reach};
use crate::platform::network;
use if_addrs::{IfAddr, Interface, get_if_addrs};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

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
    let near =
        get_if_addrs().unwrap_or_default().iter().any(|interface| match (&interface.addr, peer) {
            (IfAddr::V4(own), IpAddr::V4(peer)) => {
                u32::from(own.ip) & u32::from(own.netmask)
                    == u32::from(peer) & u32::from(own.netmask)
            }
            (IfAddr::V6(own), IpAddr::V6(peer)) => {
                u128::from(own.ip) & u128::from(own.netmask)
                    == u128::from(peer) & u128::from(own.netmask)
            }
            _ => false,
        });
    if near && !is_tailnet(peer) { Path::Lan } else { Path::Direct }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn a_peer_on_this_machine_is_on_loopback() {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        assert_eq!(path(at("127.0.0.1:1"), at("127.0.0.9:2")), Path::Loopback);
        assert_eq!(path(at("[::ffff:127.0.0.1]:1"), at("[::ffff:127.0.0.1]:2")), Path::Loopback);
        assert_eq!(path(at("192.0.2.1:1"), at("192.0.2.1:2")), Path::Loopback);
        assert_eq!(path(at("192.0.2.1:1"), at("198.51.100.1:2")), Path::Direct);
    }
}
