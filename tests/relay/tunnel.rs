//! `--tunnel`: behind a program that stands in for a tunnel, and a TLS front that stands in for its
//! other end.

use crate::harness::proxy::free_port;
use crate::harness::{Machine, Running, wait};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustix::process::{Pid, Signal, kill_process};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// Ends TLS and passes what is in it to the port in a file, as the far end of a tunnel does. Ends
/// when dropped.
struct Front {
    port: u16,
    certificate: PathBuf,
    /// The number of next connections that are cut off.
    unready: Arc<AtomicUsize>,
    _runtime: tokio::runtime::Runtime,
}

impl Front {
    fn before(file: PathBuf, certificate: PathBuf) -> Self {
        let unready = Arc::new(AtomicUsize::new(0));
        let cuts = Arc::clone(&unready);
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        std::fs::write(&certificate, cert.pem()).unwrap();
        let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap();
        let tls = TlsAcceptor::from(Arc::new(
            config.with_no_client_auth().with_single_cert(vec![cert.der().clone()], key).unwrap(),
        ));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        listener.set_nonblocking(true).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((client, _)) = listener.accept().await {
                if cuts
                    .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
                    .is_ok()
                {
                    continue;
                }
                let (tls, file) = (tls.clone(), file.clone());
                tokio::spawn(async move {
                    let port: u16 = std::fs::read_to_string(file).ok()?.trim().parse().ok()?;
                    let mut client = tls.accept(client).await.ok()?;
                    let mut relay =
                        tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.ok()?;
                    tokio::io::copy_bidirectional(&mut client, &mut relay).await.ok()
                });
            }
        });
        Self { port, certificate, unready, _runtime: runtime }
    }
}

/// A machine with a tunnel program, whose process and port are in files once it runs.
struct Tunnelled {
    here: Machine,
    front: Front,
}

impl Tunnelled {
    /// The program goes on with `then` once it has said its address.
    fn new(then: &str) -> Self {
        let here = Machine::new();
        here.write("gift", b"the gift");
        let front = Front::before(here.path("port"), here.path("front.pem"));
        program(
            &here,
            "burrow",
            &format!(
                "echo $$ > pid; echo $PORT > port\necho \"[burrow] up at https://127.0.0.1:{} for \
                $*\"\n{then}",
                front.port
            ),
        );
        Self { here, front }
    }

    fn ca(&self) -> &str {
        self.front.certificate.to_str().unwrap()
    }

    fn giver(&self) -> Running {
        start(&self.here, &["give", "--tunnel=burrow --to {port}", "--ca-file", self.ca(), "gift"])
    }

    /// The process of the program.
    fn pid(&self) -> Pid {
        read_pid(&self.here.path("pid"))
    }

    /// Checks that neither the program nor the relay are there any more.
    #[track_caller]
    fn ended(&self) {
        let port: u16 =
            std::fs::read_to_string(self.here.path("port")).unwrap().trim().parse().unwrap();
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err());
        assert!(!runs(self.pid()), "it still runs");
    }
}

/// Puts a script into the machine's `bin`.
fn program(machine: &Machine, name: &str, script: &str) {
    let path = machine.write(&format!("bin/{name}"), format!("#!/bin/sh\n{script}\n"));
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
}

/// Starts ours, with that on its PATH.
fn start(machine: &Machine, args: &[&str]) -> Running {
    let mut command = machine.command(args);
    command.env("PATH", format!("{}:/usr/bin:/bin", machine.path("bin").display()));
    Running::start(command)
}

fn read_pid(file: &Path) -> Pid {
    Pid::from_raw(std::fs::read_to_string(file).unwrap().trim().parse().unwrap()).unwrap()
}

/// True if a process runs: one that has ended, and that nobody has waited for, does not.
fn runs(pid: Pid) -> bool {
    let stat =
        std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, state)| !state.trim_start().starts_with(['Z', 'X']))
}

/// The gift arrives by this address of it.
fn arrives(tunnelled: &Tunnelled, address: &str) {
    let there = Machine::new();
    there.run(["take", address, "--ca-file", tunnelled.ca(), "-o", "."]).expect(0);
    assert_eq!(std::fs::read(there.path("gift")).unwrap(), b"the gift");
}

