//! Sources of a secret to be sent: never the command line, which other users of the machine can
//! read.

mod prompt;

use super::outbox::Fence;
use super::variable::{is_variable, not_set};
use crate::failure::{Failure, Kind};
use crate::platform::name::into_vec;
use crate::platform::output::duplicate;
use pinhole_protocol::limits;
use pinhole_protocol::secret::SecretVec;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use zeroize::Zeroizing;

/// The longest secret, in bytes: what a message holds beside its label and framing.
pub const LONGEST: usize = limits::MESSAGE - 1024;

/// The place that holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// The person at the terminal, without echo.
    Prompt,
    /// Standard input to its end.
    Stdin,
    /// A file.
    File(PathBuf),
    /// The environment variable of this name.
    Env(String),
}

impl SecretSource {
    /// The label of the secret if no other is given: the name of a variable, or of a file with its
    /// own.
    #[must_use]
    pub fn label(&self) -> Option<String> {
        match self {
            Self::Prompt | Self::Stdin => None,
            // A pipe's name (`<(…)`) says nothing.
            Self::File(path) if path.is_file() => path.file_name()?.to_str().map(str::to_owned),
            Self::File(_) => None,
            Self::Env(name) => Some(name.clone()),
        }
    }

    /// Reads the secret. Bytes of a file, of standard input and of a variable are taken exactly as
    /// they are; of a typed line the line's end is not part, and pasted lines are one secret. Every
    /// buffer in between is wiped. A file must be one that the fence lets out, if there is a fence.
    ///
    /// # Errors
    /// Nothing there, an empty secret or one of more than [`LONGEST`] bytes: exit 2; kept in: exit
    /// 5; not readable: exit 8; no terminal to ask at: exit 10.
    pub fn read(&self, fence: Option<&Fence>) -> Result<SecretVec, Failure> {
        match self {
            Self::Prompt => typed(prompt::ask()),
            // Not through `io::stdin`, whose buffer would keep a copy.
            Self::Stdin => match duplicate(io::stdin()) {
                Ok(stdin) => read_whole(stdin, "standard input"),
                Err(error) => Err(unreadable("standard input", &error)),
            },
            Self::File(path) => {
                let what = format!("{path:?}");
                // Opening what is no file can wait for ever, and a server waits for nobody.
                let waits = fence.is_some_and(Fence::is_servers)
                    && path.metadata().is_ok_and(|it| !it.is_file());
                let opened = if waits {
                    Err(io::Error::other("it is not a file"))
                } else {
                    File::open(path)
                };
                let file = opened.map_err(|error| match error.kind() {
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                        usage(Kind::NoSuchFile, format!("{what} is not there"))
                            .next("check the spelling of the path")
                    }
                    _ => unreadable(&what, &error),
                })?;
                if let Some(fence) = fence {
                    fence.admit(&file, path).map_err(|barred| barred.failure())?;
                }
                read_whole(file, &what)
            }
            Self::Env(name) if !is_variable(name) => {
                // Not repeated: it may be the value itself.
                Err(usage(
                    Kind::NoSuchVariable,
                    "the value of --secret-env is not the name of an environment variable".into(),
                )
                .next("write it as in --secret-env API_KEY, without $ and without a value"))
            }
            Self::Env(name) => {
                fence.map_or(Ok(()), |fence| fence.admit_variable(name))?;
                let Some(value) = std::env::var_os(name) else {
                    return Err(not_set(name));
                };
                fitting(
                    Zeroizing::new(into_vec(value)),
                    &format!("the environment variable {name:?}"),
                )
            }
        }
    }
}

fn typed(secret: io::Result<Zeroizing<Vec<u8>>>) -> Result<SecretVec, Failure> {
    let secret = secret.map_err(|error| match error.kind() {
        io::ErrorKind::Interrupted => Failure::new(Kind::Interrupted, "interrupted"),
        _ => Failure::new(
            Kind::NoAnswer,
            format!("the secret cannot be asked for, because there is no usable terminal: {error}"),
        )
        .next("give it from a file, an environment variable or standard input"),
    })?;
    fitting(secret, "what was typed")
}

