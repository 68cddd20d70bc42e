//! `send`: into a channel if its first word is a code's shape (SPEC 2.4), else `give`, as other
//! tools call it.

use super::amounts::duration;
use super::here::heard_or;
use super::pasted::bare;
use super::session::{Common, Gates, Purpose, Reached, SessionCommand, Stdin};
use super::split::{Split, quoted};
use super::which::{RoleArg, which};
use super::{code, give};
use crate::control::client::Printed;
use crate::control::found::{Found, Which, find, nothing_open, one};
use crate::control::owner::Visitor;
use crate::control::stream::Source;
use crate::control::wares::Parcel;
use crate::events::{Event, State};
use crate::failure::sentences::left_out_strictly;
use crate::failure::{Advice, Failure, Kind, Run, WAIT};
use crate::files::ware::Ware;
use crate::platform::file::{Facts, Kind as What};
use crate::platform::places::is_of_process;
use crate::session::Report;
use crate::session::plan::{Meet, Plan};
use pinhole_protocol::code::{Shape, shape};
use pinhole_protocol::wire::Want;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

#[derive(clap::Args)]
#[command(after_help = "\
`send CODE TEXT` sends into a channel; `send PATH...` is `give PATH...`.

Examples:
  pinhole send 9471-walrus-clipboard-mango \"on my way\"
  pinhole send 9471-walrus-clipboard-mango --file report.pdf
  pinhole send --label build \"on my way\"     into the open channel with that label
  pinhole --allow-env API_KEY send 9471 --secret-env API_KEY    when an agent runs it
  tar c . | pinhole send 9471 -              the output of another program
  pinhole send report.pdf                    shows a new code, as `pinhole give` does")]
// Its name is that of the arguments inside it, and clap wants each once.
#[group(skip)]
pub(super) struct Args {
    #[command(flatten)]
    give: give::Args,
    /// Send this file into the channel; may be repeated
    #[arg(long, value_name = "PATH")]
    file: Vec<PathBuf>,
    /// How long to wait for the delivery (45s if standard output is not a terminal); it is sent
    /// either way. With "-" the time starts at the end of standard input: until then the command
    /// keeps running, and if it is interrupted, nothing of it is received
    #[arg(long, value_name = "TIME", value_parser = duration)]
    wait: Option<Duration>,
    /// Which side of the channel sends, if both are on this machine
    #[arg(long, value_enum, value_name = "ROLE")]
    role: Option<RoleArg>,
    /// True if the channel was found by its label, so that no word is its code.
    #[arg(skip)]
    labelled: bool,
}

