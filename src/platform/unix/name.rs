//! Names and paths as bytes, as the wire has them: those of the system itself on Unix, UTF-8
//! elsewhere.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

/// Bytes of a name or path.
#[must_use]
pub fn bytes(name: &(impl AsRef<OsStr> + ?Sized)) -> &[u8] {
    name.as_ref().as_bytes()
}

/// Name or path of these bytes; U+FFFD alone where no name of the system can have them, which on
/// Unix is never so.
#[must_use]
pub fn from_bytes(bytes: &[u8]) -> &OsStr {
    OsStr::from_bytes(bytes)
}

/// Name or path of these bytes, as [`from_bytes`].
#[must_use]
pub fn from_vec(bytes: Vec<u8>) -> OsString {
    OsString::from_vec(bytes)
}

/// Bytes of a name or path, in its own memory.
#[must_use]
pub fn into_vec(name: OsString) -> Vec<u8> {
    name.into_vec()
}

/// The rest of `path` behind so many of its [`bytes`](fn@bytes), which end between two names; empty
/// if it is not that long. It compares nothing: a path may have thousands of names, and be asked
/// for each.
#[must_use]
pub fn past(path: &Path, bytes: usize) -> &Path {
    let rest = path.as_os_str().as_bytes().get(bytes..).unwrap_or_default();
    Path::new(OsStr::from_bytes(rest))
}
