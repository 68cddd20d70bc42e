//! The relay from outside, over real sockets on loopback.

mod client;
mod meeting;

use super::Server;
use crate::settings::Settings;
use client::{BINARY, Client};
use core::net::SocketAddr;

/// A relay that runs.
struct Running {
    address: SocketAddr,
}

impl Running {
    fn start(settings: Settings) -> Self {
        let server = Server::bind(settings).unwrap();
        let address = server.addresses()[0];
        tokio::spawn(server.run(core::future::pending()));
        Self { address }
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
}
