//! Relays, and what else may be at a relay's address.

use super::*;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::time::Instant;

#[tokio::test]
async fn a_relay_is_reached_with_and_without_tls() {
    let authority = Authority::new("A");
    let (plain, tls) = (plain_relay().await, tls_relay(authority.server("localhost", NOW)).await);
    assert_echoes(dial(&format!("ws://127.0.0.1:{plain}"), &Trust::default(), &[]).await).await;
    // An address of this name that nobody listens on is no hindrance.
    let trust = authority.trusted();
    for _ in 0..2 {
        assert_echoes(dial(&format!("wss://localhost:{tls}/p"), &trust, &[]).await).await;
    }
    let by_address = tls_relay(authority.server("127.0.0.1", NOW)).await;
    assert_echoes(dial(&format!("wss://127.0.0.1:{by_address}"), &trust, &[]).await).await;
}

#[tokio::test]
async fn a_certificate_is_not_believed_without_reason() {
    let authority = Authority::new("A");
    let trust = authority.trusted();
    for (tls, trust, says) in [
        (
            authority.server("localhost", NOW),
            &Authority::new("B").trusted(),
            &["does not know", "--ca-file"][..],
        ),
        (
            authority.server("localhost", NOW),
            &Authority::new("A").trusted(),
            &["does not know", "--ca-file"],
        ),
        (authority.server("relay.example", NOW), &trust, &["for another name"]),
        (authority.server("localhost", 2000..2020), &trust, &["has expired", "clock"]),
        (authority.server("localhost", 2118..2120), &trust, &["not valid yet", "clock"]),
    ] {
        let port = tls_relay(tls).await;
        let dialled = dial(&format!("wss://localhost:{port}"), trust, &[]).await;
        let named = format!("the relay wss://localhost:{port}/ (from PINHOLE_RELAY)");
        assert_fails(dialled, "relay-certificate", &[&[named.as_str()], says].concat());
    }
}

#[tokio::test]
async fn a_certificate_that_signs_itself_can_be_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("own.pem");
    let trust =
        || Trust::of(&Setting { value: Some(path.clone()), from: Origin::Default }).unwrap();
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(&path, format!("The relay of the office\n{}", cert.pem())).unwrap();
    let port = tls_relay(acceptor(vec![cert.der().clone()], &signing_key)).await;
    assert_echoes(dial(&format!("wss://localhost:{port}"), &trust(), &[]).await).await;

    // A certificate as `openssl req -x509` makes it unless it is told otherwise.
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let cert = params.self_signed(&signing_key).unwrap();
    std::fs::write(&path, cert.pem()).unwrap();
    let port = tls_relay(acceptor(vec![cert.der().clone()], &signing_key)).await;
    let dialled = dial(&format!("wss://localhost:{port}"), &trust(), &[]).await;
    assert_fails(dialled, "relay-certificate", &["an authority", "CA:FALSE"]);
}

#[test]
fn a_ca_file_has_certificates_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ca.pem");
    let refused = || {
        let setting = Setting { value: Some(path.clone()), from: Origin::Flag("--ca-file") };
        let failure = Trust::of(&setting).err().unwrap();
        assert_eq!((failure.kind.as_str(), failure.exit().code()), ("usage", 2));
        assert!(failure.detail.contains("(from --ca-file)") && failure.next.is_some());
        failure.detail
    };
    assert!(refused().contains("cannot be read"));
    std::fs::write(&path, "text").unwrap();
    assert!(refused().contains("has no certificate in it"));
    std::fs::write(&path, "-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n").unwrap();
    assert!(refused().contains("something broken"));
    // It is one in form alone.
    std::fs::write(&path, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        .unwrap();
    assert!(refused().contains("broken certificate"));
}

