//! The command that follows a session to its end, one at a time: whatever is new, as soon as it is
//! whole.

use super::Control;
use super::buffered::Buffered;
use super::lent::Lent;
use super::wire::{self, Fault, PATIENCE, Reply, say};
use crate::failure::{Failure, Kind, Run};
use crate::log::wanted::Wanted;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// Delay of the first new line, for what belongs to it: an offer's file, the printer of a `send`'s
/// result. Whoever is woken by the output is woken once.
pub(super) const TOGETHER: Duration = Duration::from_millis(200);

/// The sign that another command follows now.
struct Newer(watch::Receiver<u64>, u64);

impl Newer {
    async fn came(&mut self) {
        // The sender is in the session, which is there as long as this waits.
        let _ = self.0.wait_for(|latest| *latest != self.1).await;
    }
}

/// Tells the command that follows what it wants, until the end or until another one follows.
pub(super) async fn follow(
    read: &mut Buffered<impl AsyncRead + Unpin>,
    write: &mut (impl AsyncWrite + Unpin),
    control: &Control,
    wanted: Wanted,
) -> io::Result<()> {
    let (latest, turn) = &control.0.following;
    let mut own = 0;
    latest.send_modify(|latest| {
        *latest = latest.saturating_add(1);
        own = *latest;
    });
    let mut newer = Newer(latest.subscribe(), own);
    // The one before says first what became of its last line.
    let _turn = tokio::select! {
        biased;
        () = newer.came() => return taken_over(write).await,
        turn = turn.lock() => turn,
        _ = read.fill_buf() => return Ok(()),
    };
    let log = &control.0.log;
    log.follow(wanted);
    let _followed = Followed(control);
    let mut at_once = log.has_next();
    loop {
        tokio::select! {
            biased;
            () = newer.came() => return taken_over(write).await,
            () = log.wait_for_next() => {}
            // It has gone.
            _ = read.fill_buf() => return Ok(()),
        }
        if !std::mem::take(&mut at_once) {
            tokio::select! {
                biased;
                () = newer.came() => return taken_over(write).await,
                () = log.ended() => {}
                () = sleep(TOGETHER) => {}
                _ = read.fill_buf() => return Ok(()),
            }
        }
        while let Some((line, lent)) = log.next() {
            let lent = Lent::new(control, lent);
            say(write, &Reply::Line(line.line.to_string())).await?;
            // Whoever reads what it prints may take long.
            let mut acknowledged = std::pin::pin!(wire::line(read));
            let printed = tokio::select! {
                biased;
                printed = &mut acknowledged => printed,
                () = newer.came() => timeout(PATIENCE, acknowledged).await?,
            };
            match printed? {
                Some(_) => lent.received().await,
                None => return Ok(()),
            }
            if *latest.borrow() != own {
                return taken_over(write).await;
            }
        }
        if log.is_over() {
            say(write, &Reply::Done { more: false, over: control.last_word() }).await?;
            if let Ok(Ok(Some(_))) = timeout(PATIENCE, wire::line(read)).await {
                control.end_returned();
            }
            return Ok(());
        }
    }
}

async fn taken_over(write: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
    let failure = Failure::new(
        Kind::TakenOver,
        "another command follows that channel now, and prints what arrives",
    )
    .next(Run::Status);
    say(write, &Reply::Failed(Fault::from(&failure))).await
}

/// Marks that a command follows, until dropped.
struct Followed<'a>(&'a Control);

impl Drop for Followed<'_> {
    fn drop(&mut self) {
        self.0.0.log.unfollow();
    }
}
