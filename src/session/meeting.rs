//! Before the conversation: a code is made and waited under, or dialled.

use super::event::{Channel, Event, Nearby};
use super::interrupt::{Interrupt, interrupted};
use super::plan::{Hosting, Plan, Ware};
use super::{Report, tell};
use crate::clock;
use crate::failure::{Exit, Failure};
use crate::report::prompt::OwnTerminal;
use crate::settings::Network;
use crate::transport::addresses::join_lines;
use crate::transport::direct::{Candidates, Listener, join as dial, meet};
use crate::transport::lan::Announcement;
use crate::transport::{Joined, Met};
use pinhole_protocol::code::{Code, CodeAddress, Nameplate, Place};
use pinhole_protocol::conversation::Role;
use pinhole_protocol::handshake::{Joiner, Judge};
use pinhole_protocol::wire::Want;
use rand_core::OsRng;
use std::io;
use std::time::SystemTime;

/// Two sides that know the same code.
pub(super) struct Meeting {
    pub joined: Joined,
    pub role: Role,
}

/// A host and the codes it has used up.
pub(super) struct Host {
    hosting: Hosting,
    guesses: u32,
}

impl Host {
    pub(super) const fn new(hosting: Hosting) -> Self {
        Self { hosting, guesses: 0 }
    }

    /// Shows a code and waits for somebody who knows it; after a wrong one, for as long as new codes are wanted.
    pub(super) async fn meet(&mut self, plan: &Plan, report: &mut Report, interrupt: &mut Interrupt) -> Result<Meeting, Failure> {
        loop {
            let (listener, judge, announcement) = self.open(plan, report)?;
            tell(report, &Event::Waiting);
            let met = tokio::select! {
                met = meet(&listener, judge) => met,
                () = clock::sleep_until(Some(clock::now().after(plan.ttl))) => {
                    return Err(Failure::new(Exit::Expired, "nobody-came", "nobody came in time, and the code is dead")
                        .next("run the command again for a new code; --ttl makes it wait longer"));
                }
                () = interrupt.wait() => return Err(interrupted("interrupted before anybody came; the code is dead")),
            };
            match met? {
                Met::Joined(joined) => return Ok(Meeting { joined: *joined, role: Role::Host }),
                Met::Burned => {
                    // Whoever comes now hears at once that nobody waits under this code any more.
                    drop((listener, announcement));
                    self.guesses += 1;
                    tell(report, &Event::HandshakeFailed { guesses: self.guesses });
                    if !self.again(plan, report, interrupt).await? {
                        return Err(Failure::new(Exit::Code, "code-guessed", "somebody used a wrong code, so this one is dead")
                            .next("run the command again for a new code, or allow more with --tries"));
                    }
                }
            }
        }
    }

    /// Listens, announces the number and shows the code.
    fn open(&self, plan: &Plan, report: &mut Report) -> Result<(Listener, Judge, Option<Announcement>), Failure> {
        let listener = Listener::bind(plan.network, self.hosting.bind, self.hosting.port)?;
        let number = u32::from(listener.port());
        let made = Nameplate::new(number).and_then(|nameplate| Code::generate(nameplate, self.hosting.words, &mut OsRng));
        let code = made.map_err(|error| Failure::new(Exit::Usage, "usage", error.explain()))?;
        let words = code.reveal();
        let command = match plan.want {
            Want::Give => format!("pinhole take {}", words.as_str()),
            Want::Take => format!("pinhole give --code {}", words.as_str()),
            Want::Both => format!("pinhole connect {}", words.as_str()),
        };
        let (nearby, announcement) = self.announce(plan, listener.port());
        let mut join = join_lines(&command, &nearby, self.hosting.bind);
        if plan.want == Want::Take {
            join.iter_mut().for_each(|line| line.command.push_str(" PATH..."));
        }
        let offering = match plan.wares.as_slice() {
            [] => None,
            [one] => Some(one.describe()),
            several => Some(format!("{} things", several.len())),
        };
        tell(
            report,
            &Event::Channel(Channel {
                code: words.to_string(),
                number,
                nearby,
                join,
                link: None,
                expires_at: SystemTime::now() + plan.ttl,
                lasts: plan.ttl,
                offering,
            }),
        );
        let (nameplate, password) = code.split();
        Ok((listener, Judge::new(password, nameplate), announcement))
    }

    /// Announces the number on the local network, where that is wanted and can be; a host goes on without.
    fn announce(&self, plan: &Plan, port: u16) -> (Nearby, Option<Announcement>) {
        let bind = self.hosting.bind;
        if plan.network == Network::Loopback || bind.is_some_and(|ip| ip.to_canonical().is_loopback()) {
            return (Nearby::Machine, None);
        }
        if !plan.lan {
            return (Nearby::Silent(None), None);
        }
        match Announcement::start(port, bind) {
            Ok(announcement) => (Nearby::Announced, Some(announcement)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => (Nearby::Silent(Some("it has no local network".into())), None),
            Err(error) => (Nearby::Silent(Some(error.to_string())), None),
        }
    }

    /// Whether another code is wanted after a guess: `--tries` says, or the person here.
    async fn again(&self, plan: &Plan, report: &mut Report, interrupt: &mut Interrupt) -> Result<bool, Failure> {
        if self.guesses < self.hosting.tries {
            return Ok(plan.wares.iter().all(Ware::reusable));
        }
        self.asked_again(plan, report, interrupt).await
    }

    /// Whether the person here wants another code; nobody is asked who has said how many there may be.
    pub(super) async fn asked_again(&self, plan: &Plan, report: &mut Report, interrupt: &mut Interrupt) -> Result<bool, Failure> {
        if !plan.wares.iter().all(Ware::reusable) || !plan.person || self.hosting.tries > 1 {
            return Ok(false);
        }
        report.suspend();
        let asked = tokio::task::spawn_blocking(|| OwnTerminal::open("a new code", "use --tries N")?.new_code());
        let answer = tokio::select! {
            answer = asked => answer,
            () = interrupt.wait() => return Err(interrupted("interrupted; the code is dead")),
        };
        report.resume();
        answer.unwrap_or_else(|_| Err(Failure::new(Exit::Other, "failed", "the question ended unexpectedly")))
    }
}

/// Dials the host of the code that this side was given.
pub(super) async fn join(plan: &Plan, address: CodeAddress, report: &mut Report, interrupt: &mut Interrupt) -> Result<Meeting, Failure> {
    tell(report, &Event::Waiting);
    let dialled = async {
        let candidates = candidates(plan, &address).await?;
        let (nameplate, password) = address.code.split();
        dial(candidates, Joiner::new(password, nameplate)).await.map_err(Failure::from)
    };
    tokio::select! {
        joined = dialled => Ok(Meeting { joined: joined?, role: Role::Joiner }),
        () = interrupt.wait() => Err(interrupted("interrupted before there was a channel")),
    }
}

/// Where to dial: the place that the code names, else this machine and its local network.
async fn candidates(plan: &Plan, address: &CodeAddress) -> Result<Candidates, Failure> {
    let by_relay = || {
        Failure::new(Exit::Usage, "no-relay", "this code's number is one that relays hand out, and this pinhole has no way through a relay")
            .next("ask the other side to run the same version, and for a code of four digits")
    };
    match (&address.at, address.code.nameplate().port()) {
        (Some(Place::Host { host, port }), _) => Candidates::named(host, *port, plan.network).await,
        (Some(Place::Relay(_)), _) | (None, None) => Err(by_relay()),
        (None, Some(port)) => Ok(Candidates::near(port, plan.lan && plan.network == Network::Any)),
    }
}
