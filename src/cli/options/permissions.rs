//! Permissions before the command's name.

use crate::failure::{Failure, Kind};
use clap::Args;
use std::path::PathBuf;

/// Permissions before the command's name.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Before the command, behind the sending fence")]
pub(in crate::cli) struct Permissions {
    /// Allow this file, or what is in this folder (give, send, host, connect); may be repeated
    #[arg(long, value_name = "PATH")]
    pub allow: Vec<PathBuf>,
    /// Allow the value of this environment variable; may be repeated
    #[arg(long, value_name = "NAME")]
    pub allow_env: Vec<String>,
    /// Allow what commonly holds secrets
    #[arg(long)]
    pub allow_sensitive: bool,
    /// Allow this relay; may be repeated
    #[arg(long, value_name = "URL")]
    pub allow_relay: Vec<String>,
    /// Allow the program of --secret-exec, --on-message or --tunnel=CMD
    #[arg(long)]
    pub allow_exec: bool,
}

impl Permissions {
    /// Refuses what is allowed to nothing.
    pub(in crate::cli) fn are_for_nothing(&self) -> Result<(), Failure> {
        let given = [
            ("--allow", !self.allow.is_empty()),
            ("--allow-env", !self.allow_env.is_empty()),
            ("--allow-sensitive", self.allow_sensitive),
            ("--allow-relay", !self.allow_relay.is_empty()),
            ("--allow-exec", self.allow_exec),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            None => Ok(()),
            Some((option, _)) => Err(Failure::new(
                Kind::Usage,
                format!("that command does nothing that {option} could allow"),
            )
            .next(format!("leave out {option}"))),
        }
    }
}
