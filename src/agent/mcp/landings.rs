//! Where secrets go that an agent takes: the private folder of the server, or what was allowed when it was started.

use super::Secrets;
use crate::failure::{Failure, Kind};
use crate::files::inbox::{EnvFile, Inbox, Policy};
use crate::files::spot::Spot;
use crate::session::plan::private_base;
use std::path::{Component, Path};
use std::sync::{Mutex, PoisonError};

/// The private folder of a server, made when the first secret is to go there and removed if none has.
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

/// What a call may write to.
pub(super) struct Landings<'a> {
    secrets: Secrets,
    private: &'a Private,
}

impl<'a> Landings<'a> {
    pub(super) const fn new(secrets: Secrets, private: &'a Private) -> Self {
        Self { secrets, private }
    }

    /// The place of a file that an agent names: where it says if that is allowed, else, if it is a name alone, in the private folder.
    pub(super) fn spot(&self, path: &Path) -> Result<Spot, Failure> {
        let alone = matches!(path.components().collect::<Vec<_>>().as_slice(), [Component::Normal(name)] if *name == path.as_os_str());
        match self.secrets.fence.landing(path) {
            Err(failure) if failure.kind == Kind::Fenced && alone => self.private.inbox()?.spot(path),
            landed => landed,
        }
    }

    /// The same dotenv file, with what was said about variables.
    pub(super) fn variable(&self, file: EnvFile) -> EnvFile {
        file.with(self.secrets.accepted.clone(), self.secrets.replace)
    }
}
