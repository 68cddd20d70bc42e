//! `completions`: what a shell needs to complete a command line.

use super::Cli;
use super::ended::{Ended, plainly, print};
use crate::failure::Failure;
use clap::CommandFactory;
use clap_complete::Shell;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pinhole completions bash > ~/.local/share/bash-completion/completions/pinhole
  pinhole completions zsh > ~/.zfunc/_pinhole      with ~/.zfunc in fpath
  pinhole completions fish > ~/.config/fish/completions/pinhole.fish")]
pub(super) struct Args {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

impl Args {
    /// Runs it to its end.
    pub(super) fn main(self) -> Ended {
        plainly(false, self.run())
    }

    fn run(self) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "pinhole", &mut script);
        print(String::from_utf8_lossy(&script).trim_end())
    }
}
