//! How other commands reach a running session: a Unix socket in a private directory, on which it
//! tells what it is and what happened, and takes what is to be sent.

mod asking;
mod bell;
mod buffered;
mod card;
pub mod client;
mod diagnostics;
mod ending;
pub mod feed;
mod follower;
pub mod found;
mod held;
mod journal;
mod lent;
pub mod owner;
mod room;
pub mod runtime;
mod server;
mod tail;
pub mod unreachable;
pub mod wanted;
pub mod wares;
pub mod wire;

use crate::events::line::{Body, Line};
use crate::events::{About, Channel, Event, Path, State, Way, Words};
use crate::failure::sentences::{Side, failure_from};
use crate::failure::{Advice, Failure, Kind, Run, ended};
use crate::files::outbox::Fence;
use crate::files::ware::Ware;
use crate::role::Role;
pub use asking::{Answer, unanswered};
pub use bell::A_MINUTE as BELL_LINES_A_MINUTE;
use diagnostics::Diagnostics;
use ending::End;
pub use ending::{Closing, Outcome};
use follower::Fate;
pub use follower::Follower;
pub use held::Taken;
use held::{Held, Loan};
use journal::{Journal, Numbered};
use owner::{Owner, Visitor};
use pinhole_protocol::secret::SecretVec;
use pinhole_protocol::wire::{ItemId, PeerText, Reason, Want};
use room::Unsettled;
pub use server::Server;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use zeroize::Zeroizing;

/// How long a conversation may take to say how long it rests: less than commands wait for what a
/// session is.
const RESTS: Duration = Duration::from_millis(300);

/// Something that another command wants of a session.
pub enum Errand {
    /// That something is sent.
    Send(Sending),
    /// That it finishes what is under way and leaves.
    Leave,
    /// That it ends at once.
    Abort,
    /// How long it lasts if nothing happens.
    Rests(oneshot::Sender<Duration>),
    /// The lines of these numbers have reached who asked for them.
    Returned(Vec<u64>),
}

/// Something to send, and who wants to know what becomes of it.
pub struct Sending {
    /// What it is.
    pub ware: Ware,
    /// Who wants to know.
    pub follower: Follower,
}

/// What a session lets other commands see and do: shared by the session and its server.
#[derive(Clone)]
pub struct Control(Arc<Shared>);

struct Shared {
    /// Eight hexadecimal digits.
    id: String,
    role: Role,
    want: Want,
    label: Option<String>,
    /// Who began it.
    owner: Owner,
    /// By which the program that answers its texts is known.
    handler: String,
    /// What keeps in what other commands bring.
    fence: Option<Fence>,
    reading: Reading,
    diagnostics: OnceLock<Arc<Diagnostics>>,
    journal: Journal,
    held: Arc<Held>,
    unsettled: Unsettled,
    seen: Mutex<Seen>,
    /// What others may know of it has changed.
    noted: Notify,
    /// It is closed by another command, or nothing is left of it to be collected.
    closing: Notify,
    /// Which of those that came is the command that follows, and what it holds while it does.
    following: (watch::Sender<u64>, tokio::sync::Mutex<()>),
    moved: watch::Sender<Option<Moved>>,
    /// Whether nothing of it runs any more.
    over: watch::Sender<bool>,
}

/// Who reads what a session says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Whoever sees what it prints, and other commands.
    Printed,
    /// Other commands alone: it is a process in the background.
    Detached,
    /// The process that it is in, and other commands.
    Within,
}

/// How far a transfer has come, as [`Event::Progress`] says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Its number.
    pub id: ItemId,
    /// Which way it goes.
    pub way: Way,
    /// Bytes that have arrived.
    pub done: u64,
    /// Bytes in all, once known.
    pub total: Option<u64>,
}

/// Takes errands to the conversation: bounded, so that whoever brings too many waits.
type Desk = mpsc::Sender<Errand>;

/// The fates of things that are sent, each with its index.
type Fates = mpsc::UnboundedReceiver<(usize, Fate)>;

/// How far the session has come, from what it has said.
struct Seen {
    number: Option<u32>,
    /// The code, to tell it from another with the same number. It is used up or on the screen.
    code: Option<Zeroizing<String>>,
    /// Agents that have named its whole code since another began it.
    adopted: Vec<Owner>,
    /// Those of the other side, if that is on this machine.
    opposite: Vec<Owner>,
    /// What was said of it, for the process that it is in.
    channel: Option<Channel>,
    state: State,
    path: Option<Path>,
    expires_at: Option<SystemTime>,
    desk: Option<Desk>,
    /// What came before the other side did.
    waiting: Vec<Sending>,
    /// Whether another command has closed it, and how.
    closed: Option<Closing>,
    /// Commands that close it and have yet to get its last lines.
    kept: u32,
    /// Whether the process that started this one knows that it goes on, and prints nothing more.
    handed_over: bool,
    /// What went wrong last.
    trouble: Option<Failure>,
    end: Option<End>,
}

