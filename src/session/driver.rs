//! The one loop that owns the conversation: news of the link, finished work, answers and time go
//! in; what it says is done.

use super::answers::Questions;
use super::errands::next_errand;
use super::handling::Handling;
use super::interrupt::Interrupt;
use super::plan::{Destination, Plan};
use super::receiving::{PutOff, Theirs};
use super::removal::{Removals, left_behind};
use super::sending::Ours;
use super::typing::Typing;
use super::{Report, hand_over, tell};
use crate::clock;
use crate::control::{Control, Errand};
use crate::events::{Event, Path};
use crate::failure::sentences::{Side, failure_from};
use crate::failure::{Failure, Kind};
use crate::files::inbox::{Inbox, Receiving};
use crate::transport::Joined;
use crate::transport::bulk::{Link, News, Tables};
use pinhole_protocol::conversation::{self, Actions, Conversation, Input, LinkEnd, Outcome, Setup};
use pinhole_protocol::links::LinkId;
use pinhole_protocol::violation::Violation;
use pinhole_protocol::wire::{ItemId, Reason, Want};
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// News of links that may wait for the driver: enough that a reader rarely waits, few enough to
/// bound memory.
const NEWS: usize = 64;
/// Finished work that may wait for the driver; beyond that, whoever brings more waits.
const DESK: usize = 256;
/// Pieces of work on other threads while which no more is heard of links, so that a peer which
/// begins and withdraws one thing after another waits for the disk. What it may have under way at a
/// time makes fewer.
const WORK: usize = 32;
/// How long the last words may take to leave, and the other side's last words to come.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Something that was done on another thread, and what the driver does about it.
pub(super) type Done = Box<dyn FnOnce(&mut Driver<'_>) + Send>;

/// A way for other threads to have something done in the driver's loop.
#[derive(Clone)]
pub(super) struct Desk(mpsc::Sender<Done>);

impl Desk {
    /// Hands `done` to the driver from a thread, which waits while the desk is full; nothing
    /// happens if the driver has ended.
    pub(super) fn put(&self, done: impl FnOnce(&mut Driver<'_>) + Send + 'static) {
        let _ = self.0.blocking_send(Box::new(done));
    }

    /// The same from a task.
    pub(super) async fn bring(&self, done: impl FnOnce(&mut Driver<'_>) + Send + 'static) {
        let _ = self.0.send(Box::new(done)).await;
    }
}

pub(super) struct Driver<'a> {
    pub(super) plan: Arc<Plan>,
    pub(super) report: &'a mut Report,
    /// How other commands reach this session.
    pub(super) control: Control,
    pub(super) conversation: Conversation,
    pub(super) tables: Tables,
    pub(super) desk: Desk,
    pub(super) ours: BTreeMap<ItemId, Ours>,
    pub(super) theirs: BTreeMap<ItemId, Theirs>,
    /// Texts of the peer's that no command has received yet, with the numbers of their lines.
    pub(super) uncollected: VecDeque<(u64, ItemId)>,
    /// Things of the peer's that wait until something was received.
    pub(super) put_off: VecDeque<PutOff>,
    /// Pieces of work that are not done.
    working: usize,
    /// Offers that are being made, and whether this side leaves after them.
    pub(super) offering: usize,
    pub(super) goodbye: bool,
    /// Parts of files being removed, or made.
    pub(super) removals: Removals,
    /// Where things are received, once something was.
    pub(super) inbox: Option<Inbox>,
    /// Where things are received that go to a private place, wherever everything else goes.
    pub(super) apart: Option<Inbox>,
    /// The place that the person here has named, because there was no room where things go else.
    pub(super) elsewhere: Option<Destination>,
    /// Whether a secret has gone where the command line says.
    pub(super) sink_used: bool,
    /// Whether a text has the name that the command line has for what comes.
    pub(super) name_used: bool,
    /// The program that a secret is handed to.
    pub(super) program: Option<JoinHandle<()>>,
    /// Texts on their way to the program that answers them.
    pub(super) handling: Handling,
    /// Inputs that follow from what is being handled.
    pub(super) next: VecDeque<Input<'static>>,
    pub(super) questions: Questions,
    /// Lines that the person here types into the channel.
    pub(super) typing: Option<Typing>,
    /// What the peer came for.
    pub(super) peer: Option<Want>,
    /// Things of ours that arrived there, and things of the peer's that arrived here.
    pub(super) delivered: usize,
    pub(super) received: usize,
    /// True once the question that this session is for has its answer.
    pub(super) answered: bool,
    pub(super) failure: Option<Failure>,
    /// Whose reason it is if something fails or is withdrawn now.
    pub(super) side: Side,
    path: Path,
    link: Link,
    news: mpsc::Receiver<(LinkId, News)>,
    pub(super) done: mpsc::Receiver<Done>,
    /// Errands of other commands: those from before there was a conversation, and where later ones
    /// come from.
    pub(super) errands: (VecDeque<Errand>, Option<mpsc::Receiver<Errand>>),
    wake_at: Option<pinhole_protocol::time::Instant>,
    outcome: Option<Outcome>,
}

impl<'a> Driver<'a> {
    /// Starts the link's threads and the conversation.
    pub(super) fn start(
        plan: Arc<Plan>,
        joined: Joined,
        report: &'a mut Report,
        control: &Control,
    ) -> Result<Self, Failure> {
        let Joined { socket, path, established } = joined;
        let (tables, (told, news), (desk, done)) =
            (Tables::default(), mpsc::channel(NEWS), mpsc::channel(DESK));
        let cannot =
            |error| Failure::new(Kind::Failed, format!("the connection cannot be used: {error}"));
        let link = Link::start(
            LinkId::CODE,
            socket,
            (established.sealer, established.opener),
            &tables,
            told,
        )
        .map_err(cannot)?;
        let setup = Setup {
            want: plan.want,
            ttl: plan.ttl,
            verify: plan.verify,
            faithful: established.peer.is_faithful(),
        };
        Ok(Self {
            conversation: Conversation::new(clock::now(), established.commitment, setup),
            plan,
            report,
            control: control.clone(),
            tables,
            desk: Desk(desk),
            ours: BTreeMap::new(),
            theirs: BTreeMap::new(),
            uncollected: VecDeque::new(),
            put_off: VecDeque::new(),
            working: 0,
            offering: 0,
            goodbye: false,
            removals: Removals::default(),
            inbox: None,
            apart: None,
            elsewhere: None,
            sink_used: false,
            name_used: false,
            program: None,
            handling: Handling::default(),
            next: VecDeque::new(),
            questions: Questions::default(),
            typing: None,
            peer: None,
            delivered: 0,
            received: 0,
            answered: false,
            failure: None,
            side: Side::There,
            path,
            link,
            news,
            done,
            errands: (VecDeque::new(), None),
            wake_at: None,
            outcome: None,
        })
    }

    /// Runs the conversation to its end: how it ended, and what is to be said of it if it did not
    /// go well.
    pub(super) async fn run(mut self, interrupt: &mut Interrupt) -> (Outcome, Option<Failure>) {
        self.input(Input::LinkUp(LinkId::CODE));
        let outcome = loop {
            if let Some(outcome) = self.outcome {
                break outcome;
            }
            tokio::select! {
                Some((link, news)) = self.news.recv(), if self.working < WORK => {
                    self.news(link, news);
                }
                Some(done) = self.done.recv() => done(&mut self),
                errand = next_errand(&mut self.errands) => self.errand(errand),
                taken = self.control.taken() => self.secret_taken(taken),
                () = interrupt.wait() => self.abort(Reason::Interrupted),
                () = clock::sleep_until(self.wake_at) => self.input(Input::Tick),
            }
            self.follow();
        };
        if let Some(typing) = &self.typing {
            typing.settle();
        }
        self.last_words(interrupt).await;
        if let Some(typing) = &self.typing {
            typing.end();
        }
        if let Outcome::Done = outcome {
            self.finish_handler(interrupt).await;
        }
        let failure = self.judge(outcome);
        self.let_go(interrupt).await;
        (outcome, failure)
    }

    /// Ends the conversation at once, for a reason of this side's: what fails by that is told
    /// before, or it would seem the other side's.
    pub(super) fn abort(&mut self, reason: Reason) {
        self.fail(failure_from(reason, Side::Here));
        self.input(Input::Abort(reason));
    }

    /// Finishes what is under way and says goodbye.
    pub(super) fn leave(&mut self) {
        self.cut_answers();
        self.say_goodbye();
    }

    /// Tells the conversation and does what it says, and what follows from that.
    pub(super) fn input(&mut self, input: Input<'_>) {
        let actions = self.conversation.handle(clock::now(), input);
        self.act(actions);
        self.follow();
    }

    pub(super) fn follow(&mut self) {
        while let Some(input) = self.next.pop_front() {
            let actions = self.conversation.handle(clock::now(), input);
            self.act(actions);
        }
    }

    fn act(&mut self, actions: Actions) {
        let mut told = true;
        for (_, body) in actions.control {
            told &= self.link.control(body);
        }
        for grant in actions.grants {
            told &= self.link.grant(grant.transfer, grant.range);
        }
        if !told {
            self.next.push_back(Input::LinkDown(LinkId::CODE, LinkEnd::Closed));
        }
        self.wake_at = actions.wake_at;
        // The other side's breach is told before what fails by it, or it would seem that the other
        // side complained of this one.
        if let Some(conversation::Event::Over(Outcome::Violated(what))) = actions.events.last() {
            self.fail(violated(*what));
        }
        let ends_here = |event: &conversation::Event| {
            use Outcome::{Aborted, Expired, Violated};
            matches!(event, conversation::Event::Over(Aborted(_) | Expired | Violated(_)))
        };
        // What is under way when this side ends the conversation fails by that, not by the other
        // side's doing.
        if actions.events.iter().any(ends_here) {
            self.side = Side::Here;
        }
        for event in actions.events {
            self.event(event);
        }
        if self.outcome.is_none() {
            self.next_answer();
        }
    }

    fn news(&mut self, link: LinkId, news: News) {
        match news {
            News::Control(body) => self.input(Input::Control(link, &body)),
            News::Quiet(waited) => self.input(Input::Quiet(link, waited)),
            News::Wrote(item, range) => self.input(Input::Wrote(item, range)),
            News::Taken => self.input(Input::Taken(link)),
            News::Sent(item, range) => self.input(Input::Sent(link, item, range)),
            News::Unserved => self.input(Input::Unserved(link)),
            News::Refused(item, refusal) => {
                self.refuse(item, refusal.reason, Some(refusal.failure))
            }
            News::Gap(item, range, why) => self.input(Input::Gap(item, range, why)),
            News::Unread(item, failure) => {
                self.withdraw(item, failure.reason(), Some(failure.failure()))
            }
            News::Down(end) => self.input(Input::LinkDown(link, end)),
            // The reader hears of a broken connection too, and says how it broke.
            News::Flushed => {}
        }
    }

    fn event(&mut self, event: conversation::Event) {
        use conversation::Event as Told;
        match event {
            Told::Connected(want) => {
                self.peer = Some(want);
                self.say(&Event::Connected(self.path));
                hand_over(&self.control);
                self.start_typing();
                if let (true, Some(verifier)) = (self.plan.verify, self.conversation.verifier()) {
                    self.verify(verifier.words().join(" "));
                }
                self.send_wares();
                self.take_errands();
            }
            Told::Text(item, body) => self.text(item, body),
            Told::Secret(item, label, secret) => self.secret(item, label, secret.0),
            Told::Offered(offer) => self.offered(offer),
            Told::Counted { transfer, bytes, entries, counted } => {
                self.counted(transfer, bytes, entries, counted)
            }
            Told::Register(part) => self.register(part),
            Told::Gap { transfer, range, why } => self.gap(transfer, range, why),
            Told::Progress(item, done) => self.progress_in(item, done),
            Told::Unfit(item, reason, what) => self.unfit(item, reason, what.as_str()),
            Told::Whole(item, whole) => self.commit(item, whole),
            Told::Cancelled(item, reason) => self.cancelled(item, reason),
            Told::Accepted(item) => self.accepted(item),
            Told::PartWanted(item) => self.next_part(item),
            Told::AllRead(item) => self.check_sources(item),
            Told::Written { transfer, done, frontier } => {
                self.progress_out(transfer, done, frontier)
            }
            Told::Delivered(item, differences) => self.delivered(item, &differences),
            Told::Failed(item, reason) => self.failed(item, reason),
            // Only the side that asked is protected by the words; that the other has compared them
            // changes nothing here.
            Told::PeerVerified => {}
            Told::Stalled => self.say(&Event::Stalled),
            Told::Flowing => self.say(&Event::Reconnected),
            Told::Expiring(left) => self.say(&Event::Expiring { left }),
            Told::PeerLeft(reason) => {
                self.say(&Event::PeerLeft(reason));
                // Nobody is there to hear.
                self.answer_no_more();
            }
            Told::Over(outcome) => self.outcome = Some(outcome),
        }
    }

    fn start_typing(&mut self) {
        let Some(screen) = &self.plan.screen else { return };
        match Typing::start(screen, self.desk.clone()) {
            Ok(typing) => self.typing = Some(typing),
            Err(failure) => self.say(&Event::Trouble(failure)),
        }
    }

    pub(super) fn say(&mut self, event: &Event) {
        tell(self.report, event);
    }

    /// The failure that the session ends with, if it is the first: later ones follow from it.
    pub(super) fn fail(&mut self, failure: Failure) {
        self.failure.get_or_insert(failure);
    }

    /// Something of this session went wrong: in a channel that stays open it is told and the
    /// channel goes on, else the session ends with it.
    pub(super) fn trouble(&mut self, failure: Failure) {
        if self.plan.want == Want::Both {
            self.say(&Event::Trouble(failure));
        } else {
            self.fail(failure);
        }
    }

    /// Removes what was not delivered of a transfer, while the session goes on.
    pub(super) fn discard(&mut self, receiving: Arc<Receiving>) {
        self.working += 1;
        let desk = self.desk.clone();
        let left = self.removals.remove(receiving, move || desk.put(|driver| driver.working -= 1));
        self.say_left(&left);
    }

    fn say_left(&mut self, left: &[PathBuf]) {
        if !left.is_empty() {
            self.say(&Event::Trouble(left_behind(left)));
        }
    }

    /// Does work that may block on another thread, then `then` with what came of it here.
    pub(super) fn work<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> T + Send + 'static,
        then: impl FnOnce(&mut Driver<'_>, T) + Send + 'static,
    ) -> JoinHandle<()> {
        let desk = self.desk.clone();
        self.working += 1;
        tokio::task::spawn_blocking(move || {
            let came = work();
            desk.put(move |driver| {
                driver.working -= 1;
                then(driver, came);
            });
        })
    }

    /// Lets the last control leave and waits until the other side has closed too: a connection
    /// closed over unread bytes could take our last words with it.
    async fn last_words(&mut self, interrupt: &mut Interrupt) {
        let gone = async {
            let (mut flushed, mut down) = (false, false);
            while !(flushed && down) {
                if self.conversation.has_said_all() {
                    self.link.close();
                }
                match self.news.recv().await {
                    Some((link, News::Taken)) => self.input(Input::Taken(link)),
                    Some((_, News::Flushed)) => flushed = true,
                    Some((_, News::Down(_))) => down = true,
                    Some(_) => {}
                    None => break,
                }
            }
        };
        tokio::select! {
            _ = timeout(LAST_WORDS, gone) => {}
            () = interrupt.wait() => {}
        }
        self.link.cut();
    }

    /// What did not go well, in the order of what explains most.
    fn judge(&mut self, outcome: Outcome) -> Option<Failure> {
        let lost = || {
            Failure::new(
                Kind::PeerLost,
                "the connection to the other side broke and what was under way is lost",
            )
            .next("start again with a new code")
        };
        let ended = match outcome {
            Outcome::Done => None,
            Outcome::Aborted(reason) => Some(failure_from(reason, Side::Here)),
            // Whatever became of the other side after that, what this one came to give is where it
            // belongs.
            Outcome::PeerLeft(_)
                if self.plan.want == Want::Give && self.delivered == self.plan.wares.len() =>
            {
                None
            }
            Outcome::PeerLeft(reason) => Some(failure_from(reason, Side::There)),
            Outcome::LinkLost => {
                self.say(&Event::Disconnected);
                Some(lost())
            }
            Outcome::NeverHeard => {
                self.say(&Event::Disconnected);
                let detail =
                    "the other side knew the code but was never heard of again; the code is dead";
                Some(Failure::new(Kind::PeerLost, detail).next("start again with a new code"))
            }
            Outcome::Expired => Some(failure_from(Reason::Expired, Side::Here)),
            Outcome::SameRole => Some(super::answers::same_role(self.plan.want)),
            Outcome::Tampered => Some(
                Failure::new(
                    Kind::Tampered,
                    "what arrived was changed on its way, so the channel was closed",
                )
                .next("start again with a new code, over another network if this happens again"),
            ),
            Outcome::Violated(what) => Some(violated(what)),
        };
        if let Some(failure) = self.failure.take() {
            return Some(failure);
        }
        if ended.is_some() {
            return ended;
        }
        if self.plan.want == Want::Take && self.received == 0 {
            return Some(Failure::new(
                Kind::PeerLeft,
                "the other side left without sending anything",
            ));
        }
        self.say(&Event::Closed);
        None
    }

    /// Ends what other threads still do for this session, and waits until nothing is left of what
    /// was not delivered; an interrupt ends the waiting. What is left then, or cannot be removed,
    /// is said.
    async fn let_go(&mut self, interrupt: &mut Interrupt) {
        // Nobody waits for room on it any more. What was begun meanwhile is among what is removed.
        self.done.close();
        while let Ok(done) = self.done.try_recv() {
            done(self);
        }
        for ours in self.ours.values() {
            ours.stop();
        }
        for receiving in
            std::mem::take(&mut self.theirs).into_values().filter_map(Theirs::receiving)
        {
            self.discard(receiving);
        }
        for program in [self.program.take(), self.handling.end()].into_iter().flatten() {
            // Killed by that, if it still runs.
            program.abort();
            let _ = program.await;
        }
        let control = self.control.clone();
        let enough = async {
            tokio::select! {
                () = interrupt.wait() => {}
                // It may have been what ended the session.
                () = control.closed_now() => tokio::time::sleep(LAST_WORDS).await,
            }
        };
        let left = self.removals.finish(enough).await;
        self.say_left(&left);
        if let (Some(inbox), Some(Destination::Private)) =
            (&self.inbox, self.plan.taking.as_ref().map(|taking| &taking.to))
        {
            inbox.remove_if_empty();
        }
        if let Some(apart) = &self.apart {
            apart.remove_if_empty();
        }
    }
}

fn violated(what: Violation) -> Failure {
    let what = what.as_str();
    Failure::new(Kind::Protocol, format!("the other side broke the protocol: it {what}"))
        .next("update pinhole on both sides")
}
