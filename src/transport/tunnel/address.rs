//! The public address in what a tunnel program prints.
//!
//! cloudflared writes to standard error, first a line about its terms with two https addresses,
//! then (2022.12.1 and later):
//!
//! ```text
//! 2023-01-16T08:32:54Z INF Requesting new quick Tunnel on trycloudflare.com...
//! 2023-01-16T08:32:58Z INF |  Your quick Tunnel has been created! Visit it at (it may take …
//! 2023-01-16T08:32:58Z INF |  https://oklahoma-solo-younger-truck.trycloudflare.com       …
//! 2023-01-16T08:32:59Z INF Registered tunnel connection connIndex=0 …
//! ```
//!
//! and where that fails
//! `failed to request quick Tunnel: Post "https://api.trycloudflare.com/tunnel": …`. tailscale
//! writes to standard output, in a tailnet that allows funnels
//!
//! ```text
//! Available on the internet:
//!
//! https://desk.tail1a2b3.ts.net/
//! |-- proxy http://127.0.0.1:8765
//!
//! Press Ctrl+C to exit.
//! ```
//!
//! and in another `To enable, visit:` with an address of login.tailscale.com.

use pinhole_protocol::code::RelayUrl;
use std::time::Duration;

/// The end of the names of cloudflared's quick tunnels.
const QUICK: &str = ".trycloudflare.com";
/// The host at which cloudflared asks for one.
const QUICK_DESK: &str = "api.trycloudflare.com";
/// The end of the names of machines in tailnets.
const TAILNET: &str = ".ts.net";
/// Line that cloudflared prints when the name of its tunnel is about to be published.
const REGISTERED: &str = "Registered tunnel connection";
/// From there until the name of a quick tunnel can be looked up: 4 s at most were measured
/// (fastagent-sh/fastagent, pull request 437), and who looks too early may be told for half an hour
/// that there is no such name, because that is how long resolvers keep it.
const SETTLING: Duration = Duration::from_secs(6);

/// Looks for the address of one program's tunnel, line by line.
pub(super) struct Search {
    /// End of the address's host, where that is known.
    suffix: &'static str,
    found: Option<RelayUrl>,
}

impl Search {
    /// For the program of this name; of one that is not known the first https address that it
    /// prints is taken.
    pub(super) fn of(name: &str) -> Self {
        let suffix = match name {
            "cloudflared" => QUICK,
            "tailscale" => TAILNET,
            _ => "",
        };
        Self { suffix, found: None }
    }

    /// Reads another line; the address, once it can be used.
    pub(super) fn line(&mut self, line: &str) -> Option<RelayUrl> {
        if self.found.is_none() {
            self.found = addresses(line)
                .find(|url| url.host().ends_with(self.suffix) && url.host() != QUICK_DESK);
        }
        let settles = self.suffix != QUICK || line.contains(REGISTERED);
        self.found.clone().filter(|_| settles)
    }
}

/// Time for which nobody may look up the name in this address once its program has printed it.
pub(super) fn settling(url: &RelayUrl) -> Duration {
    if url.host().ends_with(QUICK) { SETTLING } else { Duration::ZERO }
}

/// The https addresses in a line that could be a relay's. One with a query or a fragment is for a
/// browser.
fn addresses(line: &str) -> impl Iterator<Item = RelayUrl> {
    line.match_indices("https://").filter_map(|(at, scheme)| {
        let rest = line.get(at + scheme.len()..)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/%[]".contains(c);
        let end = rest.find(|c| !plain(c)).unwrap_or(rest.len());
        let (url, after) = rest.split_at_checked(end)?;
        // Punctuation that ends a sentence is not part of the address.
        let url = url.trim_end_matches(['.', ':', ']']);
        if after.starts_with(['?', '#', '@', '=', '&']) {
            None
        } else {
            RelayUrl::parse(&format!("{scheme}{url}")).ok()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(name: &str, text: &str) -> Option<String> {
        let mut search = Search::of(name);
        text.lines().find_map(|line| search.line(line)).map(|url| url.to_string())
    }

    const CLOUDFLARED: &str = "\
2023-01-16T08:32:54Z INF Thank you for trying Cloudflare Tunnel. \
    (https://www.cloudflare.com/website-terms/), follow: https://developers.cloudflare.com/x
2023-01-16T08:32:54Z INF Requesting new quick Tunnel on trycloudflare.com...
2023-01-16T08:32:58Z INF |  Your quick Tunnel has been created! Visit it at (it may take some time \
    to be reachable):  |
2023-01-16T08:32:58Z INF |  \
    https://oklahoma-solo-younger-truck.trycloudflare.com                                     |
2023-01-16T08:32:58Z INF Settings: map[protocol:quic url:http://127.0.0.1:7860]";

    #[test]
    fn cloudflared_is_understood_once_its_tunnel_is_registered() {
        assert_eq!(found("cloudflared", CLOUDFLARED), None);
        let registered = format!(
            "{CLOUDFLARED}\n2023-01-16T08:32:59Z INF Registered tunnel connection connIndex=0 \
            ip=198.51.100.7"
        );
        let url = found("cloudflared", &registered);
        assert_eq!(url.as_deref(), Some("wss://oklahoma-solo-younger-truck.trycloudflare.com/"));
        assert!(settling(&RelayUrl::parse(&url.unwrap()).unwrap()) > Duration::from_secs(4));
        let failed = "failed to request quick Tunnel: Post \
                     \"https://api.trycloudflare.com/tunnel\": dial tcp: no such host\nRegistered \
                     tunnel connection";
        assert_eq!(found("cloudflared", failed), None);
    }

    #[test]
    fn tailscale_is_understood() {
        let text = "Available on the internet:\n\nhttps://desk.tail1a2b3.ts.net/\n|-- proxy \
                   http://127.0.0.1:8765\n\nPress Ctrl+C to exit.\n";
        assert_eq!(found("tailscale", text).as_deref(), Some("wss://desk.tail1a2b3.ts.net/"));
        let asks = "Funnel is not enabled on your tailnet.\nTo enable, \
                   visit:\n\n\thttps://login.tailscale.com/f/funnel?node=n1CNTRL\n";
        assert_eq!(found("tailscale", asks), None);
    }

    #[test]
    fn of_any_other_program_the_first_address_that_a_relay_could_have_is_taken() {
        for (line, url) in [
            ("your url is: https://ten-towns-join.loca.lt", "wss://ten-towns-join.loca.lt/"),
            ("\u{1b}[32mhttps://a.example:8443/p/\u{1b}[0m", "wss://a.example:8443/p/"),
            ("(see https://a.example/x).", "wss://a.example/x"),
            ("Forwarding https://a.example -> http://localhost:80", "wss://a.example/"),
            ("{\"url\":\"https://a.example\"}", "wss://a.example/"),
            (
                "log in at https://b.example/login?next=/ then https://a.example.",
                "wss://a.example/",
            ),
            ("https://[::1]:7/", "wss://[::1]:7/"),
        ] {
            assert_eq!(found("lt", line).as_deref(), Some(url), "{line}");
        }
        for none in [
            "http://a.example",
            "https://",
            "https://:80",
            "https://b@a.example",
            "https:// a.example",
            "wss://a.example",
        ] {
            assert_eq!(found("lt", none), None, "{none}");
        }
        assert_eq!(settling(&RelayUrl::parse("https://a.example").unwrap()), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn any_line_is_survived(
            line in prop_oneof![any::<String>(), "(https://[a-zé.:/\\[\\]?%@]{0,12} ?){0,3}"],
            name in "cloudflared|tailscale|x",
        ) {
            let _ = found(&name, &line);
        }
    }
}
