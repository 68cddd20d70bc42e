//! Removal or keeping of what was not delivered: the session does not end before all that goes is
//! gone, or says where it is.

use crate::failure::{Failure, Kind};
use crate::files::inbox::{Receiving, Rest};
use futures_util::FutureExt;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::task::JoinHandle;

/// Paths that one sentence names.
const NAMED: usize = 4;

/// Work on hidden parts.
#[derive(Default)]
pub(super) struct Removals {
    /// Parts being made, which are removed again if nobody wants them any more.
    making: Vec<JoinHandle<()>>,
    going: Vec<Removal>,
}

struct Removal {
    /// The hidden names under which the parts are.
    parts: Vec<PathBuf>,
    /// Those that could not be removed.
    done: JoinHandle<Vec<PathBuf>>,
}

impl Removals {
    /// Parts are being made on another thread.
    pub(super) fn making(&mut self, work: JoinHandle<()>) {
        self.making.retain(|earlier| !earlier.is_finished());
        self.making.push(work);
    }

    /// Removes or keeps the undelivered rest of a transfer on another thread, and does something then.
    /// Returns what earlier removals have left: a finished one is forgotten, however long a channel
    /// lives.
    pub(super) fn remove(
        &mut self,
        receiving: Arc<Receiving>,
        rest: Rest,
        then: impl FnOnce() + Send + 'static,
    ) -> Vec<PathBuf> {
        let mut left = Vec::new();
        self.going.retain_mut(|removal| {
            // One that is not to be had at once, although it is done, is looked at again.
            let done =
                removal.done.is_finished().then(|| (&mut removal.done).now_or_never()).flatten();
            left.extend(done.iter().flatten().flatten().cloned());
            done.is_none()
        });
        let parts = receiving.parts(rest);
        let remove = move || {
            let left = receiving.discard(rest);
            then();
            left
        };
        self.going.push(Removal { parts, done: tokio::task::spawn_blocking(remove) });
        left
    }

    /// Waits until all is removed, or `enough` was waited. Returns what is left.
    pub(super) async fn finish(&mut self, enough: impl Future<Output = ()>) -> Vec<PathBuf> {
        let mut left = Vec::new();
        let finished = async {
            for making in &mut self.making {
                let _ = making.await;
            }
            while let Some(removal) = self.going.last_mut() {
                let parts = (&mut removal.done).await;
                left.extend(parts.unwrap_or_else(|_| std::mem::take(&mut removal.parts)));
                self.going.pop();
            }
        };
        tokio::select! {
            () = finished => {}
            () = enough => {}
        }
        left.extend(std::mem::take(&mut self.going).into_iter().flat_map(|removal| removal.parts));
        left.retain(|path| path.symlink_metadata().is_ok());
        left
    }
}

/// The failure of parts of undelivered things that are still here.
pub(super) fn left_behind(left: &[PathBuf]) -> Failure {
    let named: Vec<_> = left.iter().take(NAMED).map(|path| path.display().to_string()).collect();
    let more = left.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more beside them") } else { String::new() };
    Failure::new(
        Kind::LeftBehind,
        format!(
            "parts of what was not received completely are still here, under {}{more}",
            named.join(", ")
        ),
    )
    .next("remove them: they are incomplete")
}
