//! A received secret as a variable in a dotenv file (`--secret-to-env-file`): the file is replaced as a whole, or left as it was.

use super::folder::Folder;
use super::refusal::Refusal;
use super::store::store_as;
use crate::failure::{Detail, Exit, Failure, Subject};
use crate::files::dotenv;
use crate::files::secret_source::is_variable;
use pinhole_protocol::secret::SecretVec;
use pinhole_protocol::wire::{PeerText, Reason};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use zeroize::Zeroizing;

/// The longest dotenv file that is rewritten, in bytes: a thousand times what they have.
const LONGEST: u64 = 1 << 20;

/// How long others are waited for that change the file, while the session stands still.
const LOCK: Duration = Duration::from_secs(2);

/// A dotenv file, and the variable in it if the user has named one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvFile {
    path: PathBuf,
    name: Option<String>,
}

impl EnvFile {
    /// Reads `FILE[:NAME]`. What follows the last `:` is the name, unless there is a `/` in it.
    ///
    /// # Errors
    /// Exit 2 if that can be no variable's name, or there is no file before it.
    pub fn parse(text: OsString) -> Result<Self, Failure> {
        let mut bytes = text.into_vec();
        let colon = bytes.iter().rposition(|byte| *byte == b':');
        let name = colon.and_then(|colon| bytes.get(colon + 1..)).filter(|after| !after.contains(&b'/')).map(<[u8]>::to_vec);
        if let (Some(_), Some(colon)) = (&name, colon) {
            bytes.truncate(colon);
        }
        let usage = |detail: &str| Failure::new(Exit::Usage, "usage", detail).next("write it as --secret-to-env-file .env:API_KEY");
        let name = name.map(|name| String::from_utf8(name).ok().filter(|name| is_variable(name)));
        match name {
            Some(None) => Err(usage("what follows the last : is no name of a variable")),
            _ if bytes.is_empty() => Err(usage("--secret-to-env-file names no file")),
            name => Ok(Self { path: PathBuf::from(OsString::from_vec(bytes)), name: name.flatten() }),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The same variable in a file at this place.
    #[must_use]
    pub fn at(self, path: PathBuf) -> Self {
        Self { path, ..self }
    }

    /// Whether it takes one secret only, because only one variable is named.
    #[must_use]
    pub const fn takes_one(&self) -> bool {
        self.name.is_some()
    }

    /// Finds out, before a code is used, whether the file can be rewritten.
    ///
    /// # Errors
    /// Exit 8 if it is a link, a folder, read-only, not readable, over a mebibyte or no dotenv file, or its folder is not there.
    pub fn check(&self) -> Result<(), Failure> {
        self.open().and_then(|(folder, name)| old(&folder, name)).map(drop).map_err(|error| self.failed(&error))
    }

    /// Sets the variable and returns its name: the one that the user gave, or else what the peer calls the secret. The file is for its
    /// owner alone then, and on the disk when this returns.
    ///
    /// # Errors
    /// If the peer's name is none, begins programs or is in the file already (only the user replaces), if the value cannot be written so
    /// that every reader reads the same, or if the disk fails. The file is as it was then.
    pub fn set(&self, label: Option<&PeerText>, secret: &SecretVec) -> Result<String, Refusal> {
        let name = match &self.name {
            Some(name) => name.clone(),
            None => self.peers_name(label)?,
        };
        let written = dotenv::quoted(dotenv::as_variable(secret.expose())).map_err(|why| unfit(&format!("a dotenv file: it {why}")))?;
        let disk = |error: io::Error| Refusal { reason: Reason::Disk, failure: self.failed(&error) };
        let (folder, file) = self.open().map_err(disk)?;
        // Two that write at once would each leave out what the other wrote. Where there are no locks there is no such promise.
        let _ = folder.lock(LOCK);
        let old = old(&folder, file).map_err(disk)?;
        if self.name.is_none() && dotenv::has(&old, &name) {
            let detail =
                Subject::named(&name).is(format_args!("in {} already, and only a name that you give replaces it", self.path.display()));
            return Err(Refusal { reason: Reason::Exists, failure: Failure::new(Exit::Disk, "exists", detail).next(self.named(&name)) });
        }
        let new = dotenv::set(&old, &name, &written);
        store_as(&folder, &new, |hidden| folder.replace(hidden, file)).map_err(disk)?;
        Ok(name)
    }

    fn peers_name(&self, label: Option<&PeerText>) -> Result<String, Refusal> {
        let detail: Detail = match label.map(PeerText::raw) {
            None => "the other side gave the secret no name, so there is none for the variable".into(),
            Some(label) if !is_variable(label) => "the other side calls the secret what no variable can be called".into(),
            Some(label) if starts_programs(label) => {
                Subject::named(label).is("a variable that can make programs run others, so only you can call the secret that")
            }
            Some(label) => return Ok(label.to_owned()),
        };
        Err(Refusal { reason: Reason::BadName, failure: Failure::new(Exit::Peer, "bad-name", detail).next(self.named("NAME")) })
    }

    fn open(&self) -> io::Result<(Folder, &str)> {
        let name = self.path.file_name().and_then(OsStr::to_str).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidFilename))?;
        let parent = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        Ok((Folder::open(parent.unwrap_or(Path::new(".")))?, name))
    }

