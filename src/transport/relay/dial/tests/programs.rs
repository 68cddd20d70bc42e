//! Proxies that people use: tinyproxy and microsocks, from Debian's packages.

use super::relays::free_port;
use super::*;
use std::net::TcpStream as Socket;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a program may take to listen.
const PATIENCE: Duration = Duration::from_secs(60);

/// A proxy at work. Killed when dropped.
struct Program {
    child: Child,
    port: u16,
}

impl Program {
    /// Starts it on a port that the kernel chose. Somebody else may take that first; then another is tried.
    fn start(command: impl Fn(u16) -> Command) -> Self {
        let until = Instant::now() + PATIENCE;
        loop {
            let port = free_port();
            let mut command = command(port);
            let started = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
            let mut program = Self { child: started.expect("apt-get install tinyproxy-bin microsocks"), port };
            while program.child.try_wait().unwrap().is_none() {
                if Socket::connect(("127.0.0.1", port)).is_ok() {
                    return program;
                }
                assert!(Instant::now() < until, "it does not listen");
                std::thread::yield_now();
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn through_tinyproxy() {
    let authority = Authority::new("A");
    let (relay, trust) = (tls_relay(authority.server("localhost", NOW)).await, authority.trusted());
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("tinyproxy.conf");
    let proxy = Program::start(|port| {
        let config =
            format!("Port {port}\nListen 127.0.0.1\nTimeout 60\nBasicAuth me hunter2\nConnectPort {relay}\nLogFile \"/dev/null\"\n");
        std::fs::write(&file, config).unwrap();
        let mut command = Command::new("tinyproxy");
        command.arg("-d").arg("-c").arg(&file);
        command
    });
    let url = format!("wss://localhost:{relay}");
    let set = |credentials: &str| format!("http://{credentials}127.0.0.1:{}", proxy.port);
    assert_echoes(dial(&url, &trust, &[("HTTPS_PROXY", &set("me:hunter2@"))]).await).await;
    let named = format!("the proxy 127.0.0.1:{} (from ALL_PROXY)", proxy.port);
    for credentials in ["", "me:hunter22@"] {
        assert_fails(dial(&url, &trust, &[("ALL_PROXY", &set(credentials))]).await, "proxy-refused", &[&named, "user name and"]);
    }
    // It allows no other port than the relay's.
    let dialled = dial("wss://localhost:1", &trust, &[("ALL_PROXY", &set("me:hunter2@"))]).await;
    assert_fails(dialled, "proxy-refused", &[&named, "does not let localhost:1 through"]);
    let dialled = dial(&url, &trust, &[("ALL_PROXY", &format!("socks5h://127.0.0.1:{}", proxy.port))]).await;
    assert_fails(dialled, "proxy-unreachable", &[&named]);
}

#[tokio::test]
async fn through_microsocks() {
    let authority = Authority::new("A");
    let (relay, trust) = (tls_relay(authority.server("127.0.0.1", NOW)).await, authority.trusted());
    let proxy = Program::start(|port| {
        let mut command = Command::new("microsocks");
        command.args(["-i", "127.0.0.1", "-p", &port.to_string(), "-u", "me", "-P", "hunter2"]);
        command
    });
    let url = format!("wss://127.0.0.1:{relay}");
    let named = format!("the proxy 127.0.0.1:{} (from all_proxy)", proxy.port);
    for scheme in ["socks5", "socks5h"] {
        let set = |credentials: &str| format!("{scheme}://{credentials}127.0.0.1:{}", proxy.port);
        assert_echoes(dial(&url, &trust, &[("all_proxy", &set("me:hunter2@"))]).await).await;
        for credentials in ["", "me:hunter22@"] {
            assert_fails(dial(&url, &trust, &[("all_proxy", &set(credentials))]).await, "proxy-refused", &[&named, "user name and"]);
        }
        let nobody = format!("wss://127.0.0.1:{}", free_port());
        let dialled = dial(&nobody, &trust, &[("all_proxy", &set("me:hunter2@"))]).await;
        assert_fails(dialled, "proxy-refused", &[&named, "cannot reach 127.0.0.1"]);
    }
    let dialled = dial(&url, &trust, &[("all_proxy", &format!("http://127.0.0.1:{}", proxy.port))]).await;
    assert_fails(dialled, "proxy-unreachable", &[&named]);
}
