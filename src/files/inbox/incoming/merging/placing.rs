//! Moves one file or folder of an item to its place in a folder that is there.

use crate::files::inbox::Place;
use crate::files::inbox::folder::{Folder, GivenNames};
use crate::files::inbox::ground::reason;
use crate::files::inbox::incoming::making::SAME;
use crate::files::name::FileName;
use crate::platform::cause::Cause;
use pinhole_protocol::wire::Reason;
use std::ffi::OsStr;
use std::io;

/// Outcome of placing a file, or of looking what it would be.
pub(super) enum Placed {
    /// It is there, under this name.
    New(FileName),
    /// It is there in place of an old one, under this name.
    Replaced(FileName),
    /// It stays where it is.
    Not(Reason),
}

impl Place {
    /// The names that are tried for something: with numbers too, if it does not keep its own.
    pub(super) fn names_for(
        &self,
        wanted: &FileName,
        aside: bool,
    ) -> impl Iterator<Item = FileName> {
        let longest = self.known().longest_name;
        let numbers = 0..=if aside { SAME } else { 0 };
        numbers.map(move |number| wanted.numbered_within(number, longest))
    }
}

/// Moves something unless something has its name there, or only looks if it could be.
pub(super) fn go(
    from: &Folder,
    name: &OsStr,
    there: &Folder,
    to: &OsStr,
    only_look: bool,
) -> io::Result<()> {
    match only_look {
        false => from.move_as_new(name, there, to),
        true if there.kind(to)?.is_none() => there.takes_from(from),
        true => there.takes_from(from).and(Err(Cause::Taken.into())),
    }
}

/// True if another of the same transfer has this name in the folder that it comes from.
pub(super) fn is_taken(from: &Folder, name: &FileName) -> bool {
    from.kind(name.as_os_str()).is_ok_and(|kind| kind.is_some())
}

/// Moves a file to `wanted`, which is not its own name if it goes `aside`. `placed` is what of the
/// same transfer is there already: that is not replaced, and the later one gets a number.
pub(super) fn place_one(
    place: &Place,
    from: &Folder,
    name: &FileName,
    there: &Folder,
    (wanted, aside): (FileName, bool),
    placed: &mut GivenNames,
    only_look: bool,
) -> io::Result<Placed> {
    let own = from.identity(name.as_os_str())?;
    for (number, to) in place.names_for(&wanted, true).enumerate() {
        if aside && is_taken(from, &to) {
            continue;
        }
        match own_matter(go(from, name.as_os_str(), there, to.as_os_str(), only_look))? {
            Ok(()) => {
                placed.add(own, &to);
                return Ok(Placed::New(to));
            }
            Err(Reason::Exists) => {}
            Err(reason) => return Ok(Placed::Not(reason)),
        }
        if number > 0 || there.identity(to.as_os_str()).is_ok_and(|met| placed.has(met, &to)) {
            continue;
        }
        match own_matter(there.kind(to.as_os_str()))? {
            Ok(Some(met)) if met.is_file() => {}
            // Under a name that is not its own it need not be.
            Ok(_) if aside => continue,
            Ok(_) => return Ok(Placed::Not(Reason::Exists)),
            Err(reason) => return Ok(Placed::Not(reason)),
        }
        let over = if only_look {
            Ok(())
        } else {
            from.move_over(name.as_os_str(), there, to.as_os_str())
        };
        if let Err(reason) = own_matter(over)? {
            return Ok(Placed::Not(reason));
        }
        placed.add(own, &to);
        return Ok(Placed::Replaced(to));
    }
    Ok(Placed::Not(Reason::Exists))
}

/// Takes a failure for one thing's own matter, unless nothing else could be done either.
pub(super) fn own_matter<T>(done: io::Result<T>) -> io::Result<Result<T, Reason>> {
    match done {
        Ok(done) => Ok(Ok(done)),
        Err(error) => match Cause::of(&error) {
            Some(Cause::Full | Cause::TooManyOpen | Cause::NoMemory | Cause::Cancelled) => {
                Err(error)
            }
            _ => Ok(Err(reason(&error))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::inbox::folder::PRETENDED;
    use crate::files::inbox::{Inbox, Policy};
    use rustix::io::Errno;
    use std::fs;

    #[test]
    fn what_fails_for_something_is_its_own_matter_unless_nothing_else_could_be_done() {
        let own = |errno: Errno| own_matter::<()>(Err(errno.into()));
        for (errno, reason) in [
            (Errno::NOTCONN, Reason::Disk),
            (Errno::STALE, Reason::Disk),
            (Errno::NOENT, Reason::Disk),
            (Errno::IO, Reason::Disk),
            (Errno::NOKEY, Reason::Disk),
            (Errno::ACCESS, Reason::Disk),
            (Errno::XDEV, Reason::Disk),
            (Errno::LOOP, Reason::Exists),
            (Errno::NAMETOOLONG, Reason::BadName),
        ] {
            assert_eq!(own(errno).unwrap().unwrap_err(), reason, "{errno:?}");
        }
        for errno in [Errno::NOSPC, Errno::DQUOT, Errno::MFILE, Errno::NFILE, Errno::NOMEM] {
            assert!(own(errno).is_err(), "{errno:?}");
        }
    }

    #[test]
    fn what_of_a_transfer_is_there_already_is_never_replaced_by_it() {
        for pretended in [false, true] {
            PRETENDED.set(pretended);
            let dir = tempfile::tempdir().unwrap();
            fs::create_dir_all(dir.path().join("from")).unwrap();
            fs::create_dir_all(dir.path().join("there")).unwrap();
            let root = Folder::open(dir.path()).unwrap();
            let [from, there] =
                ["from", "there"].map(|name| root.open_folder(name.as_ref()).unwrap());
            for (name, content) in [
                ("from/README", "first"),
                ("from/readme", "second"),
                ("from/ReadMe", "third"),
                ("there/readme", "old"),
            ] {
                fs::write(dir.path().join(name), content).unwrap();
            }
            // A folder that takes the three for one name has the first under it when the others
            // come.
            let (mut placed, one) =
                (GivenNames::default(), FileName::parse(b"readme").unwrap().name);
            let desk = Inbox::open(dir.path(), Policy::default()).unwrap();
            let mut place = |name: &str| {
                let name = FileName::parse(name.as_bytes()).unwrap().name;
                place_one(&desk.0, &from, &name, &there, (one.clone(), false), &mut placed, false)
                    .unwrap()
            };
            assert!(matches!(place("README"), Placed::Replaced(_)));
            assert!(matches!(place("readme"), Placed::New(name) if name.as_str() == "readme (1)"));
            assert!(matches!(place("ReadMe"), Placed::New(name) if name.as_str() == "readme (2)"));
            let read =
                |name: &str| fs::read_to_string(dir.path().join("there").join(name)).unwrap();
            assert_eq!(
                ["readme", "readme (1)", "readme (2)"].map(read),
                ["first", "second", "third"]
            );
        }
        PRETENDED.set(false);
    }
}
