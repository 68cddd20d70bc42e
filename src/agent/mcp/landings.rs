//! Places for secrets that an agent takes: the private folder of the server, or what was allowed
//! when it was started.

use super::Secrets;
use super::workspace::begun_at;
use crate::failure::{Failure, Kind};
use crate::files::inbox::{EnvFile, Inbox, Policy};
use crate::files::private::private_base;
use crate::files::spot::Spot;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The private folder of a server, made when the first secret is to go there and removed if none
/// has.
#[derive(Default)]
pub(super) struct Private(Mutex<Option<Inbox>>);

impl Private {
    fn inbox(&self) -> Result<Inbox, Failure> {
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*made {
            Some(inbox) => Ok(inbox.clone()),
            None => Ok(made.insert(Inbox::private(&private_base()?, Policy::default())?).clone()),
        }
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        if let Some(inbox) = self.0.get_mut().unwrap_or_else(PoisonError::into_inner) {
            inbox.remove_if_empty();
        }
    }
}

/// Places that a call may write to.
pub(super) struct Landings<'a> {
    secrets: Secrets,
    private: &'a Private,
    /// The folder at which relative paths begin; `None` if nothing says where.
    start: Option<PathBuf>,
    /// True if the call has chosen that.
    chosen: bool,
}

impl<'a> Landings<'a> {
    /// Those of a call that chooses `cwd`, of an agent that works in `folders`. That an agent works
    /// there lets nothing be written there.
    pub(super) fn new(
        secrets: Secrets,
        private: &'a Private,
        folders: &[PathBuf],
        cwd: Option<&str>,
    ) -> Self {
        let fence = secrets.fence.working_in(folders);
        let start = begun_at(fence.first_folder(), cwd);
        Self { secrets: Secrets { fence, ..secrets }, private, start, chosen: cwd.is_some() }
    }

    /// The place of a file that an agent names: where it says if that is allowed, else, if it is a
    /// name alone, in the private folder.
    pub(super) fn spot(&self, path: &Path) -> Result<Spot, Failure> {
        let components: Vec<_> = path.components().collect();
        let alone = matches!(components[..], [Component::Normal(name)] if name == path.as_os_str());
        let whole = self.start.as_deref().map_or_else(|| path.to_owned(), |start| start.join(path));
        match self.secrets.fence.landing(&whole) {
            Err(failure) if failure.kind == Kind::Fenced && alone && !self.chosen => {
                self.private.inbox()?.spot(path)
            }
            landed => landed,
        }
    }

    /// The dotenv file with the options for variables.
    pub(super) fn variable(&self, file: EnvFile) -> EnvFile {
        file.with(self.secrets.accepted.clone(), self.secrets.replace)
    }
}
