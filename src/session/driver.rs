//! The one loop of a session with a conversation: a happening goes to the part that it concerns,
//! and what that part decides is said, fed to the conversation, or started on other threads.

use super::Report;
use super::core::Core;
use super::effects::Effects;
use super::ending::{self, Ending};
use super::errands::Errands;
use super::handling::Handling;
use super::happened::Happened;
use super::incoming::Incoming;
use super::interrupt::Interrupt;
use super::links::Links;
use super::meeting::Meeting;
use super::outgoing::Outgoing;
use super::person::{Person, Standing};
use super::plan::Plan;
use super::terms::Terms;
use super::voice::Voice;
use super::work::Workers;
use crate::clock;
use crate::control::Control;
use crate::events::Event;
use crate::failure::Failure;
use pinhole_protocol::conversation::{Actions, Event as Told, Input, Outcome};
use pinhole_protocol::wire::Want;
use std::collections::VecDeque;

/// A session with a conversation.
pub(super) struct Driver<'a> {
    voice: Voice<'a>,
    core: Core,
    links: Links,
    outgoing: Outgoing,
    incoming: Incoming,
    person: Person,
    handling: Handling,
    ending: Ending,
    workers: Workers,
    errands: Errands,
}

impl<'a> Driver<'a> {
    /// Starts the link's threads and the conversation.
    ///
    /// # Errors
    /// If the connection or a thread cannot be had.
    pub(super) fn start(
        plan: &Plan,
        met: Meeting,
        report: &'a mut Report,
        control: &Control,
    ) -> Result<Self, Failure> {
        let Meeting { first, commitment, proofs, peer, later } = met;
        let links = Links::start(first, later)?;
        let tables = links.tables();
        let voice = Voice::new(report, control, plan.screen.clone());
        let terms = Terms::new(plan, peer, control.is_unread());
        Ok(Self {
            core: Core::new(commitment, terms, plan.ttl),
            links,
            outgoing: Outgoing::new(terms, plan.wares.clone(), tables.clone()),
            incoming: Incoming::new(terms, plan.taking.clone(), voice.text_output(), tables),
            person: Person::new(plan.screen.clone(), plan.fence.clone()),
            handling: Handling::new(plan.handler.clone(), voice.facts()),
            ending: Ending::new(terms, plan.wares.len()),
            workers: Workers::new(proofs),
            errands: Errands::new(plan.want),
            voice,
        })
    }

    /// Runs the conversation to its end. Returns its outcome, and the failure of the session if it
    /// did not go well.
    pub(super) async fn run(mut self, interrupt: &mut Interrupt) -> (Outcome, Option<Failure>) {
        self.perform(self.links.up());
        self.converse();
        let outcome = loop {
            if let Some(outcome) = self.ending.outcome() {
                break outcome;
            }
            let happened = tokio::select! {
                happened = self.links.next(), if self.workers.has_room() => happened,
                Some(happened) = self.workers.next() => happened,
                happened = self.errands.next() => happened,
                taken = self.voice.control().taken() => Happened::Taken(taken),
                () = interrupt.wait() => Happened::Interrupted,
                () = clock::sleep_until(self.core.wake_at()) => Happened::Tick,
                () = self.voice.changes() => {
                    self.voice.redraw();
                    continue;
                }
            };
            self.happened(happened);
        };
        self.person.settle();
        self.links.end(&mut self.core, interrupt).await;
        self.person.end();
        if outcome == Outcome::Done && !self.handling.is_cut() {
            self.finish_handler(interrupt).await;
        }
        let (said, failure) = self.ending.judge(self.incoming.received());
        said.iter().for_each(|event| self.voice.event(event));
        self.let_go(interrupt).await;
        (outcome, failure)
    }

    /// Something happened: does everything that follows from it.
    fn happened(&mut self, happened: Happened) {
        self.perform(Effects::none().then(happened));
        self.converse();
    }

    /// Lets the conversation take up all that it was fed.
    fn converse(&mut self) {
        loop {
            while let Some(Actions { control, grants, cut, events, .. }) = self.core.next() {
                // The peer may act at once on what it is told.
                self.links.need(self.core.need(), self.core.needs_stripes());
                self.perform(self.links.tell(control, grants, &cut));
                self.ending.ahead(&events);
                for event in events {
                    let effects = self.reported(event);
                    self.perform(effects);
                }
            }
            if self.ending.outcome().is_some() {
                return;
            }
            self.links.settle();
            let effects = self.handling.next(clock::now(), self.core.has_backlog());
            if effects.is_none() {
                return;
            }
            self.perform(effects);
        }
    }