    fn named(&self, name: &str) -> String {
        format!("ask for it again, and take it with --secret-to-env-file {}:{name}", self.path.display())
    }

    fn failed(&self, error: &io::Error) -> Failure {
        Failure::new(Exit::Disk, "disk", format!("a secret cannot be put into {}: {error}", self.path.display()))
            .next("name a file of your own, or a new one, in a folder that can be written to")
    }
}

/// A secret that cannot be a variable: `why` goes on after "the secret cannot be put into".
pub(crate) fn unfit(why: &str) -> Refusal {
    let failure = Failure::new(Exit::Other, "secret-unfit", format!("the secret cannot be put into {why}"))
        .next("ask for it again, and take it with --secret-to-file PATH");
    Refusal { reason: Reason::Failed, failure }
}

/// Variables by which a value becomes a program that is run, or a library that is loaded, by whoever reads the file. Not all of them can be
/// known; these are those of the system, the shells and the languages that are everywhere.
fn starts_programs(name: &str) -> bool {
    const EXACTLY: [&str; 12] =
        ["PATH", "IFS", "ENV", "BASH_ENV", "PROMPT_COMMAND", "SHELL", "EDITOR", "VISUAL", "PAGER", "BROWSER", "PERL5OPT", "RUBYOPT"];
    let begins = ["LD_", "DYLD_", "GIT_", "PYTHON", "PERL5LIB", "RUBYLIB", "CLASSPATH", "PINHOLE_"];
    let ends = ["_OPTIONS", "_OPTS", "_ARGS", "_COMMAND", "_PATH", "_PRELOAD", "_WRAPPER"];
    EXACTLY.contains(&name) || begins.iter().any(|begin| name.starts_with(begin)) || ends.iter().any(|end| name.ends_with(end))
}

/// What is in the file now; nothing if it is not there.
fn old(folder: &Folder, name: &str) -> io::Result<Zeroizing<Vec<u8>>> {
    let other = |what: &str| Err(io::Error::other(what.to_owned()));
    match folder.kind(name)? {
        None => return Ok(Zeroizing::default()),
        Some(kind) if kind.is_symlink() => return other("it is a link, and would be replaced; name what it points to"),
        Some(kind) if !kind.is_file() => return other("it is no file"),
        Some(_) => {}
    }
    let file = folder.read_file(name)?;
    let metadata = file.metadata()?;
    if metadata.permissions().mode() & 0o200 == 0 {
        return other("it is read-only");
    }
    if metadata.len() > LONGEST {
        return other("it is longer than a mebibyte, so it is no dotenv file");
    }
    let bytes = read(file, metadata.len())?;
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