impl Args {
    /// Consequence of an interrupt: only what this process reads goes with it.
    fn cut(&self) -> &'static str {
        match self.stdin() != Stdin::Unread || self.file.iter().any(|path| is_of_process(path)) {
            true => {
                "interrupted; what was still being read here is cancelled, and the channel goes on"
            }
            false => "interrupted; the channel goes on",
        }
    }

    /// The first word: a code without what was pasted around it, and anything else as it is.
    fn first(&self) -> String {
        let first = self.give.paths.first().and_then(|path| path.to_str()).unwrap_or_default();
        let bare = bare(first);
        if matches!(shape(&bare), Shape::Code | Shape::Link) { bare } else { first.to_owned() }
    }

    /// The channel that the first word names, if it is open here.
    async fn found(&mut self) -> Result<Option<Found>, Failure> {
        let first = self.first();
        if let Some(split) =
            Split::of(&first, self.give.paths.iter().skip(1).filter_map(|path| path.to_str()))
        {
            return Err(split.sent());
        }
        if shape(&first) == Shape::Other {
            return match &self.channel().label {
                Some(_) => self.labelled().await,
                None => self.forgotten(&first).await,
            };
        }
        one(
            find(&which(Some(&first), self.channel().label.clone(), self.role)?, &Visitor::here())
                .await?,
            "send",
        )
    }

    /// The open channel of this label. Without one the label is that of a new code, if there is
    /// something to give.
    async fn labelled(&mut self) -> Result<Option<Found>, Failure> {
        let (which, by) = (
            Which { code: None, ..which(None, self.channel().label.clone(), self.role)? },
            Visitor::here(),
        );
        let mut open = find(&which, &by).await?;
        // A give of this label takes nothing more, and may have the label of the next.
        open.retain(|found| found.about.state != State::Ended && found.about.want == Want::Both);
        let found = one(open, "send")?;
        let is_there = |path: &PathBuf| path.as_os_str() == "-" || path.symlink_metadata().is_ok();
        self.labelled = found.is_some();
        match found {
            None if !self.give.paths.is_empty() && !self.give.paths.iter().any(is_there) => {
                Err(nothing_open(&which, &by).await)
            }
            found => Ok(found),
        }
    }

    /// Says of a text without a code which channel it may be meant for, where only one is open
    /// here.
    async fn forgotten(&self, first: &str) -> Result<Option<Found>, Failure> {
        let [alone] = self.give.paths.as_slice() else { return Ok(None) };
        if first.is_empty() || first == "-" || alone.symlink_metadata().is_ok() {
            return Ok(None);
        }
        let open = find(&Which::default(), &Visitor::here()).await.unwrap_or_default();
        let numbers: BTreeSet<_> = open
            .iter()
            .filter(|it| it.about.state != State::Ended)
            .filter_map(|it| it.about.number)
            .collect();
        match Vec::from_iter(numbers).as_slice() {
            [number] => Err(Failure::new(
                Kind::NoSuchFile,
                format!("{first:?} does not exist, and no code is given"),
            )
            .next(format!(
                "if it is a text for the open channel: pinhole send {number} {}",
                quoted(first)
            ))),
            _ => Ok(None),
        }
    }

    /// Sends into a channel that is open here.
    async fn send_into(self, found: Found, report: &mut Report) -> Result<(), Failure> {
        self.channel().is_another()?;
        let wait = self.wait.or(self.channel().detach.then_some(Duration::ZERO));
        let wait = wait.or((!std::io::stdout().is_terminal()).then_some(Duration::from_secs(WAIT)));
        let (strict, mut whole) = (self.give.ware.strict, true);
        let read = tokio::task::spawn_blocking(move || self.parcels()).await;
        let parcels = read.unwrap_or_else(|_| {
            Err(Failure::new(Kind::Failed, "the command ended unexpectedly"))
        })?;
        let tell = |told: Printed<'_>| {
            whole &= !matches!(
                &told,
                Printed::Event(Event::Trouble(failure)) if failure.kind == Kind::Skipped
            );
            // A line that cannot be printed stops nothing; the exit status tells the result.
            let _ = match told {
                Printed::Line(line) => report.relay(line, Instant::now()),
                Printed::Event(event) => report.event(event, Instant::now()).map(drop),
            };
        };
        found.send(parcels, wait, tell).await?;
        if strict && !whole { Err(left_out_strictly()) } else { Ok(()) }
    }

    /// Everything that was named, read as far as the channel's process cannot.
    fn parcels(self) -> Result<Vec<Parcel>, Failure> {
        let (text, mut paths) = match &self.channel().label {
            Some(label) if self.labelled => self.named(&format!("--label {}", quoted(label)), 0)?,
            _ => self.named(&self.first(), 1)?,
        };
        self.give.ware.one_stdin(&paths)?;
        let stream = paths.iter().find_map(|path| own_stream(path).transpose()).transpose()?;
        if stream.is_some() {
            if paths.len() > 1 {
                return Err(Failure::new(
                    Kind::StreamAlone,
                    "a stream has no known end, so it is sent alone",
                )
                .next("send the files with a separate command"));
            }
            paths.clear();
        }
        for path in &mut paths {
            let absolute =
                if is_of_process(path) { path.canonicalize() } else { std::path::absolute(&*path) };
            *path = absolute.map_err(|error| usage(&format!("{}: {error}", path.display())))?;
        }
        let mut parcels: Vec<Parcel> = Vec::new();
        for ware in self.give.ware.wares(&[])? {
            match ware {
                Ware::Text(text) => parcels.push(Parcel::Text(text)),
                Ware::Secret(label, secret) => parcels.push(Parcel::Secret(label, secret)),
                Ware::Files(_) => {}
            }
        }
        parcels.extend(text.map(Parcel::Text));
        if !paths.is_empty() {
            parcels.push(Parcel::Files(paths, self.give.ware.options()?));
        }
        parcels.extend(stream.map(Parcel::Stream));
        if parcels.is_empty() { Err(give::nothing()) } else { Ok(parcels) }
    }

    /// The text and the files after the words that name the channel, as `code` does where it is
    /// said what can be typed.
    fn named(&self, code: &str, words: usize) -> Result<(Option<String>, Vec<PathBuf>), Failure> {
        let mut paths = self.file.clone();
        let mut text = None;
        match self.give.paths.get(words..).unwrap_or_default() {
            [] => {}
            [one] if one.as_os_str() == "-" => paths.push(one.clone()),
            [one] => text = Some(one.to_str().ok_or_else(not_text)?.to_owned()),
            _ => {
                return Err(usage("send CODE takes one text")
                    .next("put it in quotes, or name files with --file"));
            }
        }
        if let Some(text) = &text {
            ambiguous(code, text)?;
        }
        Ok((text, paths))
    }
}

