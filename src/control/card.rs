//! A session's card beside its socket, which others read while the session does not answer. Also
//! tells the peer's session, if it is on this machine, whose this one is.

use super::Control;
use super::call::{Call, Target};
use super::owner::{Owner, Visitor};
use super::runtime::Runtime;
use super::wire::What;
use crate::events::{About, State, WantWord};
use crate::role::Role;
use pinhole_protocol::wire::Want;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Time for the peer's session to learn whose this one is.
const PATIENCE: Duration = Duration::from_secs(5);

/// The facts known of a session without asking it; no code is among them.
#[derive(Deserialize, Serialize)]
pub(super) struct Card {
    owners: Vec<Owner>,
    number: Option<u32>,
    role: Role,
    label: Option<String>,
    #[serde(with = "WantWord")]
    want: Want,
}

impl Card {
    fn of(control: &Control) -> Self {
        let (number, shared) = (control.number(), &control.0);
        Self {
            owners: control.owners(),
            number,
            role: shared.role,
            label: shared.label.clone(),
            want: shared.want,
        }
    }

    /// The card of this session, if it has one.
    pub(super) fn read(runtime: &Runtime, id: &str) -> Option<Self> {
        serde_json::Deserializer::from_slice(&runtime.noted(id)?).into_iter().next()?.ok()
    }

    /// Describes a session that does not answer, for a visitor. Only the number of its code is
    /// known.
    pub(super) fn about(self, id: &str, visitor: &Visitor, code: Option<&str>) -> About {
        let number = |code: &str| code.split('-').next().and_then(|number| number.parse().ok());
        About {
            session: id.to_owned(),
            matches: visitor.sees(&self.owners)
                && code.is_none_or(|code| self.number.is_some() && number(code) == self.number),
            number: self.number,
            role: self.role,
            label: self.label,
            state: State::NotAnswering,
            want: self.want,
            path: None,
            expires_at: None,
            unreceived: None,
            secrets_held: None,
            end: None,
            diagnostics: None,
            code: None,
        }
    }
}

/// Keeps the card as the session is, and tells the other side of its code whose it is, as long as
/// it runs.
pub(super) async fn keep(runtime: Arc<Runtime>, control: Control) {
    loop {
        control.0.noted.notified().await;
        put(&runtime, &control);
        oppose(&runtime, &control).await;
    }
}

/// Writes the card. Without one the session is not listed while it does not answer, and nothing
/// else.
pub(super) fn put(runtime: &Runtime, control: &Control) {
    if let Ok(card) = serde_json::to_vec(&Card::of(control)) {
        let _ = runtime.note(control.id(), &card);
    }
}

/// Says to the session at the other side of this one's code, if that is here too, whose this one
/// is: it stays closed to them.
async fn oppose(runtime: &Arc<Runtime>, control: &Control) {
    let code = {
        let phase = &control.standing().phase;
        phase.code.clone().filter(|_| phase.is_used())
    };
    let owners = control.owners();
    if code.is_none() || owners.iter().all(|owner| *owner == Owner::Person) {
        return;
    }
    let mut told = JoinSet::new();
    for id in runtime.sessions().unwrap_or_default().into_iter().filter(|id| id != control.id()) {
        let at = Target::Socket {
            path: runtime.socket(&id),
            _runtime: Arc::clone(runtime),
            by: control.visitor(),
            code: code.clone(),
        };
        let what = What::Oppose { role: control.0.role, owners: owners.clone() };
        told.spawn(async move {
            // Whoever does not hear it is no such session, or has ended.
            let _ = timeout(PATIENCE, async { Call::begin(&at, what).await?.next().await }).await;
        });
    }
    told.join_all().await;
}
