//! Texts that arrive: each is delivered once it is printed, stored, or with the handler.

use super::places::is_open_to;
use super::{Asked, Incoming, PutOff};
use crate::events::Event;
use crate::failure::sentences::{Side, failure_from};
use crate::failure::{Failure, Kind};
use crate::files::inbox::{Conflict, Inbox, Refusal};
use crate::files::name::FileName;
use crate::log::Said;
use crate::report::LONGEST_TEXT_IN_A_LINE;
use crate::report::prompt;
use crate::report::text_output::TextOutput;
use crate::session::effects::{Effects, Say};
use crate::session::happened::{Happened, Text};
use crate::session::plan::{Destination, Taking};
use crate::session::question::Question;
use crate::session::work::Work;
use pinhole_protocol::conversation::Input;
use pinhole_protocol::wire::{ItemId, PeerText, Reason, Want};
use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;

/// The texts of a session.
pub(super) struct Texts {
    /// The place of texts that do not go among the lines.
    output: Option<TextOutput>,
    /// Texts that no command has received yet, with the numbers of their lines.
    uncollected: VecDeque<(u64, ItemId)>,
    /// True once the question that the session is for has arrived.
    asked: bool,
    /// True once it has its answer.
    answered: bool,
}

impl Texts {
    /// None yet.
    pub(super) const fn new(output: Option<TextOutput>) -> Self {
        Self { output, uncollected: VecDeque::new(), asked: false, answered: false }
    }
}

impl Incoming {
    /// A text has arrived, while so many lines wait that the session is `full`, or not.
    pub(in crate::session) fn text(&mut self, id: ItemId, body: PeerText, full: bool) -> Effects {
        if self.is_put_off(full) {
            self.put_off.push_back(PutOff::Text(id, body));
            return Effects::none();
        }
        self.take_text(id, body)
    }

    pub(super) fn take_text(&mut self, id: ItemId, body: PeerText) -> Effects {
        let taking = match self.wanted(id) {
            Ok(taking) => taking,
            Err(refused) => return refused,
        };
        if let Some((inbox, name)) = self.name_of_its_own(&taking) {
            let inbox = if taking.fenced && is_open_to(&taking, &inbox) {
                self.places.private(&taking)
            } else {
                Ok(inbox)
            };
            return match inbox {
                Ok(inbox) => self.text_as(id, body, inbox, name, taking.policy.conflict),
                Err(failure) => self.refuse(id, Reason::Disk, Some(failure)),
            };
        }
        let long = body.raw().len() > LONGEST_TEXT_IN_A_LINE;
        let mut saved = None;
        if taking.long_texts_to_file && long && self.texts.output.is_none() {
            let stored = self.places.inbox(&taking);
            match stored.and_then(|inbox| inbox.store_text(id, body.raw())) {
                Ok(path) => saved = Some(path),
                Err(failure) => return self.refuse(id, Reason::Disk, Some(failure)),
            }
        }
        self.tell(id, body, saved)
    }

    /// The name that the command line has for the one thing that comes, if this is that.
    fn name_of_its_own(&self, taking: &Taking) -> Option<(Inbox, FileName)> {
        match &taking.to {
            Destination::Folder(inbox, Some(name))
                if self.terms.want == Want::Take
                    && !self.places.name_used
                    && self.theirs.is_empty() =>
            {
                Some((inbox.clone(), name.clone()))
            }
            _ => None,
        }
    }

    /// Stores a text under its name; what is there already may be for the person here to say.
    fn text_as(
        &mut self,
        id: ItemId,
        body: PeerText,
        inbox: Inbox,
        name: FileName,
        rule: Conflict,
    ) -> Effects {
        self.places.name_used = true;
        if rule != Conflict::Ask || !inbox.has(&name) {
            return self.store_as(id, body, &inbox, &name, rule);
        }
        let question = Question::TextName(name.text().into_owned());
        self.ask(id, question, Asked::Text(body, inbox, name))
    }

    /// The person has said what becomes of a text whose name is taken.
    pub(super) fn text_decided(
        &mut self,
        id: ItemId,
        body: PeerText,
        inbox: &Inbox,
        name: &FileName,
        answer: prompt::Conflict,
    ) -> Effects {
        self.store_as(id, body, inbox, name, super::offers::conflict(answer))
    }

