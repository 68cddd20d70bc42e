//! `receive`: from an open channel, else `take` where a person is.

use super::amounts::duration;
use super::here::heard;
use super::long_texts::LongTexts;
use super::send::{no_channel_of, not_open};
use super::session::{Common, Gates, Purpose, Reached, SessionCommand, Stdin, Stdout};
use super::which::{RoleArg, which};
use super::{code, take};
use crate::control::found::{Found, find, not_open_at_all, one};
use crate::control::owner::Visitor;
use crate::events::line::LineType;
use crate::events::{ChannelName, Stored};
use crate::failure::sentences::{Side, failure_from};
use crate::failure::{Failure, Kind};
use crate::log::wanted::Wanted;
use crate::report::bell;
use crate::session::Report;
use crate::session::plan::SecretSink;
use crate::stdio::{Sink, unread};
use pinhole_protocol::code::{Shape, shape};
use pinhole_protocol::wire::{PeerText, Reason};
use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};

#[derive(clap::Args)]
#[command(after_help = "\
From a channel that is open here, it prints what has happened since the last `receive`. Secrets that
the channel holds are only listed: --secret-to-file, --secret-to-env-file and --secret-exec take the
oldest, one per call, unseen, and it stays there if that fails. -o - takes the oldest text, one per
call, and prints only that, byte for byte; lines go to standard error. If there is none, and none
arrives during --wait, the exit status is 11.

--bell is for tools that wake an agent on each line: `pinhole: 2 wait in 9471; pinhole receive
9471`, and when the channel ends, `pinhole: 9471 is over; pinhole receive 9471`. --follow is for
people and scripts.

Examples:
  pinhole receive 9471 --wait 45
  pinhole receive 9471 --secret-to-env-file .env    the oldest secret, under the other side's name
  pinhole receive --secret-exec=TOKEN -- deploy     the only open channel; the program gets $TOKEN
  pinhole --allow-exec receive 9471 --secret-exec=TOKEN -- deploy    the same when an agent runs it
  pinhole receive 9471 -o - --wait 45 > notes.txt   only the oldest text
  pinhole receive 9471 --follow --for text,file     until the channel ends, without the rest
  pinhole receive 9471-walrus-clipboard-mango -o .  not open here: like `pinhole take`
  pinhole receive CODE -o - | less                  into another program")]
// Its name is that of the arguments inside it, and clap wants each once.
#[group(skip)]
pub(super) struct Args {
    #[command(flatten)]
    pub take: take::Args,
    /// From a channel that is open here: wait this long for something to receive
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "0")]
    wait: Duration,
    /// From a channel that is open here: everything after the event with this number, even if it
    /// was received before
    #[arg(long, value_name = "N", conflicts_with = "sink")]
    after: Option<u64>,
    /// From a channel that is open here: print at most this much, in whole lines, but at least one
    #[arg(long, value_name = "BYTES", default_value_t = 20_000, conflicts_with = "sink")]
    max_bytes: usize,
    /// From a channel that is open here: only these types, such as text,file,secret; the rest can
    /// be received later. connected, expiring, error, closed and end are always printed
    #[arg(
        long = "for",
        value_name = "TYPE,...",
        value_delimiter = ',',
        value_parser = wanted_type,
        conflicts_with = "sink",
    )]
    only: Vec<WantedType>,
    /// From a channel that is open here: print what arrives until it ends, except what another
    /// command has already printed as its own result. Only one command follows at a time: a new one
    /// takes over
    #[arg(long, conflicts_with_all = ["sink", "wait", "max_bytes"])]
    follow: bool,
    /// From a channel that is open here: take nothing, but print a line whenever something new is
    /// waiting, and one at the end. None of these lines contains anything from the other side;
    /// after one, the next comes only once something was received, and at most 6 come in a minute
    #[arg(long, conflicts_with_all = ["sink", "wait", "max_bytes", "follow", "after", "only"])]
    bell: bool,
    /// Which side of the channel receives, if both are on this machine
    #[arg(long, value_enum, value_name = "ROLE")]
    role: Option<RoleArg>,
}

/// A type of `--for`; nothing for one that always passes.
type WantedType = Option<LineType>;

fn wanted_type(text: &str) -> Result<WantedType, String> {
    if let Some(line_type) = LineType::ALL.into_iter().find(|line_type| line_type.word() == text) {
        return Ok(Some(line_type));
    }
    if matches!(text, "error" | "end") {
        return Ok(None);
    }
    Err(format!("there are {}", LineType::ALL.map(LineType::word).join(", ")))
}

impl Args {
    /// The channel that is named, or the only one that is open here.
    async fn found(&self) -> Result<Option<Found>, Failure> {
        let which = which(self.take.code().as_deref(), self.channel().label.clone(), self.role)?;
        one(find(&which, &Visitor::here()).await?, "receive")
    }

    /// Prints the channel's lines. Returns true if there are more.
    async fn receive_from(self, found: Found, report: &mut Report) -> Result<bool, Failure> {
        self.channel().is_another()?;
        if self.bell || self.follow {
            return self.stay(found, report).await.map(|()| false);
        }
        if self.take.receive().bytes_to_stdout()
            && self.after.is_none()
            && self.only.is_empty()
            && self.take.receive().sink()?.is_none()
        {
            return text(&found, self.wait, report).await.map(|()| false);
        }
        if self.take.receive().bytes_to_stdout() {
            let detail = "-o - takes the oldest text that nobody has received, but no secret and \
                          nothing that was received before";
            return Err(Failure::new(Kind::Usage, detail)
                .next("leave out -o, --after, --for or the place for the secret"));
        }
        if self.take.receive().output.is_some() {
            return Err(Failure::new(
                Kind::Usage,
                "that channel is already open, and where files go was decided then",
            )
            .next("leave out -o; each event shows where its file is. -o - takes the oldest text"));
        }
        if let Some(sink) = self.take.receive().sink()? {
            return collect(&found, sink, self.wait, report).await.map(|()| false);
        }
        // A line that cannot be printed was not received: the next receive gets it.
        let (mut printed, mut long_texts) = (Ok(()), LongTexts::default());
        let told = found.receive(self.wanted(), self.wait, self.max_bytes, |line| {
            if printed.is_ok() {
                printed = long_texts.relay(line, report);
            }
            printed.is_ok()
        });
        let more = told.await?;
        printed.map(|()| more)
    }

