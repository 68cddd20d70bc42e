//! A joiner before its conversation: the host of its code is found and dialled.

use super::meeting::Meeting;
use super::plan::Plan;
use super::{Halt, Report, tell};
use crate::control::found::{self, Which};
use crate::control::owner::Visitor;
use crate::events::{Event, State};
use crate::failure::{Failure, Kind, Run};
use crate::role::Role;
use crate::settings::Network;
use crate::transport::Met;
use crate::transport::again::Way;
use crate::transport::direct::{Candidates, join as dial};
use crate::transport::relay;
use pinhole_protocol::code::{CodeAddress, Place};
use pinhole_protocol::handshake::Joiner;
use pinhole_protocol::wire::Want;

/// Meets the host of the code that this side was given.
pub(super) async fn join(
    plan: &Plan,
    address: CodeAddress,
    report: &mut Report,
    halt: &mut Halt,
) -> Result<Meeting, Failure> {
    tell(report, &Event::Waiting);
    let met = async {
        let route = route(plan, &address).await?;
        let same = Which { code: Some(address.code.reveal()), role: Some(Role::Peer), label: None };
        let (nameplate, password) = address.code.split();
        let joiner = Joiner::new(password, nameplate);
        let met = match route {
            Route::Direct(candidates) => {
                let met = dial(candidates, joiner).await;
                met.map(|(met, dialled)| (met, Way::Dialled(dialled)))
            }
            Route::Relay(access) => {
                let met = relay::join(&access, nameplate, joiner).await;
                met.map(|met| (met, Way::Relay { access: Box::new(access), told: None }))
            }
        };
        let meeting = match met {
            Ok((Met::Joined(joined), way)) => Ok(Meeting::by_code((*joined, way), plan.bounds())),
            Ok((Met::Unheard(tagged), way)) => {
                Meeting::by_link(*tagged, (way, plan.bounds()), report).await
            }
            Err(end) => Err(end),
        };
        match meeting.map_err(Failure::from) {
            Ok(meeting) => Ok(meeting),
            Err(failure) => Err(here_already(&same, plan).await.unwrap_or(failure)),
        }
    };
    tokio::select! {
        joined = met => joined,
        failure = halt.wait("before there was a channel") => Err(failure),
    }
}

/// The failure that nobody waits under this code because this user has joined with it already, in a
/// channel that is still there.
async fn here_already(same: &Which, plan: &Plan) -> Option<Failure> {
    let mut found = found::find(same, &Visitor::of(plan.owner.clone()))
        .await
        .ok()?
        .into_iter()
        .map(|found| found.about);
    let about = found.find(|about| {
        about.want == Want::Both && !matches!(about.state, State::Waiting | State::Paired)
    })?;
    let number = about.number?;
    let detail = format!("this code was used for the channel {number}, which is open here already");
    Some(Failure::new(Kind::CodeUnavailable, detail).next(Run::receive(Some(number), Role::Peer)))
}

/// The way of a joiner to its host.
enum Route {
    Direct(Candidates),
    Relay(relay::Access),
}

/// The place that the code names, else the relay that is set, or this machine and its local
/// network, as its number says.
async fn route(plan: &Plan, address: &CodeAddress) -> Result<Route, Failure> {
    if !matches!(address.at, Some(Place::Relay(_))) && address.code.nameplate().port().is_some() {
        plan.may_be_direct()?;
    }
    match (&address.at, address.code.nameplate().port()) {
        (Some(Place::Host { host, port }), _) => {
            Candidates::named(host, *port, plan.network).await.map(Route::Direct)
        }
        (Some(Place::Relay(url)), _) => plan.way_to(url).map(Route::Relay),
        (None, Some(port)) => {
            Ok(Route::Direct(Candidates::near(port, plan.lan && plan.network == Network::Any)))
        }
        (None, None) => plan.way()?.map(Route::Relay).ok_or_else(|| {
            Failure::new(
                Kind::NoRelay,
                "this code's number comes from a relay, and no relay is set here",
            )
            .ask_user(
                "use the other side's whole line or link, which names its relay; or set it: \
                 --relay URL, PINHOLE_RELAY, pinhole config set relay URL",
            )
        }),
    }
}