impl Control {
    /// That of a session which has not begun; a joiner knows its code. `fence` keeps in what other
    /// commands bring, and `owner` has begun it.
    #[must_use]
    pub fn new(
        role: Role,
        want: Want,
        label: Option<String>,
        code: Option<(u32, Zeroizing<String>)>,
        fence: Option<Fence>,
        reading: Reading,
        owner: Owner,
    ) -> Self {
        let (number, code) = code.map_or((None, None), |(number, code)| (Some(number), Some(code)));
        let seen = Seen {
            number,
            code,
            adopted: Vec::new(),
            opposite: Vec::new(),
            channel: None,
            state: State::Waiting,
            path: None,
            expires_at: None,
            desk: None,
            waiting: Vec::new(),
            closed: None,
            kept: 0,
            handed_over: false,
            trouble: None,
            end: None,
        };
        Self(Arc::new(Shared {
            id: runtime::new_id(),
            role,
            want,
            label,
            owner,
            handler: owner::new_id(),
            fence,
            reading,
            diagnostics: OnceLock::new(),
            journal: Journal::new(reading != Reading::Printed),
            held: Arc::default(),
            unsettled: Unsettled::default(),
            seen: Mutex::new(seen),
            noted: Notify::new(),
            closing: Notify::new(),
            following: Default::default(),
            moved: watch::Sender::default(),
            over: watch::Sender::default(),
        }))
    }

    /// Whether nobody reads what the session prints: its lines wait for other commands.
    #[must_use]
    pub fn is_unread(&self) -> bool {
        self.0.reading != Reading::Printed
    }

    /// Whether it is a process of its own that nobody sees.
    #[must_use]
    pub fn is_detached(&self) -> bool {
        self.0.reading == Reading::Detached
    }