/// Reads to the end, or one byte further than a secret may be long. The buffer never grows, so no
/// copy is left behind by that.
fn read_whole(input: impl Read, what: &str) -> Result<SecretVec, Failure> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST + 1));
    input
        .take(LONGEST as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(what, &error))?;
    fitting(bytes, what)
}

/// The secret in a buffer of its own length; `bytes` is wiped.
fn fitting(bytes: Zeroizing<Vec<u8>>, what: &str) -> Result<SecretVec, Failure> {
    match bytes.len() {
        0 => {
            Err(usage(Kind::EmptySecret, format!("{what} is empty, so there is no secret to send"))
                .next("put the secret there first"))
        }
        1..=LONGEST => Ok(SecretVec::new(bytes.to_vec())),
        _ => Err(usage(
            Kind::TooLong,
            format!("{what} is longer than {LONGEST} bytes, the limit for a secret"),
        )
        .next("send it as a file")),
    }
}

fn usage(kind: Kind, detail: String) -> Failure {
    Failure::new(kind, detail)
}

fn unreadable(what: &str, error: &io::Error) -> Failure {
    Failure::new(Kind::SourceUnreadable, format!("{what} cannot be read: {error}"))
        .next("check its permissions")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(secret: Result<SecretVec, Failure>) -> Failure {
        secret.err().expect("a refusal")
    }

    #[test]
    fn bytes_of_a_file_are_exact() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        std::fs::write(&path, b"\xffkey\r\n\n").unwrap();
        assert_eq!(SecretSource::File(path).read(None).ok().unwrap().expose(), b"\xffkey\r\n\n");
        let missing = refusal(SecretSource::File(dir.path().join("none")).read(None));
        assert_eq!(missing.kind, Kind::NoSuchFile);
        let folder = refusal(SecretSource::File(dir.path().into()).read(None));
        assert_eq!(folder.kind, Kind::SourceUnreadable);
    }

    #[test]
    fn neither_nothing_nor_too_much_is_a_secret() {
        let longest = vec![7; LONGEST];
        assert_eq!(read_whole(&*longest, "it").ok().unwrap().expose(), longest);
        let endless = refusal(read_whole(io::repeat(7), "it"));
        assert_eq!(endless.kind, Kind::TooLong);
        assert_eq!(refusal(read_whole(io::empty(), "it")).kind, Kind::EmptySecret);
        assert_eq!(refusal(typed(Ok(Zeroizing::default()))).kind, Kind::EmptySecret);
    }

    #[test]
    fn a_variable_must_be_set() {
        // Cargo sets this one; the tests may not set any, for they share one environment.
        let set = SecretSource::Env("CARGO_MANIFEST_DIR".into()).read(None).ok().unwrap();
        assert_eq!(set.expose(), env!("CARGO_MANIFEST_DIR").as_bytes());
        let unset = refusal(SecretSource::Env("PINHOLE_NOT_SET".into()).read(None));
        assert_eq!(unset.kind, Kind::NoSuchVariable);
        assert!(unset.detail.contains("PINHOLE_NOT_SET"), "{unset}");
        for name in ["", "A=B", "A\0B", "sk-5up3rs3cr3t", "7UP", "\u{e9}"] {
            let unset = refusal(SecretSource::Env(name.into()).read(None));
            assert_eq!(unset.kind, Kind::NoSuchVariable);
            assert!(name.is_empty() || !unset.detail.contains(name), "{unset}");
        }
    }

    #[test]
    fn a_secret_is_called_as_its_file_or_variable_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token.txt");
        std::fs::write(&path, "x").unwrap();
        assert_eq!(SecretSource::File(path).label().as_deref(), Some("token.txt"));
        assert_eq!(SecretSource::Env("API_KEY".into()).label().as_deref(), Some("API_KEY"));
        for nameless in
            [SecretSource::Prompt, SecretSource::Stdin, SecretSource::File("/dev/stdin".into())]
        {
            assert_eq!(nameless.label(), None);
        }
    }

    #[test]
    fn without_a_terminal_nobody_can_be_asked() {
        let refused = refusal(typed(Err(io::ErrorKind::NotFound.into())));
        assert_eq!(refused.kind, Kind::NoAnswer);
        assert_eq!(
            typed(Ok(b"typed words ".to_vec().into())).ok().unwrap().expose(),
            b"typed words "
        );
    }
}
