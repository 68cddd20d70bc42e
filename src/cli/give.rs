//! `give`: files, folders, a text or a secret, once.

use super::code;
use super::options::{Fencing, Host};
use super::session::{Common, Gates, Purpose, Reached, SessionCommand, Stdin, unreached};
use super::split::Split;
use super::text::{text_from_stdin, too_long};
use crate::failure::{Failure, Kind};
use crate::files::outbox::{Fence, Keeper, Links, Options, Selection};
use crate::files::secret_source::SecretSource;
use crate::files::ware::Ware;
use crate::report::Format;
use crate::session::Report;
use crate::session::plan::{Meet, Plan};
use clap::ValueEnum;
use pinhole_protocol::limits::NAME_BYTES;
use pinhole_protocol::messages::Body;
use pinhole_protocol::wire::Want;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;

#[derive(clap::Args)]
#[command(after_help = "\
Shows a code at once, before anything is read; the other side runs `pinhole take CODE`.

Examples:
  pinhole give report.pdf photos/
  pinhole give --secret-env API_KEY          a secret; its value is never on the command line
  pinhole --allow ../data give ../data/a.csv    when an agent runs it: permissions come first
  tar c . | pinhole give -                   the output of another program
  pinhole give --code 9471-walrus-clipboard-mango a.txt    into a waiting `pinhole take`")]
pub(super) struct Args {
    /// Files and folders; "-" is standard input
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    #[command(flatten)]
    pub ware: Wares,
    /// Give into a channel that `pinhole take` has opened ("-" reads the code from standard input)
    #[arg(long, value_name = "CODE", conflicts_with_all = ["tunnel", "serve_relay"])]
    code: Option<String>,
    #[command(flatten)]
    host: Host,
    #[command(flatten)]
    common: Common,
}

/// Wares besides paths, and options for reading folders.
#[derive(clap::Args, Clone)]
#[command(next_help_heading = "What to give")]
pub(super) struct Wares {
    /// Give this text ("-" reads it from standard input)
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// Give a secret: typed or pasted at a hidden prompt (pasted lines are one secret), or read
    /// from standard input where there is no terminal. It takes no value, because others could read
    /// that
    #[arg(long)]
    secret: bool,
    /// Give the content of a file as a secret, named after the file; may be repeated
    #[arg(long, value_name = "FILE")]
    secret_file: Vec<PathBuf>,
    /// Give the value of an environment variable as a secret, named after the variable; may be
    /// repeated
    #[arg(long, value_name = "NAME")]
    secret_env: Vec<String>,
    /// The name of the secret on the other side, if there is only one
    #[arg(long, value_name = "LABEL")]
    secret_name: Option<String>,
    /// Leave out whatever in folders matches this, as in a .gitignore; may be repeated. The last
    /// match decides, and a "!" in front keeps what an earlier one, or a .gitignore, leaves out
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,
    /// Leave out .git and what .gitignore files list
    #[arg(long)]
    gitignore: bool,
    /// What to do with links inside folders
    #[arg(long, value_enum, value_name = "HOW", default_value = "keep")]
    links: LinksArg,
    /// Exit with 1 if anything inside a folder was left out, or has another name on the other side
    #[arg(long)]
    pub strict: bool,
    #[command(flatten)]
    fencing: Fencing,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LinksArg {
    /// Give those that stay inside their folder as links; leave the others out and list them
    Keep,
    /// Give what they point to
    Follow,
    /// Leave them out and list them
    Skip,
    /// Give them as they are, wherever they lead
    All,
}

impl Args {
    /// The purpose, with wares that are read already.
    pub(super) fn purpose_with(self, wares: Vec<Ware>, person: bool) -> Purpose {
        if wares.is_empty() {
            return Err(nothing());
        }
        let typed = self.code.as_deref().map(code::given).transpose()?;
        let (meet, aside) = match typed {
            Some(code::Given { address, aside, .. }) => (Meet::Join(Box::new(address)), aside),
            None => (Meet::Host(self.host.hosting(self.ware.fencing.is_on())?), None),
        };
        let plan = self.ware.fencing.around(self.common.channel.plan(Want::Give, person)?)?;
        Ok((Plan { wares, aside, strict: self.ware.strict, ..plan }, meet))
    }
}

impl SessionCommand for Args {
    fn common(&self) -> &Common {
        &self.common
    }

    fn gates(&mut self) -> Gates<'_> {
        Gates {
            fencing: Some(&mut self.ware.fencing),
            starts: self.host.starts(),
            channel: &mut self.common.channel,
        }
    }

    fn stdin(&self) -> Stdin {
        if self.ware.secret {
            Stdin::Secret
        } else if self.code.as_deref() == Some("-") || self.ware.reads_stdin(&self.paths) {
            Stdin::Read
        } else {
            Stdin::Unread
        }
    }

    fn outlives_reader(&self, format: Format) -> bool {
        format == Format::Json
    }

