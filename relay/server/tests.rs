//! The relay from outside, over real sockets on loopback.

mod client;
mod ending;
mod malformed;
mod meeting;
mod pressure;
mod upgrade;

use super::Server;
use crate::settings::Settings;
use client::{BINARY, Client, SOON};
use core::net::SocketAddr;
use core::time::Duration;
use std::sync::Arc;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// A relay that runs.
struct Running {
    address: SocketAddr,
    relay: Arc<super::Relay>,
    stop: Arc<Notify>,
    done: JoinHandle<()>,
}

impl Running {
    fn start(settings: Settings) -> Self {
        let server = Server::bind(settings).unwrap();
        let (address, relay, stop) =
            (server.addresses()[0], Arc::clone(&server.relay), Arc::new(Notify::new()));
        let told = Arc::clone(&stop);
        Self {
            address,
            relay,
            stop,
            done: tokio::spawn(server.run(async move { told.notified().await })),
        }
    }

    /// A host and a joiner that forward to each other.
    async fn pair(&self, host: u8, joiner: u8) -> (Client, Client) {
        let (mut host, number, _) = Client::host(self.address, host).await;
        host.send(BINARY, b"\0\0\0\x01one").await;
        let mut joiner = Client::join(self.address, joiner, number).await;
        assert_eq!(joiner.binary().await, b"one");
        joiner.send(BINARY, b"two").await;
        assert_eq!(host.binary().await, b"\0\0\0\x01two");
        host.say(r#"{"type":"confirmed","attempt":1}"#).await;
        host.send(BINARY, b"three").await;
        assert_eq!(joiner.binary().await, b"three");
        (host, joiner)
    }

    /// The relay works for others: two of them meet.
    async fn serves(&self) {
        let (mut host, mut joiner) = self.pair(201, 202).await;
        joiner.send(BINARY, b"and on").await;
        assert_eq!(host.binary().await, b"and on");
    }

    /// Waits until that holds of the relay.
    async fn until(&self, holds: impl Fn(&super::Relay) -> bool) {
        let wait = async {
            while !holds(&self.relay) {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(SOON, wait).await.expect("it to come to that");
    }

    /// Until everybody has gone and nothing is held for them.
    async fn empty(&self) {
        self.until(|relay| {
            let moment = relay.moment();
            (moment.connections, moment.population.connections, moment.buffered) == (0, 0, 0)
        })
        .await;
    }
}