    fn store_as(
        &mut self,
        id: ItemId,
        body: PeerText,
        inbox: &Inbox,
        name: &FileName,
        rule: Conflict,
    ) -> Effects {
        match inbox.store_text_as(name, rule, body.raw()) {
            Ok(Some(path)) => self.tell(id, body, Some(path)),
            Ok(None) => {
                let detail = format!(
                    "{} is already here and was left as it is",
                    inbox.path().join(name.as_os_str()).display()
                );
                Effects::none()
                    .event(Event::Trouble(Failure::notice(Kind::Skipped, detail)))
                    .and(self.arrived(Input::Refuse(id, Reason::Exists)))
            }
            Err(Refusal { reason, failure }) => self.refuse(id, reason, Some(failure)),
        }
    }

    /// A text is where it belongs, or goes there now, which is said.
    fn tell(&mut self, id: ItemId, body: PeerText, saved: Option<PathBuf>) -> Effects {
        let texts = &mut self.texts;
        // A text before the question has arrived, or after its answer, answers nothing.
        let answers =
            !self.terms.asking || texts.asked && !std::mem::replace(&mut texts.answered, true);
        let output = texts.output.as_ref().filter(|_| answers && saved.is_none()).cloned();
        let text = Text { id, body, saved, answers };
        match output {
            Some(output) => Effects::none().work(Work::Print(output, text)),
            None => Effects::none().say(Say::Text(text)),
        }
    }

    /// A text is where texts go, or cannot go there.
    pub(in crate::session) fn printed(&mut self, text: Text, printed: io::Result<()>) -> Effects {
        match printed {
            Ok(()) => Effects::none().say(Say::Text(text)),
            Err(error) => self.said(text, Err(error)),
        }
    }

    /// A text is said, in this line if it has one, or cannot be.
    pub(in crate::session) fn said(
        &mut self,
        text: Text,
        said: io::Result<Option<Said>>,
    ) -> Effects {
        let id = text.id;
        let Ok(said) = said else {
            let failure = failure_from(Reason::OutputClosed, Side::Here);
            let effects = if self.terms.asking {
                // An answer that nobody sees is none.
                Effects::none().then(Happened::Fail(failure.clone()))
            } else {
                Effects::none()
            };
            return effects.and(if text.saved.is_some() {
                // It is there, whether anybody knows or not.
                self.kept(id)
            } else {
                self.refuse(id, Reason::OutputClosed, Some(failure))
            });
        };
        Effects::none().then(Happened::Turn).then(Happened::ForHandler(text, said))
    }

    /// A text is in a line of this session's. Where nobody reads what it prints, other commands
    /// find it there, and until then it holds back more.
    pub(in crate::session) fn unhandled(&mut self, id: ItemId, said: Option<Said>) -> Effects {
        let Some(said) = said.filter(|_| self.terms.unread) else {
            return self.kept(id);
        };
        self.texts.uncollected.push_back((said.seq, id));
        self.arrived(Input::Held(id))
    }

    /// The lines of these numbers were received, and none before `oldest` is kept: the peer may
    /// send as much more.
    pub(in crate::session) fn collected(&mut self, lines: &[u64], oldest: u64) -> Effects {
        let uncollected = &mut self.texts.uncollected;
        let mut effects = Effects::none();
        for seq in lines {
            let at = uncollected.binary_search_by_key(seq, |(line, _)| *line);
            if let Some((_, id)) = at.ok().and_then(|at| uncollected.remove(at)) {
                effects = effects.input(Input::Collected(id));
            }
        }
        // Lines that went before anybody had them are waited for by nobody.
        while let Some((line, id)) = uncollected.front()
            && *line < oldest
        {
            effects = effects.input(Input::Collected(*id));
            uncollected.pop_front();
        }
        effects.then(Happened::Room)
    }

    /// Something of ours has arrived at the peer: the next text may answer it.
    pub(in crate::session) fn ours_arrived(&mut self) -> Effects {
        self.texts.asked = true;
        Effects::none()
    }
}
