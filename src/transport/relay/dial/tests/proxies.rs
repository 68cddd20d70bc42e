//! Proxies that a test plays, and what they may answer.

use super::*;
use std::sync::Mutex;

/// A proxy that says `answers`, one after each read, and then carries to the relay at `relay` if
/// there is one. What it heard is kept.
async fn proxy(answers: &[&[u8]], relay: Option<u16>) -> (u16, Arc<Mutex<Vec<u8>>>) {
    let answers: Arc<Vec<Vec<u8>>> =
        Arc::new(answers.iter().map(|answer| answer.to_vec()).collect());
    let heard = Arc::new(Mutex::new(Vec::new()));
    let kept = heard.clone();
    let port = serve(move |mut socket| {
        let (kept, answers) = (kept.clone(), answers.clone());
        async move {
            for answer in answers.iter() {
                let mut some = [0; 1024];
                let read = socket.read(&mut some).await.unwrap();
                kept.lock().unwrap().extend_from_slice(&some[..read]);
                socket.write_all(answer).await.unwrap();
            }
            if let Some(relay) = relay {
                let mut there = TcpStream::connect(("127.0.0.1", relay)).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut socket, &mut there).await;
            }
        }
    })
    .await;
    (port, heard)
}

/// Dials a relay that has no TLS through a proxy of this address.
async fn through(scheme: &str, port: u16, url: &str) -> Result<Stream, Failure> {
    dial(url, &Trust::default(), &[("http_proxy", &format!("{scheme}127.0.0.1:{port}"))]).await
}

#[tokio::test]
async fn a_tunnel_is_asked_for_by_name_and_with_credentials() {
    let relay = plain_relay().await;
    let (port, heard) = proxy(&[b"HTTP/1.1 200 OK\r\nVia: x\r\n\r\n"], Some(relay)).await;
    assert_echoes(through("http://me%40home:hunter2@", port, "ws://localhost:4001/p").await).await;
    let asked = String::from_utf8(heard.lock().unwrap().clone()).unwrap();
    // Base64 of "me@home:hunter2".
    assert_eq!(
        asked,
        "CONNECT localhost:4001 HTTP/1.1\r\nHost: localhost:4001\r\nProxy-Authorization: Basic \
        bWVAaG9tZTpodW50ZXIy\r\n\r\n"
    );
    let (port, heard) = proxy(&[b"HTTP/1.0 200\r\n\r\n"], Some(relay)).await;
    assert_echoes(through("", port, "ws://[::1]").await).await;
    assert_eq!(
        heard.lock().unwrap().as_slice(),
        b"CONNECT [::1]:80 HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"
    );
}

#[tokio::test]
async fn nothing_of_what_follows_the_answer_is_lost() {
    let (port, _) = proxy(&[b"HTTP/1.1 200 OK\r\n\r\nhello"], None).await;
    let mut stream = through("", port, "ws://localhost").await.unwrap();
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard, b"hello");
}

#[tokio::test]
async fn a_proxy_itself_may_speak_tls() {
    let authority = Authority::new("A");
    let relay = tls_relay(authority.server("localhost", NOW)).await;
    let tls = authority.server("127.0.0.1", NOW);
    let port = serve(move |socket| {
        let accepted = tls.accept(socket);
        async move {
            let Ok(mut stream) = accepted.await else { return };
            let mut head = [0; 1024];
            let read = stream.read(&mut head).await.unwrap();
            assert!(head[..read].starts_with(b"CONNECT localhost:"));
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            let mut there = TcpStream::connect(("127.0.0.1", relay)).await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut stream, &mut there).await;
        }
    })
    .await;
    let (url, set) = (format!("wss://localhost:{relay}"), format!("https://127.0.0.1:{port}"));
    assert_echoes(dial(&url, &authority.trusted(), &[("https_proxy", &set)]).await).await;
    let dialled = dial(&url, &Authority::new("A").trusted(), &[("https_proxy", &set)]).await;
    assert_fails(
        dialled,
        "proxy-unreachable",
        &[&format!("the proxy 127.0.0.1:{port} (from https_proxy) has a certificate")],
    );
}

