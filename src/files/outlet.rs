//! Way out for one thing without a file of its own: standard output, or the pipe or device that
//! `-o` names. It is opened once, before a code is used, and nothing is made beside it.

use crate::failure::{Failure, Kind};
use crate::platform::file::{Facts, Kind as What, open_output};
use crate::platform::output::duplicate;
use crate::platform::places::is_open_file;
use crate::stdio::Sink;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;

/// An open output.
#[derive(Clone, Debug)]
pub struct Outlet {
    file: Arc<File>,
    /// True for standard output.
    own: bool,
}

impl Outlet {
    /// True if that is this program's own standard output, by whatever name.
    #[must_use]
    pub fn is_stdout(path: &Path) -> bool {
        let is_same =
            |named: Facts| Facts::of(io::stdout()).is_ok_and(|own| own.id() == named.id());
        path == Path::new("-") || Facts::at(path).is_ok_and(is_same)
    }

    /// True if that names an output, and no folder or file to be stored.
    ///
    /// # Errors
    /// Usage, for what nothing can be written into from its beginning to its end: a block device, a
    /// socket, a number that is not open.
    pub fn is_named_by(path: &Path) -> Result<bool, Failure> {
        if Self::is_stdout(path) {
            return Ok(true);
        }
        let unfit = |what: &str| {
            Err(Failure::new(Kind::Usage, format!("-o {} is {what}", path.display()))
                .next("name a folder, a file, a pipe, or - for standard output"))
        };
        match Facts::at(path).map(|facts| facts.kind()) {
            Ok(What::Disk) => unfit("a disk, whose contents would be lost"),
            Ok(What::Socket) => unfit("a socket, which is not a file"),
            Ok(What::Pipe | What::Device) => Ok(true),
            Ok(it) => Ok(is_open_file(path) && !it.is_dir()),
            Err(_) if is_open_file(path) => unfit("not the number of an open file"),
            Err(_) => Ok(false),
        }
    }

    /// Opens it. A pipe with a name waits here for whoever reads it.
    ///
    /// # Errors
    /// `disk` if it cannot be written to, `output-closed` if it is standard output and that is
    /// closed.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let own = Self::is_stdout(path);
        if own && Sink::Stdout.is_closed() {
            return Err(Failure::new(
                Kind::OutputClosed,
                "standard output is closed, so nothing can be written to it",
            )
            .next("leave it open, or name a folder with -o DIR"));
        }
        let opened = if own {
            duplicate(io::stdout())
        } else {
            // At its end, if it is a file that whoever started this has open.
            open_output(path)
        };
        opened.map(|file| Self { file: Arc::new(file), own }).map_err(|error| {
            Failure::new(Kind::Disk, format!("-o {} cannot be written to: {error}", path.display()))
                .next("check its permissions, or name a folder with -o DIR")
        })
    }

    /// True if it is this program's own standard output.
    #[must_use]
    pub const fn is_own(&self) -> bool {
        self.own
    }

    /// True if a person looks at it.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        self.file.is_terminal()
    }
}

impl Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self.file).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_no_output() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("file"), "x").unwrap();
        for stored in ["", "file", "missing", "missing/more"] {
            assert!(!Outlet::is_named_by(&dir.path().join(stored)).unwrap(), "{stored:?}");
        }
        assert!(Outlet::is_named_by(Path::new("-")).unwrap());
    }

    #[test]
    fn devices_are_outputs_and_sockets_and_closed_numbers_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/dev/null", dir.path().join("null")).unwrap();
        assert!(Outlet::is_named_by(&dir.path().join("null")).unwrap());
        let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("socket")).unwrap();
        for refused in [dir.path().join("socket"), "/dev/fd/987".into()] {
            let failure = Outlet::is_named_by(&refused).unwrap_err();
            assert_eq!(failure.kind, Kind::Usage, "{failure}");
        }
    }

    #[test]
    fn an_open_file_is_written_at_its_end() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "before ").unwrap();
        let number = std::os::fd::AsRawFd::as_raw_fd(file.as_file());
        let named = format!("/proc/self/fd/{number}");
        assert!(Outlet::is_named_by(Path::new(&named)).unwrap());
        Outlet::open(Path::new(&named)).unwrap().write_all(b"after").unwrap();
        assert_eq!(std::fs::read_to_string(file.path()).unwrap(), "before after");
    }
}
