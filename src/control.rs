//! Access to a running session for other commands: a Unix socket in a private directory. It
//! describes the session, returns what happened, and takes things to send.

mod ask;
mod backlog;
mod bell;
mod buffered;
mod call;
mod card;
pub mod client;
mod ending;
mod follower;
pub mod found;
mod lent;
pub mod owner;
mod phase;
pub mod runtime;
mod secrets;
mod server;
pub mod stream;
mod tail;
pub mod unreachable;
pub mod wares;
pub mod wire;

use crate::events::{About, Channel, Path, State};
use crate::failure::sentences::{Side, failure_from};
use crate::failure::{Advice, Failure, Kind, Run, ended};
use crate::files::outbox::Fence;
use crate::files::ware::Ware;
use crate::log::{Log, Numbered};
use crate::role::Role;
use crate::watched::Watched;
pub use ask::{Answer, unanswered};
use backlog::Backlog;
pub use bell::A_MINUTE as BELL_LINES_A_MINUTE;
pub use ending::Closing;
use follower::Fate;
pub use follower::Follower;
use owner::{Owner, Visitor};
use phase::Phase;
use pinhole_protocol::secret::SecretVec;
use pinhole_protocol::wire::{ItemId, PeerText, Reason, Want};
pub use secrets::Taken;
use secrets::{Loan, Secrets};
pub use server::Server;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use zeroize::Zeroizing;

/// Longest wait for a conversation to say when it ends: less than commands wait for a description
/// of the session.
const RESTS: Duration = Duration::from_millis(300);

/// Something that another command wants of a session.
pub enum Errand {
    /// A thing to send.
    Send(Sending),
    /// A request to finish what is under way, then leave.
    Leave,
    /// A request to end at once.
    Abort,
    /// A request for the time until the session ends if nothing happens.
    Rests(oneshot::Sender<Duration>),
    /// The lines of these numbers have reached who asked for them.
    Returned(Vec<u64>),
}

/// Something to send, and who wants to know what becomes of it.
pub struct Sending {
    /// The thing itself.
    pub ware: Ware,
    /// The listener for what becomes of it.
    pub follower: Follower,
}

/// A session as other commands see and use it, shared by the session and its server.
#[derive(Clone)]
pub struct Control(Arc<Shared>);

struct Shared {
    /// Eight hexadecimal digits.
    id: String,
    role: Role,
    want: Want,
    label: Option<String>,
    /// The person or agent that began it.
    owner: Owner,
    /// By which the program that answers its texts is known.
    handler: String,
    /// The fence around files that other commands bring.
    fence: Option<Fence>,
    reading: Reading,
    log: Arc<Log>,
    secrets: Arc<Secrets>,
    backlog: Backlog,
    standing: Watched<Standing>,
    /// Wakes the keeper of its card: others may know more of it.
    noted: Notify,
    /// Which of those that came is the command that follows, and what it holds while it does.
    following: (watch::Sender<u64>, tokio::sync::Mutex<()>),
    /// True once nothing of it runs any more.
    over: watch::Sender<bool>,
}

/// The readers of a session's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Whoever sees what it prints, and other commands.
    Printed,
    /// Other commands alone: it is a process in the background.
    Detached,
    /// The process that it is in, and other commands.
    Within,
}

/// Takes errands to the conversation: bounded, so that whoever brings too many waits.
type Desk = mpsc::Sender<Errand>;

/// The fates of things that are sent, each with its index.
type Fates = mpsc::UnboundedReceiver<(usize, Fate)>;

/// A session as its server knows it.
struct Standing {
    phase: Phase,
    /// Agents that have named its whole code since another began it.
    adopted: Vec<Owner>,
    /// Those of the peer, if that is on this machine.
    opposite: Vec<Owner>,
    desk: Option<Desk>,
    /// Things that were brought before the peer came.
    waiting: Vec<Sending>,
    /// Set once another command has closed it.
    closed: Option<Closing>,
    /// Commands that close it and have yet to get its last lines.
    kept: u32,
    /// True once the process that started this one knows that it goes on, and prints nothing more.
    handed_over: bool,
}