impl SessionCommand for Args {
    fn common(&self) -> &Common {
        self.give.common()
    }

    fn gates(&mut self) -> Gates<'_> {
        self.give.gates()
    }

    fn stdin(&self) -> Stdin {
        match self.give.stdin() {
            Stdin::Unread if self.file.iter().any(|path| path.as_os_str() == "-") => Stdin::Read,
            stdin => stdin,
        }
    }

    fn reach(mut self: Box<Self>, report: &mut Report) -> Reached<'_> {
        Box::pin(async move {
            match self.found().await {
                Ok(Some(found)) => {
                    let sent = heard_or(self.cut(), self.send_into(found, report)).await;
                    Ok(sent.map(|()| false))
                }
                Ok(None) => Err(self as Box<dyn SessionCommand>),
                Err(failure) => Ok(Err(failure)),
            }
        })
    }

    fn purpose(mut self: Box<Self>, person: bool, for_people: bool) -> Purpose {
        let first = self.first();
        match shape(&first) {
            Shape::Other => {
                self.give.paths.append(&mut self.file);
                Box::new(self.give).purpose(person, for_people)
            }
            Shape::Number => Err(no_channel_of(&first)),
            Shape::Link | Shape::Code => {
                // Read before anything else, so that a mistyped word is said and costs nothing.
                let given = code::parse(&first)?;
                let (text, paths) = self.named(&first, 1)?;
                if !person {
                    return Err(not_open(
                        &given.typed,
                        &format!("pinhole give --code {} PATH", given.typed.as_str()),
                    ));
                }
                let mut wares = self.give.ware.wares(&paths)?;
                wares.extend(text.map(Ware::Text));
                let (plan, _) = self.give.purpose_with(wares, person)?;
                Ok((Plan { aside: given.aside, ..plan }, Meet::Join(Box::new(given.address))))
            }
        }
    }
}

/// Input that only this process can read: standard input, or a pipe that its shell has opened, as
/// by `<(command)`.
fn own_stream(path: &Path) -> Result<Option<Source>, Failure> {
    if path.as_os_str() == "-" {
        return Ok(Some(Box::new(std::io::stdin())));
    }
    if !is_of_process(path) || !Facts::at(path).is_ok_and(|it| it.kind() == What::Pipe) {
        return Ok(None);
    }
    let cannot = |error| {
        Failure::new(Kind::SourceUnreadable, format!("{} cannot be read: {error}", path.display()))
    };
    File::open(path).map(|pipe| Some(Box::new(pipe) as Source)).map_err(cannot)
}

/// A text that could be a path is not guessed about.
fn ambiguous(code: &str, text: &str) -> Result<(), Failure> {
    let like_a_path = ["/", "./", "../"].iter().any(|prefix| text.starts_with(prefix))
        || Path::new(text).exists();
    if like_a_path {
        return Err(Failure::new(Kind::AmbiguousArgument, "it could be a text or a path").next(
            format!(
                "choose one: pinhole send {code} --text {text:?}, or: pinhole send {code} --file \
                 {text:?}"
            ),
        ));
    }
    Ok(())
}

fn usage(detail: &str) -> Failure {
    Failure::new(Kind::Usage, detail)
}

fn not_text() -> Failure {
    usage("the text is not UTF-8")
}

/// A number alone names a channel that is open here, and never joins one.
pub(super) fn no_channel_of(number: &str) -> Failure {
    let detail = format!(
        "no channel is open here under {number}: it may have ended, and joining one takes the \
         whole code"
    );
    if Visitor::here().is_agent() {
        let next = "see the channels that this agent began: pinhole status; one from before it \
                    was resumed is found by its whole code";
        return Failure::new(Kind::CodeNotOpen, detail)
            .next(Advice::from(Run::Status).reworded(next));
    }
    let next = "see the open channels: pinhole status; join one with its whole code: pinhole \
                connect CODE";
    Failure::new(Kind::CodeNotOpen, detail).next(Advice::from(Run::Status).reworded(next))
}

/// Refusal of a whole code whose channel is not open here. `once` is the command that does it
/// without a channel that stays open.
pub(super) fn not_open(code: &str, once: &str) -> Failure {
    let next = format!(
        "join it: pinhole connect {code} --detach, then repeat this; or, for this alone: {once}"
    );
    Failure::new(
        Kind::CodeNotOpen,
        "that channel is not open here, and has to be joined explicitly",
    )
    .ask_user(next)
}
