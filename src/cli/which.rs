//! Which of the channels that are open on this machine is meant.

use super::code;
use crate::control::found::Which;
use crate::failure::{Failure, Kind};
use crate::role::Role;
use clap::ValueEnum;
use pinhole_protocol::code::{Nameplate, Shape, shape};
use zeroize::Zeroizing;

/// `--role`: which side of a code, where both are on this machine.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum RoleArg {
    /// The side that made the code
    Host,
    /// The side that was given it
    Peer,
}

impl From<RoleArg> for Role {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::Host => Self::Host,
            RoleArg::Peer => Self::Peer,
        }
    }
}

/// `CODE`, `--label` and `--role`.
#[derive(clap::Args, Clone, Debug)]
// Its name is that of the arguments around it, and clap wants each once.
#[group(skip)]
pub(super) struct Args {
    /// The channel: its code, its number, or nothing if only one is open
    #[arg(value_name = "CODE")]
    code: Vec<String>,
    /// The channel with this label
    #[arg(long, value_name = "NAME")]
    label: Option<String>,
    /// Which side of it, if both are on this machine
    #[arg(long, value_enum, value_name = "ROLE")]
    role: Option<RoleArg>,
}

impl Args {
    pub(super) fn which(&self) -> Result<Which, Failure> {
        which(code::spoken(&self.code).as_deref(), self.label.clone(), self.role)
    }
}

/// The channel that is meant by what was typed.
pub(super) fn which(
    code: Option<&str>,
    label: Option<String>,
    role: Option<RoleArg>,
) -> Result<Which, Failure> {
    let code = match code {
        Some(text) if shape(text) == Shape::Number => {
            let wrong = |error: pinhole_protocol::code::CodeError| {
                Failure::new(Kind::CodeMalformed, error.explain())
            };
            Some(Zeroizing::new(Nameplate::parse(text).map_err(wrong)?.to_string()))
        }
        Some(text) => Some(code::given(text)?.address.code.reveal()),
        None => None,
    };
    Ok(Which { code, label, role: role.map(Into::into) })
}
