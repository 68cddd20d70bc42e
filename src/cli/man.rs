//! `man`: the manual page of the program or of one of its commands.

use super::Cli;
use super::ended::{Ended, plainly, print};
use crate::failure::{Failure, Kind, Run};
use clap::CommandFactory;
use clap_mangen::Man;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pinhole man | man -l -
  pinhole man give | man -l -
  pinhole man > ~/.local/share/man/man1/pinhole.1")]
pub(super) struct Args {
    /// The command to describe; without one, the program
    #[arg(value_name = "COMMAND")]
    command: Option<String>,
}

impl Args {
    /// Runs it to its end.
    pub(super) fn main(self) -> Ended {
        plainly(false, self.run())
    }

    fn run(self) -> Result<(), Failure> {
        // Building gives each command its full name, "pinhole give".
        let mut program = Cli::command();
        program.build();
        let command = match &self.command {
            None => program,
            Some(name) => program.find_subcommand(name).cloned().ok_or_else(|| {
                Failure::new(Kind::Usage, format!("there is no command {name:?}"))
                    .next(Run::Help(None))
            })?,
        };
        let mut page = Vec::new();
        Man::new(command)
            .render(&mut page)
            .map_err(|error| Failure::new(Kind::Internal, error.to_string()))?;
        print(String::from_utf8_lossy(&page).trim_end())
    }
}
