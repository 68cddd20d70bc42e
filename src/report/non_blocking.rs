//! An output that holds the session up for half a second at most: it keeps what its reader has not
//! taken yet. An agent's monitor may read nothing for hours, while the peer goes on and other
//! commands want answers.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Bytes that wait for a reader: as many as a session keeps for other commands
/// (`log/kept.rs`).
const MOST: usize = 16 << 20;
/// Longest wait for one piece, so that a closed output is known at once. A pipe that is read takes
/// it in microseconds.
const SOON: Duration = Duration::from_millis(500);
/// Longest wait of the end for a reader that is behind.
const AT_THE_END: Duration = Duration::from_secs(10);

/// An output that a thread of its own writes. The bytes of one call stay together, or are left out.
pub struct NonBlocking(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Vec<u8>>,
    bytes: usize,
    /// A piece is on its way.
    writing: bool,
    /// The reader has been waited for; that is not done again before it has everything.
    behind: bool,
    broken: Option<io::ErrorKind>,
    over: bool,
}

impl NonBlocking {
    /// Begins to write to `out`.
    ///
    /// # Errors
    /// If there can be no thread.
    pub fn start(mut out: impl Write + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let own = Arc::clone(&shared);
        std::thread::Builder::new().name("lines".into()).spawn(move || {
            while let Some(piece) = own.next() {
                own.done(out.write_all(&piece).and_then(|()| out.flush()));
            }
        })?;
        Ok(Self(shared))
    }
}

impl Write for NonBlocking {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.0.state();
        if let Some(kind) = state.broken {
            return Err(kind.into());
        }
        state.bytes += bytes.len();
        state.waiting.push_back(bytes.to_vec());
        while state.bytes > MOST
            && let Some(oldest) = state.waiting.pop_front()
        {
            state.bytes -= oldest.len();
        }
        drop(state);
        self.0.changed.notify_all();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut state = self.0.wait(SOON, |state| !state.behind && state.is_busy());
        if let Some(kind) = state.broken {
            return Err(kind.into());
        }
        state.behind = state.is_busy();
        Ok(())
    }
}

impl Drop for NonBlocking {
    fn drop(&mut self) {
        let mut state = self.0.wait(AT_THE_END, |state| state.is_busy());
        state.over = true;
        drop(state);
        self.0.changed.notify_all();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits while that holds, but no longer than `longest`.
    fn wait(&self, longest: Duration, holds: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let waited = self.changed.wait_timeout_while(self.state(), longest, |state| holds(state));
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// The next piece, once there is one; nothing at the end.
    fn next(&self) -> Option<Vec<u8>> {
        let idle = |state: &mut State| state.waiting.is_empty() && !state.over;
        let mut state =
            self.changed.wait_while(self.state(), idle).unwrap_or_else(PoisonError::into_inner);
        let piece = state.waiting.pop_front()?;
        state.bytes -= piece.len();
        state.writing = true;
        Some(piece)
    }

    fn done(&self, written: io::Result<()>) {
        let mut state = self.state();
        state.writing = false;
        if let Err(error) = written {
            state.broken = Some(error.kind());
            state.waiting.clear();
            state.bytes = 0;
        }
        drop(state);
        self.changed.notify_all();
    }
}

impl State {
    fn is_busy(&self) -> bool {
        self.writing || !self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Read};
    use std::os::unix::net::UnixStream;

    fn line(number: usize, size: usize) -> Vec<u8> {
        let mut line = format!("{number} ").into_bytes();
        line.resize(size, b'x');
        line.push(b'\n');
        line
    }

    #[test]
    fn who_reads_gets_everything_and_nobody_waits_for_who_does_not() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut out = NonBlocking::start(ours).unwrap();
        // More than the kernel holds: only the first that does not fit is waited for.
        let begun = std::time::Instant::now();
        for number in 0..1_000 {
            out.write_all(&line(number, 1_000)).unwrap();
            out.flush().unwrap();
        }
        assert!(begun.elapsed() < SOON * 20, "{:?}", begun.elapsed());
        let reader = std::thread::spawn(move || {
            BufReader::new(theirs).lines().map(Result::unwrap).collect::<Vec<_>>()
        });
        drop(out);
        let lines = reader.join().unwrap();
        assert_eq!(lines.len(), 1_000);
        assert!(
            lines.iter().enumerate().all(|(number, line)| line.starts_with(&format!("{number} ")))
        );
    }

    #[test]
    fn a_closed_output_is_known_with_the_first_line() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut out = NonBlocking::start(ours).unwrap();
        out.write_all(b"one\n").and_then(|()| out.flush()).unwrap();
        drop(theirs);
        assert!(out.write_all(b"two\n").and_then(|()| out.flush()).is_err());
        assert!(out.write_all(b"three\n").is_err());
    }

    #[test]
    fn the_oldest_lines_go_whole_when_there_are_too_many() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut out = NonBlocking::start(ours).unwrap();
        for number in 0..20 {
            out.write_all(&line(number, 1 << 20)).unwrap();
        }
        let reader = std::thread::spawn(move || {
            let mut all = String::new();
            theirs.read_to_string(&mut all).unwrap();
            all
        });
        drop(out);
        let all = reader.join().unwrap();
        let numbers: Vec<usize> =
            all.lines().map(|line| line.split(' ').next().unwrap().parse().unwrap()).collect();
        assert!(
            all.lines().all(|line| line.len() == 1 << 20) && numbers.is_sorted(),
            "{numbers:?}"
        );
        // The first is on its way already; those that wait are the last.
        assert!(
            (15..20).contains(&numbers.len()) && numbers.ends_with(&[17, 18, 19]),
            "{numbers:?}"
        );
    }
}
