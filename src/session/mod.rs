//! A running host or connect: the meeting, then one loop that owns the conversation.

mod answers;
mod door;
mod driver;
pub mod event;
mod hosting;
pub(crate) mod interrupt;
mod joining;
pub mod plan;
mod receiving;
mod secrets;
mod sending;
mod typing;

use crate::failure::{Exit, Failure};
use crate::report::Reporter;
use crate::transport::Joined;
use driver::Driver;
use event::Event;
use hosting::Host;
use interrupt::{Interrupt, interrupted};
use pinhole_protocol::conversation::{Outcome, Role};
use plan::{Meet, Plan};
use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

/// Two sides that know the same code.
struct Meeting {
    joined: Joined,
    role: Role,
}

/// Where a session tells what happens.
pub type Report = Reporter<Box<dyn Write + Send>>;

/// Finds out what to do, which may ask the person here, runs that session to its end, says how it ended, and returns the exit status.
///
/// Must be called on a tokio runtime with timers and I/O.
pub async fn run(purpose: impl FnOnce() -> Result<(Plan, Meet), Failure> + Send + 'static, report: &mut Report) -> Exit {
    let end = heard(purpose, report).await;
    let (exit, reason) = match &end {
        Ok(()) => (Exit::Done, "done"),
        Err(failure) => {
            tell(report, &Event::Trouble(failure.clone()));
            (failure.exit, failure.word)
        }
    };
    tell(report, &Event::End { exit, reason });
    exit
}

/// Says something. A stream that cannot be written ends nothing here: what matters is whether the peer got what it should.
fn tell(report: &mut Report, event: &Event) {
    let _ = report.event(event, Instant::now());
}

/// A session during which Ctrl-C is heard from the first question on.
async fn heard(purpose: impl FnOnce() -> Result<(Plan, Meet), Failure> + Send + 'static, report: &mut Report) -> Result<(), Failure> {
    let mut interrupt = Interrupt::new()?;
    let purpose = tokio::task::spawn_blocking(purpose);
    let (plan, meet) = tokio::select! {
        purpose = purpose => purpose.unwrap_or_else(|_| Err(Failure::new(Exit::Other, "failed", "the command ended unexpectedly")))?,
        () = interrupt.wait() => return Err(interrupted("interrupted")),
    };
    session(Arc::new(plan), meet, report, interrupt).await
}

async fn session(plan: Arc<Plan>, meet: Meet, report: &mut Report, mut interrupt: Interrupt) -> Result<(), Failure> {
    match meet {
        Meet::Join(address) => {
            let meeting = joining::join(&plan, *address, report, &mut interrupt).await?;
            converse(&plan, meeting, report, &mut interrupt).await.1.map_or(Ok(()), Err)
        }
        Meet::Host(hosting) => {
            let mut host = Host::new(hosting);
            let end = hosted(&plan, &mut host, report, &mut interrupt).await;
            host.close().await;
            end
        }
    }
}

async fn hosted(plan: &Arc<Plan>, host: &mut Host, report: &mut Report, interrupt: &mut Interrupt) -> Result<(), Failure> {
    loop {
        let meeting = host.meet(plan, report, interrupt).await?;
        match converse(plan, meeting, report, interrupt).await {
            // The joiner's tag was right, but it never spoke. That is no guess, so only a person says whether there is to be a new code.
            (Some(Outcome::NeverHeard), _) if host.asked_again(plan, report, interrupt).await? => {}
            (_, failure) => return failure.map_or(Ok(()), Err),
        }
    }
}

async fn converse(
    plan: &Arc<Plan>,
    meeting: Meeting,
    report: &mut Report,
    interrupt: &mut Interrupt,
) -> (Option<Outcome>, Option<Failure>) {
    tell(report, &Event::Paired);
    match Driver::start(Arc::clone(plan), meeting, report) {
        Ok(driver) => {
            let (outcome, failure) = driver.run(interrupt).await;
            (Some(outcome), failure)
        }
        Err(failure) => (None, Some(failure)),
    }
}
