//! Waiting for somebody, going to somebody, and finding somebody on the local network.

use super::{Finding, Setup};
use crate::failure::Advice;
use crate::settings::Network;
use crate::settings::agent::{Agent, allow};
use crate::transport::{addresses, lan};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// Time for a connection inside this machine: microseconds, unless something swallows it.
const INSIDE: Duration = Duration::from_secs(2);

/// Checks if others can connect: a free port on loopback and, if that is allowed, on all addresses.
pub(super) fn listen(setup: &Setup) -> Finding {
    let refused = |error| {
        Finding::wrong(
            format!("this machine does not let pinhole wait for the other side: {error}"),
            beside(setup),
        )
    };
    if let Err(error) = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)) {
        return refused(error);
    }
    if setup.network == Network::Loopback {
        return Finding::fine("on this machine only, because PINHOLE_NETWORK=loopback is set");
    }
    match TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)) {
        Ok(_) => Finding::fine(
            "a host can wait here for the other side; there may still be a firewall in between",
        ),
        Err(error) => refused(error),
    }
}

/// Advice where no port can be opened: the peer can wait, or the relay does.
fn beside(setup: &Setup) -> Advice {
    let allow = allow(Agent::here());
    Advice::for_user(match &setup.relay {
        Ok(Some(_)) => {
            format!("wait at the relay, as pinhole does without --direct; or {allow}")
        }
        _ => format!(
            "let the other side host: run `take` there, and `give --code CODE` here; or {allow}"
        ),
    })
}

/// Checks if this machine can connect to others.
pub(super) fn dial(setup: &Setup) -> Finding {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    // Without a listener of our own, a port of the system's that hardly ever has one: being refused
    // by it is an answer too.
    let to = listener
        .as_ref()
        .ok()
        .and_then(|listener| listener.local_addr().ok())
        .unwrap_or((Ipv4Addr::LOCALHOST, 1).into());
    if let Err(error) = reach(to) {
        return Finding::wrong(
            format!("this machine does not let pinhole open a connection: {error}"),
            allow(Agent::here()),
        );
    }
    if setup.network == Network::Loopback {
        return Finding::fine("inside this machine only, because PINHOLE_NETWORK=loopback is set");
    }
    if addresses::outside_interfaces().is_empty() {
        let detail = "there is only loopback, which may be this command's own";
        return Finding::wrong(
            detail,
            Advice::for_user(format!(
                "connect this machine to a network; or {}",
                allow(Agent::here())
            )),
        );
    }
    Finding::fine("connections can be opened, and there is a network to open them to")
}

fn reach(to: SocketAddr) -> io::Result<()> {
    match TcpStream::connect_timeout(&to, INSIDE) {
        Err(error) if error.kind() != io::ErrorKind::ConnectionRefused => Err(error),
        _ => Ok(()),
    }
}

/// Checks if the local network can be asked for a number and told of one.
pub(super) fn discovery(setup: &Setup) -> Finding {
    if setup.network == Network::Loopback {
        return Finding::fine("not used: PINHOLE_NETWORK=loopback keeps to this machine");
    }
    if !setup.lan.value {
        return Finding::fine(format!("switched off ({})", setup.lan.from));
    }
    match lan::joinable() {
        Ok(interfaces) => Finding::fine(format!(
            "codes can be announced and looked for on {}",
            interfaces.join(", ")
        )),
        Err(error) => {
            let why = if error.kind() == io::ErrorKind::NotFound {
                "there is none".to_owned()
            } else {
                error.to_string()
            };
            Finding::wrong(
                format!("codes cannot be announced or looked for on the local network: {why}"),
                "name the host with the code, CODE@HOST, or use a relay",
            )
        }
    }
}
