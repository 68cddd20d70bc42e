//! Places for received secrets.

use super::destination::not_yet_there;
use crate::failure::{Failure, Kind};
use crate::files::inbox::{EnvFile, Policy, try_spot};
use crate::files::secret_exec::SecretExec;
use crate::files::variable::Accepted;
use crate::session::plan::{SecretFile, SecretSink};
use clap::Args;
use std::ffi::OsString;
use std::path::PathBuf;

/// Places for received secrets, so that no program between reads them. The first secret goes there;
/// the next go where they would without it.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Receiving")]
pub(super) struct SecretTo {
    /// Write the first secret to this new file, which only you can read (mode 0600)
    #[arg(long, value_name = "PATH", group = "sink")]
    secret_to_file: Option<PathBuf>,
    /// Set the first secret as the variable NAME in this dotenv file, for sh and programs to read
    /// (mode 0600, created if missing), without one line end after it. An existing variable is
    /// replaced only with --conflict overwrite. Without NAME, each secret is added under the name
    /// that the other side gave it, if it looks like a credential: *_KEY, *_TOKEN, *_SECRET,
    /// *_PASSWORD, *_CREDENTIALS, *_DSN, but none of an agent or a model service
    #[arg(long, value_name = "FILE[:NAME]", group = "sink")]
    secret_to_env_file: Option<OsString>,
    /// Also accept this variable name from the other side, such as DATABASE_URL; may be repeated
    #[arg(long, value_name = "NAME")]
    accept_env: Vec<String>,
    /// Run the program after "--", without a shell, with the first secret on its standard input, or
    /// with =NAME in that environment variable (without one line end after it). The secret counts
    /// as received when the program exits with 0; what the program prints goes to standard error.
    /// When an agent runs this, it needs --allow-exec before the command's name
    #[arg(
        long,
        value_name = "NAME",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "",
        groups = ["sink", "runs"],
    )]
    pub secret_exec: Option<String>,
    /// The program for an option that runs one, with its arguments; always last
    #[arg(last = true, value_name = "PROG", requires = "runs")]
    pub program: Vec<OsString>,
}

impl SecretTo {
    /// Names of variables that the peer may choose besides those of credentials.
    pub fn accepted(&self) -> Result<Accepted, Failure> {
        Accepted::new(&self.accept_env)
    }

    /// The place on the command line, checked before a code is used. `replace` lets it replace a
    /// variable; `fenced` puts the program behind a fence.
    pub fn sink(&self, replace: bool, fenced: bool) -> Result<Option<SecretSink>, Failure> {
        if let Some(path) = &self.secret_to_file {
            if fenced {
                not_yet_there("--secret-to-file", path, Policy::default())?;
            }
            if path.symlink_metadata().is_ok() {
                return Err(Failure::new(
                    Kind::Exists,
                    format!("{} exists already and is not overwritten", path.display()),
                )
                .next("name another file with --secret-to-file"));
            }
            let spot = path.clone().into();
            try_spot(&spot)?;
            return Ok(Some(SecretSink::File(SecretFile::New(spot))));
        }
        if let Some(text) = &self.secret_to_env_file {
            let file = EnvFile::parse(text.clone())?.with(self.accepted()?, replace);
            if fenced {
                not_yet_there("--secret-to-env-file", file.path(), Policy::default())?;
            }
            file.check()?;
            return Ok(Some(SecretSink::File(SecretFile::Env(file))));
        }
        let exec = self
            .secret_exec
            .as_deref()
            .map(|variable| SecretExec::new(variable, &self.program, fenced));
        Ok(exec.transpose()?.map(SecretSink::Exec))
    }
}