impl Control {
    /// The control of a session that has not begun; a joiner knows its code. `fence` confines what
    /// other commands bring, and `owner` began the session.
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
        let standing = Standing {
            phase: Phase::new(code),
            adopted: Vec::new(),
            opposite: Vec::new(),
            desk: None,
            waiting: Vec::new(),
            closed: None,
            kept: 0,
            handed_over: false,
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
            log: Arc::new(Log::new(reading != Reading::Printed)),
            secrets: Arc::default(),
            backlog: Backlog::default(),
            standing: Watched::new(standing),
            noted: Notify::new(),
            following: Default::default(),
            over: watch::Sender::default(),
        }))
    }

    /// A person's session for a channel, for tests.
    #[cfg(test)]
    pub(crate) fn sample(reading: Reading) -> Self {
        Self::new(Role::Host, Want::Both, None, None, None, reading, Owner::Person)
    }

    /// True if nobody reads what the session prints, so its lines wait for other commands.
    #[must_use]
    pub fn is_unread(&self) -> bool {
        self.0.reading != Reading::Printed
    }

    /// True if it is a process of its own that nobody sees.
    #[must_use]
    pub fn is_detached(&self) -> bool {
        self.0.reading == Reading::Detached
    }

    /// True while the backlog is full: start nothing that adds to it.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.0.log.is_full()
    }

    /// The log of the session.
    #[must_use]
    pub fn log(&self) -> Arc<Log> {
        Arc::clone(&self.0.log)
    }

    /// The number of the oldest line that is kept, 0 if there is none.
    #[must_use]
    pub fn oldest_seq(&self) -> u64 {
        self.0.log.first_seq()
    }

    /// The process that started this one has been told everything so far, and goes.
    pub fn hand_over(&self) {
        // Only once: nobody has read a second code.
        if !std::mem::replace(&mut self.standing().handed_over, true) {
            self.0.log.all_received();
        }
    }

    /// The session's id, eight hexadecimal digits.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// The number of its channel, once it is known.
    #[must_use]
    pub fn number(&self) -> Option<u32> {
        self.standing().phase.number
    }

    /// The channel as it was said to be open, code and all, for the process that it is in.
    #[must_use]
    pub fn channel(&self) -> Option<Channel> {
        self.standing().phase.channel.clone()
    }

    /// The session's side of the channel.
    #[must_use]
    pub fn role(&self) -> Role {
        self.0.role
    }

    /// There is a conversation: errands go to `desk` from now on. Returns those that came before.
    pub fn attach(&self, desk: mpsc::Sender<Errand>) -> VecDeque<Errand> {
        let mut standing = self.standing();
        let sendings = std::mem::take(&mut standing.waiting).into_iter().map(Errand::Send);
        let early = sendings.chain(standing.closed.map(Closing::errand)).collect();
        standing.desk = Some(desk);
        early
    }

    /// The conversation is over: what was to be sent and is not delivered never will be.
    pub fn detach(&self) {
        let mut standing = self.standing();
        standing.desk = None;
        standing.waiting.clear();
    }

    /// The session in a few words, for people.
    #[must_use]
    pub fn name(&self) -> String {
        let number = self.standing().phase.number;
        number
            .map_or_else(|| format!("session {}", self.0.id), |number| format!("channel {number}"))
    }

    /// Lines that no `receive` has returned.
    #[must_use]
    pub fn unreceived(&self) -> u64 {
        self.0.log.unreceived()
    }

    /// Holds a secret until a `receive` takes it.
    pub fn hold(&self, id: ItemId, name: Option<PeerText>, secret: SecretVec) {
        self.0.secrets.hold(id, name, secret);
    }

    /// The number of secrets that nobody has taken.
    #[must_use]
    pub fn secrets_held(&self) -> usize {
        self.0.secrets.count()
    }

    /// True while something here awaits another command, so that the session outlives its
    /// conversation.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        !self.0.secrets.is_empty()
    }

    /// The command that takes the oldest secret, with a place to choose.
    #[must_use]
    pub fn take_secret(&self) -> String {
        let standing = self.standing();
        let number = standing.phase.number.map(|number| format!(" {number}")).unwrap_or_default();
        // Both sides may be on this machine then.
        let role = if standing.phase.path == Some(Path::Loopback) {
            format!(" --role {}", self.0.role.word())
        } else {
            String::new()
        };
        format!("pinhole receive{number}{role} --secret-to-file FILE")
    }

    /// Waits until a command has taken a secret, which the session then says.
    pub async fn taken(&self) -> Taken {
        self.0.secrets.taken().await
    }

    /// Waits for a secret that is held.
    async fn lend(&self) -> Result<Loan, Failure> {
        if self.0.want != Want::Both {
            let detail = "that is a give or take, which keeps no secrets for other commands: it \
                          puts them where its own command line says";
            return Err(Failure::new(Kind::NotWantedHere, detail).next(Run::Status));
        }
        self.0.secrets.lend().await.ok_or_else(|| {
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
        let mut standing = self.standing();
        if self.0.want != Want::Both {
            let detail = "that is a give or take, which only moves what it was started for";
            return Err(Failure::new(Kind::NotWantedHere, detail)
                .next("open a channel that stays open: pinhole host"));
        }
        if matches!(standing.phase.state, State::Leaving | State::Ended)
            || standing.closed.is_some()
        {
            return Err(failure_from(Reason::Done, Side::There));
        }
        let shares = self.0.backlog.shares(&wares).ok_or_else(|| {
            let detail = "the other side still has to take as much as a channel can keep, so \
                          nothing of this was sent";
            let step = Advice::from(Run::receive(standing.phase.number, self.0.role));
            let step = step.clone().reworded(format!("{step}, then repeat this"));
            Failure::new(Kind::Backlog, detail).next(step)
        })?;
        let (told, fates) = mpsc::unbounded_channel();
        let asked = asked.map(|asked| Arc::new(Mutex::new(Some(asked))));
        let sendings = wares.into_iter().zip(shares).enumerate().map(|(index, (ware, share))| {
            let follower = Follower {
                index,
                told: told.clone(),
                control: self.clone(),
                asked: asked.clone(),
                _share: share,
            };
            Sending { ware, follower }
        });
        match standing.desk.clone() {
            Some(desk) => Ok((fates, sendings.collect(), Some(desk))),
            None => {
                standing.waiting.extend(sendings);
                Ok((fates, Vec::new(), None))
            }
        }
    }

    /// Describes this session to a command of the visitor's that asks for `code`, or a number
    /// alone.
    pub(crate) async fn about(&self, visitor: &Visitor, code: Option<&str>) -> About {
        let (rests, answer) = oneshot::channel();
        if let Some(desk) = &self.standing().desk {
            // Not taken, it is answered by nothing.
            let _ = desk.try_send(Errand::Rests(rests));
        } else {
            drop(rests);
        }
        // Nothing if there is no conversation, or it is busy with a slow disk.
        let rests = tokio::time::timeout(RESTS, answer).await.ok().and_then(Result::ok);
        let standing = self.standing();
        let expires_at = rests.map(|rests| SystemTime::now() + rests).or(standing.phase.expires_at);
        About {
            session: self.0.id.clone(),
            number: standing.phase.number,
            role: self.0.role,
            label: self.0.label.clone(),
            state: standing.phase.state,
            want: self.0.want,
            path: standing.phase.path,
            expires_at: expires_at
                .and_then(|moment| moment.duration_since(UNIX_EPOCH).ok())
                .map(|since| since.as_secs()),
            unreceived: Some(self.0.log.unreceived()),
            secrets_held: Some(self.secrets_held() as u64),
            end: standing
                .phase
                .end
                .as_ref()
                .map(|end| ended(end.failure.as_ref().map(|failure| failure.kind)))
                .map(|(exit, reason)| (exit.code(), reason.to_owned())),
            diagnostics: self.0.log.diagnostics().map(|path| path.to_string_lossy().into_owned()),
            matches: code.is_none_or(|code| standing.phase.is_of(code)),
            code: standing.phase.waiting_code().filter(|_| self.tells_its_code(visitor)),
        }
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.0.standing.look()
    }
}
