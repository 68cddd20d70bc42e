//! Before a side is one: what is said over HTTP, and who is let in.

use super::Running;
use super::client::{Client, SOON, dial, head, request};
use crate::limits::Limits;
use crate::settings::{Settings, TlsFiles};
use core::time::Duration;
use pinhole_protocol::rendezvous::HostToken;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};

fn limited(change: impl FnOnce(&mut Limits)) -> Settings {
    let mut settings = Settings::default();
    change(&mut settings.limits);
    settings
}

/// The relay's answer to these bytes, to the end of the connection.
async fn answer(relay: &Running, request: &[u8]) -> String {
    let mut stream = dial(relay.address, 3).await;
    // The relay may have answered and closed before all was said.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let _ = timeout(SOON, stream.read_to_end(&mut answer)).await.expect("an end");
    String::from_utf8_lossy(&answer).into_owned()
}

async fn status(relay: &Running, request: &str) -> u16 {
    let answer = answer(relay, request.as_bytes()).await;
    answer
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or_else(|| panic!("{answer:?}"))
}

#[tokio::test]
async fn health_metrics_and_the_page_are_answered() {
    let relay = Running::start(Settings::default());
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: relay\r\n\r\n").into_bytes();
    let health = answer(&relay, &get("/health")).await;
    assert!(
        health.starts_with("HTTP/1.1 200") && health.ends_with("{\"status\":\"ok\"}\n"),
        "{health}"
    );
    let (_host, ..) = Client::host(relay.address, 1).await;
    let metrics = answer(&relay, &get("/metrics")).await;
    assert!(
        metrics.contains("\npinhole_relay_waiting_hosts 1\n")
            && metrics.contains("\npinhole_relay_connections 2\n"),
        "{metrics}"
    );
    for path in ["/", "/pinhole/", "/any"] {
        let page = answer(&relay, &get(path)).await;
        assert!(
            page.starts_with("HTTP/1.1 200")
                && page.contains("content-security-policy: default-src 'none'"),
            "{page}"
        );
        assert!(page.contains("pinhole take"), "{page}");
    }
    assert_eq!(
        status(&relay, "POST / HTTP/1.1\r\nHost: relay\r\nContent-Length: 0\r\n\r\n").await,
        405
    );
}

