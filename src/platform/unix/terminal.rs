//! The terminal of this process: its modes, its width, and typing that nobody sees.

use rustix::termios::{
    LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios, tcflush, tcgetattr,
    tcgetwinsize, tcsetattr,
};
use std::fs::File;
use std::io;
use std::os::fd::AsFd;

/// Opens the terminal that this process was started from, for reading and writing, whatever its
/// standard streams are.
///
/// # Errors
/// If there is none.
pub fn open() -> io::Result<File> {
    File::options().read(true).write(true).open("/dev/tty")
}

/// Columns of the terminal that a stream goes to, if it knows them.
#[must_use]
pub fn columns(stream: impl AsFd) -> Option<u16> {
    tcgetwinsize(stream).ok().map(|size| size.ws_col).filter(|columns| *columns > 0)
}

/// The modes of the terminal at standard input, to be there again later.
pub struct Modes(Option<Termios>);

impl Modes {
    /// The modes as they are now.
    #[must_use]
    pub fn now() -> Self {
        Self(tcgetattr(io::stdin()).ok())
    }

    /// Brings them back, if somebody has changed how it takes typing, such as the echo. What was
    /// typed and not read yet is dropped: unseen, it is not for the shell. True if it was so.
    #[must_use]
    pub fn restore(&self) -> bool {
        let (Some(modes), Ok(now)) = (&self.0, tcgetattr(io::stdin())) else { return false };
        if now.local_modes == modes.local_modes {
            return false;
        }
        // The terminal may be gone.
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, modes);
        true
    }
}

/// A terminal that shows nothing and hands over each byte, Ctrl-C too: a line that it edits itself
/// has no more than 4,095.
pub struct Quiet(Termios);

impl Quiet {
    /// Makes `terminal` quiet at once. A read of it ends without a byte when it is silent for so
    /// many tenths of a second.
    ///
    /// # Errors
    /// If it is no terminal.
    pub fn begin(terminal: &File, silence: u8) -> io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut modes = before.clone();
        modes.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        modes.special_codes[SpecialCodeIndex::VMIN] = 0;
        modes.special_codes[SpecialCodeIndex::VTIME] = silence;
        tcsetattr(terminal, OptionalActions::Now, &modes)?;
        Ok(Self(before))
    }

    /// Brings back the modes from before, and drops what was typed and not read.
    ///
    /// # Errors
    /// Of the system.
    pub fn end(self, terminal: &File) -> io::Result<()> {
        tcflush(terminal, QueueSelector::IFlush)?;
        Ok(tcsetattr(terminal, OptionalActions::Flush, &self.0)?)
    }
}
