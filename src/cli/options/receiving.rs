//! Options for receiving.

use super::destination::{fenced, named, not_yet_there};
use super::secret_to::SecretTo;
use crate::cli::amounts::size;
use crate::failure::{Failure, Kind};
use crate::files::acting::Place as Machine;
use crate::files::inbox::{Conflict, Inbox, Links, Modes, Policy};
use crate::files::outbox::Keeper;
use crate::files::outlet::Outlet;
use crate::files::variable::Accepted;
use crate::report::prompt::nobody_to_ask;
use crate::session::plan::{ANOTHER_PLACE, Destination, SecretPlace, SecretSink, Taking};
use crate::settings::agent::Agent;
use clap::{Args, ValueEnum};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Bytes that a channel may bring where nobody watches, unless --max-size says otherwise
/// (EVENTS.md).
pub(in crate::cli) const UNWATCHED: u64 = 10 << 30;
/// Files and folders that a channel may bring where nobody watches, unless --max-entries says
/// otherwise.
pub(in crate::cli) const UNWATCHED_ENTRIES: u64 = 250_000;

/// Options for receiving.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Receiving")]
pub(in crate::cli) struct Receive {
    /// Receive into this folder (created if it is missing and ends in "/"), or under this name
    /// (several items go into a folder of that name; `take` also puts a text there). "-" sends one
    /// file, text or stream to standard output, and a pipe or device is opened before the code is
    /// used. Names that programs act on unasked (CLAUDE.md, Makefile) get a "_" in front unless you
    /// are asked, and nothing goes unasked into a home's dot folders, /etc or a folder of PATH;
    /// when an agent runs it, a folder with such names in it goes to a private one
    #[arg(short, long = "output", value_name = "DIR|NAME|-")]
    pub output: Option<PathBuf>,
    /// Receive without asking. `take` then receives into the current directory even without a
    /// terminal, and any size that leaves 5 % of the disk free; PINHOLE_YES=1 does the same.
    /// Neither applies when an agent runs it. You are still asked about --verify, a name that is
    /// taken or that programs act on, a folder in which they act on everything, and where to put a
    /// secret
    #[arg(short, long)]
    yes: bool,
    /// What to do when a name is taken. Without it you are asked at a terminal; elsewhere, or with
    /// -y, the new one is renamed. A text with -o NAME counts as a file. A variable in
    /// --secret-to-env-file is replaced only with overwrite
    #[arg(long, value_enum, value_name = "HOW")]
    conflict: Option<OnConflict>,
    /// Refuse more than this, such as 500M or 2GiB (10GiB where nobody is asked, except with `take
    /// -y`); each file or folder counts as at least 4 KiB
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_size: Option<u64>,
    /// Begin anew where an unfinished transfer of the same files has left some of them here; the
    /// sender is not told of it. Without this it goes on with what is here and the same
    #[arg(long)]
    fresh: bool,
    /// Keep the sender's permissions, whatever the umask here; without it the umask is applied
    #[arg(long)]
    modes: bool,
    /// Which links to create
    #[arg(long = "links", value_enum, value_name = "WHICH", default_value = "keep")]
    links: WhichLinks,
    /// Refuse more files and folders than this (250000 where nobody is asked, except with `take
    /// -y`)
    #[arg(long, value_name = "N")]
    max_entries: Option<u64>,
    #[command(flatten)]
    secret: SecretTo,
}

/// `--conflict`.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum OnConflict {
    /// Store the new one as "name (1).ext"
    Rename,
    /// Leave the new one out; the other side sees that it was not delivered
    Skip,
    /// Replace the old one if both are files, otherwise rename
    Overwrite,
    /// Replace files with files and merge folders, file by file; nothing else there is removed, and
    /// whatever collides with anything else is left out and listed as missing
    Merge,
    /// Ask at the terminal
    Ask,
}

impl Receive {
    /// Place of a secret that a channel holds, if the command line names one.
    pub(in crate::cli) fn sink(&self) -> Result<Option<SecretSink>, Failure> {
        self.secret.sink(self.replaces(), Agent::here().is_some())
    }

