//! Decisions outside the command line: by the environment, the configuration file, and the build.

pub mod agent;
mod edit;
mod file;
mod network;
mod origin;
mod relay;

pub use edit::{set, unset};
pub use file::Config;
pub use network::{Network, links, tells_places};
pub use origin::{Key, Origin, Setting};
pub use relay::{RelayChoice, insecure_relay, set_relays};
