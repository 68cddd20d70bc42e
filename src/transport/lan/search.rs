//! The joiner's side: who on the local network says that it waits under this number. An answer is a
//! hint and never an identity.

use super::group::{Group, LONGEST, networks};
use super::message::{Message, query};
use super::{ADDRESSES, HOSTS};
use crate::transport::addresses::{is_neighbour, outside_interfaces};
use if_addrs::Interface;
use simple_dns::Name;
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::task::Poll;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Longest search for a host: two questions, a second apart, and as long again for the second
/// answer. A host that has just answered somebody else is up to a second late with it
/// (RFC 6762, 5.2 and 6).
const PATIENCE: Duration = Duration::from_millis(2_200);
/// Between the two questions.
const AGAIN: Duration = Duration::from_secs(1);
/// Time for others to answer after the first. It covers the 120 ms for which an answer is held back
/// (RFC 6762, 6). It also covers a beacon interval or two, at which a wireless network sends
/// multicast.
const SETTLED: Duration = Duration::from_millis(350);

/// A host that answered.
#[derive(Clone, PartialEq, Eq)]
pub struct Found {
    instance: Name<'static>,
    /// Addresses that it claims on networks of this machine: 1 to 8.
    pub addresses: Vec<SocketAddr>,
}

/// Asks the networks of this machine who waits under `port`, for 2.2 s or until the answers have
/// settled. At most 16 hosts.
pub async fn find(port: u16) -> Vec<Found> {
    let interfaces = outside_interfaces();
    // No host is found on a network that cannot be asked.
    let groups: Vec<Group> =
        networks(&interfaces).filter_map(|interface| Group::join(interface).ok()).collect();
    let ask = || {
        for group in &groups {
            // A network that takes no question has no answer; the others may.
            let _ = group.say(&query());
        }
    };
    ask();
    let (mut again, mut end) = (Some(Instant::now() + AGAIN), Instant::now() + PATIENCE);
    let mut found = Vec::new();
    let mut buffer = vec![0; LONGEST];
    while !groups.is_empty() {
        tokio::select! {
            biased;
            () = sleep_until(again.unwrap_or(end)), if again.is_some() => {
                ask();
                again = None;
                // It is late on a busy machine, and is to be answered all the same.
                if found.is_empty() {
                    end = end.max(Instant::now() + PATIENCE.saturating_sub(AGAIN));
                }
            }
            () = sleep_until(end) => break,
            hosts = poll_fn(|context| {
                // A network that goes down meanwhile says nothing more.
                let mut heard = groups.iter().filter_map(|group| {
                    match group.poll_hear(context, &mut buffer) {
                        Poll::Ready(Ok(bytes)) => Some(
                            Message::parse(bytes)
                                .map(|message| message.hosts(port))
                                .unwrap_or_default(),
                        ),
                        Poll::Ready(Err(_)) | Poll::Pending => None,
                    }
                });
                heard.next().map_or(Poll::Pending, Poll::Ready)
            }) => {
                let first = found.is_empty();
                note(&mut found, hosts, port, &interfaces);
                if first && !found.is_empty() {
                    end = end.min(Instant::now() + SETTLED);
                }
            }
        }
    }
    found
}

/// Takes in what one response says, as far as it may be dialled, within the bounds.
fn note(
    found: &mut Vec<Found>,
    hosts: Vec<(Name<'static>, Vec<IpAddr>)>,
    port: u16,
    interfaces: &[Interface],
) {
    for (instance, addresses) in hosts {
        let dialable = addresses
            .into_iter()
            .map(|ip| ip.to_canonical())
            .filter(|ip| interfaces.iter().any(|own| is_neighbour(*ip, own)));
        for address in dialable.map(|ip| SocketAddr::new(ip, port)) {
            if found.len() < HOSTS && found.iter().all(|host| host.instance != instance) {
                found.push(Found { instance: instance.clone(), addresses: Vec::new() });
            }
            let host = found.iter_mut().find(|host| host.instance == instance);
            if let Some(host) = host.filter(|host| {
                host.addresses.len() < ADDRESSES && !host.addresses.contains(&address)
            }) {
                host.addresses.push(address);
            }
        }
    }
}

#[cfg(test)]
mod tests;
