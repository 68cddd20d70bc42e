//! A text under the name that the user has given it (`-o NAME`).

use super::folder::GivenNames;
use super::naming::Given;
use super::store::store_as;
use super::{Conflict, Inbox, Refusal};
use crate::failure::Subject;
use crate::files::name::FileName;
use pinhole_protocol::wire::Reason;
use std::io;
use std::path::PathBuf;

impl Inbox {
    /// True if something is called `name` here.
    #[must_use]
    pub fn has(&self, name: &FileName) -> bool {
        self.0.folder.kind(name.as_os_str()).is_ok_and(|kind| kind.is_some())
    }

    /// Stores a text of the peer's as `name`, or what `conflict` makes of that if something has the
    /// name. It is on the disk when this returns, unless it was left out: then there is no path.
    ///
    /// # Errors
    /// A [`Refusal`] if the disk fails, or with [`Conflict::Merge`] if something has the name that
    /// is no plain file; then nothing is left of it.
    pub fn store_text_as(
        &self,
        name: &FileName,
        conflict: Conflict,
        text: &str,
    ) -> Result<Option<PathBuf>, Refusal> {
        let place = &*self.0;
        let what = Subject::from("the text");
        place.make_room(&what, text.as_bytes())?;
        let stored = store_as(&place.folder, text.as_bytes(), |made| {
            match place.give_name(made, name, conflict, &GivenNames::default())? {
                (_, Given::InTheWay(_)) => Err(io::ErrorKind::AlreadyExists.into()),
                (name, became) => Ok((name, became)),
            }
        });
        let (name, became) = stored.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Refusal::exists(name),
            _ => Refusal { reason: Reason::Disk, failure: place.not_stored(&what, &error) },
        })?;
        Ok((became != Given::Dropped).then(|| place.path.join(name.as_os_str())))
    }
}
