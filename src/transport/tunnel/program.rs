//! Which program makes the tunnel, and its command line.

use crate::failure::{Failure, Kind};
use std::path::Path;

/// The program that `--tunnel` names. It has no `Debug`: a command line can hold a token.
#[derive(Clone, PartialEq, Eq)]
pub enum Program {
    /// cloudflared if it is installed, else tailscale.
    Auto,
    /// cloudflared's quick tunnel, which needs no account.
    Cloudflared,
    /// tailscale's funnel, on a machine that is part of a tailnet.
    Tailscale,
    /// A command line, as words: `{port}` and `{url}` in them stand for what the tunnel has to lead
    /// to.
    Command(Vec<String>),
}

/// A program and its arguments.
pub(super) struct CommandLine(pub Vec<String>);

impl Program {
    /// Reads `auto`, `cloudflared`, `tailscale`, or a command line whose words are separated and
    /// quoted as in a shell.
    ///
    /// # Errors
    /// Usage, if there is no word in it or a quotation mark is open.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        match text.trim() {
            "auto" => Ok(Self::Auto),
            "cloudflared" => Ok(Self::Cloudflared),
            "tailscale" => Ok(Self::Tailscale),
            line => match shlex::split(line) {
                Some(words) if words.first().is_some_and(|word| !word.is_empty()) => {
                    Ok(Self::Command(words))
                }
                _ => Err(Failure::new(
                    Kind::Usage,
                    "the value of --tunnel is not a command line: it is empty, or a quote is not \
                     closed",
                )
                .next(
                    "--tunnel alone, --tunnel=cloudflared, --tunnel=tailscale, or \
                     --tunnel='PROGRAM --its-options {port}'",
                )),
            },
        }
    }

    /// Name of the program; of several, the first that is installed is meant.
    #[must_use]
    pub fn name(&self) -> String {
        let names: Vec<String> =
            self.candidates(0).iter().map(|line| line.name().to_owned()).collect();
        names.join(" or ")
    }

    /// The command lines for a tunnel to `port`: the first whose program is installed is the one.
    ///
    /// cloudflared and tailscale as their manuals have it (developers.cloudflare.com,
    /// "TryCloudflare"; tailscale.com/kb/1311, since 1.52). Without `--no-autoupdate` cloudflared
    /// may start itself anew, with another address.
    pub(super) fn candidates(&self, port: u16) -> Vec<CommandLine> {
        let words = |line: &str| CommandLine(line.split(' ').map(str::to_owned).collect());
        let url = format!("http://127.0.0.1:{port}");
        let cloudflared = || words(&format!("cloudflared tunnel --no-autoupdate --url {url}"));
        let tailscale = || words(&format!("tailscale funnel {port}"));
        match self {
            Self::Auto => vec![cloudflared(), tailscale()],
            Self::Cloudflared => vec![cloudflared()],
            Self::Tailscale => vec![tailscale()],
            Self::Command(words) => {
                let filled = |word: &String| {
                    word.replace("{port}", &port.to_string()).replace("{url}", &url)
                };
                vec![CommandLine(words.iter().map(filled).collect())]
            }
        }
    }
}

impl CommandLine {
    /// The program, without the folder that it is in.
    pub(super) fn name(&self) -> &str {
        let path = self.0.first().map_or("", String::as_str);
        Path::new(path).file_name().and_then(|name| name.to_str()).unwrap_or(path)
    }
}