#[test]
fn a_gift_goes_through_a_tunnel_by_its_link_and_the_program_ends_with_it() {
    let tunnelled = Tunnelled::new("exec sleep 600");
    let mut giver = tunnelled.giver();
    assert_eq!(giver.until("status", "")["tunnel"], "burrow");
    let channel = giver.until("status", "channel");
    let (code, port) = (channel["code"].as_str().unwrap(), tunnelled.front.port);
    assert_eq!(channel["link"], format!("https://127.0.0.1:{port}/#{code}"));
    assert_eq!(channel["join"], format!("pinhole take {code}@wss://127.0.0.1:{port}"));
    assert!(runs(tunnelled.pid()));
    arrives(&tunnelled, channel["link"].as_str().unwrap());
    let said = giver.end().expect(0);
    // The program's output can name accounts.
    assert!(!said.everything().contains("[burrow]"), "{}", said.everything());
    tunnelled.ended();
}

#[test]
fn a_tunnel_that_leads_here_only_after_a_moment_is_waited_for() {
    let tunnelled = Tunnelled::new("exec sleep 600");
    tunnelled.front.unready.store(2, Ordering::SeqCst);
    let mut giver = tunnelled.giver();
    let link = giver.until("status", "channel")["link"].as_str().unwrap().to_owned();
    assert_eq!(tunnelled.front.unready.load(Ordering::SeqCst), 0);
    arrives(&tunnelled, &link);
    giver.end().expect(0);
}

#[test]
fn the_line_beside_the_link_works_too_and_megabytes_of_talk_do_no_harm() {
    let tunnelled =
        Tunnelled::new("head -c 5000000 /dev/zero; echo said >&2; echo > said; exec sleep 600");
    let mut giver = tunnelled.giver();
    let line = giver.join_line();
    wait("all said", || tunnelled.here.path("said").exists().then_some(()));
    arrives(&tunnelled, &line[1]);
    giver.end().expect(0);
    tunnelled.ended();
}

#[test]
fn a_channel_that_stays_open_and_who_takes_have_tunnels_too() {
    let tunnelled = Tunnelled::new("exec sleep 600");
    let tunnel = ["--tunnel=burrow {url}", "--ca-file", tunnelled.ca()];
    let mut taker =
        start(&tunnelled.here, &["take", "-o", "taken", tunnel[0], tunnel[1], tunnel[2]]);
    let link = taker.until("status", "channel")["link"].as_str().unwrap().to_owned();
    let there = Machine::new();
    there.write("gift", b"the gift");
    there.run(["give", "--code", &link, "--ca-file", tunnelled.ca(), "gift"]).expect(0);
    taker.end().expect(0);
    assert_eq!(std::fs::read(tunnelled.here.path("taken")).unwrap(), b"the gift");
    let mut host = start(&tunnelled.here, &["host", tunnel[0], tunnel[1], tunnel[2]]);
    assert!(host.until("status", "channel")["link"].as_str().unwrap().starts_with("https://"));
    host.signal(Signal::INT);
    host.end().expect(130);
}

#[test]
fn whatever_ends_the_giver_ends_the_program() {
    // Also one that starts others, and one that does not want to.
    for (signal, then) in [
        (Signal::INT, "exec sleep 600"),
        (Signal::TERM, "sleep 600 & wait"),
        (Signal::HUP, "trap '' TERM; sleep 600; sleep 600"),
    ] {
        let tunnelled = Tunnelled::new(then);
        let mut giver = tunnelled.giver();
        giver.until("status", "waiting");
        giver.signal(signal);
        giver.end().expect(130);
        tunnelled.ended();
    }
}

#[test]
fn a_program_that_follows_its_input_does_not_outlive_a_killed_giver() {
    let tunnelled = Tunnelled::new("exec cat");
    let mut giver = tunnelled.giver();
    giver.until("status", "waiting");
    giver.child.kill().unwrap();
    wait("the end of the program", || (!runs(tunnelled.pid())).then_some(()));
}

#[test]
fn a_program_that_ends_while_the_giver_waits_ends_that() {
    let tunnelled = Tunnelled::new("exec sleep 600");
    let mut giver = tunnelled.giver();
    giver.until("status", "waiting");
    kill_process(tunnelled.pid(), Signal::KILL).unwrap();
    let failure = giver.end().expect(5).failure();
    assert_eq!(failure["error"], "tunnel-failed");
    assert!(failure["detail"].as_str().unwrap().contains("burrow ended (signal: 9"), "{failure}");
    tunnelled.ended();
}

