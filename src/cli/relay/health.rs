//! `relay --health URL`: asks a relay whether it works, as its container or its keeper does.

use crate::failure::{Failure, Kind};
use crate::settings::agent::{for_a_person, says_that};
use crate::settings::{Config, Network, Origin, RelayChoice, set_relays};
use crate::transport::relay::dial::Trust;
use crate::transport::relay::health;
use pinhole_protocol::code::RelayUrl;

/// Prints `ok` if the relay at this address says that it is.
///
/// # Errors
/// Usage if it is no address; unreachable if nothing answers there, something else does, or the
/// relay is about to end.
pub(super) fn ask(text: &str) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| {
        Failure::new(Kind::Internal, format!("the program cannot start its event loop: {error}"))
    })?;
    runtime.block_on(asked(text))?;
    println!("ok");
    Ok(())
}

async fn asked(text: &str) -> Result<(), Failure> {
    // The address of the answer means its relay.
    let text = text.strip_suffix("/health").unwrap_or(text);
    let url = RelayUrl::parse(text).map_err(|why| {
        Failure::new(
            Kind::Usage,
            format!("the value of --health is not the address of a relay: {why}"),
        )
        .next("write it as: pinhole relay --health http://127.0.0.1:7667")
    })?;
    if let Some(why) = says_that("runs this command")
        && !set_relays(&Config::read()?).contains(&url)
    {
        let detail = format!("{why}, and that relay is not set here: it was not contacted");
        return Err(for_a_person(detail));
    }
    // Nothing that could be read on the way is said.
    let choice = RelayChoice::new(url, Origin::Flag("--health"), true)?;
    health(&choice, &Trust::default(), Network::from_env()?).await
}
