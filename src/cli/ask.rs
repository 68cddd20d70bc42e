//! `ask`: one text to the other side, and what it says to it.

use super::amounts::duration;
use super::code::{self, from_stdin};
use super::here::heard;
use super::long_texts::LongTexts;
use super::options::{UNWATCHED, UNWATCHED_ENTRIES};
use super::send::no_channel_of;
use super::session::{Common, Gates, Purpose, Reached, SessionCommand, Stdout};
use super::split::Split;
use super::text::text_from_stdin;
use super::which::{RoleArg, which};
use crate::control::found::{Found, find, nothing_open, one};
use crate::control::owner::Visitor;
use crate::events::State;
use crate::failure::{Failure, Kind, WAIT};
use crate::files::inbox::Policy;
use crate::role::Role;
use crate::session::Report;
use crate::session::plan::{Destination, Meet, Plan, Question, SecretPlace, Taking};
use crate::settings::agent::Agent;
use pinhole_protocol::code::{Shape, shape};
use pinhole_protocol::messages::Body;
use pinhole_protocol::wire::Want;
use std::time::Duration;

#[derive(clap::Args)]
#[command(after_help = "\
In a channel that is open here, the answer is the next text to arrive once the other side has the
question, even if it was meant as a reply to something earlier. A whole code that is not open here,
or still waits here for the other side, is joined for the question and closed after the answer.

Examples:
  pinhole ask 9471 \"which branch is it?\"
  pinhole ask --label build \"which branch is it?\"
  pinhole ask 9471-walrus-clipboard-mango \"are you there?\" --timeout 10s
  git diff | pinhole ask 9471 - -o - > review.txt    a long question; only the answer in the file")]
pub(super) struct Args {
    /// The channel: its number if it is open here, otherwise its code or link; "-" reads that from
    /// standard input
    #[arg(value_name = "CODE")]
    code: String,
    /// The question; "-" reads it from standard input. With --label it can stand alone
    #[arg(value_name = "QUESTION", allow_hyphen_values = true, required_unless_present = "label")]
    question: Option<String>,
    /// Words that were typed without quotes: not taken, but said
    #[arg(hide = true)]
    more: Vec<String>,
    /// "-" puts only the answer on standard output, byte for byte and in full; lines about it go to
    /// standard error
    #[arg(short = 'o', long = "output", value_name = "-", value_parser = ["-"])]
    to: Option<String>,
    /// How long to wait for the answer
    #[arg(long, value_name = "TIME", value_parser = duration)]
    timeout: Option<Duration>,
    /// Which side of the channel asks, if both are on this machine
    #[arg(long, value_enum, value_name = "ROLE")]
    role: Option<RoleArg>,
    #[command(flatten)]
    common: Common,
}

/// Time for the answer without --timeout (EVENTS.md).
const PATIENCE: Duration = Duration::from_secs(WAIT);

impl Args {
    /// The channel that is meant, if it is open here.
    async fn found(&mut self) -> Result<Option<Found>, Failure> {
        if self.common.channel.detach {
            return Err(Failure::new(
                Kind::Usage,
                "ask ends when it has its answer, so there is nothing to detach",
            )
            .ask_user("keep a channel open and ask in it: pinhole connect CODE --detach"));
        }
        if self.question.is_none() {
            // The channel is that of a label, which is no code's.
            let which = which(None, self.common.channel.label.clone(), self.role)?;
            self.question = Some(std::mem::take(&mut self.code));
            let by = Visitor::here();
            return match one(find(&which, &by).await?, "ask")? {
                None => Err(nothing_open(&which, &by).await),
                found => Ok(found),
            };
        }
        if self.code == "-" {
            if self.question.as_deref() == Some("-") {
                return Err(Failure::new(
                    Kind::Usage,
                    "standard input can be the code or the question, not both",
                )
                .next("write the question on the command line"));
            }
            self.code = from_stdin()?.trim().to_owned();
        }
        if let Some(split) =
            Split::of(&self.code, self.question.iter().chain(&self.more).map(String::as_str))
        {
            return Err(split.asked());
        }
        if !self.more.is_empty() {
            return Err(Failure::new(Kind::Usage, "ask takes one question")
                .ask_user("put it in quotes: pinhole ask CODE \"QUESTION\""));
        }
        let mut found = find(
            &which(Some(&self.code), self.common.channel.label.clone(), self.role)?,
            &Visitor::here(),
        )
        .await?;
        if shape(&self.code) != Shape::Number && self.role.is_none() {
            // A host that waits here is not asked under its whole code: it waits for this command.
            found.retain(|found| {
                found.about.role != Role::Host || found.about.state != State::Waiting
            });
        }
        one(found, "ask")
    }

