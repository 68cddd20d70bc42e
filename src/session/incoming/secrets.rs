//! Secrets that arrive. The place of each is said, its value never.

use super::{Asked, Incoming, PutOff};
use crate::events::{Event, Stored};
use crate::failure::sentences::{Side, failure_from};
use crate::failure::{Failure, Kind};
use crate::files::acting::Place;
use crate::files::inbox::{Refusal, store_secret_at};
use crate::session::effects::{Effects, Say};
use crate::session::happened::Label;
use crate::session::plan::{SecretFile, SecretPlace, SecretSink, Taking};
use crate::session::question::{Question, SecretAnswer};
use crate::session::work::Work;
use pinhole_protocol::conversation::Input;
use pinhole_protocol::secret::SecretVec;
use pinhole_protocol::wire::{ItemId, PeerText, Reason};

impl Incoming {
    /// A secret has arrived, while so many lines wait that the session is `full`, or not.
    pub(in crate::session) fn secret(
        &mut self,
        id: ItemId,
        name: Option<PeerText>,
        secret: SecretVec,
        full: bool,
    ) -> Effects {
        if self.is_put_off(full) {
            self.put_off.push_back(PutOff::Secret(id, name, secret));
            return Effects::none();
        }
        self.take_secret(id, name, secret)
    }

    /// A secret goes where the command line says, as the person here says, or to a file that only
    /// this user can read.
    pub(super) fn take_secret(
        &mut self,
        id: ItemId,
        name: Option<PeerText>,
        secret: SecretVec,
    ) -> Effects {
        let taking = match self.wanted(id) {
            Ok(taking) => taking,
            Err(refused) => return refused,
        };
        let label = Label { id, name, size: secret.len() as u64 };
        // A sink for one secret has the first that comes, and the next go where they would without
        // it.
        let used = &mut self.places.sink_used;
        match &taking.sink {
            Some(sink) if !(std::mem::replace(used, true) && sink.takes_one()) => match sink {
                SecretSink::File(file) => {
                    let stored = file.store(label.name.as_ref(), &secret);
                    self.sunk(label, &secret, stored)
                }
                // The session goes on meanwhile; the program is killed if that ends before it.
                SecretSink::Exec(program) => {
                    Effects::none().work(Work::Exec(program.clone(), label, secret))
                }
            },
            _ => self.place(label, secret, taking),
        }
    }

    /// A secret is where the command line says. One that has no form there is kept in a private
    /// file: its code is used up.
    pub(in crate::session) fn sunk(
        &mut self,
        label: Label,
        secret: &SecretVec,
        stored: Result<Stored, Refusal>,
    ) -> Effects {
        let stored = stored.map_err(|refusal| match self.taking.clone() {
            Some(taking) if refusal.failure.kind == Kind::SecretUnfit => {
                self.kept_unfit(secret, &taking, refusal)
            }
            _ => refusal,
        });
        self.secret_stored(label, stored)
    }

    /// The same refusal, with the place of the secret. The file has no name of the peer's, which an
    /// error would have to mark.
    fn kept_unfit(&mut self, secret: &SecretVec, taking: &Taking, refusal: Refusal) -> Refusal {
        let kept = self.places.private(taking).and_then(|inbox| {
            inbox.store_secret(None, secret).inspect_err(|_| inbox.remove_if_empty())
        });
        match kept {
            Ok(path) => {
                let failure =
                    refusal.failure.saved_to(path).next("move it from there to where it belongs");
                Refusal { failure, ..refusal }
            }
            Err(_) => refusal,
        }
    }

    fn place(&mut self, label: Label, secret: SecretVec, taking: Taking) -> Effects {
        match taking.secret {
            SecretPlace::Declined => {
                let Label { id, name, size } = label;
                let failure = failure_from(Reason::SecretToOutput, Side::Here);
                Effects::none()
                    .event(Event::Secret { id, name, size, stored: Stored::Declined })
                    .and(self.refuse(id, Reason::SecretToOutput, Some(failure)))
            }
            SecretPlace::Private => self.keep(label, &secret, &taking),
            SecretPlace::Apart => self.keep_apart(label, &secret, &taking),
            SecretPlace::Held => {
                let Label { id, name, .. } = label;
                self.received = self.received.saturating_add(1);
                Effects::none().say(Say::Held(id, name, secret)).input(Input::Held(id))
            }
            SecretPlace::Ask => {
                let question = Question::Secret(label.name.clone(), secret);
                self.ask(label.id, question, Asked::Secret(label, taking))
            }
        }
    }

    /// The person has said where a secret goes.
    pub(super) fn secret_decided(
        &mut self,
        label: Label,
        taking: &Taking,
        answer: SecretAnswer,
    ) -> Effects {
        match answer {
            SecretAnswer::Shown => self.secret_stored(label, Ok(Stored::Shown)),
            SecretAnswer::File(secret) => self.keep(label, &secret, taking),
            SecretAnswer::NotText => {
                let detail = "the secret is not text and cannot be shown here";
                let failure = Failure::new(Kind::Declined, detail)
                    .next("ask for it again, and take it with --secret-to-file PATH");
                self.refuse(label.id, Reason::Declined, Some(failure))
            }
            SecretAnswer::Declined => {
                let declined = failure_from(Reason::Declined, Side::Here);
                self.refuse(label.id, Reason::Declined, Some(declined))
            }
        }
    }

    /// Stores a secret in a file of its own among what is received; where programs act on whatever
    /// lies there, in one that is private: a question about it names no place.
    fn keep(&mut self, label: Label, secret: &SecretVec, taking: &Taking) -> Effects {
        let inbox = self.places.inbox(taking);
        if inbox.as_ref().is_ok_and(|inbox| inbox.machine().is_some_and(Place::takes_all)) {
            return self.keep_apart(label, secret, taking);
        }
        let stored = inbox.and_then(|inbox| inbox.store_secret(label.name.as_ref(), secret));
        self.secret_stored(label, stored.map(Stored::File).map_err(disk))
    }

    /// Stores a secret in a file of its own that is private, wherever everything else goes.
    fn keep_apart(&mut self, label: Label, secret: &SecretVec, taking: &Taking) -> Effects {
        let stored = self.places.private(taking).and_then(|inbox| {
            let stored = inbox.store_secret(label.name.as_ref(), secret);
            stored.inspect_err(|_| inbox.remove_if_empty())
        });
        self.secret_stored(label, stored.map(Stored::File).map_err(disk))
    }

    fn secret_stored(&mut self, label: Label, stored: Result<Stored, Refusal>) -> Effects {
        let Label { id, name, size } = label;
        match stored {
            Ok(stored) => {
                Effects::none().event(Event::Secret { id, name, size, stored }).and(self.kept(id))
            }
            Err(Refusal { reason, failure }) => self.refuse(id, reason, Some(failure)),
        }
    }
}

impl SecretFile {
    /// Puts a secret there that the peer calls `name`, and says where that is.
    ///
    /// # Errors
    /// If it cannot be there, or the disk fails; then nothing has changed.
    pub fn store(&self, name: Option<&PeerText>, secret: &SecretVec) -> Result<Stored, Refusal> {
        match self {
            Self::New(spot) => store_secret_at(spot, secret)
                .map(|()| Stored::File(spot.path().to_owned()))
                .map_err(disk),
            Self::Env(file) => {
                file.set(name, secret).map(|variable| Stored::EnvFile(file.path().into(), variable))
            }
        }
    }
}

const fn disk(failure: Failure) -> Refusal {
    Refusal { reason: Reason::Disk, failure }
}
