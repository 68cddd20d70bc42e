//! The rest of a session when its conversation is over: it lives on for secrets and lines that
//! another command has yet to take.

use super::interrupt;
use super::{Halt, Report, say};
use crate::clock;
use crate::control::{Control, Taken};
use crate::events::Event;
use crate::failure::sentences::untaken;
use crate::failure::{Exit, Failure, Kind};
use std::time::Duration;

/// Lives on until everything is taken, for `ttl` at most. What is lost makes a failure of a good
/// end, and is told with any other.
pub(super) async fn linger(
    end: Result<(), Failure>,
    ttl: Duration,
    report: &mut Report,
    halt: &mut Halt,
) -> Result<(), Failure> {
    let ended_here =
        |failure: &Failure| matches!(failure.exit(), Exit::Interrupted | Exit::Expired);
    let end = match end {
        Err(failure) if ended_here(&failure) => Err(failure),
        end if halt.control.is_awaited() => {
            let (secrets, take) = (halt.control.secrets_held(), halt.control.take_secret());
            let _ = say(report, &halt.control, &Event::Holding { secrets, left: ttl, take });
            let over = clock::now().after(ttl);
            loop {
                let cut = tokio::select! {
                    taken = halt.control.taken() => {
                        say_taken(report, &halt.control, taken);
                        None
                    }
                    () = halt.interrupt.wait() => Some((Kind::Interrupted, "interrupted")),
                    () = halt.control.closed_now() => {
                        Some((Kind::Interrupted, "closed by another command"))
                    }
                    () = clock::sleep_until(Some(over)) => {
                        Some((Kind::Expired, "the channel's time is over"))
                    }
                };
                match cut {
                    Some((kind, detail)) => break end.and(Err(Failure::new(kind, detail))),
                    None if halt.control.is_awaited() => {}
                    None => break end,
                }
            }
        }
        end => end,
    };
    match (end, halt.control.secrets_held()) {
        (Err(failure), secrets @ 1..) => Err(Failure {
            detail: format!("{}; lost with it: {}", failure.detail, untaken(secrets)),
            ..failure
        }),
        (end, _) => end,
    }
}

/// A session that has said its end lives on, doing nothing, for as long as its channel could have
/// rested, while something of it is wanted.
pub(super) async fn stay(control: &Control, ttl: Duration) {
    // Without signals it could not be ended.
    if control.is_wanted()
        && let Ok(mut interrupt) = interrupt::listen()
    {
        tokio::select! {
            () = control.collected(ttl) => {}
            () = interrupt.wait() => {}
        }
    }
}

/// Reports where a secret went that another command has taken.
pub(super) fn say_taken(report: &mut Report, control: &Control, taken: Taken) {
    let (said, _) = say(report, control, &taken.event);
    taken.said(control, said);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Reading;
    use crate::report::style::Style;
    use crate::report::{Format, Reporter, Settings};
    use pinhole_protocol::secret::SecretVec;
    use pinhole_protocol::wire::ItemId;

    /// The end of a session with so many secrets that nobody takes, after a conversation that ended
    /// so.
    async fn ended(secrets: u32, end: Result<(), Failure>, ttl: Duration) -> Result<(), Failure> {
        let control = Control::sample(Reading::Printed);
        (0..secrets).for_each(|id| control.hold(ItemId(id), None, SecretVec::new(vec![7])));
        let settings = Settings {
            format: Format::Json,
            style: Style::PLAIN,
            once: false,
            progress_every: None,
        };
        let mut report: Report = Reporter::new(Box::new(std::io::sink()), settings);
        let mut halt = Halt { interrupt: interrupt::listen().unwrap(), control, closed: false };
        linger(end, ttl, &mut report, &mut halt).await
    }

    #[tokio::test]
    async fn the_time_of_what_is_held_is_bounded() {
        let short = Duration::from_millis(1);
        let failure = ended(2, Ok(()), short).await.unwrap_err();
        assert_eq!(failure.kind, Kind::Expired);
        assert!(failure.detail.ends_with("2 secrets that nobody has taken"), "{failure}");
        // An earlier failure is the failure all the same.
        let left =
            ended(1, Err(Failure::new(Kind::PeerLeft, "it has left")), short).await.unwrap_err();
        assert_eq!(left.kind, Kind::PeerLeft);
        assert!(
            left.detail.contains("it has left")
                && left.detail.ends_with("a secret that nobody has taken"),
            "{left}"
        );
    }

    /// A session in the background that has ended so, and whether the command that started it was
    /// told of its channel before.
    fn left(failed: Option<Kind>, told: bool) -> Control {
        let control = Control::sample(Reading::Detached);
        if told {
            control.hand_over();
        }
        control.ended(failed.map(|kind| Failure::new(kind, "x")));
        control
    }

    #[tokio::test]
    async fn what_is_left_of_a_session_in_the_background_is_bounded_too() {
        let control = left(None, true);
        assert!(control.is_wanted());
        // It comes back although nobody has asked.
        stay(&control, Duration::from_millis(1)).await;
        assert!(left(Some(Kind::PeerLeft), true).is_wanted());
        // Whoever started it knows already, or its hour is over, or somebody has ended it.
        for (failed, told) in
            [(None, false), (Some(Kind::Expired), true), (Some(Kind::Interrupted), true)]
        {
            assert!(!left(failed, told).is_wanted(), "{failed:?} {told}");
        }
    }

    #[tokio::test]
    async fn what_ends_here_or_holds_nothing_ends_at_once() {
        let long = Duration::from_secs(3_600);
        assert!(ended(0, Ok(()), long).await.is_ok());
        assert_eq!(
            ended(0, Err(Failure::new(Kind::PeerLeft, "it has left")), long)
                .await
                .unwrap_err()
                .detail,
            "it has left"
        );
        for kind in [Kind::Interrupted, Kind::Expired] {
            assert!(
                ended(1, Err(Failure::new(kind, "x")), long)
                    .await
                    .unwrap_err()
                    .detail
                    .contains("nobody has taken")
            );
        }
    }
}
