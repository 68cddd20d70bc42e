//! The way to the relay that is set: the proxy before it, and the relay itself.

use super::{Finding, Setup};
use crate::amounts::took;
use crate::failure::{Failure, Kind};
use crate::platform::endpoint::try_runtime;
use crate::settings::agent::{Agent, allow};
use crate::settings::{Network, RelayChoice};
use crate::transport::relay::dial::{self, Trust};
use crate::transport::relay::health_as_used;
use pinhole_protocol::code::RelayUrl;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// Time for each: a person would wait so long. It is less than [`super::LIMIT`], so that the one
/// that hangs is named.
const PATIENCE: Duration = Duration::from_secs(3);
/// Time to see then if a proxy is on the way. One that takes longer is named by the other check.
const GLANCE: Duration = Duration::from_millis(500);
/// For whom a proxy is looked up where no relay is set: any address of the kind that relays have.
/// It is never dialled.
const SOME_RELAY: &str = "wss://relay.invalid";

/// The proxy that the environment wants, if it takes connections.
pub(super) fn proxy(setup: &Setup) -> Finding {
    let set =
        setup.relay.as_ref().ok().and_then(Option::as_ref).map(|(choice, _)| choice.url.clone());
    let Some(url) = set.or_else(|| RelayUrl::parse(SOME_RELAY).ok()) else {
        return Finding::fine("none is set");
    };
    match look(seen(&url, setup.network)) {
        Ok(None) => Finding::fine("none is set, or none for the relay"),
        Ok(Some(named)) => Finding::fine(format!("{named} takes connections")),
        Err(failure) => failure.into(),
    }
}

async fn seen(url: &RelayUrl, network: Network) -> Result<Option<String>, Failure> {
    let late = |_| {
        Failure::new(
            Kind::ProxyUnreachable,
            format!("the proxy does not answer within {} s", PATIENCE.as_secs()),
        )
        .next(
            "check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY; NO_PROXY names hosts that are reached \
             without a proxy",
        )
    };
    timeout(PATIENCE, dial::proxy(url, network)).await.map_err(late)?
}

/// The relay that is set, asked the way that `give` and `take` go.
pub(super) fn relay(setup: &Setup) -> Finding {
    match &setup.relay {
        Err(failure) => failure.clone().into(),
        Ok(None) => Finding::fine(
            "none is set: codes work on this machine, on the local network and with CODE@HOST",
        ),
        Ok(Some((choice, trust))) => match look(asked(choice, trust, setup.network)) {
            Ok(after) => {
                Finding::fine(format!("{} works, and answers in {}", choice.named(), took(after)))
            }
            Err(failure) => failure.into(),
        },
    }
}

/// Returns the time until the relay has answered that it is well.
async fn asked(choice: &RelayChoice, trust: &Trust, network: Network) -> Result<Duration, Failure> {
    let since = Instant::now();
    let Err(failure) = health_as_used(choice, trust, network, PATIENCE).await else {
        return Ok(since.elapsed());
    };
    if failure.kind != Kind::RelayUnreachable {
        return Err(failure);
    }
    // A request that the relay does not answer may have been swallowed by the proxy.
    match timeout(GLANCE, dial::proxy(&choice.url, network)).await {
        Ok(Ok(Some(proxy))) => Err(Failure {
            detail: format!("{}; it is reached by {proxy}", failure.detail),
            ..failure
        }),
        _ => Err(failure),
    }
}

/// Looks on an event loop of its own.
fn look<T>(at: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let cannot = |error| {
        Failure::new(
            Kind::Internal,
            format!(
                "this cannot be checked: the event loop needs a pair of Unix sockets ({error})"
            ),
        )
        .next(allow(Agent::here()))
    };
    try_runtime().map_err(cannot)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(cannot)?;
    let found = runtime.block_on(at);
    // A name server that does not answer holds a thread, which ends with the process.
    runtime.shutdown_background();
    found
}
