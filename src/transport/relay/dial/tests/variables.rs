//! Proxies that the environment names.

use super::*;

/// The proxy for a relay, as `HOST:PORT VARIABLE`.
fn proxy(url: &str, variables: &[(&str, &str)]) -> Option<String> {
    let lookup = |name: &str| {
        variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    };
    let proxy = Proxy::of(&RelayUrl::parse(url).unwrap(), lookup)
        .unwrap_or_else(|failure| panic!("{failure:?}"))?;
    Some(proxy.named().replace("the proxy ", "").replace(" (from ", " ").replace(')', ""))
}

#[test]
fn the_variable_for_the_kind_of_relay_decides() {
    let all = [
        ("all_proxy", "socks5h://a:1"),
        ("https_proxy", "http://b:2"),
        ("http_proxy", "c:3"),
        ("HTTPS_PROXY", "http://d:4"),
    ];
    assert_eq!(proxy("wss://relay.example", &all).as_deref(), Some("b:2 https_proxy"));
    assert_eq!(proxy("ws://relay.example", &all).as_deref(), Some("c:3 http_proxy"));
    assert_eq!(proxy("ws://relay.example", &all[..2]).as_deref(), Some("a:1 all_proxy"));
    assert_eq!(proxy("wss://relay.example", &all[3..]).as_deref(), Some("d:4 HTTPS_PROXY"));
    assert_eq!(proxy("ws://relay.example", &all[3..]), None);
    assert_eq!(
        proxy("wss://relay.example", &[("https_proxy", ""), ("ALL_PROXY", " http://[::1]:8 ")])
            .as_deref(),
        Some("[::1]:8 ALL_PROXY")
    );
    assert_eq!(proxy("wss://relay.example", &[]), None);
    for (set, port) in
        [("http://p", 1080), ("https://p", 443), ("socks5://p", 1080), ("socks5h://u:w@p", 1080)]
    {
        assert_eq!(
            proxy("wss://127.0.0.1", &[("https_proxy", set)]),
            Some(format!("p:{port} https_proxy"))
        );
    }
}

#[test]
fn exceptions_are_reached_without_a_proxy() {
    let around = |url: &str, exceptions| {
        proxy(url, &[("ALL_PROXY", "http://p:1"), ("NO_PROXY", exceptions)]).is_none()
    };
    for (url, exceptions) in [
        ("wss://relay.example:8443/p", "other, relay.example"),
        ("wss://a.relay.example", ".example"),
        ("wss://RELAY.example", "example"),
        ("wss://relay.example", "*"),
        ("wss://10.1.2.3", "10.0.0.0/8"),
        ("ws://127.0.0.1:1", "127.0.0.1"),
        ("ws://[::1]:1", "::1"),
        ("ws://[fe80::1%eth0]:1", "fe80::/10"),
        ("ws://localhost", "localhost"),
        // Blanks separate too, however many, and commas with nothing between them.
        ("wss://relay.example", "other relay.example"),
        ("wss://relay.example", ",, other ,\trelay.example,"),
        ("ws://10.1.2.3", "a 10.1.2.3"),
        // A dot in front or behind, of either, says nothing.
        ("wss://relay.example", ".relay.example"),
        ("wss://relay.example", "relay.example."),
        ("wss://relay.example.", "RELAY.EXAMPLE"),
        ("wss://a.b.relay.example", "Relay.example."),
        ("wss://relay.example", "other,*"),
        ("ws://127.0.0.1:1", " * "),
        // Addresses and networks, with brackets or without.
        ("ws://[::1]:1", "[::1]"),
        ("ws://[0:0::1]:1", "other, 0::0:1"),
        ("wss://[2001:db8::7]", "2001:db8::/32"),
        ("wss://[2001:db8::7]", "[2001:db8::]/32"),
        ("wss://[2001:db8::7]", "::/0"),
        ("wss://10.1.2.3", "0.0.0.0/0"),
        ("wss://10.1.2.3", "10.1.2.3/32"),
        ("ws://[fe80::1%eth0]:1", "[fe80::1]"),
    ] {
        assert!(around(url, exceptions), "{url} {exceptions}");
    }
    for (url, exceptions) in [
        ("wss://relay.example", ""),
        ("wss://relay.example", "lay.example"),
        ("wss://11.1.2.3", "10.0.0.0/8"),
        ("ws://127.0.0.1:1", "localhost"),
        ("wss://relay.example", " , "),
        ("wss://relay.example", "."),
        ("wss://relay.example", "*.example"),
        ("wss://relay.example", "*lay.example"),
        ("wss://relay.example", "relay.example;other"),
        ("wss://relay.example", "a.relay.example"),
        ("wss://relay.example", "..example"),
        // Curl takes no port there.
        ("wss://relay.example:8443", "relay.example:8443"),
        ("ws://127.0.0.1:1", "127.0.0.1:1"),
        ("ws://[::1]:1", "[::1]:1"),
        ("wss://10.1.2.3", "10.1.2.0/33"),
        ("wss://10.1.2.3", "10.1"),
        ("wss://10.1.2.3", "2.3"),
        ("wss://[::ffff:10.1.2.3]", "10.1.2.3"),
        ("wss://[2001:db8::7]", "0.0.0.0/0"),
    ] {
        assert!(!around(url, exceptions), "{url} {exceptions}");
    }
    // The small letters win, unless there is nothing in them.
    let with = |small, capital| {
        proxy("wss://a", &[("all_proxy", "http://p:1"), ("no_proxy", small), ("NO_PROXY", capital)])
    };
    assert_eq!(with("a", "b"), None);
    assert!(with("b", "a").is_some());
    assert_eq!(with("", "a"), None);
}

#[tokio::test]
async fn what_is_no_proxy_is_not_gone_around() {
    let (relay, trust) = (plain_relay().await, Trust::default());
    for set in [
        "socks4://me:hunter2@p",
        "ftp://p",
        "http://",
        "me:hunter2@",
        "http://me:hunter2@p:x",
        "\u{7}",
        "http://p p",
    ] {
        let dialled =
            dial(&format!("ws://127.0.0.1:{relay}"), &trust, &[("HTTP_PROXY", set)]).await;
        assert_fails(
            dialled,
            "usage",
            &["HTTP_PROXY is set to something that is not the address of a proxy"],
        );
    }
}