    /// Whether so much waits to be received that nothing should be begun which would add to it.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.0.journal.is_full()
    }

    /// The number of the last line, 0 if there is none.
    #[must_use]
    pub fn last_seq(&self) -> u64 {
        self.0.journal.last().map_or(0, |last| last.seq)
    }

    /// The number of the oldest line that is kept, 0 if there is none.
    #[must_use]
    pub fn oldest_seq(&self) -> u64 {
        self.0.journal.first_seq()
    }

    /// What goes wrong is noted there from now on, once for a session.
    fn diagnose(&self, diagnostics: Diagnostics) {
        self.0.diagnostics.get_or_init(|| Arc::new(diagnostics)).watch();
    }

    /// The process that started this one has been told everything so far, and goes.
    pub fn hand_over(&self) {
        // Only once: nobody has read a second code.
        if !std::mem::replace(&mut self.seen().handed_over, true) {
            self.0.journal.all_received();
        }
    }

    /// The session's id, eight hexadecimal digits.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// The session says something: a numbered line is kept.
    pub fn heard(&self, event: &Event, line: Option<(u64, &str)>) {
        let mut seen = self.seen();
        match event {
            Event::Channel(channel) => {
                (seen.number, seen.code) =
                    (Some(channel.number), Some(Zeroizing::new(channel.code.clone())));
                (seen.state, seen.expires_at) = (State::Waiting, Some(channel.expires_at));
                seen.channel = Some(channel.clone());
            }
            Event::Waiting => seen.state = State::Waiting,
            Event::Paired => seen.state = State::Paired,
            Event::Connected(path) => {
                (seen.state, seen.path, seen.expires_at) = (State::Connected, Some(*path), None);
                // Its code is used up, and nobody asks for it any more.
                seen.channel = None;
            }
            Event::Moved(path) => seen.path = Some(*path),
            Event::PeerLeft(_) | Event::Disconnected | Event::Closed => seen.state = State::Leaving,
            // The conversation is over, however it ended.
            Event::Holding { left, .. } => {
                (seen.state, seen.expires_at) =
                    (State::Leaving, SystemTime::now().checked_add(*left))
            }
            Event::Progress { id, way, done, total } => {
                self.0.moved.send_replace(Some(Moved {
                    id: *id,
                    way: *way,
                    done: *done,
                    total: *total,
                }));
            }
            Event::Trouble(failure) => seen.trouble = Some(failure.clone()),
            Event::End { failed, .. } => {
                (seen.state, seen.end) =
                    (State::Ended, Some(End { failed: *failed, returned: false }));
            }
            _ => {}
        }
        drop(seen);
        if let Some(diagnostics) = self.0.diagnostics.get() {
            diagnostics.heard(event);
        }
        if matches!(event, Event::Channel(_) | Event::Connected(_)) {
            self.0.noted.notify_one();
        }
        if let Some((seq, line)) = line {
            match event {
                // Whoever reads it later did not make the code.
                Event::Channel(channel) => {
                    let line = Line::new(Some(seq), Body::without_code(channel));
                    self.0.journal.keep(seq, &line.text(), false)
                }
                _ => self.0.journal.keep(seq, line, matches!(event, Event::Text { .. })),
            }
        }
        if matches!(event, Event::End { .. }) {
            self.0.journal.end();
        }
    }

    /// The number of its channel, once it is known.
    #[must_use]
    pub fn number(&self) -> Option<u32> {
        self.seen().number
    }

    /// The channel as it was said to be open, code and all, for the process that it is in.
    #[must_use]
    pub fn channel(&self) -> Option<Channel> {
        self.seen().channel.clone()
    }

    /// Whether it made the code: `host` or `peer`.
    #[must_use]
    pub fn role(&self) -> &'static str {
        self.0.role.word()
    }

    /// There is a conversation: errands go to `desk` from now on. Returns those that came before.
    pub fn attach(&self, desk: mpsc::Sender<Errand>) -> VecDeque<Errand> {
        let mut seen = self.seen();
        let sendings = std::mem::take(&mut seen.waiting).into_iter().map(Errand::Send);
        let early = sendings.chain(seen.closed.map(Closing::errand)).collect();
        seen.desk = Some(desk);
        early
    }

    /// The conversation is over: what was to be sent and is not delivered never will be.
    pub fn detach(&self) {
        let mut seen = self.seen();
        seen.desk = None;
        seen.waiting.clear();
    }

    /// The session in a few words, for people.
    #[must_use]
    pub fn name(&self) -> String {
        let number = self.seen().number;
        number
            .map_or_else(|| format!("session {}", self.0.id), |number| format!("channel {number}"))
    }

    /// How far each transfer has come, one after another.
    #[must_use]
    pub fn moved(&self) -> watch::Receiver<Option<Moved>> {
        self.0.moved.subscribe()
    }

    /// Lines that no `receive` has returned.
    #[must_use]
    pub fn unreceived(&self) -> u64 {
        self.0.journal.unreceived()
    }

    /// Holds a secret until a `receive` takes it.
    pub fn hold(&self, id: ItemId, name: Option<PeerText>, secret: SecretVec) {
        self.0.held.hold(id, name, secret);
    }

    /// How many secrets nobody has taken.
    #[must_use]
    pub fn held(&self) -> usize {
        self.0.held.count()
    }

    /// Whether something is here for which another command has yet to come, so that the session
    /// lives on when its conversation is over.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        !self.0.held.is_empty()
    }

    /// The command that takes the oldest secret, with a place to choose.
    #[must_use]
    pub fn take_secret(&self) -> String {
        let seen = self.seen();
        let number = seen.number.map(|number| format!(" {number}")).unwrap_or_default();
        // Both sides may be on this machine then.
        let role = if seen.path == Some(Path::Loopback) {
            format!(" --role {}", self.0.role.word())
        } else {
            String::new()
        };
        format!("pinhole receive{number}{role} --secret-to-file FILE")
    }

    /// Waits until a command has taken a secret, which the session then says.
    pub async fn taken(&self) -> Taken {
        self.0.held.taken().await
    }

    /// Waits for a secret that is held.
    async fn lend(&self) -> Result<Loan, Failure> {
        if self.0.want != Want::Both {
            let detail = "that is a give or take, which holds no secrets for others: it puts them \
                         where its own command line says";
            return Err(Failure::new(Kind::NotWantedHere, detail).next(Run::Status));
        }
        self.0.held.lend().await.ok_or_else(|| {
            Failure::new(Kind::SessionGone, "the session has ended, and no secret was left in it")
                .next(Run::Status)
        })
    }

    /// Sends these things, or keeps them until the other side is there. What becomes of them is
    /// heard, each with its index. Waits while the conversation takes no more.
    async fn send(&self, wares: Vec<Ware>) -> Result<Fates, Failure> {
        self.send_for_answer(wares, None).await
    }

    /// The same; `asked` waits for an answer.
    async fn send_for_answer(
        &self,
        wares: Vec<Ware>,
        asked: Option<oneshot::Sender<Numbered>>,
    ) -> Result<Fates, Failure> {
        let (fates, sendings, desk) = self.sendings(wares, asked)?;
        if let Some(desk) = desk {
            for sending in sendings {
                // Of a conversation that has just ended nothing becomes.
                let _ = desk.send(Errand::Send(sending)).await;
            }
        }
        Ok(fates)
    }

    /// Prepares what `send` brings, and says where to; without a conversation it waits here.
    fn sendings(
        &self,
        wares: Vec<Ware>,
        asked: Option<oneshot::Sender<Numbered>>,
    ) -> Result<(Fates, Vec<Sending>, Option<Desk>), Failure> {
        let mut seen = self.seen();
        if self.0.want != Want::Both {
            let detail =
                "that is a give or take, which moves what it was started for and nothing else";
            return Err(Failure::new(Kind::NotWantedHere, detail)
                .next("open a channel that stays open: pinhole host"));
        }
        if matches!(seen.state, State::Leaving | State::Ended) || seen.closed.is_some() {
            return Err(failure_from(Reason::Done, Side::There));
        }
        let rooms = self.0.unsettled.rooms(&wares).ok_or_else(|| {
            let detail = "as much as a channel keeps waits already for the other side to take it, \
                         so nothing of this was sent";
            let step = Advice::from(Run::receive(seen.number, self.0.role));
            let step = step.clone().reworded(format!("{step}, then the same again"));
            Failure::new(Kind::Backlog, detail).next(step)
        })?;
        let (told, fates) = mpsc::unbounded_channel();
        let asked = asked.map(|asked| Arc::new(Mutex::new(Some(asked))));
        let sendings = wares.into_iter().zip(rooms).enumerate().map(|(index, (ware, room))| {
            let follower = Follower {
                index,
                told: told.clone(),
                control: self.clone(),
                asked: asked.clone(),
                _room: room,
            };
            Sending { ware, follower }
        });
        match seen.desk.clone() {
            Some(desk) => Ok((fates, sendings.collect(), Some(desk))),
            None => {
                seen.waiting.extend(sendings);
                Ok((fates, Vec::new(), None))
            }
        }
    }

    /// Describes this session to a command of the visitor's that asks for `code`, or a number
    /// alone.
    pub(crate) async fn about(&self, visitor: &Visitor, code: Option<&str>) -> About {
        let (rests, answer) = oneshot::channel();
        if let Some(desk) = &self.seen().desk {
            // Not taken, it is answered by nothing.
            let _ = desk.try_send(Errand::Rests(rests));
        } else {
            drop(rests);
        }
        // Nothing if there is no conversation, or it is busy with a slow disk.
        let rests = tokio::time::timeout(RESTS, answer).await.ok().and_then(Result::ok);
        let seen = self.seen();
        let expires_at = rests.map(|rests| SystemTime::now() + rests).or(seen.expires_at);
        About {
            session: self.0.id.clone(),
            number: seen.number,
            role: self.0.role,
            label: self.0.label.clone(),
            state: seen.state,
            want: self.0.want,
            path: seen.path.map(|path| path.word().to_owned()),
            expires_at: expires_at
                .and_then(|moment| moment.duration_since(UNIX_EPOCH).ok())
                .map(|since| since.as_secs()),
            unreceived: Some(self.0.journal.unreceived()),
            secrets_held: Some(self.held() as u64),
            end: seen
                .end
                .as_ref()
                .map(|end| ended(end.failed))
                .map(|(exit, reason)| (exit.code(), reason.to_owned())),
            diagnostics: self
                .0
                .diagnostics
                .get()
                .map(|diagnostics| diagnostics.path().to_string_lossy().into_owned()),
            matches: code.is_none_or(|code| seen.is_of(code)),
            code: seen.waiting_code().filter(|_| self.tells_its_code(visitor)),
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn is_of(&self, code: &str) -> bool {
        self.has_whole(code) || self.number.is_some_and(|own| code.parse() == Ok(own))
    }

    /// The code that it has made, while it waits under it.
    fn waiting_code(&self) -> Option<Words> {
        self.channel
            .as_ref()
            .filter(|_| self.state == State::Waiting)
            .map(|channel| Words(channel.code.clone()))
    }
}
