//! The host's side: saying the number of its code to whoever asks on the local network, until the
//! code is used.

use super::ADDRESSES;
use super::group::{Group, LONGEST, networks};
use super::message::{self, KEPT, Message, Service};
use crate::transport::addresses::outside_interfaces;
use if_addrs::Interface;
use rand_core::{OsRng, RngCore};
use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, sleep_until};

/// Between two answers on one network, and between the two announcements at the start (RFC 6762, 6
/// and 8.3).
const APART: Duration = Duration::from_secs(1);
/// An answer waits this long and up to 100 ms more, so that hosts do not all answer at once
/// (RFC 6762, 6: 20 to 120 ms).
const DELAY: Duration = Duration::from_millis(20);
const DELAY_RANGE: u32 = 100;
/// Before hearing is tried again where the system has refused it: the network may come back.
const PAUSE: Duration = Duration::from_secs(1);

/// A number being announced on the networks of this machine. Dropping it says that it is gone.
pub struct Announcement {
    networks: Vec<Network>,
}

/// The announcement on one interface, over one version of IP.
struct Network {
    group: Arc<Group>,
    service: Service,
    answering: AbortHandle,
}

impl Announcement {
    /// Announces that a host waits under `port`, at `bound` or else at every address that another
    /// machine could dial. The names in it are drawn anew each time and are nobody's. Networks that
    /// do not take it are left out.
    ///
    /// Must be called on a tokio runtime with timers and I/O.
    ///
    /// # Errors
    /// Of the system, if no network takes it; not found, if this machine has none.
    pub fn start(port: u16, bound: Option<IpAddr>) -> io::Result<Self> {
        let interfaces: Vec<Interface> = outside_interfaces()
            .into_iter()
            .filter(|interface| listens_at(bound, interface.ip()))
            .collect();
        let (instance, host) = (message::instance(&random_label()), message::host(&random_label()));
        let mut announced = Vec::new();
        let mut refused = io::Error::from(io::ErrorKind::NotFound);
        for interface in networks(&interfaces) {
            let here =
                interfaces.iter().filter(|other| other.name == interface.name).map(Interface::ip);
            let (instance, host) = (instance.clone(), host.clone());
            let service =
                Service { instance, host, port, addresses: here.take(ADDRESSES).collect() };
            match Network::announce(interface, service) {
                Ok(network) => announced.push(network),
                Err(error) => refused = error,
            }
        }
        if announced.is_empty() { Err(refused) } else { Ok(Self { networks: announced }) }
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        for network in &self.networks {
            network.answering.abort();
            // A machine that misses this asks again, and nobody answers.
            let _ = network.group.say(&network.service.response(0));
        }
    }
}

impl Network {
    /// No probing comes first: the names are drawn from 2^64, so nobody else has them (RFC 6762,
    /// 8.1).
    fn announce(interface: &Interface, service: Service) -> io::Result<Self> {
        let group = Arc::new(Group::join(interface)?);
        group.say(&service.response(KEPT))?;
        let answering = tokio::spawn(answer(Arc::clone(&group), service.clone())).abort_handle();
        Ok(Self { group, service, answering })
    }
}

/// Announces the service once more, and answers whoever asks for it.
async fn answer(group: Arc<Group>, service: Service) {
    let response = service.response(KEPT);
    let mut buffer = vec![0; LONGEST];
    let mut last = Instant::now();
    let mut due = Some(last + APART);
    loop {
        tokio::select! {
            () = sleep_until(due.unwrap_or(last)), if due.is_some() => {
                // A network that is down at this moment is asked on again later.
                let _ = group.say(&response);
                (last, due) = (Instant::now(), None);
            }
            asked = hear_question(&group, &service, &mut buffer) => match asked {
                Ok(true) => {
                    due = due.or_else(|| Some((Instant::now() + delay()).max(last + APART)));
                }
                Ok(false) => {}
                Err(_) => sleep(PAUSE).await,
            }
        }
    }
}

/// Waits for the next datagram; true if it asks for the service.
async fn hear_question(group: &Group, service: &Service, buffer: &mut [u8]) -> io::Result<bool> {
    let is_question =
        |bytes: &[u8]| Message::parse(bytes).is_some_and(|message| service.is_asked_for(&message));
    poll_fn(|context| group.poll_hear(context, buffer).map_ok(is_question)).await
}

fn delay() -> Duration {
    DELAY + Duration::from_millis((OsRng.next_u32() % DELAY_RANGE).into())
}

/// True if a listener bound to `bound` is reached at `ip`.
fn listens_at(bound: Option<IpAddr>, ip: IpAddr) -> bool {
    bound.is_none_or(|bound| {
        bound == ip || (bound.is_unspecified() && bound.is_ipv4() == ip.is_ipv4())
    })
}

/// 16 hexadecimal digits.
fn random_label() -> String {
    format!("{:016x}", OsRng.next_u64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_that_are_listened_at_are_announced() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let cases = [
            (None, "192.0.2.1", true),
            (None, "fd00::1", true),
            (Some("0.0.0.0"), "192.0.2.1", true),
            (Some("0.0.0.0"), "fd00::1", false),
            (Some("::"), "fd00::1", true),
            (Some("192.0.2.1"), "192.0.2.1", true),
            (Some("192.0.2.1"), "192.0.2.2", false),
            (Some("127.0.0.1"), "192.0.2.1", false),
        ];
        for (bound, address, expected) in cases {
            assert_eq!(listens_at(bound.map(ip), ip(address)), expected, "{bound:?} {address}");
        }
    }

    #[test]
    fn no_two_names_are_alike() {
        let (one, other) = (random_label(), random_label());
        assert!(one.len() == 16 && one != other);
    }
}