#[tokio::test]
async fn what_an_http_proxy_answers_is_said() {
    for (answer, word, says) in [
        (
            b"HTTP/1.1 407 \x1b[2J\r\n\r\n".as_slice(),
            "proxy-refused",
            "wants a user name and a password",
        ),
        (
            b"HTTP/1.1 403 No\r\n\r\n",
            "proxy-refused",
            "does not let localhost:4001 through (HTTP status 403)",
        ),
        (
            b"HTTP/1.1 502 No\r\n\r\n",
            "proxy-refused",
            "cannot reach localhost:4001 (HTTP status 502)",
        ),
        (
            b"HTTP/1.1 401 \r\nWWW-Authenticate: Basic realm=\"x\"\r\n\r\n",
            "proxy-refused",
            "wants a user name and a password",
        ),
        (
            b"HTTP/1.1 407 \r\nProxy-Authenticate: Negotiate, basic realm=\"x\"\r\n\r\n",
            "proxy-refused",
            "wants a user name and a password",
        ),
        (
            b"HTTP/1.1 407 \r\nProxy-Authenticate: NTLM\r\n\r\n",
            "proxy-refused",
            "wants a login by NTLM",
        ),
        (
            b"HTTP/1.1 407 \r\nProxy-Authenticate: \x1b[2J\r\n\r\n",
            "proxy-refused",
            "wants a user name and a password",
        ),
        (
            b"HTTP/1.1 302 Go\r\nLocation: http://login.example/portal?hunter2\r\n\r\n",
            "proxy-refused",
            "redirects to http://login.example/portal instead of connecting to localhost:4001",
        ),
        (
            b"HTTP/1.1 307 Go\r\nLocation: /login\r\n\r\n",
            "proxy-refused",
            "redirects to a page of its own",
        ),
        (b"HTTP/1.1 302 Go\r\n\r\n", "proxy-refused", "redirects to an address that no relay has"),
        (
            b"HTTP/1.1 405 No\r\n\r\n",
            "proxy-refused",
            "makes no connections (HTTP status 405 to CONNECT)",
        ),
        (
            b"HTTP/1.1 501 No\r\n\r\n",
            "proxy-refused",
            "makes no connections (HTTP status 501 to CONNECT)",
        ),
        (b"HTTP/1.1 505 No\r\n\r\n", "proxy-unreachable", "speaks only HTTP/2"),
        (b"\0\0\x12\x04\0\0\0\0\0\0\x03", "proxy-unreachable", "speaks only HTTP/2"),
        (b"HTTP/1.1 x\r\n\r\n", "proxy-unreachable", "does not answer like the kind of proxy"),
        (b"HTTP/2", "proxy-unreachable", "does not answer like the kind of proxy"),
        (b"HTTP/1.1 200", "proxy-unreachable", "does not answer like the kind of proxy"),
        (b"SSH-2.0-x\r\n\r\n", "proxy-unreachable", "does not answer like the kind of proxy"),
        (b"", "proxy-unreachable", "hangs up"),
    ] {
        let (port, _) = proxy(&[answer], None).await;
        assert_fails(
            through("", port, "ws://localhost:4001").await,
            word,
            &[says, &format!("127.0.0.1:{port} (from http_proxy)")],
        );
    }
    // A head without an end is not read to it, although the connection stays.
    let long = [b"HTTP/1.1 200 OK\r\nX: ".as_slice(), &[b'x'; 9000]].concat();
    let (port, _) = proxy(&[&long], Some(plain_relay().await)).await;
    assert_fails(
        through("", port, "ws://localhost:4001").await,
        "proxy-unreachable",
        &["does not answer like the kind of proxy"],
    );
    let (port, _) = proxy(&[b"HTTP/1.1 407 \r\n\r\n"], None).await;
    let dialled = through("http://me:hunter2@", port, "ws://localhost:4001").await;
    assert_fails(
        dialled,
        "proxy-refused",
        &["does not accept the user name and password", "http_proxy"],
    );
}

