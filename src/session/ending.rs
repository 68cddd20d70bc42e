//! The end of a session: why it fails, which side is to blame, and what is said of it.

use super::effects::Effects;
use super::interrupt::Interrupt;
use super::links::LAST_WORDS;
use super::removal;
use super::so_far::SoFar;
use super::terms::Terms;
use crate::control::Control;
use crate::events::Event;
use crate::failure::sentences::{Side, failure_from};
use crate::failure::{Advice, Failure, Kind};
use pinhole_protocol::conversation::{self, Input, Outcome};
use pinhole_protocol::violation::Violation;
use pinhole_protocol::wire::{Reason, Want};
use std::path::PathBuf;

/// The end of a session, as far as it is known.
pub(super) struct Ending {
    terms: Terms,
    /// Things of ours that this session came to send and that have not arrived.
    owed: usize,
    /// The failure that the session ends with: the first, because later ones follow from it.
    failure: Option<Failure>,
    /// The side to blame for failures from here on.
    side: Side,
    outcome: Option<Outcome>,
    /// True once the conversation reports that it is over, before that is acted on.
    near: bool,
}

impl Ending {
    /// Nothing has failed yet of a session that came to send so many things.
    pub(super) const fn new(terms: Terms, wares: usize) -> Self {
        Self { terms, owed: wares, failure: None, side: Side::There, outcome: None, near: false }
    }

    /// The outcome of the conversation, once it is over.
    pub(super) const fn outcome(&self) -> Option<Outcome> {
        self.outcome
    }

    /// The side to blame for failures from here on.
    pub(super) const fn side(&self) -> Side {
        self.side
    }

    /// True if what fails now fails with the conversation.
    pub(super) const fn is_near(&self) -> bool {
        self.near
    }

    /// Something of ours has arrived at the peer.
    pub(super) fn delivered(&mut self) -> Effects {
        self.owed = self.owed.saturating_sub(1);
        Effects::none()
    }

    /// The failure that the session ends with, if it is the first.
    pub(super) fn fail(&mut self, failure: Failure) -> Effects {
        self.failure.get_or_insert(failure);
        Effects::none()
    }

    /// The session is interrupted after its conversation.
    pub(super) fn interrupted(&mut self) {
        self.failure.get_or_insert(failure_from(Reason::Interrupted, Side::Here));
    }

    /// Something of this session went wrong: in a channel that stays open it is said and the
    /// channel goes on, else the session ends with it.
    pub(super) fn trouble(&mut self, failure: Failure) -> Effects {
        if self.terms.want == Want::Both {
            return Effects::none().event(Event::Trouble(failure));
        }
        self.fail(failure)
    }

    /// Ends the conversation at once, for a reason of this side's: what fails by that is said
    /// before, or it would seem the peer's.
    pub(super) fn abort(&mut self, reason: Reason) -> Effects {
        self.fail(failure_from(reason, Side::Here)).input(Input::Abort(reason))
    }

    /// The person or another command breaks off: hears what has come here and arrived there by now,
    /// and if it `stays`.
    pub(super) fn interrupt(&mut self, here: &SoFar, there: &SoFar, stays: bool) -> Effects {
        let mut failure = failure_from(Reason::Interrupted, Side::Here);
        if stays {
            failure = failure.next("take it again with a new code: it goes on where it ended");
        }
        for said in [here.here(), there.there()].into_iter().flatten() {
            failure.detail = format!("{}; {said}", failure.detail);
        }
        self.fail(failure).input(Input::Abort(Reason::Interrupted))
    }

    /// Looks ahead at what the conversation reports, before anything of that is acted on.
    pub(super) fn ahead(&mut self, events: &[conversation::Event]) {
        use Outcome::{Aborted, Expired, Violated};
        let over = events.iter().find_map(|event| match event {
            conversation::Event::Over(outcome) => Some(*outcome),
            _ => None,
        });
        self.near |= over.is_some();
        // The peer's breach is said before what fails by it, or it would seem that the peer
        // complained of this side.
        if let Some(Violated(what)) = over {
            self.failure.get_or_insert_with(|| violated(what));
        }
        // Whatever is under way when this side ends the conversation fails by that, not by the
        // peer's doing.
        if let Some(Aborted(_) | Expired | Violated(_)) = over {
            self.side = Side::Here;
        }
    }