    /// Asks in a channel that is open here.
    async fn ask_in(self, found: Found, report: &mut Report) -> Result<(), Failure> {
        self.common.channel.is_another()?;
        let (question, timeout) = (self.question()?, self.timeout.unwrap_or(PATIENCE));
        let mut printed = Ok(());
        let asked = found.ask(question, timeout, |line| {
            printed = LongTexts::default().relay_text(line, report);
            printed.is_ok()
        });
        asked.await?;
        printed
    }

    fn question(&self) -> Result<String, Failure> {
        let text = match self.question.as_deref() {
            Some("-") => text_from_stdin()?,
            question => question.unwrap_or_default().to_owned(),
        };
        let wrong = |kind, what: String| Err(Failure::new(kind, format!("the question {what}")));
        match text.len() {
            0 => wrong(Kind::Usage, "is empty".into())
                .map_err(|failure| failure.ask_user("write it as: pinhole ask CODE \"QUESTION\"")),
            1..=Body::MAX => Ok(text),
            _ => wrong(
                Kind::TooLong,
                format!("is longer than the {} bytes of one message", Body::MAX),
            )
            .map_err(|failure| {
                failure.next("send the long part as a file first: pinhole send CODE --file PATH")
            }),
        }
    }
}

impl SessionCommand for Args {
    fn common(&self) -> &Common {
        &self.common
    }

    fn gates(&mut self) -> Gates<'_> {
        Gates { fencing: None, starts: None, channel: &mut self.common.channel }
    }

    fn stdout(&self) -> Stdout {
        if self.to.is_some() { Stdout::Bytes } else { Stdout::Answer }
    }

    fn reach(mut self: Box<Self>, report: &mut Report) -> Reached<'_> {
        Box::pin(async move {
            match self.found().await {
                Ok(Some(found)) => Ok(heard(self.ask_in(found, report)).await.map(|()| false)),
                Ok(None) => Err(self as Box<dyn SessionCommand>),
                Err(failure) => Ok(Err(failure)),
            }
        })
    }

    fn purpose(self: Box<Self>, person: bool, for_people: bool) -> Purpose {
        if shape(&self.code) == Shape::Number {
            return Err(no_channel_of(&self.code));
        }
        let given = code::parse(&self.code)?;
        let question =
            Question { text: self.question()?, patience: self.timeout.unwrap_or(PATIENCE) };
        // Files and secrets that come besides the answer are kept, and ask nobody anything.
        let taking = Taking {
            to: Destination::Private,
            policy: Policy {
                max_size: Some(UNWATCHED),
                max_entries: Some(UNWATCHED_ENTRIES),
                ..Policy::default()
            },
            person: person && Agent::here().is_none(),
            ask: false,
            fenced: Agent::here().is_some(),
            sink: None,
            secret: SecretPlace::Private,
            long_texts_to_file: !for_people,
        };
        let plan = Plan {
            taking: Some(taking),
            question: Some(question),
            aside: given.aside,
            ..self.common.channel.plan(Want::Both, person)?
        };
        Ok((plan, Meet::Join(Box::new(given.address))))
    }
}
