//! A small text file of this user's, replaced as a whole.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Whoever reads meanwhile finds the old file or the new one, whole, and after a crash too. A link is followed, so that a file that is
/// kept elsewhere stays there. It gets this mode; its directory is made if it is not there.
///
/// # Errors
/// Of the disk. The old file is untouched then.
pub fn replace(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().unwrap_or(Path::new("/"));
    // The XDG Base Directory Specification wants 0700 for a directory that is made.
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let new = folder.join(format!(".pinhole.{}", std::process::id()));
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.set_permissions(Permissions::from_mode(mode))?;
        file.sync_all()?;
        std::fs::rename(&new, &path)?;
        File::open(folder)?.sync_all()
    })();
    if written.is_err() {
        // It was not there, or it is in the way the next time.
        let _ = std::fs::remove_file(&new);
    }
    written
}
