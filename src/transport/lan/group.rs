//! The group of multicast DNS on one network of this machine (RFC 6762, 3).

use crate::platform::network::{hear_own_groups, share_port};
use if_addrs::Interface;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::task::{Context, Poll, ready};
use tokio::io::ReadBuf;

const PORT: u16 = 5353;
const IPV4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
const IPV6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb);
/// A receiver may know by this that nobody forwarded the datagram (RFC 6762, 11).
const HOPS: u32 = 255;
/// The longest message, headers of IP and UDP included (RFC 6762, 17).
pub(super) const LONGEST: usize = 9_000;

/// Membership in the group, over IPv4 or IPv6, on one interface.
pub(super) struct Group {
    hearing: tokio::net::UdpSocket,
    /// The same socket. What cannot be sent at once is lost, as any datagram may be.
    saying: UdpSocket,
    to: SocketAddr,
}

impl Group {
    /// Joins on the interface that `interface`, one of its addresses, belongs to, with that
    /// address's version of IP.
    ///
    /// The socket is bound to the group's own address, so nothing reaches it that was sent to this
    /// machine alone, from wherever; and routers do not forward to this group. That is the check of
    /// the source that RFC 6762, 11, asks for.
    ///
    /// # Errors
    /// Of the system: the port belongs to one program, or this environment has no multicast.
    pub(super) fn join(interface: &Interface) -> io::Result<Self> {
        let (saying, to) = member(interface)?;
        Ok(Self { hearing: tokio::net::UdpSocket::from_std(saying.try_clone()?)?, saying, to })
    }

    /// Says `message` to the group.
    ///
    /// # Errors
    /// Of the system: the network is down, or a firewall of this machine forbids it.
    pub(super) fn say(&self, message: &[u8]) -> io::Result<()> {
        self.saying.send_to(message, self.to).map(|_| ())
    }

    /// The next datagram of the group, cut off at the length of `buffer`.
    pub(super) fn poll_hear<'a>(
        &self,
        context: &mut Context<'_>,
        buffer: &'a mut [u8],
    ) -> Poll<io::Result<&'a [u8]>> {
        let mut free = ReadBuf::new(buffer);
        let heard = ready!(self.hearing.poll_recv(context, &mut free));
        let length = free.filled().len();
        Poll::Ready(heard.map(|()| buffer.get(..length).unwrap_or_default()))
    }
}

/// A socket that is in the group on the interface, and the group's address.
pub(super) fn member(interface: &Interface) -> io::Result<(UdpSocket, SocketAddr)> {
    let (to, domain) = match interface.ip() {
        IpAddr::V4(_) => (SocketAddr::from((IPV4, PORT)), Domain::IPV4),
        IpAddr::V6(_) => (SocketAddrV6::new(IPV6, PORT, 0, index(interface)?).into(), Domain::IPV6),
    };
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    // The port is shared with the system's own responder, and with other hosts and joiners here
    // (RFC 6762, 15.1).
    share_port(&socket)?;
    hear_own_groups(&socket, domain)?;
    socket.set_nonblocking(true)?;
    match interface.ip() {
        IpAddr::V4(ip) => {
            socket.bind(&to.into())?;
            socket.join_multicast_v4(&IPV4, &ip)?;
            socket.set_multicast_if_v4(&ip)?;
            socket.set_multicast_ttl_v4(HOPS)?;
        }
        IpAddr::V6(_) => {
            let index = index(interface)?;
            socket.set_only_v6(true)?;
            socket.bind(&to.into())?;
            socket.join_multicast_v6(&IPV6, index)?;
            socket.set_multicast_if_v6(index)?;
            socket.set_multicast_hops_v6(HOPS)?;
        }
    }
    Ok((socket.into(), to))
}

/// Each interface of `interfaces` once for each version of IP. A line between two machines is no
/// network to ask on.
pub(super) fn networks(interfaces: &[Interface]) -> impl Iterator<Item = &Interface> {
    let alike = |one: &Interface, other: &Interface| {
        one.name == other.name && one.ip().is_ipv4() == other.ip().is_ipv4()
    };
    interfaces
        .iter()
        .enumerate()
        .filter(move |(place, interface)| {
            !interfaces.iter().take(*place).any(|earlier| alike(earlier, interface))
        })
        .map(|(_, interface)| interface)
        .filter(|interface| !interface.is_p2p)
}

fn index(interface: &Interface) -> io::Result<u32> {
    interface.index.ok_or_else(|| io::ErrorKind::NotFound.into())
}
