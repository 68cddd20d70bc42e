//! A received secret as a variable in a dotenv file (`--secret-to-env-file`): the file is replaced
//! as a whole, or left as it was.

use super::folder::Folder;
use super::refusal::Refusal;
use super::store::store_as;
use super::trial::tried;
use crate::failure::{Failure, Kind, Subject};
use crate::files::dotenv;
use crate::files::spot::Spot;
use crate::files::variable::{Accepted, Unaccepted, is_variable};
use crate::platform::file::Facts;
use crate::platform::name::{from_vec, into_vec};
use pinhole_protocol::secret::SecretVec;
use pinhole_protocol::wire::{PeerText, Reason};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;
use zeroize::Zeroizing;

/// The longest dotenv file that is rewritten, in bytes: a thousand times what they have.
const LONGEST: u64 = 1 << 20;

/// The longest name of a variable that a peer may choose, in bytes.
const LONGEST_NAME: usize = 128;

/// Longest wait for others that change the file, while the session stands still.
const LOCK: Duration = Duration::from_secs(2);

/// A dotenv file, and the variable in it if one was named.
#[derive(Clone, Debug)]
pub struct EnvFile {
    spot: Spot,
    name: Option<String>,
    /// True if whoever named it may have been talked into it by the other side.
    swayed: bool,
    accepted: Accepted,
    /// True if a variable that is in the file already may be replaced.
    replace: bool,
}

impl EnvFile {
    /// Reads `FILE[:NAME]`. What follows the last `:` is the name, unless there is a `/` in it.
    ///
    /// # Errors
    /// Exit 2 if that can be no variable's name, or there is no file before it.
    pub fn parse(text: OsString) -> Result<Self, Failure> {
        let mut bytes = into_vec(text);
        let colon = bytes.iter().rposition(|byte| *byte == b':');
        let name = colon
            .and_then(|colon| bytes.get(colon + 1..))
            .filter(|after| !after.contains(&b'/'))
            .map(<[u8]>::to_vec);
        if let (Some(_), Some(colon)) = (&name, colon) {
            bytes.truncate(colon);
        }
        let usage = |detail: &str| {
            Failure::new(Kind::Usage, detail).next("write it as --secret-to-env-file .env:API_KEY")
        };
        let name = name.map(|name| String::from_utf8(name).ok().filter(|name| is_variable(name)));
        match name {
            Some(None) => Err(usage("what follows the last : is not the name of a variable")),
            _ if bytes.is_empty() => Err(usage("--secret-to-env-file names no file")),
            name => {
                let spot = PathBuf::from(from_vec(bytes)).into();
                Ok(Self {
                    spot,
                    name: name.flatten(),
                    swayed: false,
                    accepted: Accepted::default(),
                    replace: false,
                })
            }
        }
    }

