//! The driver's side of a secret that arrives: where it goes, and what is said of it, which is
//! never its value.

use super::answers::Gone;
use super::driver::Driver;
use super::lingering::say_taken;
use super::plan::{SecretFile, SecretPlace, SecretSink, Taking};
use super::receiving::PutOff;
use crate::control::Taken;
use crate::events::{Event, Stored};
use crate::failure::sentences::{Side, failure_from};
use crate::failure::{Failure, Kind};
use crate::files::acting::Place;
use crate::files::inbox::{Refusal, store_secret_at};
use crate::files::secret_exec::SecretExec;
use crate::report::prompt::{OwnTerminal, SecretTo};
use pinhole_protocol::conversation::Input;
use pinhole_protocol::secret::SecretVec;
use pinhole_protocol::wire::{ItemId, PeerText, Reason};
use std::process::Stdio;

/// What is said of a secret, beside where it went.
struct Told {
    id: ItemId,
    name: Option<PeerText>,
    size: u64,
}

impl Driver<'_> {
    /// A secret has arrived: it goes where the command line says, as the person here says, or to a
    /// file that only this user can read.
    pub(super) fn secret(&mut self, id: ItemId, label: Option<PeerText>, secret: SecretVec) {
        if self.is_put_off() {
            return self.put_off.push_back(PutOff::Secret(id, label, secret));
        }
        let Some(taking) = self.wanted(id) else { return };
        let told = Told { id, name: label, size: secret.len() as u64 };
        // A sink for one secret has the first that comes, and the next go where they would without
        // it.
        match &taking.sink {
            Some(sink) if !(std::mem::replace(&mut self.sink_used, true) && sink.takes_one()) => {
                self.sink(told, secret, sink.clone())
            }
            _ => self.place(told, secret, taking),
        }
    }

    fn sink(&mut self, told: Told, secret: SecretVec, sink: SecretSink) {
        match sink {
            SecretSink::File(file) => {
                let stored = file.store(told.name.as_ref(), &secret);
                self.sunk(told, &secret, stored);
            }
            SecretSink::Exec(program) => self.hand_over(told, secret, program),
        }
    }

    /// Runs the program that gets the secret, while the session goes on. It is killed if the
    /// session ends before it.
    fn hand_over(&mut self, told: Told, secret: SecretVec, program: SecretExec) {
        let desk = self.desk.clone();
        self.program = Some(tokio::spawn(async move {
            // Standard input is for answers of the person here.
            let ran = program.run(&secret, Stdio::null()).await;
            let stored = ran.map(|()| Stored::Program(program.variable().map(str::to_owned)));
            desk.bring(move |driver| driver.sunk(told, &secret, stored)).await;
        }));
    }

    /// A secret is where the command line says. One that has no form there is kept in a private
    /// file: its code is used up.
    fn sunk(&mut self, told: Told, secret: &SecretVec, stored: Result<Stored, Refusal>) {
        let stored = stored.map_err(|refusal| match self.plan.taking.clone() {
            Some(taking) if refusal.failure.kind == Kind::SecretUnfit => {
                self.kept_unfit(secret, &taking, refusal)
            }
            _ => refusal,
        });
        self.secret_stored(told, stored);
    }

    /// The same refusal, with the place of the secret. The file has no name of the other side's,
    /// which an error would have to mark.
    fn kept_unfit(&mut self, secret: &SecretVec, taking: &Taking, refusal: Refusal) -> Refusal {
        let kept = self.private(taking).and_then(|inbox| {
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

    fn place(&mut self, told: Told, secret: SecretVec, taking: Taking) {
        match taking.secret {
            SecretPlace::Declined => {
                let Told { id, name, size } = told;
                self.say(&Event::Secret { id, name, size, stored: Stored::Declined });
                self.refuse(
                    id,
                    Reason::SecretToOutput,
                    Some(failure_from(Reason::SecretToOutput, Side::Here)),
                );
            }
            SecretPlace::Private => self.keep(told, &secret, &taking),
            SecretPlace::Apart => self.keep_apart(told, &secret, &taking),
            SecretPlace::Held => {
                let Told { id, name, size } = told;
                self.control.hold(id, name.clone(), secret);
                self.say(&Event::Secret {
                    id,
                    name,
                    size,
                    stored: Stored::Held(self.control.take_secret()),
                });
                self.received += 1;
                self.next.push_back(Input::Held(id));
            }
            SecretPlace::Ask => {
                let (asked, size) = (told.name.clone(), told.size);
                let ask = move |terminal: &mut OwnTerminal, gone: &Gone| match terminal
                    .secret(asked.as_ref(), size)?
                {
                    SecretTo::Terminal if gone.is_set() => Ok(Ok(Stored::Declined)),
                    SecretTo::Terminal => terminal
                        .show_secret(secret)
                        .map(|shown| if shown { Ok(Stored::Shown) } else { Err(None) }),
                    SecretTo::File => Ok(Err(Some(secret))),
                    SecretTo::Nowhere => Ok(Ok(Stored::Declined)),
                };
                self.ask(
                    Some(told.id),
                    ("the secret", "use --secret-to-file PATH"),
                    ask,
                    move |driver, answer| match answer {
                        Ok(Ok(Stored::Declined)) => driver.refuse(
                            told.id,
                            Reason::Declined,
                            Some(failure_from(Reason::Declined, Side::Here)),
                        ),
                        Ok(Ok(stored)) => driver.secret_stored(told, Ok(stored)),
                        Ok(Err(Some(secret))) => driver.keep(told, &secret, &taking),
                        Ok(Err(None)) => {
                            let failure = Failure::new(
                                Kind::Declined,
                                "the secret is not text and cannot be shown here",
                            )
                            .next("ask for it again, and take it with --secret-to-file PATH");
                            driver.refuse(told.id, Reason::Declined, Some(failure));
                        }
                        Err(failure) => driver.refuse(told.id, Reason::NoAnswer, Some(failure)),
                    },
                );
            }
        }
    }

    /// Stores a secret in a file of its own among what is received; where programs act on whatever
    /// lies there, in one that is private: a question about it names no place.
    fn keep(&mut self, told: Told, secret: &SecretVec, taking: &Taking) {
        let inbox = self.inbox(taking);
        if inbox.as_ref().is_ok_and(|inbox| inbox.machine().is_some_and(Place::takes_all)) {
            return self.keep_apart(told, secret, taking);
        }
        let stored = inbox.and_then(|inbox| inbox.store_secret(told.name.as_ref(), secret));
        self.secret_stored(told, stored.map(Stored::File).map_err(disk));
    }

    /// Stores a secret in a file of its own that is private, wherever everything else goes.
    fn keep_apart(&mut self, told: Told, secret: &SecretVec, taking: &Taking) {
        let stored = self.private(taking).and_then(|inbox| {
            let stored = inbox.store_secret(told.name.as_ref(), secret);
            stored.inspect_err(|_| inbox.remove_if_empty())
        });
        self.secret_stored(told, stored.map(Stored::File).map_err(disk));
    }

    /// Another command has taken one that was held: it is told where it is, and its place in the
    /// window is free.
    pub(super) fn secret_taken(&mut self, taken: Taken) {
        let id = taken.id;
        say_taken(self.report, &self.control, taken);
        self.next.push_back(Input::Collected(id));
    }

    fn secret_stored(&mut self, told: Told, stored: Result<Stored, Refusal>) {
        let Told { id, name, size } = told;
        match stored {
            Ok(stored) => {
                self.say(&Event::Secret { id, name, size, stored });
                self.kept(id);
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