#[tokio::test]
async fn what_speaks_no_tls_is_said_to_speak_none() {
    let authority = Authority::new("A");
    let trust = authority.trusted();
    let http = serve(|mut socket| async move {
        let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n").await;
        let _ = socket.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let dialled = dial(&format!("wss://localhost:{http}"), &trust, &[]).await;
    assert_fails(
        dialled,
        "relay-unreachable",
        &["(from PINHOLE_RELAY) does not speak TLS", "ws:// instead of wss://"],
    );
    let closes = serve(|socket| async move { drop(socket) }).await;
    assert_fails(
        dial(&format!("wss://localhost:{closes}"), &trust, &[]).await,
        "relay-unreachable",
        &["hangs up when it is asked for TLS"],
    );
}

#[tokio::test]
async fn a_relay_that_speaks_http_2_alone_is_said_to() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("own.pem");
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(&path, cert.pem()).unwrap();
    let trust = Trust::of(&Setting { value: Some(path), from: Origin::Default }).unwrap();
    let port = tls_relay(acceptor_for(&[b"h2"], vec![cert.der().clone()], &signing_key)).await;
    let dialled = dial(&format!("wss://localhost:{port}"), &trust, &[]).await;
    assert_fails(
        dialled,
        "relay-unreachable",
        &["does not speak HTTP/1.1, but probably only HTTP/2", "allow HTTP/1.1 as well"],
    );
}

/// Takes a connection, says nothing, and lets the time fly from then on.
async fn silent() -> u16 {
    serve(|socket| async move {
        tokio::time::pause();
        std::future::pending::<()>().await;
        drop(socket);
    })
    .await
}

#[tokio::test]
async fn a_relay_that_says_nothing_is_not_waited_for_without_end() {
    let url = format!("wss://127.0.0.1:{}", silent().await);
    let (trust, since) = (Authority::new("A").trusted(), Instant::now());
    assert_fails(
        dial(&url, &trust, &[]).await,
        "relay-unreachable",
        &[&url, "sent nothing for 10 s"],
    );
    assert!((10..60).contains(&since.elapsed().as_secs()), "{:?}", since.elapsed());
}

#[tokio::test]
async fn a_proxy_that_says_nothing_is_not_waited_for_without_end() {
    let set = format!("http://127.0.0.1:{}", silent().await);
    let since = Instant::now();
    let dialled = dial("wss://127.0.0.1:1", &Trust::default(), &[("https_proxy", &set)]).await;
    assert_fails(dialled, "proxy-unreachable", &["sent nothing for 10 s", "(from https_proxy)"]);
    assert!((10..60).contains(&since.elapsed().as_secs()), "{:?}", since.elapsed());
}

#[tokio::test]
async fn where_nobody_listens_is_said_with_who_named_it() {
    let port = free_port();
    for url in [format!("ws://127.0.0.1:{port}"), format!("wss://localhost:{port}")] {
        let dialled = dial(&url, &Trust::default(), &[]).await;
        assert_fails(
            dialled,
            "relay-unreachable",
            &[&format!("the relay {url}/ (from PINHOLE_RELAY) cannot be reached: nothing listens")],
        );
    }
}

#[tokio::test]
async fn nothing_but_loopback_is_dialled_where_that_is_forbidden() {
    let authority = Authority::new("A");
    let trust = authority.trusted();
    assert_fails(
        dial("ws://192.0.2.1:80", &trust, &[]).await,
        "network-forbidden",
        &["ws://192.0.2.1:80/"],
    );
    assert_fails(
        dial("wss://[2001:db8::1]", &trust, &[]).await,
        "network-forbidden",
        &["wss://[2001:db8::1]/"],
    );
    // Neither through a proxy, nor to one.
    let port = serve(|mut socket| async move {
        let _ = socket.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        let _ = socket.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let here = format!("http://127.0.0.1:{port}");
    for url in ["wss://192.0.2.1", "wss://relay.example"] {
        assert_fails(
            dial(url, &trust, &[("https_proxy", &here)]).await,
            "network-forbidden",
            &[url],
        );
    }
    let dialled =
        dial("wss://localhost:1", &trust, &[("https_proxy", "http://192.0.2.1:3128")]).await;
    assert_fails(dialled, "network-forbidden", &["the proxy 192.0.2.1:3128 (from https_proxy)"]);
}