    /// The option by which it starts a program, if it does.
    pub(in crate::cli) fn starts(&self) -> Option<&'static str> {
        self.secret.secret_exec.is_some().then_some("--secret-exec")
    }

    /// Names of variables that the peer may choose besides those of credentials.
    pub(in crate::cli) fn accepted(&self) -> Result<Accepted, Failure> {
        self.secret.accepted()
    }

    /// True if what is there already may be replaced.
    pub(in crate::cli) const fn replaces(&self) -> bool {
        matches!(self.conflict, Some(OnConflict::Overwrite))
    }

    /// True if received bytes go to standard output.
    pub(in crate::cli) fn bytes_to_stdout(&self) -> bool {
        self.output.as_deref().is_some_and(Outlet::is_stdout)
    }

    /// True if received bytes go where no file keeps them: to standard output, a pipe or a device.
    pub(in crate::cli) fn bytes_to_outlet(&self) -> Result<bool, Failure> {
        self.output.as_deref().map_or(Ok(false), Outlet::is_named_by)
    }

    /// The words behind "--": a program and its arguments.
    pub(in crate::cli) fn program(&self) -> &[OsString] {
        &self.secret.program
    }

    /// Plan for what arrives in a channel. Opens folders, so that a wrong one is refused before a
    /// code is shown or used. `keeper` is the owner of a fence around it.
    pub(in crate::cli) fn taking(
        &self,
        person: bool,
        keeper: Option<Keeper>,
    ) -> Result<Taking, Failure> {
        self.taking_with(person, self.yes, false, keeper)
    }

    /// Plan for what is taken once. A person's yes beforehand means the current directory; an
    /// agent's does not.
    pub(in crate::cli) fn taking_once(&self, person: bool) -> Result<Taking, Failure> {
        let free = Agent::here().is_none();
        let yes = self.yes || free && yes_of_variable()?;
        self.taking_with(person, yes, yes && free, (!free).then_some(Keeper::Command))
    }

    /// `yes` answers the question before receiving; `here` receives into the current directory,
    /// with no limit but the disk's.
    fn taking_with(
        &self,
        person: bool,
        yes: bool,
        here: bool,
        keeper: Option<Keeper>,
    ) -> Result<Taking, Failure> {
        // An agent can have a terminal, and a person types --fence.
        let person = person && Agent::here().is_none();
        let conflict = match self.conflict {
            Some(OnConflict::Rename) => Conflict::Rename,
            Some(OnConflict::Skip) => Conflict::Skip,
            Some(OnConflict::Overwrite) => Conflict::Overwrite,
            Some(OnConflict::Merge) => Conflict::Merge,
            Some(OnConflict::Ask) if !person => {
                return Err(nobody_to_ask("--conflict ask", Conflict::choose()));
            }
            Some(OnConflict::Ask) => Conflict::Ask,
            None if person => Conflict::Ask,
            None => Conflict::Rename,
        };
        let unwatched = !person && !here;
        let max_size = self.max_size.or(unwatched.then_some(UNWATCHED));
        let max_entries = self.max_entries.or(unwatched.then_some(UNWATCHED_ENTRIES));
        let modes = if self.modes { Modes::Kept } else { Modes::Umask };
        let links = match self.links {
            WhichLinks::Keep => Links::Inside,
            WhichLinks::All => Links::All,
        };
        let policy = Policy {
            conflict,
            max_size,
            max_entries,
            acting: person && keeper.is_none(),
            modes,
            links,
            fresh: self.fresh,
            ..Policy::default()
        };
        let outlet = self.bytes_to_outlet()?;
        let sink = self.secret.sink(self.replaces(), keeper.is_some())?;
        // A server is started by a person.
        let judged = keeper.is_some_and(|keeper| keeper != Keeper::Server);
        if judged
            && let Some(path) = self.output.as_deref().filter(|path| !outlet && !path.exists())
        {
            not_yet_there("-o", path, policy)?;
        }
        let to = match &self.output {
            Some(path) if outlet => Destination::Output(Outlet::open(path)?),
            Some(path) => named(path, policy)?,
            None if person || here => {
                Destination::Folder(Inbox::open(Path::new("."), policy)?, None)
            }
            None => Destination::Private,
        };
        if judged {
            fenced("-o", &to)?;
        }
        if self.output.is_some() {
            to.try_out(policy)?;
        }
        if let Destination::Folder(inbox, name) = &to
            && inbox.machine().is_some_and(Machine::takes_all)
            && (keeper.is_some() || !person && name.is_none())
        {
            // Nothing that comes would go there.
            let tried = Destination::Private.try_out(policy);
            tried.map_err(|failure| failure.next(format!("{ANOTHER_PLACE}; no code was used")))?;
        }
        let secret = match outlet {
            true => SecretPlace::Declined,
            false if person => SecretPlace::Ask,
            // The yes was to the current directory, where others may read a secret or take it
            // along.
            false if self.output.is_none() => SecretPlace::Apart,
            false => SecretPlace::Private,
        };
        // A named output has a pipe waiting, and nothing is stored.
        let ask = person && !yes && !outlet;
        Ok(Taking {
            person,
            ask,
            fenced: keeper.is_some(),
            policy,
            to,
            sink,
            secret,
            long_texts_to_file: !person,
        })
    }
}

/// Links that are made of those that come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum WhichLinks {
    /// Those that do not lead out of the folder that they come in; others are left out and listed
    Keep,
    /// All, as they are, wherever they lead; none is followed here
    All,
}

/// True if `PINHOLE_YES` is set, which means `take -y`.
fn yes_of_variable() -> Result<bool, Failure> {
    match std::env::var_os("PINHOLE_YES") {
        None => Ok(false),
        Some(said) if said.is_empty() => Ok(false),
        Some(said) if said == "1" => Ok(true),
        Some(_) => Err(Failure::new(Kind::Usage, "PINHOLE_YES is set to something other than 1")
            .ask_user("set it to 1, which means `take -y`, or unset it")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::FromArgMatches;

    fn receive(line: &[&str]) -> Receive {
        let command = Receive::augment_args(clap::Command::new("take"));
        Receive::from_arg_matches(
            &command.try_get_matches_from([&["take"], line].concat()).unwrap(),
        )
        .unwrap()
    }

    #[test]
    fn whoever_has_said_yes_to_this_folder_has_no_limit_but_the_disk_and_those_that_were_named() {
        let limits = |line: &[&str], person, here| {
            let taking = receive(line).taking_with(person, true, here, None).unwrap();
            (
                taking.policy.max_size,
                taking.policy.max_entries,
                taking.policy.keep_free,
                taking.policy.acting,
            )
        };
        assert_eq!(limits(&["-y"], false, true), (None, None, 0.05, false));
        assert_eq!(
            limits(&["-y"], false, false),
            (Some(UNWATCHED), Some(UNWATCHED_ENTRIES), 0.05, false)
        );
        assert_eq!(
            limits(&["-y", "--max-size", "5G", "--max-entries", "7"], false, true),
            (Some(5_000_000_000), Some(7), 0.05, false)
        );
        assert_eq!(limits(&["-y"], true, true), (None, None, 0.05, true));
    }
}