    /// The conversation is over.
    pub(super) fn over(&mut self, outcome: Outcome) -> Effects {
        self.outcome = Some(outcome);
        Effects::none()
    }

    /// The failure of the session, in the order of what explains most, and the event that ends it;
    /// it has `received` so many things.
    pub(super) fn judge(&mut self, received: usize) -> (Option<Event>, Option<Failure>) {
        let lost = matches!(
            self.outcome,
            Some(Outcome::LinkLost | Outcome::NeverHeard | Outcome::Unheard)
        );
        let said = lost.then_some(Event::Disconnected);
        let ended = self.outcome.and_then(|outcome| self.ended(outcome, received));
        if let Some(failure) = self.failure.take().or(ended) {
            return (said, Some(failure));
        }
        if self.terms.want == Want::Take && received == 0 {
            let detail = "the other side left without sending anything";
            return (said, Some(Failure::new(Kind::PeerLeft, detail)));
        }
        (Some(Event::Closed), None)
    }

    fn ended(&self, outcome: Outcome, received: usize) -> Option<Failure> {
        let again = "start again with a new code";
        Some(match outcome {
            Outcome::Done => return None,
            Outcome::Aborted(reason) => failure_from(reason, Side::Here),
            // Whatever became of the peer after that, what this side came to give is where it
            // belongs.
            Outcome::PeerLeft(_) if self.terms.want == Want::Give && self.owed == 0 => {
                return None;
            }
            Outcome::PeerLeft(reason) => failure_from(reason, Side::There),
            Outcome::Unheard if received == 0 => {
                let detail = "the connection to the other side was lost before anything came";
                Failure::new(Kind::PeerLost, detail).next(again)
            }
            Outcome::Unheard => {
                let detail = "what has come is here, whole, but the connection was lost before the \
                              last word: the other side may not know, or may have had more to send";
                Failure::new(Kind::PeerLost, detail).next("ask the other side")
            }
            Outcome::LinkLost => {
                let detail =
                    "the connection to the other side broke, and what was in progress is lost";
                Failure::new(Kind::PeerLost, detail).next(again)
            }
            Outcome::NeverHeard => {
                let detail = "the other side knew the code but never came back; the code is dead";
                Failure::new(Kind::PeerLost, detail).next(again)
            }
            Outcome::Expired => failure_from(Reason::Expired, Side::Here),
            Outcome::SameRole => same_role(self.terms.want),
            Outcome::Tampered => {
                let detail = "what arrived was changed on its way, so the channel was closed";
                Failure::new(Kind::Tampered, detail)
                    .next("start again with a new code, over another network if this happens again")
            }
            Outcome::Violated(what) => violated(what),
        })
    }
}

/// Says that parts of what was not delivered could not be removed, if any are left.
pub(super) fn left_behind(left: &[PathBuf]) -> Effects {
    if left.is_empty() {
        return Effects::none();
    }
    Effects::none().event(Event::Trouble(removal::left_behind(left)))
}

/// Waits until enough was waited for things to be removed: until an interrupt, or some time after
/// another command has closed the session, which may be what ended it.
pub(super) async fn enough(control: &Control, interrupt: &mut Interrupt) {
    tokio::select! {
        () = interrupt.wait() => {}
        () = control.closed_now() => tokio::time::sleep(LAST_WORDS).await,
    }
}

fn violated(what: Violation) -> Failure {
    let what = what.as_str();
    Failure::new(Kind::Protocol, format!("the other side broke the protocol: it {what}"))
        .next("update pinhole on both sides")
}