    fn reach(self: Box<Self>, _: &mut Report) -> Reached<'_> {
        unreached(self)
    }

    fn purpose(self: Box<Self>, person: bool, _: bool) -> Purpose {
        let code = self.code.as_deref().unwrap_or_default();
        if let Some(split) = Split::of(code, self.paths.iter().filter_map(|path| path.to_str())) {
            return Err(split.given());
        }
        let wares = self.ware.wares(&self.paths)?;
        self.purpose_with(wares, person)
    }
}

/// Refusal of a command that names nothing.
pub(super) fn nothing() -> Failure {
    Failure::new(Kind::NothingToGive, "there is nothing to give")
        .next("name a file or folder, or use --text, --secret or - for standard input")
}

impl Wares {
    /// True if one of them is standard input, besides the secret.
    fn reads_stdin(&self, paths: &[PathBuf]) -> bool {
        self.text.as_deref() == Some("-") || paths.iter().any(|path| path.as_os_str() == "-")
    }

    /// Options for reading folders, with the fence.
    pub(super) fn options(&self) -> Result<Options, Failure> {
        let links = match self.links {
            LinksArg::Keep => Links::Keep,
            LinksArg::Follow => Links::Follow,
            LinksArg::Skip => Links::Skip,
            LinksArg::All => Links::All,
        };
        let fence = self.fencing.fence(Keeper::Command)?;
        Ok(Options { exclude: self.exclude.clone(), gitignore: self.gitignore, links, fence })
    }

    /// Refuses to take standard input for more than one thing. Whether it is a terminal, where a
    /// secret is typed.
    pub(super) fn one_stdin(&self, paths: &[PathBuf]) -> Result<bool, Failure> {
        let at_terminal = std::io::stdin().is_terminal();
        let uses = usize::from(paths.iter().any(|path| path.as_os_str() == "-"))
            + usize::from(self.text.as_deref() == Some("-"))
            + usize::from(self.secret && !at_terminal);
        if uses > 1 {
            return Err(Failure::new(
                Kind::Usage,
                "standard input can be only one of: a file, the text, the secret",
            )
            .next("put the others in files: --secret-file, or a path"));
        }
        Ok(at_terminal)
    }

    /// Everything that was named, checked and, for texts and secrets, read.
    pub(super) fn wares(&self, paths: &[PathBuf]) -> Result<Vec<Ware>, Failure> {
        let at_terminal = self.one_stdin(paths)?;
        let options = self.options()?;
        let mut wares = Vec::new();
        if let Some(text) = &self.text {
            let text = if text == "-" { text_from_stdin()? } else { text.clone() };
            if text.len() > Body::MAX {
                return Err(too_long("the text", Body::MAX).next("give it as a file"));
            }
            wares.push(Ware::Text(text));
        }
        wares.extend(self.secrets(at_terminal, options.fence.as_ref())?);
        if !paths.is_empty() {
            let selection = Selection::check(paths, &options, std::io::stdin())
                .map_err(|failure| self.slip(failure))?;
            wares.push(Ware::Files(Arc::new(selection)));
        }
        Ok(wares)
    }

    /// The secrets that were named, read: nothing is sent if one is not there.
    fn secrets(&self, at_terminal: bool, fence: Option<&Fence>) -> Result<Vec<Ware>, Failure> {
        let mut sources: Vec<_> =
            self.secret_file.iter().cloned().map(SecretSource::File).collect();
        sources.extend(self.secret_env.iter().cloned().map(SecretSource::Env));
        sources.extend(self.secret.then_some(if at_terminal {
            SecretSource::Prompt
        } else {
            SecretSource::Stdin
        }));
        if self.secret_name.is_some() && sources.len() != 1 {
            let detail =
                format!("--secret-name is for one secret, and {} are given", sources.len());
            return Err(Failure::new(Kind::Usage, detail).next(
                "give one with --secret, --secret-file or --secret-env; several are named after \
                 their files and variables",
            ));
        }
        let ware = |source: &SecretSource| {
            let label = self.secret_name.clone().or_else(|| source.label());
            if label.as_ref().is_some_and(|label| label.len() > NAME_BYTES) {
                return Err(
                    too_long("the secret's name", NAME_BYTES).next("shorten it with --secret-name")
                );
            }
            Ok(Ware::Secret(label, Arc::new(source.read(fence)?)))
        };
        sources.iter().map(ware).collect()
    }

    /// Hides the name of a missing path behind `--secret`: it may be a secret that was typed there.
    fn slip(&self, failure: Failure) -> Failure {
        if self.secret && failure.kind == Kind::NoSuchFile {
            return Failure::new(
                failure.kind,
                "there is no such path, and --secret takes no value: it asks for the secret",
            )
            .next(
                "write it as: pinhole give --secret, with nothing after it; if a secret was \
                 typed here, it is in this shell's history",
            );
        }
        failure
    }
}
