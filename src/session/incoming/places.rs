//! The directories of one session that things are received in.

use crate::events::SetAside;
use crate::failure::Failure;
use crate::files::acting::Place;
use crate::files::inbox::{Conflict, Inbox};
use crate::files::private::private_base;
use crate::session::plan::{ANOTHER_PLACE, Destination, Taking};
use pinhole_protocol::wire::{ItemKind, Offer};

/// Directories for what arrives, opened or made when they are needed.
#[derive(Default)]
pub(super) struct Places {
    /// The directory of everything, once something was received.
    inbox: Option<Inbox>,
    /// The private one, for things that are not for where the rest goes.
    apart: Option<Inbox>,
    /// The place that the person has named, because there was no room where things go else.
    elsewhere: Option<Destination>,
    /// True once something has the name that the command line has for what comes.
    pub(super) name_used: bool,
    /// True once a secret has gone where the command line says.
    pub(super) sink_used: bool,
}

/// The place of the files of an offer.
pub(super) struct Landing {
    pub(super) inbox: Inbox,
    /// The place of a folder of it in which something acts, if that is elsewhere.
    pub(super) aside: Option<Inbox>,
    /// Why all of it goes to a private directory, if it does.
    pub(super) set_aside: Option<SetAside>,
    /// True if such a folder is refused, because there is no private directory.
    pub(super) strict: bool,
}

impl Landing {
    /// All of it in one place.
    const fn plain(inbox: Inbox) -> Self {
        Self { inbox, aside: None, set_aside: None, strict: false }
    }
}

impl Places {
    /// The place that the person has named instead of the command line's.
    pub(super) const fn elsewhere(&self) -> Option<&Destination> {
        self.elsewhere.as_ref()
    }

    /// From now on things go there.
    pub(super) fn go_elsewhere(&mut self, to: Destination) {
        self.inbox = None;
        self.elsewhere = Some(to);
    }

    /// The directory that things are received in; a private one is made the first time.
    pub(super) fn inbox(&mut self, taking: &Taking) -> Result<Inbox, Failure> {
        if let Some(inbox) = &self.inbox {
            return Ok(inbox.clone());
        }
        let inbox = match &taking.to {
            Destination::Folder(inbox, _) if is_open_to(taking, inbox) => {
                return self.private(taking);
            }
            Destination::Folder(inbox, _) => inbox.clone(),
            Destination::Private | Destination::Output(_) => {
                Inbox::private(&private_base()?, taking.policy)?
            }
        };
        self.inbox = Some(inbox.clone());
        Ok(inbox)
    }

    /// The place of an offer's files.
    pub(super) fn landing(&mut self, taking: &Taking, offer: &Offer) -> Result<Landing, Failure> {
        let Destination::Folder(inbox, name) = &taking.to else {
            return self.inbox(taking).map(Landing::plain);
        };
        let aside = |inbox, why| Landing { set_aside: Some(why), ..Landing::plain(inbox) };
        let word = self.is_word(taking, offer);
        // A folder in a home that a program knows is such a place itself.
        let settings =
            !word && !self.name_used && name.as_ref().is_some_and(|name| inbox.makes_a_place(name));
        if is_open_to(taking, inbox) && !word || settings && !taking.person {
            let private = self.private(taking).map_err(|failure| failure.next(ANOTHER_PLACE));
            return private.map(|private| aside(private, SetAside::Place));
        }
        let here = Landing::plain(inbox.clone());
        if !taking.fenced || offer.items.iter().all(|item| item.kind != ItemKind::Folder) {
            return Ok(here);
        }
        Ok(match self.private(taking) {
            Ok(private) if inbox.takes_from(&private) => Landing { aside: Some(private), ..here },
            Ok(private) => aside(private, SetAside::Device),
            // Only what would have to go there needs it.
            Err(_) => Landing { strict: true, ..here },
        })
    }

    /// The private directory of things that are not for where the rest goes; it is made the first
    /// time.
    pub(super) fn private(&mut self, taking: &Taking) -> Result<Inbox, Failure> {
        if matches!(taking.to, Destination::Private | Destination::Output(_)) {
            return self.inbox(taking);
        }
        if let Some(inbox) = &self.apart {
            return Ok(inbox.clone());
        }
        let inbox = Inbox::private(&private_base()?, taking.policy)?;
        let inbox = if let Destination::Folder(beside, _) = &taking.to {
            inbox.counted_with(beside)
        } else {
            inbox
        };
        self.apart = Some(inbox.clone());
        Ok(inbox)
    }

    /// True if what is offered is one file whose name on this command line is a person's word.
    pub(super) fn is_word(&self, taking: &Taking, offer: &Offer) -> bool {
        let one_file = matches!(offer.items.as_slice(), [item] if item.kind != ItemKind::Folder);
        // With a number in it the name would be another, in a place where each is acted on.
        let stays = |inbox: &Inbox, name| {
            taking.policy.conflict != Conflict::Rename
                || !inbox.machine().is_some_and(Place::takes_all)
                || !inbox.has(name)
        };
        one_file
            && !taking.fenced
            && !self.name_used
            && matches!(&taking.to, Destination::Folder(inbox, Some(name)) if stays(inbox, name))
    }

    /// Removes the private directories again in which nothing was received; the main one is
    /// private if `all_private`.
    pub(super) fn remove_empty(&self, all_private: bool) {
        let main = self.inbox.iter().filter(|_| all_private);
        main.chain(&self.apart).for_each(Inbox::remove_if_empty);
    }
}

/// True if programs act on whatever lies there, and no person can be asked about it.
pub(super) fn is_open_to(taking: &Taking, inbox: &Inbox) -> bool {
    (taking.fenced || !taking.person) && inbox.machine().is_some_and(Place::takes_all)
}
