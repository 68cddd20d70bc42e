//! Options for hosting: listening, and being reached from elsewhere.

use crate::cli::relay::ListenAddress;
use crate::failure::{Failure, Kind};
use crate::session::plan::Hosting;
use crate::transport::relay::Serving;
use crate::transport::tunnel::Program;
use clap::Args;
use pinhole_protocol::code::RelayUrl;
use std::net::IpAddr;

/// Options for listening.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Hosting")]
pub(in crate::cli) struct Host {
    /// Number of words in the code: 3 to 8. Three are 31 bits against a single guess; each more
    /// adds ten
    #[arg(
        long,
        value_name = "N",
        default_value_t = 3,
        value_parser = clap::value_parser!(u8).range(3..=8),
    )]
    words: u8,
    /// Listen for a direct connection even if a relay is set; --port and --bind imply it
    #[arg(long)]
    direct: bool,
    /// Listen on this port instead of a free one from 9000 to 9999. A new code then keeps the
    /// number, so a joiner with the old code counts as a guess. The port stays taken until the
    /// channel has ended: the other side comes back to it after a lost connection
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1024..))]
    port: Option<u16>,
    /// Listen on this address only
    #[arg(long, value_name = "ADDR")]
    bind: Option<IpAddr>,
    /// After a wrong code, make a new one without asking, up to this many codes in all
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1,
        value_parser = clap::value_parser!(u32).range(1..=100),
    )]
    tries: u32,
    #[command(flatten)]
    reached: Reached,
}

impl Host {
    /// The option by which it starts a program that the command line names, if it does.
    pub(in crate::cli) fn starts(&self) -> Option<&'static str> {
        let tunnel = self.reached.tunnel.as_deref().map(Program::parse);
        matches!(tunnel, Some(Ok(Program::Command(_)))).then_some("--tunnel=CMD")
    }

    /// `fenced` says if a tunnel program is started behind a fence.
    pub(in crate::cli) fn hosting(&self, fenced: bool) -> Result<Hosting, Failure> {
        let own = self.reached.serving(fenced)?;
        Ok(Hosting {
            words: usize::from(self.words),
            bind: self.bind,
            port: self.port,
            direct: self.direct,
            own,
            tries: self.tries,
        })
    }
}

/// Ways to reach a host from elsewhere without a relay that is there already.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Being reached from elsewhere")]
struct Reached {
    /// Be reached through an installed tunnel program: cloudflared, which needs no account,
    /// tailscale, or your own command line ("{port}" and "{url}" in it stand for what the tunnel
    /// leads to; it must print its https address and keep running). It is started for this channel
    /// and ends with it (unless pinhole is killed); if it ends before, a lost connection comes back
    /// only if one side can dial the other. It sees the code's number, sizes and times, but
    /// neither words nor contents. A value needs the "=": --tunnel=tailscale. Behind the sending
    /// fence, a command line needs --allow-exec before the command's name
    #[arg(
        long,
        value_name = "auto|cloudflared|tailscale|CMD",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "auto",
        conflicts_with_all = ["relay", "direct", "port", "bind", "listen", "public_url"],
    )]
    tunnel: Option<String>,
    /// Run a relay in this process, for this channel only: for machines that can reach this one, or
    /// a proxy on it
    #[arg(long, conflicts_with_all = ["relay", "direct", "port", "bind"])]
    serve_relay: bool,
    /// Where that relay listens besides loopback: an address, a port, or both (port 7667 if none is
    /// given). Without a proxy in front, the other side needs --insecure-relay: anybody in between
    /// sees the code's number, sizes and times, but neither words nor contents
    #[arg(long, value_name = "ADDR", requires = "serve_relay")]
    listen: Option<ListenAddress>,
    /// The address by which others reach that relay, such as the https address of a proxy
    #[arg(long, value_name = "URL", requires = "serve_relay")]
    public_url: Option<String>,
}

impl Reached {
    /// The relay that this host serves itself, if it does.
    fn serving(&self, fenced: bool) -> Result<Option<Serving>, Failure> {
        if let Some(program) = &self.tunnel {
            return Program::parse(program)
                .map(|program| Some(Serving::Tunnel { program, fenced }));
        }
        if !self.serve_relay {
            return Ok(None);
        }
        let wrong = |why| {
            Failure::new(
                Kind::Usage,
                format!("the value of --public-url is not the address of a relay: {why}"),
            )
            .next("write it as https://relay.example")
        };
        let public = self.public_url.as_deref().map(RelayUrl::parse).transpose().map_err(wrong)?;
        Ok(Some(Serving::At { listen: self.listen.map(ListenAddress::address), public }))
    }
}
