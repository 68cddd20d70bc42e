//! A running host or connect: the meeting, then one loop that owns the conversation.

mod ask;
mod core;
mod differing;
mod door;
mod driver;
mod effects;
mod ending;
mod errands;
mod handling;
mod happened;
mod hosting;
mod incoming;
pub(crate) mod interrupt;
mod joining;
mod keyboard;
mod lingering;
mod links;
mod meeting;
mod outgoing;
mod person;
pub mod plan;
mod question;
mod removal;
mod so_far;
mod terms;
mod voice;
mod work;

use crate::control::owner::Visitor;
use crate::control::unreachable::{instead, not_detachable};
use crate::control::{Closing, Control, Reading, Server};
use crate::events::Event;
use crate::failure::{Exit, Failure, Kind, Run, ended};
use crate::log::Said;
use crate::platform::endpoint::try_runtime;
use crate::platform::output::let_go_of_stdout;
use crate::platform::signal::outlive_limits;
use crate::report::Reporter;
use crate::report::style::Style;
use crate::report::text_output::TextOutput;
use crate::role::Role;
use crate::settings::agent::Agent;
use ask::asked;
use driver::Driver;
use hosting::Host;
use interrupt::{Interrupt, interrupted};
use lingering::{linger, stay};
use meeting::Meeting;
use pinhole_protocol::conversation::Outcome;
use pinhole_protocol::wire::Want;
use plan::{Destination, Meet, Plan};
use std::io::{self, Write};
use std::time::{Duration, Instant};

/// The place where a session says what happens.
pub type Report = Reporter<Box<dyn Write + Send>>;

/// An event loop for one session, with one thread for what runs beside it: a link over a relay goes
/// on while the session is busy with something else. What it leaves running ends with its loop.
///
/// # Errors
/// If this machine denies what it needs.
pub fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let made = try_runtime().and_then(|()| {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let within = runtime.enter();
        outlive_limits()?;
        drop(within);
        Ok(runtime)
    });
    made.map_err(|error| {
        Failure::new(Kind::Failed, format!("the program cannot start its event loop: {error}"))
            .next(Run::Doctor)
    })
}

/// Finds out what to do, which may ask the person here, runs that session to its end, says how it
/// ended, and returns the exit status.
///
/// Must be called on a tokio runtime with timers and I/O.
pub async fn run(
    purpose: impl FnOnce() -> Result<(Plan, Meet), Failure> + Send + 'static,
    report: &mut Report,
) -> Exit {
    let mut reached = None;
    let end = heard(purpose, report, &mut reached).await;
    let control = reached.as_ref().map(|reached| reached.control.clone());
    over(end, report, control.as_ref(), reached).await
}

/// As [`run`], for a purpose that is known, and reached by `control` from the process that it runs
/// in, whatever is possible here otherwise.
pub async fn run_within(mut plan: Plan, meet: Meet, control: Control, report: &mut Report) -> Exit {
    let own = control.clone();
    let mut reached = None;
    let begun = match reachable(&mut plan, &control, report, &mut reached).await {
        Ok(()) => interrupt::listen(),
        Err(failure) => Err(failure),
    };
    let end = match begun {
        Ok(interrupt) => {
            known(plan, meet, report, Halt { interrupt, control, closed: false }).await
        }
        Err(failure) => Err(failure),
    };
    over(end, report, Some(&own), reached).await
}

/// The control of a session with this purpose: what other commands may see and do of it.
#[must_use]
pub fn control(plan: &Plan, meet: &Meet, reading: Reading) -> Control {
    let (role, code) = match meet {
        Meet::Host(_) => (Role::Host, None),
        Meet::Join(address) => {
            (Role::Peer, Some((address.code.nameplate().number(), address.code.reveal())))
        }
    };
    Control::new(
        role,
        plan.want,
        plan.label.clone(),
        code,
        plan.fence.clone(),
        reading,
        plan.owner.clone(),
    )
}