    /// Does what a part has decided, and all that follows from it in other parts, depth first.
    fn perform(&mut self, effects: Effects) {
        let mut next = self.take(effects);
        while let Some(happened) = next.pop_front() {
            let effects = self.route(happened);
            let mut first = self.take(effects);
            first.append(&mut next);
            next = first;
        }
    }

    fn take(&mut self, effects: Effects) -> VecDeque<Happened> {
        let Effects { said, inputs, work, then } = effects;
        let mut next: VecDeque<_> =
            said.into_iter().filter_map(|say| self.voice.say(say)).collect();
        self.core.feed(inputs);
        next.extend(work.into_iter().filter_map(|work| self.workers.start(work)));
        next.extend(then);
        next
    }

    /// Hands a happening to the part that it concerns.
    fn route(&mut self, happened: Happened) -> Effects {
        let Self { outgoing, incoming, person, handling, ending, core, voice, .. } = self;
        match happened {
            Happened::News(link, news) => self.links.news(link, news),
            Happened::Made(made) => self.links.made(made, self.core.link()),
            Happened::Places(places) => Effects::none().input(Input::Places(places)),
            Happened::Tick => Effects::none().input(Input::Tick),
            Happened::Rests(answer) => core.answer(answer),
            Happened::Send(ware, follower) => outgoing.send(core.next_item(), ware, follower),
            Happened::SendPaths(paths, options) => outgoing.send_paths(paths, options),
            Happened::Looked(files) => outgoing.looked(files),
            Happened::OfferMade(id, offer) => outgoing.offer_made(id, offer),
            Happened::Counted(id, count, totals) => outgoing.counted(id, &count, totals),
            Happened::Opened(id, source) => outgoing.opened(id, source),
            Happened::Available(id, bytes) => Effects::none().input(Input::Available(id, bytes)),
            Happened::Part(id, next) => outgoing.part(id, next),
            Happened::Proof(id, hashes) => Effects::none().input(Input::Proof(id, hashes)),
            Happened::Proved(id, proved) => outgoing.proved(id, proved),
            Happened::Unread(id, failure) => outgoing.unread(id, &failure),
            Happened::Checked(id, checked) => outgoing.checked(id, checked),
            Happened::Goodbye => outgoing.say_goodbye(),
            Happened::Begun(id, begun) => incoming.begun(id, begun),
            Happened::Registered(id, registered) => incoming.registered(id, registered),
            Happened::Compared(id, equal) => incoming.compared(id, equal),
            Happened::Wrote(id, wrote) => incoming.wrote(id, wrote),
            Happened::Refused(id, refusal) => incoming.refused(id, refusal),
            Happened::Committed(id, committed) => incoming.committed(id, committed),
            Happened::Removed => Effects::none(),
            Happened::Printed(text, printed) => incoming.printed(text, printed),
            Happened::Said(text, said) => incoming.said(text, said),
            Happened::Ran(label, secret, stored) => incoming.sunk(label, &secret, stored),
            Happened::Taken(taken) => incoming.taken(taken),
            Happened::Returned(lines) => incoming.collected(&lines, voice.control().oldest_seq()),
            Happened::Decided(id, answer) => incoming.decided(id, answer),
            Happened::Unhandled(id, said) => incoming.unhandled(id, said),
            Happened::Kept(id) => incoming.kept(id),
            Happened::Room => incoming.room(voice.control().is_full()),
            Happened::Typing(begun) => person.typing(begun),
            Happened::Typed => person.typed(),
            Happened::TypedAlone => {
                let under_way = outgoing.under_way().chain(incoming.under_way()).collect();
                person.typed_alone(&Standing { under_way, rests: core.rests() })
            }
            Happened::TypedSecret(label, secret) => person.typed_secret(label, secret),
            Happened::Reply(text) => person.reply(text),
            Happened::Verify(words) => person.verify(words),
            Happened::Ask(id, question) => person.ask(Some(id), question),
            Happened::Answered(answer) => person.answered(answer),
            Happened::NextQuestion => person.next_question(),
            Happened::Turn => handling.turn(),
            Happened::ForHandler(text, said) => handling.take(text, said),
            Happened::Paced => handling.paced(),
            Happened::Handled(came) => handling.handled(came),
            Happened::Leave => handling.leave().then(Happened::Goodbye),
            Happened::Delivered => ending.delivered().and(incoming.ours_arrived()),
            Happened::Trouble(failure) => ending.trouble(failure),
            Happened::Fail(failure) => ending.fail(failure),
            Happened::Abort(reason) => ending.abort(reason),
            Happened::Interrupted => {
                ending.interrupt(&incoming.so_far(), &outgoing.so_far(), incoming.stays())
            }
            Happened::LeftBehind(left) => ending::left_behind(&left),
        }
    }

