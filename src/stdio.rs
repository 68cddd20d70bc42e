//! Standard output and standard error of this process.

use crate::platform::output;
use std::io::{self, IsTerminal, Write};

/// The stream that events go to: standard output, or standard error where `-o -` gives the other to
/// the received bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sink {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Sink {
    /// The stream itself. One that is closed takes nothing.
    #[must_use]
    pub fn open(self) -> Box<dyn Write + Send> {
        match self {
            _ if self.is_closed() => Box::new(Closed),
            Self::Stdout => Box::new(io::stdout()),
            Self::Stderr => Box::new(io::stderr()),
        }
    }

    /// True if whoever started this program has closed it.
    #[must_use]
    pub fn is_closed(self) -> bool {
        match self {
            Self::Stdout => output::is_closed(io::stdout()),
            Self::Stderr => output::is_closed(io::stderr()),
        }
    }

    /// Finds out if it takes anything, without writing to it. A disk that is full is not known
    /// before.
    ///
    /// # Errors
    /// If it is closed or full, or nobody reads it any more.
    pub fn try_out(self) -> io::Result<()> {
        match self {
            _ if self.is_closed() => Err(io::Error::other("it is closed")),
            Self::Stdout => output::try_out(io::stdout()),
            Self::Stderr => output::try_out(io::stderr()),
        }
    }

    /// True if a person looks at it.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        match self {
            Self::Stdout => io::stdout().is_terminal(),
            Self::Stderr => io::stderr().is_terminal(),
        }
    }
}

/// A stream that is closed.
struct Closed;

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        self.flush().map(|()| 0)
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::Error::new(io::ErrorKind::BrokenPipe, "it is closed"))
    }
}

/// Waits until nobody reads standard output any more: its pipe or socket has no other end. Where it
/// is none, that is never seen.
pub async fn unread() {
    let seen = tokio::task::spawn_blocking(|| output::wait_unread(io::stdout()));
    if !matches!(seen.await, Ok(true)) {
        std::future::pending().await
    }
}
