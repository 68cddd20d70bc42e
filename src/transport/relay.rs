//! The way through a relay: the WebSocket to it, meeting there as host or joiner, and the link over
//! it (SPEC 10).
//!
//! A link's threads read and write a stream of bytes. Here that stream is one end of a pair inside
//! this process; at the other end [`link`] carries records between it and the WebSocket, one
//! message each, so that reader and writer are the same on every way.

pub mod dial;
mod health;
mod host;
mod join;
mod link;
mod meeting;
mod own;
mod public;
mod replies;
mod socket;
mod upgrade;

pub use health::{health, health_as_used};
pub use host::{Host, Meanwhile};
pub use join::join;
pub(in crate::transport) use meeting::Meeting;
pub use own::{Own, Serving};
pub use pinhole_protocol::rendezvous::HostToken;
pub use public::{Known, Public};

use crate::failure::Failure;
use crate::settings::{Network, Origin, RelayChoice};
use dial::{Stream, Trust, dial, dial_directly};

/// A relay, and what is needed to reach it.
#[derive(Clone)]
pub struct Access {
    /// Which relay, and who said so.
    pub choice: RelayChoice,
    /// Certificates that we trust for it.
    pub trust: Trust,
    /// Which addresses may be dialled.
    pub network: Network,
    /// Token for a relay that wants one from hosts (SPEC 10.1).
    pub host_token: Option<HostToken>,
}

impl Access {
    /// The relay, as others are told of it.
    #[must_use]
    pub fn public(&self) -> Public {
        let choice = &self.choice;
        Public {
            url: choice.url.clone(),
            name: choice.named(),
            known: if choice.from == Origin::BuiltIn { Known::Everywhere } else { Known::WhereSet },
        }
    }

    /// A stream to the relay. To one of this process it never goes through a proxy.
    async fn connect(&self) -> Result<Stream, Failure> {
        match self.choice.from {
            Origin::Own => dial_directly(&self.choice, &self.trust, self.network).await,
            _ => dial(&self.choice, &self.trust, self.network).await,
        }
    }
}