#[test]
fn without_a_program_the_other_ways_are_named() {
    let here = Machine::new();
    here.write("gift", b"the gift");
    for (tunnel, names) in [
        ("--tunnel", "cloudflared or tailscale"),
        ("--tunnel=tailscale", "tailscale"),
        ("--tunnel=no-such-program x", "no-such-program"),
    ] {
        let ended = here.run(["give", tunnel, "gift"]).expect(5);
        let failure = ended.failure();
        assert_eq!(failure["error"], "tunnel-failed");
        assert!(failure["detail"].as_str().unwrap().contains(names), "{failure}");
        assert!(failure["next"].as_str().unwrap().contains("--relay URL"), "{failure}");
        assert!(!ended.everything().contains("\"code\""));
    }
}

#[test]
fn the_first_program_that_is_installed_is_run_as_its_manual_says_and_quoted_if_it_fails() {
    let here = Machine::new();
    here.write("gift", b"the gift");
    let failed = |tunnel: &str| {
        let ended = start(&here, &["give", tunnel, "gift"]).end().expect(5);
        assert_eq!(ended.failure()["error"], "tunnel-failed");
        let said = std::fs::read_to_string(here.path("said")).unwrap();
        (said, ended.failure()["detail"].as_str().unwrap().to_owned())
    };
    program(
        &here,
        "tailscale",
        "echo $PORT tailscale $* > said; printf 'Funnel is not enabled.\\nTo enable, \
        visit:\\n\\n\\thttps://login.tailscale.com/f/funnel?node=x\\n'; exit 1",
    );
    let (said, detail) = failed("--tunnel");
    let port = said.split(' ').next().unwrap();
    assert_eq!(said, format!("{port} tailscale funnel {port}\n"));
    assert!(
        detail.contains("tailscale ended (exit status: 1)")
            && detail.ends_with("https://login.tailscale.com/f/funnel?node=x"),
        "{detail}"
    );
    program(
        &here,
        "cloudflared",
        "echo $PORT cloudflared $* > said; echo 'failed to request quick Tunnel: Post \
        \"https://api.trycloudflare.com/tunnel\": no such host' >&2; exit 1",
    );
    let (said, detail) = failed("--tunnel");
    let port = said.split(' ').next().unwrap();
    assert_eq!(
        said,
        format!("{port} cloudflared tunnel --no-autoupdate --url http://127.0.0.1:{port}\n")
    );
    assert!(
        detail.contains("cloudflared ended (exit status: 1)")
            && detail.contains("api.trycloudflare.com"),
        "{detail}"
    );
    assert!(failed("--tunnel=tailscale").0.contains("tailscale funnel"));
}

#[test]
fn no_code_is_shown_before_the_relay_has_answered_through_the_tunnel() {
    let tunnelled = Tunnelled::new("exec sleep 600");
    // A certificate that nobody vouches for.
    let ended = start(&tunnelled.here, &["give", "--tunnel=burrow", "gift"]).end().expect(5);
    assert_eq!(ended.failure()["error"], "relay-certificate");
    assert!(!ended.everything().contains("\"code\""), "{:#?}", ended.lines);
    tunnelled.ended();
    // Not this machine, which is not even looked for.
    program(&tunnelled.here, "burrow", "echo $$ > pid; echo https://192.0.2.1/; exec sleep 600");
    let ended = start(&tunnelled.here, &["give", "--tunnel=burrow", "gift"]).end().expect(5);
    assert_eq!(ended.failure()["error"], "network-forbidden");
    tunnelled.ended();
}

#[test]
fn an_address_that_leads_nowhere_and_a_program_that_says_none_are_given_up_after_half_a_minute() {
    if std::env::var_os("PINHOLE_FULL").is_none() {
        return;
    }
    for (script, why) in [
        (
            format!("echo https://127.0.0.1:{}", free_port()),
            "did not reach this machine within 30 s",
        ),
        ("echo log in first".into(), "no tunnel address within 30 s; its last line: log in first"),
    ] {
        let here = Machine::new();
        here.write("gift", b"the gift");
        program(&here, "burrow", &format!("echo $$ > pid; {script}; exec sleep 600"));
        let ended = start(&here, &["give", "--tunnel=burrow", "gift"]).end().expect(5);
        assert_eq!(ended.failure()["error"], "tunnel-failed");
        assert!(ended.failure()["detail"].as_str().unwrap().contains(why), "{:#?}", ended.lines);
        assert!(!ended.everything().contains("\"code\"") && !runs(read_pid(&here.path("pid"))));
    }
}
