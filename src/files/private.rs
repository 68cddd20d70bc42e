//! The place of private directories.

use crate::failure::{Failure, Kind};
use crate::platform::private;
use std::path::PathBuf;

/// The directory that private directories are made in.
///
/// # Errors
/// If the machine does not say where this user's state belongs.
pub fn private_base() -> Result<PathBuf, Failure> {
    private::state().map(|state| state.join("pinhole")).ok_or_else(|| {
        Failure::new(Kind::Disk, "this user has no home directory to keep received things in")
            .next("name a folder with -o DIR")
    })
}
