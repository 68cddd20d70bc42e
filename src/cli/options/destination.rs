//! Places that the command line names for what comes.

use crate::failure::{Failure, Kind};
use crate::files::acting::acting;
use crate::files::inbox::{Inbox, Policy};
use crate::files::name::FileName;
use crate::platform::name::bytes;
use crate::session::plan::Destination;
use crate::settings::agent::fenced_by;
use std::path::Path;

/// `-o DIR` or `-o NAME`: a folder that is there or, with a slash, made; else the name of the
/// single item, or of a folder for several.
pub(super) fn named(path: &Path, policy: Policy) -> Result<Destination, Failure> {
    if path.is_dir() {
        return Inbox::open(path, policy).map(|inbox| Destination::Folder(inbox, None));
    }
    if path.to_string_lossy().ends_with('/') {
        return Inbox::open_or_make(path, policy).map(|inbox| Destination::Folder(inbox, None));
    }
    let usage = |detail: String| {
        Failure::new(Kind::Usage, detail).next("name a folder that exists, a file name, or -")
    };
    let name = path
        .file_name()
        .ok_or_else(|| usage(format!("-o {} does not name anything", path.display())))?;
    let parsed = FileName::parse(bytes(name)).map_err(|error| usage(format!("-o: {error}")))?;
    if parsed.changed {
        return Err(usage(format!(
            "-o: {name:?} contains control characters; {} would be allowed",
            parsed.name.text()
        )));
    }
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    Inbox::open(parent, policy).map(|inbox| Destination::Folder(inbox, Some(parsed.name)))
}

/// Refuses a place that an agent names and programs act on: that is no better than a name of the
/// peer's.
pub(super) fn fenced(option: &str, to: &Destination) -> Result<(), Failure> {
    let Destination::Folder(inbox, name) = to else { return Ok(()) };
    let here = std::env::current_dir().and_then(|here| here.canonicalize());
    // The folder that it works in is its user's choice.
    let below = here.ok().and_then(|here| inbox.path().strip_prefix(here).ok().map(Path::to_owned));
    let path = name.iter().fold(below.unwrap_or_else(|| inbox.path().to_owned()), |path, name| {
        path.join(name.as_os_str())
    });
    let own = || {
        name.as_ref().filter(|name| inbox.acts_on(name, true)).map(|name| name.text().into_owned())
    };
    let Some(telling) = acting(&path).or_else(own) else { return Ok(()) };
    let detail = format!(
        "behind the fence ({}), {option} {path:?} is not allowed: programs act on it unasked \
         ({telling})",
        fenced_by()
    );
    Err(Failure::new(Kind::Fenced, detail).next(format!(
        "name another place; or leave out {option}, check what arrives, and copy it"
    )))
}

/// Refuses such a place for a file that is to be made there.
pub(super) fn not_yet_there(option: &str, path: &Path, policy: Policy) -> Result<(), Failure> {
    let (Some(name), Some(parent)) = (path.file_name(), path.parent()) else { return Ok(()) };
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    // Whatever else is wrong with it is said where it is opened.
    let (Ok(inbox), Ok(parsed)) = (Inbox::open(parent, policy), FileName::parse(bytes(name)))
    else {
        return Ok(());
    };
    fenced(option, &Destination::Folder(inbox, Some(parsed.name)))
}
