//! A session's socket: at most 64 commands at a time, each served in a task of its own, so that the
//! session never waits for one.

use super::ask::{Answer, unanswered};
use super::buffered::Buffered;
use super::card;
use super::lent::{Alone, Lent};
use super::runtime::Runtime;
use super::stream::Writer;
use super::wares::{self, Brought};
use super::wire::{
    self, Fault, PATIENCE, Put, Reply, Request, Thing, ThingKind, Unsettled, VERSION, What, say,
};
use super::{Closing, Control, Fate, bell, tail};
use crate::failure::{Failure, Kind, Run, WAIT};
use crate::files::ware::Ware;
use crate::log::Diagnostics;
use crate::log::wanted::Wanted;
use crate::platform::cause::Cause;
use crate::platform::endpoint::{self, Bound, Listener};
use crate::platform::private::ELSEWHERE;
use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

/// Commands served at a time; others wait, and take a session that does not answer for none. Most
/// of these only wait themselves, as a `send` for the other side, so there are more than anybody
/// starts side by side.
const CLIENTS: usize = 64;
/// Times that sessions ending just before this one listens may remove the directory.
const TRIES: usize = 10;
/// The longest that a command waits, a day as the longest channel (SPEC 8.1): what is longer
/// would be no moment of the clock.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);
/// Time that the end of a session leaves for its last answers to be written.
const LAST_ANSWERS: Duration = Duration::from_secs(2);
/// Bytes of the last lines of a session that are acknowledged together.
const LAST_PIECE: usize = 256 << 10;
/// Bytes on their way between a session and a command of the same process: a few lines, as a
/// socket's buffer.
const WITHIN: usize = 64 << 10;

/// A session that can be reached. When it is dropped, its socket is gone.
pub struct Server {
    runtime: Arc<Runtime>,
    control: Control,
    /// Keeps its card.
    keeping: JoinHandle<()>,
    accepting: JoinHandle<()>,
    /// Ends when no answer is being written any more.
    answering: mpsc::Receiver<()>,
}