    /// The lines that are wanted.
    fn wanted(&self) -> Wanted {
        let only = (!self.only.is_empty()).then(|| self.only.iter().copied().flatten().collect());
        Wanted { after: self.after, only }
    }

    /// Prints what the channel has to tell until its end, or when it has.
    async fn stay(self, found: Found, report: &mut Report) -> Result<(), Failure> {
        if self.take.receive().output.is_some() {
            return Err(Failure::new(
                Kind::Usage,
                "-o is for a single thing, or was decided when the channel was opened",
            )
            .next("leave out -o; each event shows where its file is"));
        }
        let (wanted, role) = (self.wanted(), self.role);
        let staying = async {
            if self.bell {
                return ring(&found, role).await;
            }
            // A line that cannot be printed was not received: others get it.
            let (mut printed, mut long_texts) = (Ok(()), LongTexts::default());
            let told = found.tail(wanted, |line| {
                printed = long_texts.relay(line, report);
                printed.is_ok()
            });
            told.await?;
            printed
        };
        tokio::select! {
            stayed = staying => stayed,
            () = unread() => Err(failure_from(Reason::OutputClosed, Side::Here)),
        }
    }
}

impl SessionCommand for Args {
    fn common(&self) -> &Common {
        self.take.common()
    }

    fn gates(&mut self) -> Gates<'_> {
        self.take.gates()
    }

    fn stdin(&self) -> Stdin {
        self.take.stdin()
    }

    fn stdout(&self) -> Stdout {
        match self.take.stdout() {
            Stdout::Lines if self.bell => Stdout::Bell,
            stdout => stdout,
        }
    }

    fn reach(self: Box<Self>, report: &mut Report) -> Reached<'_> {
        Box::pin(async move {
            match self.found().await {
                Ok(Some(found)) => Ok(heard(self.receive_from(found, report)).await),
                Ok(None) => Err(self as Box<dyn SessionCommand>),
                Err(failure) => Ok(Err(failure)),
            }
        })
    }

    fn purpose(self: Box<Self>, person: bool, for_people: bool) -> Purpose {
        // A channel that is not open has nothing to follow, and is not joined for that.
        let person = person && !self.bell && !self.follow;
        let Some(first) = self.take.code() else {
            if person {
                // Nothing is open here, so it is what `take` is.
                return Box::new(self.take).purpose(person, for_people);
            }
            return Err(not_open_at_all());
        };
        match shape(&first) {
            Shape::Number => Err(no_channel_of(&first)),
            // Read before anything else, so that a mistyped word is said and costs nothing.
            _ => match code::parse(&first) {
                Err(failure) => Err(failure),
                Ok(given) if !person => {
                    Err(not_open(&given.typed, &format!("pinhole take {}", given.typed.as_str())))
                }
                Ok(_) => Box::new(self.take).purpose(person, for_people),
            },
        }
    }
}

/// Says whenever something waits, and when the channel is over.
async fn ring(found: &Found, role: Option<RoleArg>) -> Result<(), Failure> {
    let mut out = Sink::Stdout.open();
    let mut print = |line: String| {
        writeln!(out, "{line}")
            .and_then(|()| out.flush())
            .map_err(|_| failure_from(Reason::OutputClosed, Side::Here))
    };
    // A side named on the command line stays named.
    let name = async |number| {
        let name = found.name(number).await;
        ChannelName { role: name.role.or(role.map(Into::into)), ..name }
    };
    let (mut bell, mut last) = (found.bell().await?, found.about.number);
    while let Some((number, lines)) = bell.rings().await? {
        last = number;
        print(bell::waits(lines, name(number).await))?;
    }
    print(bell::over(name(last).await))
}

/// Takes the oldest text of a channel that nobody has received, and prints it.
async fn text(found: &Found, wait: Duration, report: &mut Report) -> Result<(), Failure> {
    let mut printed = Ok(());
    let told = found.text(wait, |line| {
        printed = LongTexts::default().relay_text(line, report);
        printed.is_ok()
    });
    told.await?;
    printed
}

/// Takes the oldest secret that a channel holds, and prints where it is now.
async fn collect(
    found: &Found,
    sink: SecretSink,
    wait: Duration,
    report: &mut Report,
) -> Result<(), Failure> {
    let store = async |name: Option<PeerText>, secret| match &sink {
        SecretSink::File(file) => file.store(name.as_ref(), &secret),
        SecretSink::Exec(program) => {
            let ran = program.run(&secret, Stdio::inherit()).await;
            ran.map(|()| Stored::Program(program.variable().map(str::to_owned)))
        }
    };
    let line = found
        .collect(wait, async |name, secret| {
            store(name, secret).await.map_err(|refusal| refusal.failure)
        })
        .await?;
    // It is where it belongs, even if that cannot be printed.
    let _ = report.relay(&line, Instant::now());
    Ok(())
}
