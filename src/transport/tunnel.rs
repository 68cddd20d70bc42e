//! A tunnel program that is already installed here: started, read until it says the address that it
//! gives a port of this machine, and ended with the session.
//!
//! It is started in a process group of its own, so that it and whatever it starts end together, and
//! so that Ctrl-C reaches it only through this program. Its standard input is a pipe that ends with
//! this process: a program that follows its input ends even if this process is killed outright;
//! cloudflared and tailscale do not, and go on then, with nothing behind them any more.

mod address;
mod process;
mod program;

pub use program::Program;

use crate::escape;
use crate::failure::{Failure, Kind};
use pinhole_protocol::code::RelayUrl;
use process::{Ended, Process, Silence};
use std::io;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Time limit for a program to print its address. Those that ask an account or fall back to another
/// protocol first take some ten seconds.
const ADDRESS_TIME: Duration = Duration::from_secs(30);
/// Characters shown of a program's last line: enough for its reason, too little to fill a screen.
const SHOWN: usize = 300;

/// A tunnel to a port of this machine, as long as its program runs. Dropped, its program is killed.
pub struct Tunnel {
    name: String,
    url: RelayUrl,
    process: Process,
}

impl Tunnel {
    /// Starts the program and waits for the address that it gives `port` of 127.0.0.1; `fenced`
    /// says if that is behind a fence.
    ///
    /// # Errors
    /// `tunnel-failed`, if there is no such program, it ends, or says no address in 30 s.
    pub async fn open(program: &Program, port: u16, fenced: bool) -> Result<Self, Failure> {
        Self::open_within(ADDRESS_TIME, program, port, fenced).await
    }

    async fn open_within(
        time: Duration,
        program: &Program,
        port: u16,
        fenced: bool,
    ) -> Result<Self, Failure> {
        let (name, mut process) = start(program, port, fenced)?;
        let what = match timeout(time, process.address()).await {
            Ok(Ok(url)) => {
                // Until then nobody may look for the name: see there.
                sleep(address::settling(&url)).await;
                return Ok(Self { name, url, process });
            }
            Ok(Err(Silence::Ended(ended))) => ended_without(ended),
            Ok(Err(Silence::TooMuch)) => "printed a mebibyte, but no tunnel address".to_owned(),
            Err(_) => format!("printed no tunnel address within {} s", time.as_secs()),
        };
        let failure = failed(&name, &what, &process.last_line());
        process.end().await;
        Err(failure)
    }

    /// Name of the program.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The address that leads here.
    #[must_use]
    pub const fn url(&self) -> &RelayUrl {
        &self.url
    }

    /// Waits until the program has ended by itself, and says so. Nothing is lost if the wait is
    /// given up.
    pub async fn ended(&mut self) -> Failure {
        let what = ended_without(self.process.ended().await);
        failed(&self.name, &what, &self.process.last_line())
    }

    /// Something is wrong with the tunnel, though its program runs: `what` is the end of a sentence
    /// about the program.
    #[must_use]
    pub fn failure(&self, what: &str) -> Failure {
        failed(&self.name, what, "")
    }

    /// Ends the program, which may take two seconds.
    pub async fn close(self) {
        self.process.end().await;
    }
}

/// The program's name, and the program at work.
fn start(program: &Program, port: u16, fenced: bool) -> Result<(String, Process), Failure> {
    let candidates = program.candidates(port);
    for candidate in &candidates {
        match Process::start(candidate, port, fenced) {
            Ok(process) => return Ok((candidate.name().to_owned(), process)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                let detail = format!(
                    "the tunnel program {} cannot be started: {error}",
                    escape::name(candidate.name())
                );
                return Err(Failure::new(Kind::TunnelFailed, detail).ask_user(OTHER_WAYS));
            }
        }
    }
    let names: Vec<String> =
        candidates.iter().map(|candidate| escape::name(candidate.name())).collect();
    let detail = format!("a tunnel needs {}, which is not installed here", names.join(" or "));
    let next = match program {
        Program::Command(_) => OTHER_WAYS.to_owned(),
        _ => format!(
            "install cloudflared (which needs no account), or name another program: \
            --tunnel='PROGRAM {{port}}'; or {OTHER_WAYS}"
        ),
    };
    Err(Failure::new(Kind::TunnelFailed, detail).ask_user(next))
}

/// The ways besides a tunnel.
const OTHER_WAYS: &str =
    "do without a tunnel: use your own relay (--relay URL), or the same network";

/// The end of a program that should have stayed, as the end of a sentence about it.
fn ended_without(ended: Ended) -> String {
    match ended {
        Ok(status) => format!("ended ({status})"),
        Err(error) => format!("was lost: {error}"),
    }
}

/// `last` is what the program said last. It can name accounts, so it is shown only here, where it
/// may be the only reason there is.
fn failed(name: &str, what: &str, last: &str) -> Failure {
    let mut detail = format!("the tunnel program {} {what}", escape::name(name));
    if !last.is_empty() {
        let cut: String = last.chars().take(SHOWN).collect();
        detail.push_str("; its last line: ");
        detail.push_str(&escape::terminal(&cut));
    }
    let next = match name {
        "cloudflared" => {
            "try it on its own: cloudflared tunnel --url http://127.0.0.1:8080 (a config.yml in \
             ~/.cloudflared prevents such tunnels)"
        }
        "tailscale" => {
            "try it on its own: tailscale funnel 8080 (you must be logged in, with Funnel enabled)"
        }
        _ => "try it on its own",
    };
    Failure::new(Kind::TunnelFailed, detail).ask_user(format!("{next}; or {OTHER_WAYS}"))
}

#[cfg(test)]
mod tests;
