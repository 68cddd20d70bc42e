//! A relay at work: from its settings to its end.

use crate::failure::{Failure, Kind};
use crate::platform::process::allow_many_files;
use crate::session::interrupt::{self, Interrupt};
use pinhole_relay::owner::OwnerKey;
use pinhole_relay::server::{BindError, Server};
use pinhole_relay::settings::Settings;
use std::fmt::Write;
use std::net::SocketAddr;
use tokio::sync::Notify;

/// Runs a relay until it is told to stop. `key` is that of its owner tokens, or why it has no
/// place; `clear` is whether it can be reached without TLS, `plain` whether a person looks on.
///
/// # Errors
/// If it cannot listen or its certificate cannot be used.
pub(super) fn relay(
    mut settings: Settings,
    key: Result<OwnerKey, String>,
    clear: bool,
    plain: bool,
) -> Result<(), Failure> {
    allow_many_files();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| {
        Failure::new(Kind::Internal, format!("the program cannot start its threads: {error}"))
    })?;
    let done = runtime.block_on(async {
        // Before it can be reached, so that a caller who starts and stops it finds it listening to
        // both.
        let interrupt = interrupt::listen()?;
        let (tls, drain) = (settings.tls.is_some(), settings.drain);
        let (key, forgets) = (key.as_ref().ok(), key.as_ref().err());
        settings.owner_key = key.cloned();
        let server = Server::bind(settings).map_err(unbound)?;
        let (addresses, metrics) = (server.addresses(), server.metrics_address());
        if plain {
            eprint!("{}", welcome(&addresses, metrics, tls, clear, forgets.map(String::as_str)));
        }
        for address in addresses {
            tracing::info!(
                target: "pinhole_relay",
                event = "listening",
                port = address.port(),
                tls,
                gives_back = forgets.is_none(),
            );
        }
        if let Some(address) = metrics {
            tracing::info!(target: "pinhole_relay", event = "metrics", port = address.port());
        }
        if let Some(why) = forgets {
            tracing::warn!(
                target: "pinhole_relay",
                event = "no_owner_key",
                "after a restart no number is given back, because there is no place for the key \
                 ({why}): name one with --owner-key-file"
            );
        }
        if clear {
            tracing::warn!(
                target: "pinhole_relay",
                event = "no_tls",
                "it can be reached without TLS: put a proxy with a certificate in front"
            );
        }
        until_stopped(server, interrupt, drain.as_secs()).await;
        Ok(())
    });
    // Connections that are left when it was told twice do not hold it up.
    runtime.shutdown_background();
    done
}

/// Serves; at the first signal lets channels go on for a while, at the second ends.
async fn until_stopped(server: Server, mut interrupt: Interrupt, drain: u64) {
    let stop = Notify::new();
    let mut serving = std::pin::pin!(server.run(stop.notified()));
    tokio::select! {
        () = &mut serving => return,
        () = interrupt.wait() => {}
    }
    tracing::info!(
        target: "pinhole_relay",
        event = "draining",
        seconds = drain,
        "waiting sides are sent away, pairs may finish; a second signal stops it at once"
    );
    stop.notify_one();
    tokio::select! {
        () = serving => {}
        () = interrupt.wait() => {}
    }
    tracing::info!(target: "pinhole_relay", event = "stopped");
}

fn unbound(error: BindError) -> Failure {
    match error {
        BindError::Listen(..) => Failure::new(Kind::CannotListen, error.to_string())
            .ask_user("choose another address or port with --listen"),
        BindError::File(..) | BindError::Certificate(..) => {
            Failure::new(Kind::Usage, error.to_string()).next(
                "check --tls-cert and --tls-key: PEM files, the relay's own certificate first",
            )
        }
    }
}

/// Advice for a person who has just started it.
fn welcome(
    addresses: &[SocketAddr],
    metrics: Option<SocketAddr>,
    tls: bool,
    clear: bool,
    forgets: Option<&str>,
) -> String {
    let all: Vec<String> = addresses.iter().map(SocketAddr::to_string).collect();
    let port = addresses.first().map_or(0, SocketAddr::port);
    let url = match addresses.first() {
        Some(_) if tls && port == 443 => "wss://NAME".to_owned(),
        Some(_) if tls => format!("wss://NAME:{port}"),
        Some(address) if !clear => format!("ws://{address}"),
        _ => "wss://NAME".to_owned(),
    };
    let mut text = format!("A pinhole relay listens at {}.\n", all.join(" and "));
    // Writing to a string does not fail.
    let _ = writeln!(text, "  Use it    pinhole give --relay {url} FILE");
    let _ = writeln!(text, "  or        export PINHOLE_RELAY={url}");
    if tls {
        text.push_str("            where NAME is a name in its certificate\n");
    } else if clear {
        text.push_str(
            "            where NAME is the proxy with TLS that has to be in front of it\n",
        );
    }
    if let Some(metrics) = metrics {
        let _ = writeln!(text, "  Metrics   http://{metrics}/metrics");
    }
    if let Some(why) = forgets {
        let _ = writeln!(
            text,
            "  Restart   kills waiting codes: there is no place for the key ({why}); name one \
             with --owner-key-file"
        );
    }
    text.push_str("  Stop it   Ctrl-C; twice to stop at once\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(address: &str, tls: bool, clear: bool) -> String {
        welcome(&[address.parse().unwrap()], None, tls, clear, None)
    }

    #[test]
    fn the_lines_that_are_shown_can_be_used_as_they_are_or_say_what_to_put_in() {
        assert!(
            text("127.0.0.1:7667", false, false)
                .contains("pinhole give --relay ws://127.0.0.1:7667 FILE\n")
        );
        assert!(text("[::1]:80", false, false).contains("PINHOLE_RELAY=ws://[::1]:80\n"));
        let clear = text("0.0.0.0:80", false, true);
        assert!(
            clear.contains("--relay wss://NAME FILE\n") && clear.contains("the proxy with TLS"),
            "{clear}"
        );
        let tls = text("[::]:8443", true, false);
        assert!(tls.contains("wss://NAME:8443 ") && tls.contains("its certificate"), "{tls}");
        assert!(text("[::]:443", true, false).contains("wss://NAME FILE\n"));
        let both = ["127.0.0.1:1", "[::1]:2"].map(|address| address.parse().unwrap());
        let both = welcome(&both, Some(both[1]), false, false, Some("no room"));
        assert!(
            both.contains("Restart   kills waiting codes") && both.contains("(no room)"),
            "{both}"
        );
        assert!(
            both.contains("127.0.0.1:1 and [::1]:2.\n") && both.contains("http://[::1]:2/metrics"),
            "{both}"
        );
    }
}
