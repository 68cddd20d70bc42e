//! When a command is told that something waits to be received, which takes nothing: for whoever is
//! woken by that at some cost.

use super::Control;
use super::buffered::Buffered;
use super::tail::TOGETHER;
use super::wire::{Reply, say};
use crate::clock;
use crate::handler::Pace;
use crate::log::{Log, Rung};
use pinhole_protocol::time::Instant;
use std::io;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite};

/// Lines within a minute.
pub const A_MINUTE: usize = 6;
/// Those of them that the session rings: one is for the end, and one is spare, since a command may
/// print one late and the next in time.
const RINGS: usize = A_MINUTE - 2;

/// A bell: it rings once for what is new, and for nothing more until something is received.
struct Bell {
    rung: Option<Rung>,
    pace: Pace,
    /// Something waited already when it was hung up.
    at_once: bool,
}

impl Bell {
    fn new(log: &Log) -> Self {
        Self { rung: None, pace: Pace::of(RINGS), at_once: log.news(None).is_some() }
    }

    /// When it may ring for what is new at this moment, and what belongs to it.
    fn next(&self, new: Instant) -> Instant {
        let whole = if self.at_once { new } else { new.after(TOGETHER) };
        self.pace.next().map_or(whole, |next| next.max(whole))
    }

    /// It rings now, if there is something to ring for: with that, so many lines wait.
    fn ring(&mut self, log: &Log, now: Instant) -> Option<u64> {
        let rung = log.news(self.rung)?;
        (self.rung, self.at_once) = (Some(rung), false);
        self.pace.begun(now);
        Some(rung.lines)
    }
}

/// Tells a command when there is something to receive, until the end.
pub(super) async fn ring(
    read: &mut Buffered<impl AsyncRead + Unpin>,
    write: &mut (impl AsyncWrite + Unpin),
    control: &Control,
) -> io::Result<()> {
    let log = &control.0.log;
    let mut bell = Bell::new(log);
    loop {
        tokio::select! {
            biased;
            () = log.ended() => {
                return say(write, &Reply::Done { more: false, over: None }).await;
            }
            () = async {
                log.wait_for_news(bell.rung).await;
                clock::sleep_until(Some(bell.next(clock::now()))).await;
            } => {}
            // It has gone.
            _ = read.fill_buf() => return Ok(()),
        }
        // It may have been received meanwhile.
        if let Some(lines) = bell.ring(log, clock::now()) {
            say(write, &Reply::Rings { number: control.number(), lines }).await?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Reading;
    use super::super::found::Found;
    use super::*;
    use crate::events::Event;
    use crate::events::line::LineType;
    use crate::failure::Kind;
    use proptest::prelude::*;
    use std::time::Duration;

    const MINUTE: Duration = Duration::from_secs(60);

    /// However a session ends, its bells hear it: here by itself, as one does whose time is over,
    /// and with nobody who says so.
    #[tokio::test]
    async fn the_end_is_heard() {
        for event in [Some(Event::End { failed: Some(Kind::Expired), more: false }), None] {
            let control = Control::sample(Reading::Detached);
            control.log().say(&Event::Waiting);
            let mut bell = Found::within(control.clone()).await.bell().await.unwrap();
            assert_eq!(bell.rings().await.unwrap(), Some((None, 1)));
            match event {
                Some(event) => assert!(control.log().say(&event).is_none()),
                None => control.over(),
            }
            assert_eq!(bell.rings().await.unwrap(), None);
        }
    }

    #[test]
    fn what_waits_is_rung_for_at_once_and_what_comes_when_it_is_whole() {
        let (log, now) = (Log::new(true), Instant::from_millis(5_000));
        assert_eq!(Bell::new(&log).next(now), now.after(TOGETHER));
        log.keep(1, LineType::Status, "line");
        let mut bell = Bell::new(&log);
        assert_eq!(
            (bell.next(now), bell.ring(&log, now), bell.ring(&log, now)),
            (now, Some(1), None)
        );
        assert_eq!(bell.next(now), now.after(TOGETHER));
    }

    proptest! {
        /// However fast things come and are received.
        #[test]
        fn it_rings_at_most_six_times_a_minute_and_once_for_what_is_received(
            steps in proptest::collection::vec((0u64..20_000, any::<bool>()), 1..200),
        ) {
            let log = Log::new(true);
            let (mut bell, mut now, mut rung, mut seq) =
                (Bell::new(&log), Instant::from_millis(0), Vec::new(), 0);
            let mut silent = false;
            for (gap, receives) in steps {
                now = now.after(Duration::from_millis(gap));
                seq += 1;
                log.keep(seq, LineType::Text, "line");
                if receives {
                    log.received(&log.piece(&None.into(), usize::MAX).0.lent);
                    silent = false;
                    seq += 1;
                    log.keep(seq, LineType::Text, "line");
                }
                if log.news(bell.rung).is_some() {
                    prop_assert!(!silent, "a second time before anything was received");
                    now = bell.next(now).max(now);
                    prop_assert!(bell.ring(&log, now).is_some_and(|lines| lines > 0));
                    rung.push(now);
                    silent = true;
                }
            }
            // With the last line, that the channel is over.
            rung.push(now);
            for window in rung.windows(A_MINUTE + 1) {
                prop_assert!(window[A_MINUTE].since(window[0]) >= MINUTE, "{:?}", window);
            }
        }
    }
}