#[tokio::test]
async fn metrics_have_their_own_port_if_asked_and_none_for_everybody_on_a_public_relay() {
    let get = "GET /metrics HTTP/1.1\r\nHost: relay\r\n\r\n";
    let settings = Settings { metrics: Some(([127, 0, 0, 1], 0).into()), ..Settings::default() };
    let server = super::Server::bind(settings).unwrap();
    let (relay, metrics) = (server.addresses()[0], server.metrics_address().unwrap());
    assert_ne!(relay, metrics);
    tokio::spawn(server.run(core::future::pending()));
    for (address, expected) in [(relay, false), (metrics, true)] {
        let mut stream = dial(address, 3).await;
        stream.write_all(get.as_bytes()).await.unwrap();
        let mut answer = String::new();
        timeout(SOON, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
        assert_eq!(answer.contains("pinhole_relay_uptime"), expected, "{answer}");
    }
    let public = Running::start(limited(|limits| limits.public = true));
    assert!(!answer(&public, get.as_bytes()).await.contains("pinhole_relay_uptime"));
}

#[tokio::test]
async fn an_upgrade_works_on_any_path_but_only_with_what_is_asked() {
    let relay = Running::start(Settings::default());
    let good = request("host", None);
    assert_eq!(status(&relay, &good.replace("GET / ", "GET /health ")).await, 200);
    assert_eq!(status(&relay, &good.replace("pinhole.1, host", "pinhole.1, guest")).await, 400);
    assert_eq!(status(&relay, &good.replace("pinhole.1", "pinhole.2")).await, 426);
    // A proxy in between that knows nothing of WebSockets.
    assert_eq!(
        status(&relay, &good.replace("Connection: Upgrade\r\nUpgrade: websocket\r\n", "")).await,
        426
    );
    // Which of both it was is seen by the versions that the answer names.
    for (asked, names) in [
        (good.replace("pinhole.1", "pinhole.2"), true),
        (good.replace("Upgrade: websocket\r\n", ""), false),
    ] {
        assert_eq!(
            answer(&relay, asked.as_bytes()).await.contains("sec-websocket-protocol: pinhole.1"),
            names,
            "{asked}"
        );
    }
    let mut stream = dial(relay.address, 3).await;
    stream.write_all(good.replace("GET / ", "GET /pinhole/ ").as_bytes()).await.unwrap();
    assert_eq!(head(&mut stream).await.unwrap().0, 101);
}

#[tokio::test]
async fn only_who_has_a_token_hosts_where_one_is_asked() {
    let settings = Settings {
        host_tokens: vec![HostToken::parse("0123456789-operator").unwrap()],
        ..Settings::default()
    };
    let relay = Running::start(settings.clone());
    let own = Running::start(Settings { own: true, ..settings });
    let nobodys = Running::start(Settings { own: true, ..Settings::default() });
    let ask = async |relay: &Running, verb: &str, authorization: Option<&str>| {
        Client::upgrade(dial(relay.address, 1).await, verb, authorization)
            .await
            .err()
            .unwrap_or(101)
    };
    let (right, wrong) = (Some("host=0123456789-operator"), Some("host=0123456789-operatoR"));
    let link = |side| format!("link-{side}-00112233445566778899aabbccddeeff");
    for (verb, plain, embedded) in [
        ("host", 401, 401),
        ("join-417", 101, 101),
        (&link("host"), 101, 401),
        (&link("joiner"), 101, 101),
    ] {
        assert_eq!(
            (ask(&relay, verb, None).await, ask(&own, verb, None).await),
            (plain, embedded),
            "{verb}"
        );
        assert_eq!(ask(&nobodys, verb, None).await, embedded, "{verb}");
    }
    for verb in ["host", &link("host")] {
        assert_eq!(
            (
                ask(&own, verb, right).await,
                ask(&own, verb, wrong).await,
                ask(&nobodys, verb, right).await
            ),
            (101, 401, 401)
        );
    }
    assert_eq!((ask(&relay, "host", right).await, ask(&relay, "host", wrong).await), (101, 401));
    let owner = &format!("owner={}", "5e".repeat(32));
    assert_eq!(ask(&relay, "host-417", Some(owner)).await, 401);
    assert_eq!(
        ask(&relay, "host-417", Some(&format!("{owner}, host=0123456789-operator"))).await,
        101
    );
}

#[tokio::test]
async fn a_source_has_so_many_connections_and_others_are_not_its_business() {
    let relay = Running::start(limited(|limits| limits.quotas.connections = 4));
    let mut hosts = Vec::new();
    for _ in 0..4 {
        hosts.push(Client::host(relay.address, 1).await.0);
    }
    for _ in 0..3 {
        assert_eq!(
            Client::upgrade(dial(relay.address, 1).await, "host", None).await.err(),
            Some(429)
        );
    }
    // One that says nothing counts too.
    let mut silent = Vec::new();
    for _ in 0..4 {
        silent.push(dial(relay.address, 2).await);
    }
    relay.until(|relay| relay.moment().connections == 8).await;
    assert_eq!(Client::upgrade(dial(relay.address, 2).await, "host", None).await.err(), Some(429));
    relay.serves().await;
    drop((hosts.pop(), silent));
    relay.until(|relay| relay.moment().connections == 3).await;
    Client::host(relay.address, 1).await;
    drop(hosts);
    relay.empty().await;
}

#[tokio::test]
async fn beyond_its_limit_a_source_is_told_only_so_often_at_a_time() {
    let relay = Running::start(limited(|limits| {
        limits.quotas.connections = 1;
        // So that nothing here ends because of its time.
        limits.upgrade = SOON.saturating_mul(2);
    }));
    let _one = Client::host(relay.address, 1).await;
    let mut silent = Vec::new();
    for _ in 0..super::super::TOLD {
        silent.push(dial(relay.address, 1).await);
    }
    relay.until(|relay| relay.moment().connections == 1 + super::super::TOLD).await;
    let mut cut = dial(relay.address, 1).await;
    assert_eq!(timeout(SOON, cut.read(&mut [0; 1])).await.unwrap().unwrap_or(0), 0);
    relay.serves().await;
}

#[tokio::test]
async fn behind_a_trusted_proxy_sources_are_told_apart() {
    let proxies = |trusted: &str| Settings {
        trusted_proxies: vec![trusted.parse().unwrap()],
        ..limited(|limits| limits.quotas.connections = 1)
    };
    let ask = async |relay: &Running, forwarded: &str| {
        let mut stream = dial(relay.address, 9).await;
        let request = request("host", None)
            .replace("Host: relay", &format!("Host: relay\r\nX-Forwarded-For: {forwarded}"));
        stream.write_all(request.as_bytes()).await.unwrap();
        let (status, _) = head(&mut stream).await.unwrap();
        let mut client = Client { stream };
        let seen = if status == 101 {
            client.text().await["seen"].as_str().unwrap().to_owned()
        } else {
            String::new()
        };
        (status, seen, client)
    };
    let relay = Running::start(proxies("127.0.0.9/32"));
    let (status, seen, _one) = ask(&relay, "198.51.100.1").await;
    assert_eq!((status, &*seen), (101, "198.51.100.1"));
    let (status, seen, _two) = ask(&relay, "198.51.100.1, 198.51.100.2").await;
    assert_eq!((status, &*seen), (101, "198.51.100.2"));
    let (status, ..) = ask(&relay, "203.0.113.5, 198.51.100.2").await;
    assert_eq!(status, 429);
    assert!(!relay.relay.warned.load(super::super::Ordering::Relaxed));
    // To a relay that does not trust it, the proxy is the source, and it is warned.
    let relay = Running::start(proxies("127.0.0.8/32"));
    let (status, seen, _three) = ask(&relay, "198.51.100.1").await;
    assert_eq!((status, &*seen), (101, "127.0.0.9"));
    assert!(relay.relay.warned.load(super::super::Ordering::Relaxed));
    assert_eq!(ask(&relay, "198.51.100.2").await.0, 429);
}

/// Requests that are none, made from one that is.
fn malformed() -> Vec<Vec<u8>> {
    let good = request("join-417", None);
    let lines: Vec<&str> = good.trim_end().split("\r\n").collect();
    let build = |lines: &[&str]| format!("{}\r\n\r\n", lines.join("\r\n")).into_bytes();
    let mut all = Vec::new();
    for line in 2..lines.len() {
        // Each header left out, doubled, without its value, without its name, folded, with a byte
        // that no header has.
        let with = |text: &str| build(&[&lines[..line], &[text], &lines[line + 1..]].concat());
        let (name, value) = lines[line].split_once(": ").unwrap();
        all.push(build(&[&lines[..line], &lines[line + 1..]].concat()));
        all.push(with(&format!("{name}: ")));
        all.push(with(&format!(": {value}")));
        all.push(with(&format!("{name} : {value}")));
        all.push(with(&format!("{name}\r\n : {value}")));
        all.push(with(&format!("{name}: {value}x")));
        all.push(with(&format!("{name}: {value}\0")));
        all.push(with(&format!("{name}: {}", "y".repeat(9000))));
        all.push(with("Sec-WebSocket-Protocol: \u{fffd}"));
    }
    for line in [
        "GET / HTTP/1.0",
        "GET / HTTP/2.0",
        "GET / HTTP/9.9",
        "GET /",
        "POST / HTTP/1.1",
        "HEAD / HTTP/1.1",
        "/ GET HTTP/1.1",
        "",
        "GET  HTTP/1.1",
        "PRI * HTTP/2.0",
    ] {
        all.push(build(&[&[line], &lines[1..]].concat()));
    }
    // A byte changed to what is in no request, at each of its places; a good one cut anywhere.
    all.extend(
        (0..good.len())
            .step_by(2)
            .map(|at| [&good.as_bytes()[..at], b"\x01", &good.as_bytes()[at + 1..]].concat()),
    );
    all.extend((0..good.len() - 1).step_by(3).map(|at| good.as_bytes()[..at].to_vec()));
    let many = (0..200).map(|index| format!("x-{index}: y")).collect::<Vec<_>>();
    all.push(build(&[&lines[..], &many.iter().map(String::as_str).collect::<Vec<_>>()].concat()));
    all.extend([
        vec![0; 64],
        vec![0xff; 9000],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        b"SSH-2.0-x\r\n".to_vec(),
        b"\r\n\r\n".to_vec(),
    ]);
    all
}

#[tokio::test]
async fn requests_that_are_none_are_refused_or_cut_and_nobody_else_notices() {
    let relay = Running::start(limited(|limits| limits.quotas.connections = 1000));
    let all = malformed();
    assert!(all.len() >= 200, "{}", all.len());
    for request in &all {
        let mut stream = dial(relay.address, 3).await;
        let _ = stream.write_all(request).await;
        // Nothing more will be said.
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let _ = timeout(SOON, stream.read_to_end(&mut answer)).await.expect("an end");
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let refused = answer.is_empty()
            || answer.starts_with("HTTP/1.1 4")
            || answer.starts_with("HTTP/1.0 4");
        // Without any sign of a WebSocket it is a request for the page.
        let page = answer.starts_with("HTTP/1.1 200")
            && !String::from_utf8_lossy(request).contains("websocket");
        assert!(refused || page, "{:?} to {:?}", answer, String::from_utf8_lossy(request));
    }
    relay.serves().await;
    relay.empty().await;
}

#[tokio::test]
async fn who_does_not_finish_its_request_is_cut_in_time() {
    let relay = Running::start(limited(|limits| {
        limits.upgrade = Duration::from_millis(400);
        limits.quotas.connections = 1000;
    }));
    let (good, began, mut half) = (request("host", None), Instant::now(), Vec::new());
    for index in 0..if std::env::var_os("PINHOLE_FULL").is_some() { 5000 } else { 1000 } {
        let mut stream = dial(relay.address, (index % 200) as u8 + 1).await;
        stream.write_all(&good.as_bytes()[..index % (good.len() - 1)]).await.unwrap();
        half.push(stream);
    }
    // One that never stops, byte by byte, is no better.
    let mut slow = dial(relay.address, 250).await;
    let dribble = tokio::spawn(async move {
        for byte in good.bytes().cycle() {
            if slow.write_all(&[byte]).await.is_err() {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
    });
    relay.serves().await;
    for mut stream in half {
        assert_eq!(timeout(SOON, stream.read(&mut [0; 1])).await.unwrap().unwrap_or(0), 0);
    }
    timeout(SOON, dribble).await.unwrap().unwrap();
    assert!(began.elapsed() >= Duration::from_millis(400));
    relay.empty().await;
}

#[tokio::test]
async fn with_a_certificate_it_speaks_tls_and_a_half_hello_is_cut() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let files = TlsFiles {
        certificates: folder.path().join("chain.pem"),
        key: folder.path().join("key.pem"),
    };
    std::fs::write(&files.certificates, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    let settings = Settings {
        tls: Some(files.clone()),
        ..limited(|limits| limits.upgrade = Duration::from_secs(2))
    };
    let relay = Running::start(settings.clone());
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap();
    let connector =
        TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()));
    let ask = async |last, verb: &str| {
        let stream = connector
            .connect("localhost".try_into().unwrap(), dial(relay.address, last).await)
            .await
            .unwrap();
        Client::upgrade(stream, verb, None).await.unwrap()
    };
    let link = "00112233445566778899aabbccddeeff";
    let (mut one, mut two) =
        (ask(1, &format!("link-host-{link}")).await, ask(2, &format!("link-joiner-{link}")).await);
    assert_eq!(
        [one.text().await["type"].take(), one.text().await["type"].take()],
        ["waiting", "paired"]
    );
    assert_eq!(
        [two.text().await["type"].take(), two.text().await["type"].take()],
        ["waiting", "paired"]
    );
    for length in [0, 5000, 66_048] {
        let payload = vec![7; length];
        one.send(super::BINARY, &payload).await;
        assert_eq!(two.binary().await, payload);
        two.send(super::BINARY, &payload).await;
        assert_eq!(one.binary().await, payload);
    }
    let mut half = dial(relay.address, 3).await;
    half.write_all(b"\x16\x03\x01\x02\x00\x01").await.unwrap();
    assert_eq!(timeout(SOON, half.read(&mut [0; 1])).await.unwrap().unwrap_or(0), 0);
    assert!(!answer(&relay, request("host", None).as_bytes()).await.contains("101"));
    // Files that cannot be used are an error at once.
    let broken = |certificates, key| Settings {
        tls: Some(TlsFiles { certificates, key }),
        ..settings.clone()
    };
    for broken in [
        broken(folder.path().join("absent"), files.key.clone()),
        broken(files.key.clone(), files.key.clone()),
        broken(files.certificates.clone(), files.certificates.clone()),
    ] {
        assert!(super::Server::bind(broken).is_err());
    }
}