/// Says how a session ended.
async fn over(
    end: Result<(), Failure>,
    report: &mut Report,
    control: Option<&Control>,
    reached: Option<Reached>,
) -> Exit {
    let failed = match &end {
        Ok(()) => None,
        Err(failure) => {
            if report.event(&Event::Trouble(failure.clone()), Instant::now()).is_err() {
                // There may be somebody who reads this; if not, the exit status still says it.
                let _ = writeln!(io::stderr(), "{failure}");
            }
            Some(failure.kind)
        }
    };
    if let Some(control) = control {
        control.ended(end.err());
    }
    tell(report, &Event::End { failed, more: false });
    if let Some(Reached { server, control, ttl }) = reached {
        stay(&control, ttl).await;
        server.finish().await;
    }
    ended(failed).0
}

/// A session that other commands of this user can reach, and how long it is there for them after
/// its end.
struct Reached {
    server: Server,
    control: Control,
    ttl: Duration,
}

/// Says an event that begins no phase. A stream that cannot be written ends nothing here: what
/// matters is whether the peer got what it should.
fn tell(report: &mut Report, event: &Event) {
    let _ = report.event(event, Instant::now());
}

/// Enters the phase that begins with an event, for other commands to see, and says the event.
/// Returns its line, if that has a number, and the error of a stream that cannot be written.
fn say(report: &mut Report, control: &Control, event: &Event) -> (Option<Said>, io::Result<()>) {
    control.enter(event);
    report.say(event, Instant::now())
}

/// The failure that nothing of what is said reaches anybody.
fn unsaid(error: &io::Error) -> Failure {
    Failure::new(
        Kind::OutputClosed,
        format!("standard output cannot be written to, so nobody would see the code: {error}"),
    )
    .next("leave it open, and make sure there is room where it goes")
}

/// A session during which Ctrl-C is heard from the first question on.
async fn heard(
    purpose: impl FnOnce() -> Result<(Plan, Meet), Failure> + Send + 'static,
    report: &mut Report,
    reached: &mut Option<Reached>,
) -> Result<(), Failure> {
    let mut interrupt = interrupt::listen()?;
    let purpose = tokio::task::spawn_blocking(purpose);
    let (mut plan, meet) = tokio::select! {
        purpose = purpose => purpose.unwrap_or_else(|_| {
            Err(Failure::new(Kind::Failed, "the command ended unexpectedly"))
        })?,
        () = interrupt.wait() => return Err(interrupted("interrupted")),
    };
    let control =
        control(&plan, &meet, if plan.detached { Reading::Detached } else { Reading::Printed });
    reachable(&mut plan, &control, report, reached).await?;
    if let (None, Some(taking)) = (&reached, &mut plan.taking) {
        taking.secret = taking.secret.unreachable();
    }
    known(plan, meet, report, Halt { interrupt, control, closed: false }).await
}

async fn known(plan: Plan, meet: Meet, report: &mut Report, mut halt: Halt) -> Result<(), Failure> {
    let (promises, ttl) = (plan.want != Want::Both, plan.ttl);
    if let Some(aside) = &plan.aside {
        tell(report, &Event::Trouble(aside.clone()));
    }
    let control = halt.control.clone();
    let session = session(&plan, meet, report, &mut halt);
    let end = match &plan.question {
        Some(question) => asked(session, &control, question).await,
        None => session.await,
    };
    match linger(end, ttl, report, &mut halt).await {
        Err(_) if halt.closed && control.closing() == Some(Closing::Peace) && !promises => {
            let _ = say(report, &control, &Event::Closed);
            Ok(())
        }
        end => end,
    }
}

