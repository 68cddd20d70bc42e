//! A host before its conversation: a code is made and waited under, and after a wrong one perhaps
//! another.

use super::door::Door;
use super::meeting::Meeting;
use super::plan::{Hosting, Plan};
use super::{Halt, Report, hand_over, say, tell, unsaid};
use crate::clock;
use crate::control::Control;
use crate::events::{Channel, Event};
use crate::failure::{Failure, Kind};
use crate::files::ware::Ware;
use crate::report::prompt::OwnTerminal;
use crate::transport::HostEnd;
use crate::transport::relay::{Own, Serving};
use pinhole_protocol::code::Code;
use pinhole_protocol::handshake::Judge;
use pinhole_protocol::wire::Want;
use rand_core::OsRng;
use std::future::pending;
use std::time::SystemTime;

/// A host and the codes it has used up.
pub(super) struct Host {
    hosting: Hosting,
    /// The relay that it serves itself, from its first code to the end of its channel.
    own: Option<Own>,
    guesses: u32,
}

impl Host {
    pub(super) const fn new(hosting: Hosting) -> Self {
        Self { hosting, own: None, guesses: 0 }
    }

    /// Shows a code and waits for somebody who knows it; after a wrong one, for as long as new
    /// codes are wanted.
    pub(super) async fn meet(
        &mut self,
        plan: &Plan,
        report: &mut Report,
        halt: &mut Halt,
    ) -> Result<Meeting, Failure> {
        loop {
            let door = tokio::select! {
                door = self.open(plan, report) => door?,
                failure = halt.wait("before there was a code") => return Err(failure),
            };
            let judge = self.show(&door, plan, report, &halt.control)?;
            tell(report, &Event::Waiting);
            hand_over(&halt.control);
            let until = clock::now().after(plan.ttl);
            let own = &mut self.own;
            let stop = async {
                let broken = async {
                    match own {
                        Some(own) => own.broken().await,
                        None => pending().await,
                    }
                };
                tokio::select! {
                    failure = broken => failure,
                    () = clock::sleep_until(Some(until)) => {
                        Failure::new(Kind::NobodyCame, "nobody came in time, so the code is dead")
                            .next("run the command again for a new code, or with a longer --ttl")
                    }
                    failure = halt.wait("before anybody came; the code is dead") => failure,
                }
            };
            let (end, way) = door.meet(judge, report, stop).await?;
            match end {
                HostEnd::Joined(joined) => {
                    return Ok(Meeting::by_code((*joined, way), plan.bounds()));
                }
                // Whoever comes now hears at once that nobody waits under this code any more.
                HostEnd::Burned => {
                    drop(way);
                    self.guesses += 1;
                    tell(report, &Event::HandshakeFailed { guesses: self.guesses });
                    if !self.again(plan, report, halt).await? {
                        return Err(Failure::new(
                            Kind::CodeGuessed,
                            "somebody used a wrong code, so this one is dead",
                        )
                        .next("run the command again for a new code, or allow more with --tries"));
                    }
                }
                HostEnd::Lost(failure) => {
                    drop(way);
                    if !self.may_ask(plan) {
                        return Err(failure);
                    }
                    tell(report, &Event::Trouble(failure));
                    if !self.ask(report, halt).await? {
                        return Err(Failure::new(
                            Kind::CodeLost,
                            "the code is dead, and no new one was wanted",
                        )
                        .next("run the command again for a new code"));
                    }
                }
            }
        }
    }

    /// Opens a door for another code.
    async fn open(&mut self, plan: &Plan, report: &mut Report) -> Result<Door, Failure> {
        if let (Some(serving), None) = (&self.hosting.own, &self.own) {
            if let Serving::Tunnel { program, .. } = serving {
                tell(report, &Event::Opening { tunnel: program.name() });
            }
            self.own = Some(Own::start(serving, plan.network, &plan.relays.trust).await?);
        }
        Door::open(plan, &self.hosting, self.own.as_ref()).await
    }

    /// Ends the relay of this host, if it serves one.
    pub(super) async fn close(self) {
        if let Some(own) = self.own {
            own.close().await;
        }
    }

    /// Makes a code and shows it.
    fn show(
        &self,
        door: &Door,
        plan: &Plan,
        report: &mut Report,
        control: &Control,
    ) -> Result<Judge, Failure> {
        let made = door
            .nameplate()
            .and_then(|nameplate| Code::generate(nameplate, self.hosting.words, &mut OsRng));
        let code = made.map_err(|error| Failure::new(Kind::Usage, error.explain()))?;
        let words = code.reveal();
        let command = match plan.want {
            Want::Give => format!("pinhole take {}", words.as_str()),
            Want::Take => format!("pinhole give --code {}", words.as_str()),
            Want::Both => format!("pinhole connect {}", words.as_str()),
        };
        let mut join = door.join_lines(&command);
        if plan.want == Want::Take {
            join.iter_mut().for_each(|line| line.command.push_str(" PATH..."));
        }
        let offering = match plan.wares.as_slice() {
            // The first message in a channel is not its purpose.
            _ if plan.want != Want::Give => None,
            [] => None,
            [one] => Some(one.describe()),
            several => Some(format!("{} things", several.len())),
        };
        let channel = Channel {
            code: words.to_string(),
            number: code.nameplate().number(),
            reach: door.reach(),
            join,
            link: door.link(words.as_str()),
            expires_at: SystemTime::now() + plan.ttl,
            lasts: plan.ttl,
            offering,
        };
        let (_, shown) = say(report, control, &Event::Channel(channel));
        shown.map_err(|error| unsaid(&error))?;
        let (nameplate, password) = code.split();
        Ok(Judge::new(password, nameplate))
    }

    /// Finds out if another code is wanted after a guess: `--tries` says, or the person here.
    async fn again(
        &self,
        plan: &Plan,
        report: &mut Report,
        halt: &mut Halt,
    ) -> Result<bool, Failure> {
        if self.guesses < self.hosting.tries {
            return Ok(plan.wares.iter().all(Ware::reusable));
        }
        self.asked_again(plan, report, halt).await
    }

    /// Asks the person here for another code, unless the command line has said how many there may
    /// be.
    pub(super) async fn asked_again(
        &self,
        plan: &Plan,
        report: &mut Report,
        halt: &mut Halt,
    ) -> Result<bool, Failure> {
        if !self.may_ask(plan) || self.hosting.tries > 1 {
            return Ok(false);
        }
        self.ask(report, halt).await
    }

    /// True if there is a person here, and what is to be given can be given under another code.
    fn may_ask(&self, plan: &Plan) -> bool {
        plan.person && plan.wares.iter().all(Ware::reusable)
    }

    /// Asks the person here for a new code.
    async fn ask(&self, report: &mut Report, halt: &mut Halt) -> Result<bool, Failure> {
        report.suspend();
        let asked = tokio::task::spawn_blocking(|| {
            OwnTerminal::open("a new code", "use --tries N")?.new_code()
        });
        let answer = tokio::select! {
            answer = asked => answer,
            failure = halt.wait("and the code is dead") => return Err(failure),
        };
        report.resume();
        answer
            .unwrap_or_else(|_| Err(Failure::new(Kind::Failed, "the question ended unexpectedly")))
    }
}
