//! A real proxy in front: nginx as `relay/deploy/nginx.conf` sets it up, with a certificate of the
//! test's own.

use crate::harness::relay::Relay;
use crate::harness::tap::{frame, head_end};
use crate::harness::{Machine, PATIENCE};
use crate::operator::get_from;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustix::process::Signal;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// nginx before a relay. Ended when dropped.
struct Nginx {
    child: Child,
    port: u16,
    certificate: CertificateDer<'static>,
    folder: tempfile::TempDir,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Killed, it would leave its workers behind.
        let _ = rustix::process::kill_process(
            rustix::process::Pid::from_child(&self.child),
            Signal::TERM,
        );
        let _ = self.child.wait();
    }
}

impl Nginx {
    /// The file of `deploy`, with its ports, name and paths replaced by those of the test. It
    /// listens on a socket that it inherits, because it cannot say which port the system chose.
    fn before(relay: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(path("chain.pem"), cert.pem()).unwrap();
        std::fs::write(path("key.pem"), signing_key.serialize_pem()).unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut conf = std::fs::read_to_string(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/relay/deploy/nginx.conf"
        ))
        .unwrap();
        for (theirs, ours) in [
            ("listen 443 ssl;", format!("listen 127.0.0.1:{port} ssl;")),
            ("listen [::]:443 ssl;", String::new()),
            ("server_name relay.example;", "server_name localhost;".to_owned()),
            ("/etc/ssl/relay.example/chain.pem", path("chain.pem")),
            ("/etc/ssl/relay.example/key.pem", path("key.pem")),
            ("http://127.0.0.1:7667;", format!("http://127.0.0.1:{relay};")),
        ] {
            assert_eq!(conf.matches(theirs).count(), 1, "{theirs}");
            conf = conf.replace(theirs, &ours);
        }
        std::fs::write(path("relay.conf"), conf).unwrap();
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|what| format!("{what}_temp_path {};", path(what)));
        let main = format!(
            "daemon off; pid {}; error_log stderr warn; events {{}} http {{ {} include {}; }}",
            path("pid"),
            temporary.concat(),
            path("relay.conf")
        );
        std::fs::write(path("nginx.conf"), main).unwrap();
        // Debian's place for it is not in everybody's PATH.
        let mut nginx = Command::new("/usr/sbin/nginx");
        nginx.args(["-c", &path("nginx.conf"), "-p", &path(""), "-e", "stderr"]).env("NGINX", "0;");
        let child = nginx.stdin(Stdio::from(std::os::fd::OwnedFd::from(listener))).spawn();
        let child = child.unwrap_or_else(|error| {
            panic!("nginx (Debian's package nginx-light, as .ci/run installs it): {error}")
        });
        Self { child, port, certificate: cert.der().clone(), folder }
    }

    fn url(&self) -> String {
        format!("wss://localhost:{}", self.port)
    }

    fn ca_file(&self) -> PathBuf {
        self.folder.path().join("chain.pem")
    }

    /// A connection through TLS from 127.0.0.9.
    fn connect(&self) -> StreamOwned<ClientConnection, TcpStream> {
        let socket =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 9], 0)).into()).unwrap();
        socket.connect(&SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)).into()).unwrap();
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap();
        let config = config.with_root_certificates(roots).with_no_client_auth();
        let connection =
            ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
        StreamOwned::new(connection, stream)
    }

    /// Asks for a number, with this header besides; the relay's first message.
    fn host(&self, header: &str) -> Value {
        let mut stream = self.connect();
        let request = format!(
            "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
             Sec-WebSocket-Protocol: pinhole.1, host\r\n{header}\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        loop {
            let mut buffer = [0; 4096];
            let read = stream.read(&mut buffer).unwrap();
            assert!(read > 0, "{}", String::from_utf8_lossy(&bytes));
            bytes.extend_from_slice(&buffer[..read]);
            if let Some(((1, text), _)) = frame(&bytes[head_end(&bytes)..]) {
                assert!(bytes.starts_with(b"HTTP/1.1 101 "));
                return serde_json::from_slice(&text).unwrap();
            }
        }
    }
}

#[test]
fn a_file_goes_through_nginx_and_a_link_alone_leads_there() {
    let (relay, here, there) =
        (Relay::with(&["--trusted-proxy", "127.0.0.1"]), Machine::new(), Machine::new());
    let nginx = Nginx::before(relay.port);
    let (url, ca_file) = (nginx.url(), nginx.ca_file().display().to_string());
    let gift = crate::harness::content::bytes(2_000_000);
    here.write("gift", &gift);
    let mut giver = here.start(["give", "--relay", &url, "--ca-file", &ca_file, "gift"]);
    let link = giver.until("status", "channel")["link"].as_str().unwrap().to_owned();
    assert!(link.starts_with(&format!("https://localhost:{}/#", nginx.port)), "{link}");
    there.run(["take", &link, "--ca-file", &ca_file, "-o", "."]).expect(0);
    assert_eq!(std::fs::read(there.path("gift")).unwrap(), gift);
    giver.end().expect(0);
}

#[test]
fn people_get_the_page_through_nginx_and_nobody_the_metrics() {
    let relay = Relay::with(&["--trusted-proxy", "127.0.0.1"]);
    let nginx = Nginx::before(relay.port);
    let (status, head, page) = get_from(nginx.connect(), "/");
    assert!(
        status == 200
            && page.contains("pinhole take")
            && head.contains("content-security-policy: default-src 'none'"),
        "{head}"
    );
    let (status, _, health) = get_from(nginx.connect(), "/health");
    assert_eq!((status, health.trim_end()), (200, r#"{"status":"ok"}"#));
    assert_eq!(get_from(nginx.connect(), "/metrics").0, 404);
}

#[test]
fn the_relay_sees_the_client_behind_nginx_and_not_whom_it_pretends_to_be() {
    let relay = Relay::with(&["--trusted-proxy", "127.0.0.1"]);
    let nginx = Nginx::before(relay.port);
    for forged in [
        "",
        "X-Forwarded-For: 203.0.113.7\r\n",
        "X-Forwarded-For: 203.0.113.7, 127.0.0.1\r\nForwarded: for=203.0.113.7\r\n",
    ] {
        assert_eq!(nginx.host(forged)["seen"], "127.0.0.9", "{forged}");
    }
    let relay = relay.running;
    relay.signal(Signal::TERM);
    assert!(!relay.end().errors.iter().any(|line| line.contains("untrusted_proxy")));
}

#[test]
fn a_relay_that_does_not_know_its_proxy_says_so_once() {
    let relay = Relay::start();
    let nginx = Nginx::before(relay.port);
    for _ in 0..3 {
        assert_eq!(nginx.host("")["seen"], "127.0.0.1");
    }
    let relay = relay.running;
    relay.signal(Signal::TERM);
    let said = relay.end().errors;
    assert_eq!(said.iter().filter(|line| line.contains("untrusted_proxy")).count(), 1, "{said:?}");
}