#[tokio::test]
async fn a_socks_proxy_is_given_names_or_addresses() {
    let relay = plain_relay().await;
    const YES: &[u8] = &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    let (port, heard) = proxy(&[&[5, 0], YES], Some(relay)).await;
    assert_echoes(through("socks5h://", port, "ws://localhost:4001").await).await;
    assert_eq!(
        heard.lock().unwrap().as_slice(),
        [&[5, 1, 0, 5, 1, 0, 3, 9][..], b"localhost", &4001_u16.to_be_bytes()].concat()
    );

    let (port, heard) = proxy(&[&[5, 2], &[1, 0], &[5, 0, 0, 3, 1, b'x', 0, 0]], Some(relay)).await;
    assert_echoes(through("socks5://me:hunter2@", port, "ws://127.0.0.1:4001").await).await;
    let asked = [
        &[5, 2, 0, 2, 1, 2][..],
        b"me",
        &[7],
        b"hunter2",
        &[5, 1, 0, 1, 127, 0, 0, 1],
        &4001_u16.to_be_bytes(),
    ]
    .concat();
    assert_eq!(heard.lock().unwrap().as_slice(), asked);

    let (port, heard) =
        proxy(&[&[5, 0], &[[5, 0, 0, 4].as_slice(), &[0; 18]].concat()], Some(relay)).await;
    assert_echoes(through("socks5h://", port, "ws://[::1]:4001").await).await;
    assert_eq!(
        heard.lock().unwrap()[3..],
        [&[5, 1, 0, 4][..], &std::net::Ipv6Addr::LOCALHOST.octets(), &4001_u16.to_be_bytes()]
            .concat()
    );

    // A name that it is not given is looked up here.
    let (port, heard) = proxy(&[&[5, 0], YES], Some(relay)).await;
    assert_echoes(through("socks5://", port, "ws://localhost:4001").await).await;
    assert!(matches!(heard.lock().unwrap()[3..], [5, 1, 0, 1 | 4, ..]));
}

#[tokio::test]
async fn what_a_socks_proxy_answers_is_said() {
    const NO: &str = "does not answer like the kind of proxy";
    for (answers, word, says) in [
        (&[&[5, 255][..]][..], "proxy-refused", "wants a user name and a password"),
        (&[&[5, 2]], "proxy-unreachable", NO),
        (&[&[5, 1]], "proxy-unreachable", NO),
        (&[&[4, 0]], "proxy-unreachable", NO),
        (&[b"HTTP/1.1 400 Bad\r\n\r\n"], "proxy-unreachable", NO),
        (&[&[5]], "proxy-unreachable", "hangs up"),
        (
            &[&[5, 0], &[5, 1, 0, 1]],
            "proxy-refused",
            "cannot reach localhost:4001 (general failure)",
        ),
        (
            &[&[5, 0], &[5, 2, 0, 1]],
            "proxy-refused",
            "does not let localhost:4001 through (its rules)",
        ),
        (
            &[&[5, 0], &[5, 5, 0, 1]],
            "proxy-refused",
            "cannot reach localhost:4001 (connection refused)",
        ),
        (&[&[5, 0], &[5, 9, 0, 1]], "proxy-unreachable", NO),
        (&[&[5, 0], &[5, 0, 0, 2]], "proxy-unreachable", NO),
        (&[&[5, 0], &[5, 0, 0, 1, 0]], "proxy-unreachable", "hangs up"),
    ] {
        let (port, _) = proxy(answers, None).await;
        assert_fails(
            through("socks5h://", port, "ws://localhost:4001").await,
            word,
            &[says, &format!("127.0.0.1:{port} (from http_proxy)")],
        );
    }
    for answers in [&[&[5, 255][..]][..], &[&[5, 2], &[1, 1]], &[&[5, 2], &[0, 0]]] {
        let (port, _) = proxy(answers, None).await;
        let dialled = through("socks5h://me:hunter2@", port, "ws://localhost:4001").await;
        assert_fails(dialled, "proxy-refused", &["does not accept the user name and password"]);
    }
    let (port, _) = proxy(&[&[5, 2]], None).await;
    let dialled =
        through(&format!("socks5h://{}:hunter2@", "u".repeat(256)), port, "ws://localhost:4001")
            .await;
    assert_fails(dialled, "proxy-refused", &["does not accept"]);
}

#[tokio::test]
async fn a_proxy_that_is_down_is_named_without_its_password() {
    let port = free_port();
    for scheme in ["http://me:hunter2@", "socks5://me:hunter2@", "socks5h://hunter2@"] {
        let says = format!("the proxy 127.0.0.1:{port} (from http_proxy) cannot be reached");
        assert_fails(
            through(scheme, port, "ws://localhost:1").await,
            "proxy-unreachable",
            &[&says, "NO_PROXY"],
        );
    }
}
