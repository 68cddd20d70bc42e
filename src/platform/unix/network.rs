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