/// The failure of two sides that came for the same thing.
fn same_role(want: Want) -> Failure {
    let (detail, next) = match want {
        Want::Give => (
            "both sides want to give, so nothing was sent",
            Advice::for_user(
                "start again with a new code: one side gives, the other takes: pinhole take CODE",
            ),
        ),
        Want::Take => (
            "both sides want to take, so nothing was sent",
            Advice::for_user(
                "start again with a new code: one side takes, the other gives: pinhole give PATH, \
                 then pinhole take CODE",
            ),
        ),
        Want::Both => (
            "both sides want the same",
            "start again with a new code: one side gives, the other takes".into(),
        ),
    };
    Failure::new(Kind::SameRole, detail).next(next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::effects::{Fed, Say};

    fn over(want: Want, wares: usize, outcome: Outcome) -> Ending {
        let mut ending = Ending::new(Terms::of(want), wares);
        ending.ahead(&[conversation::Event::Over(outcome)]);
        let _ = ending.over(outcome);
        ending
    }

    #[test]
    fn a_lost_link_is_said_and_ends_with_peer_lost_unless_something_failed_before() {
        let mut ending = over(Want::Both, 0, Outcome::LinkLost);
        assert_eq!(ending.side(), Side::There);
        let (said, failure) = ending.judge(0);
        assert!(matches!(said, Some(Event::Disconnected)));
        assert_eq!(failure.unwrap().kind, Kind::PeerLost);
        let mut ending = over(Want::Take, 0, Outcome::LinkLost);
        let _ = ending.fail(Failure::new(Kind::Disk, "full"));
        let _ = ending.fail(Failure::new(Kind::Failed, "a later one"));
        assert_eq!(ending.judge(0).1.unwrap().kind, Kind::Disk);
    }

    #[test]
    fn whoever_could_not_say_that_all_is_here_is_told_so() {
        let mut ending = over(Want::Take, 0, Outcome::Unheard);
        let (said, failure) = ending.judge(1);
        let failure = failure.unwrap();
        assert!(matches!(said, Some(Event::Disconnected)) && failure.kind == Kind::PeerLost);
        assert!(failure.detail.contains("here, whole"), "{}", failure.detail);
        let failure = over(Want::Take, 0, Outcome::Unheard).judge(0).1.unwrap();
        assert!(failure.detail.ends_with("before anything came"), "{}", failure.detail);
    }

    #[test]
    fn trouble_is_said_in_a_channel_and_ends_what_moves_one_thing() {
        let failure = || Failure::new(Kind::Disk, "full");
        let mut ending = over(Want::Both, 0, Outcome::Done);
        let said = ending.trouble(failure()).said;
        assert!(matches!(said.as_slice(), [Say::Event(Event::Trouble(_))]));
        assert!(matches!(ending.judge(0), (Some(Event::Closed), None)));
        let mut ending = over(Want::Give, 1, Outcome::Done);
        assert!(ending.trouble(failure()).said.is_empty());
        assert_eq!(ending.judge(0).1.unwrap().kind, Kind::Disk);
    }

    #[test]
    fn a_giver_is_done_once_all_has_arrived_however_the_peer_leaves() {
        let mut ending = over(Want::Give, 1, Outcome::PeerLeft(Reason::Interrupted));
        let _ = ending.delivered();
        assert!(ending.judge(0).1.is_none());
        let mut ending = over(Want::Give, 2, Outcome::PeerLeft(Reason::Interrupted));
        let _ = ending.delivered();
        assert!(ending.judge(0).1.is_some());
    }

    #[test]
    fn a_taker_that_got_nothing_failed() {
        assert_eq!(over(Want::Take, 0, Outcome::Done).judge(0).1.unwrap().kind, Kind::PeerLeft);
        assert!(over(Want::Take, 0, Outcome::Done).judge(1).1.is_none());
    }

    #[test]
    fn a_breach_is_the_failure_and_whatever_fails_with_it_is_this_sides_doing() {
        let mut ending = over(Want::Both, 0, Outcome::Violated(Violation::MissingMessage));
        assert_eq!(ending.side(), Side::Here);
        let _ = ending.fail(Failure::new(Kind::Failed, "followed from it"));
        assert_eq!(ending.judge(0).1.unwrap().kind, Kind::Protocol);
    }

    #[test]
    fn an_abort_is_the_failure_before_the_conversation_is_told() {
        let mut ending = Ending::new(Terms::of(Want::Both), 0);
        let effects =
            ending.interrupt(&SoFar::whole(2), &SoFar::whole(0).and(1, 5, Some(10)), false);
        let told = effects.inputs.as_slice();
        assert!(matches!(told, [Fed::Input(Input::Abort(Reason::Interrupted))]));
        let _ = ending.over(Outcome::Aborted(Reason::Interrupted));
        let failure = ending.judge(0).1.unwrap();
        assert_eq!(failure.kind, Kind::Interrupted);
        let said = "interrupted; 2 items are here; 5 bytes of 10 bytes had arrived there";
        assert_eq!(failure.detail, said);
    }
}
