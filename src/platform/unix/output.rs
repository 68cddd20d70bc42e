//! The standard streams of this process: whether anybody takes what is written, and letting go.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fstat};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;

/// The device on which output is lost.
const NULL: &str = "/dev/null";

/// True if whoever started this program has closed the stream. Before anything of ours runs, the
/// standard library puts `/dev/null` there, open in both directions, as nobody opens it who wants
/// to throw output away (`>/dev/null`).
#[must_use]
pub fn is_closed(stream: impl AsFd) -> bool {
    let both = fcntl_getfl(&stream).is_ok_and(|flags| flags & OFlags::RWMODE == OFlags::RDWR);
    let Ok(null) = std::fs::metadata(NULL) else { return false };
    both && fstat(&stream).is_ok_and(|stat| (stat.st_dev, stat.st_ino) == (null.dev(), null.ino()))
}

/// Finds out if a stream takes anything, without writing to it. A disk that is full is not known
/// before.
///
/// # Errors
/// If it takes nothing, or nobody reads it any more.
pub fn try_out(stream: impl AsFd) -> io::Result<()> {
    // A device says so to the shortest write, and a pipe does not.
    rustix::io::write(&stream, &[])?;
    let mut looked = [PollFd::new(&stream, PollFlags::empty())];
    poll(&mut looked, Some(&Timespec::default()))?;
    let gone = looked.iter().any(|it| it.revents().intersects(PollFlags::ERR | PollFlags::HUP));
    if gone { Err(io::Error::other("nobody reads it")) } else { Ok(()) }
}

/// Holds this thread until nobody reads a stream any more: its pipe or socket has no other end.
/// False if that cannot be seen.
#[must_use]
pub fn wait_unread(stream: impl AsFd) -> bool {
    loop {
        // Nothing is asked for: what is wrong is told unasked.
        let mut watched = [PollFd::new(&stream, PollFlags::empty())];
        match poll(&mut watched, None) {
            Ok(_) => return true,
            Err(Errno::INTR) => {}
            Err(_) => return false,
        }
    }
}

/// Another handle of a stream, without a buffer.
///
/// # Errors
/// Of the system.
pub fn duplicate(stream: impl AsFd) -> io::Result<File> {
    stream.as_fd().try_clone_to_owned().map(File::from)
}

/// Lets go of standard output: what is written from now on is lost, and whoever reads it finds its
/// end.
///
/// # Errors
/// Of the system.
pub fn let_go_of_stdout() -> io::Result<()> {
    let null = File::options().write(true).open(NULL)?;
    Ok(rustix::stdio::dup2_stdout(null)?)
}