    /// The path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.spot.path()
    }

    /// The same, with these names of variables listed for the other side; `replace` says if what is
    /// in the file already may be replaced.
    #[must_use]
    pub fn with(self, accepted: Accepted, replace: bool) -> Self {
        Self { accepted, replace, ..self }
    }

    /// The same in a file at this place, named by an agent, whose choice may be the other side's:
    /// the name is held against what the other side may choose.
    #[must_use]
    pub fn chosen_by_agent(self, spot: Spot) -> Self {
        Self { spot, swayed: true, ..self }
    }

    /// True if it takes one secret only, because only one variable is named.
    #[must_use]
    pub const fn takes_one(&self) -> bool {
        self.name.is_some()
    }

    /// Finds out, before a code is used, whether the file can be rewritten and the named variable
    /// set.
    ///
    /// # Errors
    /// Exit 8 if it is a link, a folder, read-only, not readable, over a mebibyte or no dotenv
    /// file, its folder is not there or cannot be written to, or the variable is in it already;
    /// exit 6 for a name that the other side may not choose.
    pub fn check(&self) -> Result<(), Failure> {
        let looked = Folder::of(&self.spot)
            .and_then(|(folder, name)| tried(&folder).and_then(|()| old(&folder, name)));
        let old = looked.map_err(|error| self.failed(&error))?;
        let Some(name) = &self.name else { return Ok(()) };
        self.judge(name).and_then(|()| self.vacant(&old, name)).map_err(|refusal| refusal.failure)
    }

    /// Sets the variable and returns its name: the one that was named, or else what the peer calls
    /// the secret. The file is for its owner alone then, and on the disk when this returns.
    ///
    /// # Errors
    /// If the peer's name is none or is not [`Accepted`], if the variable is in the file already
    /// and may not be replaced, if the value cannot be written so that every reader reads the same,
    /// or if the disk fails. The file is as it was then.
    pub fn set(&self, label: Option<&PeerText>, secret: &SecretVec) -> Result<String, Refusal> {
        let name = match &self.name {
            Some(name) => name.as_str(),
            None => self.peers_name(label)?,
        };
        self.judge(name)?;
        let written = dotenv::quoted(dotenv::as_variable(secret.expose()))
            .map_err(|why| unfit(&format!("a dotenv file: it {why}")))?;
        let disk =
            |error: io::Error| Refusal { reason: Reason::Disk, failure: self.failed(&error) };
        let (folder, file) = Folder::of(&self.spot).map_err(disk)?;
        // Two that write at once would each leave out what the other wrote. Where there are no
        // locks there is no such promise.
        let _ = folder.lock(LOCK);
        let old = old(&folder, file).map_err(disk)?;
        self.vacant(&old, name)?;
        let new = dotenv::set(&old, name, &written);
        store_as(&folder, &new, |made| made.replace(file)).map_err(disk)?;
        Ok(name.to_owned())
    }

    /// The peer's name for the secret, if a variable can be called so.
    fn peers_name<'a>(&self, label: Option<&'a PeerText>) -> Result<&'a str, Refusal> {
        let detail = match label.map(PeerText::raw) {
            None => "the other side gave the secret no name, so the variable has none",
            Some(label) if !is_variable(label) || label.len() > LONGEST_NAME => {
                "the other side gave the secret a name that no variable can have"
            }
            Some(label) => return Ok(label),
        };
        let next = format!(
            "ask for it again, and take it with --secret-to-env-file {}:NAME",
            self.path().display()
        );
        Err(Refusal {
            reason: Reason::BadName,
            failure: Failure::new(Kind::BadName, detail).next(next),
        })
    }

    /// Refuses a name that is, or may be, the peer's choice and was not the user's.
    fn judge(&self, name: &str) -> Result<(), Refusal> {
        let Err(why) =
            (if self.name.is_none() || self.swayed { self.accepted.judge(name) } else { Ok(()) })
        else {
            return Ok(());
        };
        let who = if self.swayed {
            "the name that the variable is to have"
        } else {
            "what the other side calls the secret"
        };
        let how = if self.swayed { "the server was started with" } else { "this command has" };
        let detail = self.subject(name).is(format_args!(
            "{who}, and it {why}, so it is accepted only if {how} --accept-env {name}"
        ));
        let path = self.path().display();
        let next = match (why, self.swayed) {
            (Unaccepted::Agents, false) => {
                format!("only if that is to be led by the other side's: --accept-env {name}")
            }
            (Unaccepted::NoCredential, false) => {
                format!(
                    "if you want it so: --secret-to-env-file {path} --accept-env {name}, or \
                    --secret-to-env-file {path}:{name}"
                )
            }
            (_, true) => format!(
                "use a name of that form; or, if you want this one, a person can have the server \
                 started as: pinhole mcp --accept-env {name}"
            ),
        };
        Err(Refusal {
            reason: Reason::BadName,
            failure: Failure::new(Kind::BadName, detail).ask_user(next),
        })
    }

    /// Refuses a variable that is there already, unless that may be replaced.
    fn vacant(&self, old: &[u8], name: &str) -> Result<(), Refusal> {
        if self.replace || !dotenv::has(old, name) {
            return Ok(());
        }
        let detail = self.subject(name).is(format_args!(
            "in {} already, and only --conflict overwrite replaces it",
            self.path().display()
        ));
        let next = match self.swayed {
            true => {
                "use another name; or, to replace it, a person can have the server started as: \
                 pinhole mcp --conflict overwrite"
            }
            false => "add --conflict overwrite to replace it, or use another name",
        };
        Err(Refusal {
            reason: Reason::Exists,
            failure: Failure::new(Kind::Exists, detail).ask_user(next),
        })
    }

    /// The variable's name as an error has it: quoted and marked where the peer chose it.
    fn subject(&self, name: &str) -> Subject {
        if self.name.is_none() { Subject::named(name) } else { name.into() }
    }

    fn failed(&self, error: &io::Error) -> Failure {
        Failure::new(
            Kind::Disk,
            format!("a secret cannot be put into {}: {error}", self.path().display()),
        )
        .next("name a file of your own, or a new one, in a writable folder")
    }
}

/// A secret that cannot be a variable: `why` goes on after "the secret cannot be put into".
pub(crate) fn unfit(why: &str) -> Refusal {
    let failure = Failure::new(Kind::SecretUnfit, format!("the secret cannot be put into {why}"))
        .next("ask for it again, and take it with --secret-to-file PATH");
    Refusal { reason: Reason::Failed, failure }
}

/// The content of the file now; empty if it is not there.
fn old(folder: &Folder, name: &OsStr) -> io::Result<Zeroizing<Vec<u8>>> {
    let other = |what: &str| Err(io::Error::other(what.to_owned()));
    match folder.kind(name)? {
        None => return Ok(Zeroizing::default()),
        Some(kind) if kind.is_symlink() => {
            return other("it is a link and would be replaced; name its target");
        }
        Some(kind) if !kind.is_file() => return other("it is not a file"),
        Some(_) => {}
    }
    let file = folder.read_file(name)?;
    let facts = Facts::of(&file)?;
    if facts.permissions() & 0o200 == 0 {
        return other("it is read-only");
    }
    if facts.size() > LONGEST {
        return other("it is longer than a mebibyte, so it is not a dotenv file");
    }
    let bytes = read(file, facts.size())?;
    if !dotenv::is_closed(&bytes) {
        return other("a quote in it is never closed");
    }
    Ok(bytes)
}

/// Reads a file of `size` bytes; a buffer that grew would leave copies of other secrets behind.
fn read(file: File, size: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    let size = usize::try_from(size).map_err(io::Error::other)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(size + 1));
    let read = file.take(size as u64 + 1).read_to_end(&mut bytes)?;
    if read == size { Ok(bytes) } else { Err(io::Error::other("another program is writing to it")) }
}

#[cfg(test)]
mod tests;
