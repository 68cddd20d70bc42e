//! Options of sockets, and the name of the machine.

use socket2::{Domain, SockRef, Socket};
use std::io;
use std::os::fd::AsFd;

/// Keeps what a TCP socket has taken and not yet sent below so many bytes, where the system can.
///
/// # Errors
/// Of the system.
pub fn keep_unsent_low(socket: &impl AsFd, bytes: u32) -> io::Result<()> {
    SockRef::from(socket).set_tcp_notsent_lowat(bytes)
}

/// Asks for congestion control by BBR, which holds its speed where packets get lost, if the system
/// has it and lets this user. Otherwise the socket keeps what it has.
pub fn prefer_bbr(socket: &impl AsFd) {
    // Refused if the kernel has none, or lets only root use it (`tcp_allowed_congestion_control`).
    // For root the kernel loads its module.
    #[cfg(target_os = "linux")]
    let _ = SockRef::from(socket).set_tcp_congestion(b"bbr");
    #[cfg(not(target_os = "linux"))]
    let _ = socket;
}

/// Lets a socket that is not yet bound share its port with those of other programs that allow it
/// too.
///
/// # Errors
/// Of the system.
pub fn share_port(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)
}

/// Has a socket hear only the groups that it joins itself, on the interfaces where it joins them.
///
/// # Errors
/// Of the system.
pub fn hear_own_groups(socket: &Socket, domain: Domain) -> io::Result<()> {
    // Linux else hands over what arrives on other interfaces, where other programs have joined.
    #[cfg(target_os = "linux")]
    match domain {
        Domain::IPV4 => socket.set_multicast_all_v4(false)?,
        _ => socket.set_multicast_all_v6(false)?,
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (socket, domain);
    Ok(())
}

/// The machine's own name, if it is text.
#[must_use]
pub fn host_name() -> Option<String> {
    rustix::system::uname().nodename().to_str().ok().map(str::to_owned)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use socket2::Type;

    /// Name of the congestion control, without the zeros behind it.
    fn used(socket: &Socket) -> Vec<u8> {
        let name = socket.tcp_congestion().unwrap();
        name.into_iter().take_while(|byte| *byte != 0).collect()
    }

    #[test]
    fn bbr_is_used_where_the_kernel_lets_us_and_nothing_changes_elsewhere() {
        let socket = || Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let (tried, asked) = (socket(), socket());
        tried.set_tcp_congestion(b"reno").unwrap();
        asked.set_tcp_congestion(b"reno").unwrap();
        let allowed = tried.set_tcp_congestion(b"bbr").is_ok();
        prefer_bbr(&asked);
        assert_eq!(used(&asked), if allowed { b"bbr".to_vec() } else { b"reno".to_vec() });
    }

    #[test]
    fn a_refusal_is_no_error() {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap();
        assert!(socket.set_tcp_congestion(b"bbr").is_err());
        prefer_bbr(&socket);
    }
}
