//! Errors, panics and the end of a session whose output nobody reads, in a file for its owner
//! alone. Nothing that was received, no code and no secret gets in here.

use crate::clock;
use crate::events::Event;
use crate::failure::ended;
use pinhole_protocol::time::Instant;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes that it may become: thousands of errors. The first tell most of what went wrong.
const MOST: usize = 1 << 20;

/// The file where a session notes what goes wrong.
pub struct Diagnostics {
    path: PathBuf,
    since: Instant,
    file: Mutex<(File, usize)>,
}

impl Diagnostics {
    /// Notes in this file.
    #[must_use]
    pub fn new(file: File, path: PathBuf) -> Self {
        Self { path, since: clock::now(), file: Mutex::new((file, 0)) }
    }

    /// The path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Notes what went wrong, and the end.
    pub fn note_event(&self, event: &Event) {
        match event {
            // The advice is left out: it may be a line with the code.
            Event::Trouble(failure) => self.note(&format!("error {}: {failure}", failure.kind)),
            Event::End { failed, .. } => {
                let (exit, reason) = ended(*failed);
                self.note(&format!("end {} {reason}", exit.code()));
            }
            _ => {}
        }
    }

    /// From now on the panics of this process are noted too: where they were, but not what they
    /// say, which could be anything.
    pub fn watch(self: &Arc<Self>) {
        let own = Arc::clone(self);
        std::panic::set_hook(Box::new(move |panic| {
            let at = panic.location().map(ToString::to_string).unwrap_or_default();
            own.note(&format!(
                "panic at {at} in the thread {:?}",
                std::thread::current().name().unwrap_or_default()
            ));
        }));
    }

    /// Adds a line, with the seconds since the beginning.
    fn note(&self, what: &str) {
        let line =
            format!("{} {}\n", clock::now().since(self.since).as_secs(), what.replace('\n', " "));
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if file.1.saturating_add(line.len()) <= MOST {
            file.1 = file.1.saturating_add(line.len());
            // On a full disk nobody hears of it here; `status` and `receive` still say how it
            // ended.
            let _ = file.0.write_all(line.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::samples;
    use crate::failure::{Failure, Kind};

    #[test]
    fn what_went_wrong_is_noted_and_nothing_that_was_said() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("x.log");
        let diagnostics = Diagnostics::new(File::create(&path).unwrap(), path.clone());
        samples::every("SAID")
            .iter()
            .filter(|event| !matches!(event, Event::Trouble(_)))
            .for_each(|event| diagnostics.note_event(event));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "");
        diagnostics.note_event(&Event::Trouble(Failure::new(Kind::PeerLost, "a\nb").next("again")));
        diagnostics.note_event(&Event::End { failed: Some(Kind::PeerLost), more: false });
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "0 error peer-lost: a b\n0 end 6 peer-lost\n"
        );
    }

    #[test]
    fn it_is_bounded() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("x.log");
        let diagnostics = Diagnostics::new(File::create(&path).unwrap(), path.clone());
        (0..5).for_each(|_| diagnostics.note(&"x".repeat(MOST / 4)));
        assert!(path.metadata().unwrap().len() <= MOST as u64);
    }
}