    /// Hands a report of the conversation to the part that it concerns.
    fn reported(&mut self, event: Told) -> Effects {
        let full = self.voice.control().is_full();
        let Self { outgoing, incoming, person, handling, ending, .. } = self;
        match event {
            Told::Connected(peer) => self.connected(peer),
            Told::Text(id, body) => incoming.text(id, body, full),
            Told::Secret(id, name, value) => incoming.secret(id, name, value.0, full),
            Told::Offered(offer) => incoming.offered(offer, full),
            Told::Counted { transfer, bytes, entries, counted } => {
                incoming.counted(transfer, bytes, entries, counted)
            }
            Told::Register(part) => incoming.register(part),
            Told::Proof { transfer, proofs, last } => incoming.proof(transfer, proofs, last),
            Told::Gap { transfer, range, why } => incoming.gap(transfer, range, why),
            Told::Progress(id, done) => incoming.progress(id, done),
            Told::Unfit(id, reason, what) => incoming.unfit(id, reason, what.as_str()),
            Told::Whole(id, whole) => incoming.whole(id, whole),
            Told::Heard(id) => incoming.heard(id),
            Told::Cancelled(id, reason) => {
                person.withdraw(id);
                handling.withdraw(id);
                incoming.cancelled(id, reason, (ending.side(), ending.is_near()))
            }
            Told::Accepted(id) => outgoing.accepted(id),
            Told::PartWanted(id) => outgoing.next_part(id),
            Told::Prove(id, segments) => outgoing.prove(id, segments),
            Told::AllRead(id) => outgoing.all_read(id),
            Told::Written { transfer, done, frontier } => {
                outgoing.written(transfer, done, frontier)
            }
            Told::Delivered(id, differences) => outgoing.delivered(id, &differences),
            Told::Failed(id, reason) => outgoing.failed(id, reason, ending.side()),
            // Only the side that asked is protected by the words, whoever else compares them.
            Told::PeerVerified => Effects::none(),
            Told::Link(news) => self.links.told(news),
            Told::Places(places) => self.links.peer_is_at(places),
            Told::Expiring(left) => Effects::none().event(Event::Expiring { left }),
            Told::PeerLeft(reason) => handling.peer_left(reason),
            Told::Over(outcome) => ending.over(outcome),
        }
    }

    /// There is a channel with a peer of this purpose.
    fn connected(&mut self, peer: Want) -> Effects {
        self.incoming.connected(peer);
        self.errands.attach(self.voice.control());
        let connected = self.links.connected(self.core.link());
        connected.and(self.person.connected(self.core.words())).and(self.outgoing.connected())
    }

    /// Lets the handler at work finish when the peer has left: what it does with a text that it has
    /// taken is done, though nobody gets its answer. Ctrl-C and `close --now` end it.
    async fn finish_handler(&mut self, interrupt: &mut Interrupt) {
        let Some(mut handler) = self.workers.handler() else { return };
        let cut = loop {
            tokio::select! {
                _ = &mut handler => break false,
                // Its answer has a place only when everything before it has gone.
                Some(happened) = self.workers.next() => self.happened(happened),
                () = interrupt.wait() => break true,
                () = self.voice.control().closed_now() => break true,
            }
        };
        if cut {
            self.workers.give_up(handler);
            return self.ending.interrupted();
        }
        while let Some(happened) = self.workers.try_next() {
            self.happened(happened);
        }
    }

    /// Ends what other threads still do, and waits until nothing is left of what was not delivered;
    /// an interrupt ends the waiting. Things that are left then are said.
    async fn let_go(&mut self, interrupt: &mut Interrupt) {
        // Whatever was begun meanwhile is among what is removed.
        self.workers.close();
        while let Some(happened) = self.workers.try_next() {
            self.happened(happened);
        }
        self.outgoing.end();
        let effects = self.incoming.end();
        self.perform(effects);
        let enough = ending::enough(self.voice.control(), interrupt);
        let left = self.workers.end(enough).await;
        self.perform(ending::left_behind(&left));
        self.incoming.remove_empty();
    }
}