impl Server {
    /// Listens for other commands of this user. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// If the private directory is not what it should be, or this environment has no Unix sockets.
    pub fn start(control: &Control) -> Result<Self, Failure> {
        let (runtime, listener) = listen(control.id())?;
        if control.is_detached() {
            match runtime.diagnostics(control.id()) {
                Ok((file, path)) => control.0.log.diagnose(Diagnostics::new(file, path)),
                Err(error) => {
                    runtime.remove(control.id());
                    let detail = format!(
                        "there is no place to write down what goes wrong in the session: {error}"
                    );
                    return Err(Failure::new(Kind::Disk, detail).next(Run::Doctor));
                }
            }
        }
        let runtime = Arc::new(runtime);
        let _ = runtime.make_card(control.id());
        card::put(&runtime, control);
        let keeping = tokio::spawn(card::keep(Arc::clone(&runtime), control.clone()));
        let (answers, answering) = mpsc::channel(1);
        let (own, clients) = (control.clone(), Arc::new(Semaphore::new(CLIENTS)));
        let accepting = tokio::spawn(async move {
            loop {
                // The semaphore is never closed.
                let Ok(place) = Arc::clone(&clients).acquire_owned().await else { return };
                let Ok(stream) = listener.accept().await else {
                    // Out of descriptors, perhaps: the next one may have more luck, but not at
                    // once.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                };
                let (control, answer) = (own.clone(), answers.clone());
                tokio::spawn(async move {
                    if endpoint::peer(&stream).is_ok_and(|peer| peer.is_own) {
                        let (read, write) = stream.into_split();
                        // A command that has gone has no use for an answer.
                        let _ = serve(read, write, &control, answer, false).await;
                    }
                    drop(place);
                });
            }
        });
        Ok(Self { runtime, control: control.clone(), keeping, accepting, answering })
    }

    /// The session is over: nobody finds it any more, and who has asked gets an answer.
    pub async fn finish(mut self) {
        self.runtime.remove(self.control.id());
        self.accepting.abort();
        self.control.over();
        let _ =
            timeout(LAST_ANSWERS, async { while self.answering.recv().await.is_some() {} }).await;
    }
}

impl Control {
    /// Connects a command of the same process, which needs no socket. Must be called on a tokio
    /// runtime.
    pub(super) fn connect(&self) -> DuplexStream {
        let (ours, theirs) = duplex(WITHIN);
        let control = self.clone();
        tokio::spawn(async move {
            let (read, write) = tokio::io::split(theirs);
            // The process goes on, so nothing at its end waits for answers.
            let (answer, _) = mpsc::channel(1);
            let _ = serve(read, write, &control, answer, true).await;
        });
        ours
    }
}

/// Listens in the private directory.
fn listen(id: &str) -> Result<(Runtime, Listener), Failure> {
    let mut tries = 0;
    loop {
        let runtime = Runtime::make()?;
        let listening = runtime.listen(id).and_then(Bound::listen);
        match listening {
            Ok(listener) => return Ok((runtime, listener)),
            // The last session before this one has just removed the directory.
            Err(error) if error.kind() == io::ErrorKind::NotFound && tries < TRIES => tries += 1,
            Err(error) => {
                runtime.let_go();
                let failure = Failure::new(
                    Kind::NoControl,
                    format!("no other command can reach this session: {error}"),
                );
                // Of Unix sockets themselves no other place has more.
                return Err(match Cause::of(&error) {
                    Some(Cause::ReadOnly | Cause::Denied | Cause::Full) => failure.next(ELSEWHERE),
                    _ => failure,
                });
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
        self.keeping.abort();
        self.runtime.remove(self.control.id());
    }
}

/// Serves one command, of this process if it is `within`; `answer` is held for as long as the end
/// of the session waits for it.
async fn serve(
    read: impl AsyncRead + Unpin,
    mut write: impl AsyncWrite + Unpin,
    control: &Control,
    answer: mpsc::Sender<()>,
    within: bool,
) -> io::Result<()> {
    let mut read = Buffered::new(read);
    let Some(line) = timeout(PATIENCE, wire::line(&mut read)).await?? else { return Ok(()) };
    let Request { by, code, what, .. } = match serde_json::from_slice::<Request>(&line) {
        Ok(request) if request.v == VERSION => request,
        _ => {
            let failure = Failure::new(Kind::Usage, "the session does not understand this command")
                .next("use the version of pinhole that the session was started with");
            return say(&mut write, &Reply::Failed(Fault::from(&failure))).await;
        }
    };
    if let What::Oppose { role, owners } = what {
        // Whoever names the whole code of the other side is believed that it is theirs: it shuts
        // them out, and nobody in.
        control.oppose(code.as_deref().unwrap_or_default(), role, owners);
        return say(&mut write, &Reply::Done { more: false, over: None }).await;
    }
    if !control.admits(&by, code.as_deref()) {
        let failure = Failure::new(Kind::CodeNotOpen, "that session was started by somebody else")
            .next(Run::Status);
        return say(&mut write, &Reply::Failed(Fault::from(&failure))).await;
    }
    if !matches!(what, What::About) && control.has_to_know_the_side_of(&by) {
        let detail = "both sides of that code are, or were, on this machine, and it is not clear \
                      to which of them this agent belongs";
        let next = "add --role host or --role peer, whichever side is yours";
        return say(
            &mut write,
            &Reply::Failed(Fault::from(&Failure::new(Kind::SeveralOpen, detail).next(next))),
        )
        .await;
    }
    match what {
        What::About => {
            say(&mut write, &Reply::About(control.about(&by, code.as_deref()).await)).await
        }
        What::Adopt => {
            control.adopt(&by);
            say(&mut write, &Reply::Done { more: false, over: None }).await
        }
        // Answered above.
        What::Oppose { .. } => Ok(()),
        What::Close { now } => {
            let kept = control.keep();
            if let Err(failure) =
                control.close(if now { Closing::Now } else { Closing::Peace }).await
            {
                return say(&mut write, &Reply::Failed(Fault::from(&failure))).await;
            }
            if let Some(kept) = kept {
                last_lines(&mut read, &mut write, control).await?;
                drop(kept);
            }
            drop(answer);
            // The connection ends with the process, or in one that goes on with the session, which
            // is how the command knows.
            control.finished().await;
            Ok(())
        }
        What::Receive { after, only, wait, max_bytes } => {
            let deadline = Instant::now() + Duration::from_millis(wait).min(LONGEST_WAIT);
            receive(&mut read, &mut write, control, (&Wanted { after, only }, max_bytes), deadline)
                .await
        }
        What::Follow { after, only } => {
            tail::follow(&mut read, &mut write, control, Wanted { after, only }).await
        }
        What::Bell => bell::ring(&mut read, &mut write, control).await,
        What::Collect { wait } => {
            let deadline = Instant::now() + Duration::from_millis(wait).min(LONGEST_WAIT);
            collect(&mut read, &mut write, control, deadline).await
        }
        What::Text { wait } => {
            let deadline = Instant::now() + Duration::from_millis(wait).min(LONGEST_WAIT);
            text(&mut read, &mut write, control, deadline).await
        }
        What::Ask { bytes, wait } => {
            let deadline = Instant::now() + Duration::from_millis(wait).min(LONGEST_WAIT);
            let wares = timeout(
                PATIENCE,
                wares::read(&mut read, vec![Thing { bytes, kind: ThingKind::Text }], None),
            )
            .await?;
            match wares.map(|brought| brought.wares.into_iter().next()) {
                Ok(Some(Ware::Text(question))) => {
                    ask(&mut read, &mut write, control, question, deadline).await
                }
                Ok(_) => Ok(()),
                Err(failure) => say(&mut write, &Reply::Failed(Fault::from(&failure))).await,
            }
        }
        What::Send { things, wait } => {
            // The process that holds the session brings its fence of the moment with what it sends:
            // where its agent works can change.
            let fenced = things
                .iter()
                .all(|thing| !matches!(thing.kind, ThingKind::Files { fence: None, .. }));
            let own = control.0.fence.as_ref().filter(|_| !(within && fenced));
            let brought = timeout(PATIENCE, wares::read(&mut read, things, own)).await?;
            let sent = match brought {
                Ok(Brought { wares, about, stream }) => {
                    control.send(wares).await.map(|fates| (fates, about, stream))
                }
                Err(failure) => Err(failure),
            };
            match sent {
                Ok((fates, about, stream)) => {
                    follow(&mut write, fates, about, attend(&mut read, stream, wait)).await
                }
                Err(failure) => say(&mut write, &Reply::Failed(Fault::from(&failure))).await,
            }
        }
    }
}

/// Returns lines; they count as returned once the command has said that it has them.
async fn receive(
    read: &mut Buffered<impl AsyncRead + Unpin>,
    write: &mut (impl AsyncWrite + Unpin),
    control: &Control,
    (wanted, max_bytes): (&Wanted, usize),
    deadline: Instant,
) -> io::Result<()> {
    let log = &control.0.log;
    loop {
        tokio::select! {
            waited = timeout_at(deadline, log.wait(wanted)) => { let _ = waited; }
            // It has gone.
            _ = read.fill_buf() => return Ok(()),
        }
        let (piece, ended) = log.piece(wanted, max_bytes);
        let mut lent = Lent::new(control, piece.lent);
        if piece.lines.is_empty() && !ended && Instant::now() < deadline {
            continue;
        }
        let over = if ended && !piece.more { control.last_word() } else { None };
        let all = over.is_some();
        let answer = async {
            for numbered in &piece.lines {
                write.write_all(&wire::spelt(&Reply::Line(numbered.line.to_string()))?).await?;
            }
            write.write_all(&wire::spelt(&Reply::Done { more: piece.more, over })?).await?;
            wire::line(read).await
        };
        if let Ok(Some(_)) = lent.answered(answer).await {
            lent.received().await;
            if all {
                control.end_returned();
            }
        }
        return Ok(());
    }
}

/// Returns what nobody has received of a session that a command has closed, once nothing more is
/// said there. It goes when the command has said that it has all of that, however long that takes.
async fn last_lines(
    read: &mut Buffered<impl AsyncRead + Unpin>,
    write: &mut (impl AsyncWrite + Unpin),
    control: &Control,
) -> io::Result<()> {
    let log = &control.0.log;
    tokio::select! {
        () = log.ended() => {}
        // The command waits no longer, and what is left is received by another.
        _ = read.fill_buf() => return Err(io::ErrorKind::BrokenPipe.into()),
    }
    loop {
        let (piece, _) = log.piece(&Wanted::default(), LAST_PIECE);
        let lent = Lent::new(control, piece.lent);
        for numbered in &piece.lines {
            write.write_all(&wire::spelt(&Reply::Line(numbered.line.to_string()))?).await?;
        }
        let over = if piece.more { None } else { control.last_word() };
        write.write_all(&wire::spelt(&Reply::Done { more: piece.more, over })?).await?;
        wire::line(read).await?.ok_or(io::ErrorKind::BrokenPipe)?;
        lent.received().await;
        if !piece.more {
            control.close_returned();
            return Ok(());
        }
    }
}

/// Hands a secret over; it is gone from here once the command has said where it put it.
async fn collect(
    read: &mut Buffered<impl AsyncRead + Unpin>,
    write: &mut (impl AsyncWrite + Unpin),
    control: &Control,
    deadline: Instant,
) -> io::Result<()> {
    let lent = tokio::select! {
        lent = timeout_at(deadline, control.lend()) => lent,
        // It has gone.
        _ = read.fill_buf() => return Ok(()),
    };
    let none = |_| {
        let failure = Failure::new(Kind::NoSecret, "that channel holds no secret at the moment");
        Err(failure.next(format!("add --wait {WAIT} to wait for one")))
    };
    let loan = match lent.unwrap_or_else(none) {
        Ok(loan) => loan,
        Err(failure) => return say(write, &Reply::Failed(Fault::from(&failure))).await,
    };
    let name = loan.facts.name.as_ref().map(|name| name.raw().to_owned());
    say(write, &Reply::Secret { name, bytes: loan.secret.expose().len() }).await?;
    timeout(PATIENCE, write.write_all(loan.secret.expose())).await??;
    let put = tokio::select! {
        // A program may have it for as long as it runs.
        put = wire::line(read) => put?,
        () = control.0.secrets.ended() => return Ok(()),
    };
    let Some(put) = put else { return Ok(()) };
    let stored = serde_json::from_slice::<Put>(&put)?.into();
    if let Ok(line) = loan.stored(stored).await {
        say(write, &Reply::Line(line.to_string())).await?;
    }
    say(write, &Reply::Done { more: false, over: None }).await
}

/// Puts a question and returns its answer; that counts as returned once the command has said that
/// it has it.
async fn ask(
    read: &mut Buffered<impl AsyncRead + Unpin>,
    write: &mut (impl AsyncWrite + Unpin),
    control: &Control,
    question: String,
    deadline: Instant,
) -> io::Result<()> {
    let answer = tokio::select! {
        answer = control.ask(question, deadline) => answer,
        // The command has gone; its question has not.
        _ = read.fill_buf() => return Ok(()),
    };
    match answer {
        Ok(Answer::Came(text)) => hand_over(read, write, text).await,
        Ok(Answer::Late) => say(write, &Reply::Done { more: false, over: None }).await,
        Ok(Answer::Over) => say(write, &Reply::Failed(Fault::from(&unanswered()))).await,
        Err(failure) => say(write, &Reply::Failed(Fault::from(&failure))).await,
    }
}

/// Returns the oldest text that no command has received, once there is one.
async fn text(
    read: &mut Buffered<impl AsyncRead + Unpin>,
    write: &mut (impl AsyncWrite + Unpin),
    control: &Control,
    deadline: Instant,
) -> io::Result<()> {
    let log = &control.0.log;
    loop {
        tokio::select! {
            waited = timeout_at(deadline, log.wait_for_text()) => { let _ = waited; }
            // It has gone.
            _ = read.fill_buf() => return Ok(()),
        }
        match log.take_text() {
            Some(Some(said)) => {
                return hand_over(read, write, Alone::new(control, said, None)).await;
            }
            Some(None) => {
                let failure = Failure::new(
                    Kind::SessionGone,
                    "the session has ended, and no text is left in it",
                );
                return say(write, &Reply::Failed(Fault::from(&failure.next(Run::Status)))).await;
            }
            None if Instant::now() < deadline => {}
            None => return say(write, &Reply::Done { more: false, over: None }).await,
        }
    }
}

/// Returns a text to whoever is to have it alone; without an acknowledgement it is received like
/// any other.
async fn hand_over(
    read: &mut Buffered<impl AsyncRead + Unpin>,
    write: &mut (impl AsyncWrite + Unpin),
    mut text: Alone,
) -> io::Result<()> {
    let line = wire::spelt(&Reply::Line(text.line.line.to_string()))?;
    let answer = async {
        write.write_all(&line).await?;
        write.write_all(&wire::spelt(&Reply::Done { more: false, over: None })?).await?;
        wire::line(read).await
    };
    if text.answered(answer).await?.is_some() {
        text.received().await;
    }
    Ok(())
}

/// Why a command is told no more of what it sends.
enum Parting {
    /// It has waited long enough.
    Overdue,
    /// It has gone.
    Gone,
}

/// Takes what a command still brings, and waits until it has gone, or has waited so many
/// milliseconds after that.
async fn attend(
    read: &mut Buffered<impl AsyncRead + Unpin>,
    stream: Option<Writer>,
    wait: Option<u64>,
) -> Parting {
    if let Some(stream) = stream
        && !stream.bring(read).await
    {
        return Parting::Gone;
    }
    let overdue = async {
        match wait {
            Some(wait) => {
                sleep_until(Instant::now() + Duration::from_millis(wait).min(LONGEST_WAIT)).await
            }
            None => pending().await,
        }
    };
    tokio::select! {
        () = overdue => Parting::Overdue,
        _ = read.fill_buf() => Parting::Gone,
    }
}

/// Tells what becomes of things that are sent, until all is known of all of them or `parting`.
async fn follow(
    write: &mut (impl AsyncWrite + Unpin),
    mut fates: mpsc::UnboundedReceiver<(usize, Fate)>,
    mut about: Vec<Option<Unsettled>>,
    parting: impl Future<Output = Parting>,
) -> io::Result<()> {
    tokio::pin!(parting);
    while about.iter().any(Option::is_some) {
        let (index, fate) = tokio::select! {
            biased;
            fate = fates.recv() => match fate {
                Some(fate) => fate,
                // Whoever would have told has ended.
                None => {
                    let failure = Failure::new(
                        Kind::PeerLost,
                        "the channel ended before that was delivered",
                    )
                    .next("start again with a new code");
                    return say(write, &Reply::Failed(Fault::from(&failure))).await;
                }
            },
            parting = &mut parting => match parting {
                Parting::Overdue => break,
                // The command has gone; the things that it sent have not.
                Parting::Gone => return Ok(()),
            },
        };
        let Some(about) = about.get_mut(index) else { continue };
        match fate {
            Fate::Sent(id) => about.iter_mut().for_each(|about| about.id = Some(id.0)),
            Fate::Said { said, delivered } => {
                if delivered {
                    *about = None;
                }
                say(write, &Reply::Line(said.said.line.to_string())).await?;
                said.printed();
            }
            Fate::LeftOut(detail) => say(write, &Reply::LeftOut(detail)).await?,
            Fate::Failed(failure) => {
                *about = None;
                say(write, &Reply::Failed(Fault::from(&failure))).await?;
            }
        }
    }
    for unsettled in about.into_iter().flatten() {
        say(write, &Reply::Pending(unsettled)).await?;
    }
    say(write, &Reply::Done { more: false, over: None }).await
}