/// Lets other commands of this user reach the session, if this environment does; a channel that
/// they cannot reach says so.
///
/// # Errors
/// `not-detachable`, if nobody else would ever hear of it.
async fn reachable(
    plan: &mut Plan,
    control: &Control,
    report: &mut Report,
    reached: &mut Option<Reached>,
) -> Result<(), Failure> {
    if let Some(transcript) = plan.transcript.take() {
        report.transcribe(transcript);
    }
    // Texts that go to standard output do so already.
    if let Some(Destination::Output(outlet)) = plan.taking.as_ref().map(|taking| &taking.to)
        && !outlet.is_own()
    {
        let style = outlet.is_terminal().then_some(Style::PLAIN);
        report.texts_to(TextOutput::exact(Box::new(outlet.clone()), style));
    }
    report.log_to(control.log());
    match Server::start(control) {
        Ok(server) => {
            if plan.detached {
                // The process that started this one learns how to reach it. If it has gone, nobody
                // ever will.
                let about =
                    Event::Session(control.about(&Visitor::of(plan.owner.clone()), None).await);
                report
                    .event(&about, Instant::now())
                    .map_err(|_| interrupted("the command that started this session is gone"))?;
            }
            *reached = Some(Reached { server, control: control.clone(), ttl: plan.ttl });
        }
        Err(failure) if plan.detached && failure.exit() == Exit::Unreachable => {
            let refused = not_detachable(&failure.detail);
            return Err(Failure { next: failure.next.or(refused.next.clone()), ..refused });
        }
        Err(failure) if plan.detached => return Err(failure),
        // The process that it is in has no need of that, nor has what moves one thing and was given
        // no name.
        Err(failure)
            if !control.is_unread()
                && (plan.label.is_some() || plan.want == Want::Both && plan.question.is_none()) =>
        {
            tell(report, &Event::Trouble(no_control(failure)));
        }
        Err(_) => {}
    }
    Ok(())
}

/// The notice that no other command can reach a session, which goes on without that.
fn no_control(Failure { kind, detail, next, .. }: Failure) -> Failure {
    let detail = if kind == Kind::NoControl {
        detail
    } else {
        format!("no other command can reach this session: {detail}")
    };
    let failure = Failure::new(Kind::NoControl, detail);
    failure.next(next.unwrap_or_else(|| instead(Agent::here())))
}

/// There is a channel, and whoever started a session in the background has been told: from now on
/// nobody reads what it prints.
fn hand_over(control: &Control) {
    if control.is_detached() {
        control.hand_over();
        // Failing that, it is a pipe whose other end is closed soon: nothing is lost.
        let _ = let_go_of_stdout();
    }
}

/// Everything that can end a session from outside, before there is a conversation.
struct Halt {
    interrupt: Interrupt,
    control: Control,
    /// True once another command has closed the session before there was a conversation.
    closed: bool,
}

impl Halt {
    /// Waits for Ctrl-C or for another command that closes this session. `when` says what it
    /// interrupted.
    async fn wait(&mut self, when: &str) -> Failure {
        tokio::select! {
            () = self.interrupt.wait() => interrupted(&format!("interrupted {when}")),
            () = self.control.closed() => {
                self.closed = true;
                interrupted(&format!("closed {when}, by another command"))
            }
        }
    }
}

async fn session(
    plan: &Plan,
    meet: Meet,
    report: &mut Report,
    halt: &mut Halt,
) -> Result<(), Failure> {
    match meet {
        Meet::Join(address) => {
            let met = joining::join(plan, *address, report, halt).await?;
            converse(plan, met, report, halt).await.1.map_or(Ok(()), Err)
        }
        Meet::Host(hosting) => {
            // A code that nobody sees is of no use.
            report.probe().map_err(|error| unsaid(&error))?;
            let mut host = Host::new(hosting);
            let end = hosted(plan, &mut host, report, halt).await;
            host.close().await;
            end
        }
    }
}

async fn hosted(
    plan: &Plan,
    host: &mut Host,
    report: &mut Report,
    halt: &mut Halt,
) -> Result<(), Failure> {
    loop {
        let met = host.meet(plan, report, halt).await?;
        match converse(plan, met, report, halt).await {
            // The joiner's tag was right, but it never spoke. That is no guess, so only a person
            // says whether there is to be a new code.
            (Some(Outcome::NeverHeard), _) if host.asked_again(plan, report, halt).await? => {}
            (_, failure) => return failure.map_or(Ok(()), Err),
        }
    }
}

async fn converse(
    plan: &Plan,
    met: Meeting,
    report: &mut Report,
    halt: &mut Halt,
) -> (Option<Outcome>, Option<Failure>) {
    let _ = say(report, &halt.control, &Event::Paired);
    match Driver::start(plan, met, report, &halt.control) {
        Ok(driver) => {
            let (outcome, failure) = driver.run(&mut halt.interrupt).await;
            halt.control.detach();
            (Some(outcome), failure)
        }
        Err(failure) => (None, Some(failure)),
    }
}
