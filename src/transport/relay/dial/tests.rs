//! Dialling relays that a test plays, on ports of its own on loopback.

mod proxies;
mod relays;
mod variables;

use super::proxy::Proxy;
use super::{Stream, Trust, dial_through};
use crate::failure::Failure;
use crate::settings::{Network, Origin, RelayChoice, Setting};
use pinhole_protocol::code::RelayUrl;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use std::future::Future;
use std::ops::Range;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// An authority of the test's own.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    dir: tempfile::TempDir,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, dir }
    }

    /// The trust of somebody who named its certificate.
    fn trusted(&self) -> Trust {
        Trust::of(&Setting {
            value: Some(self.dir.path().join("ca.pem")),
            from: Origin::Flag("--ca-file"),
        })
        .unwrap()
    }

    /// A server's TLS with a certificate for `name`, valid from the first day of one year to that
    /// of another.
    fn server(&self, name: &str, years: Range<i32>) -> TlsAcceptor {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(years.start, 1, 1);
        params.not_after = date_time_ymd(years.end, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        acceptor(vec![certificate.der().clone()], &key)
    }
}

/// TLS with this certificate, for these protocols (ALPN).
fn acceptor_for(
    protocols: &[&[u8]],
    chain: Vec<CertificateDer<'static>>,
    key: &KeyPair,
) -> TlsAcceptor {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap();
    let mut config = config.with_no_client_auth().with_single_cert(chain, key).unwrap();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}

fn acceptor(chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> TlsAcceptor {
    acceptor_for(&[b"h2", b"http/1.1"], chain, key)
}

/// Years in which this is run.
const NOW: Range<i32> = 2000..2120;

/// Serves each connection in a task of its own; returns the port.
async fn serve<F: Future<Output = ()> + Send + 'static>(
    each: impl Fn(TcpStream) -> F + Send + 'static,
) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(each(socket));
        }
    });
    port
}

/// A relay with TLS, as far as dialling goes: it says back what it hears.
async fn tls_relay(tls: TlsAcceptor) -> u16 {
    serve(move |socket| {
        let accepted = tls.accept(socket);
        async move {
            if let Ok(mut stream) = accepted.await {
                assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
                let mut heard = [0; 5];
                stream.read_exact(&mut heard).await.unwrap();
                stream.write_all(&heard).await.unwrap();
                stream.flush().await.unwrap();
            }
        }
    })
    .await
}

/// The same without TLS.
async fn plain_relay() -> u16 {
    serve(|mut socket| async move {
        let mut heard = [0; 5];
        if socket.read_exact(&mut heard).await.is_ok() {
            socket.write_all(&heard).await.unwrap();
        }
    })
    .await
}

/// Dials as if the environment had these variables.
async fn dial(url: &str, trust: &Trust, variables: &[(&str, &str)]) -> Result<Stream, Failure> {
    dial_on(Network::Loopback, url, trust, variables).await
}

async fn dial_on(
    network: Network,
    url: &str,
    trust: &Trust,
    variables: &[(&str, &str)],
) -> Result<Stream, Failure> {
    let choice =
        RelayChoice::new(RelayUrl::parse(url).unwrap(), Origin::Environment("PINHOLE_RELAY"), true)
            .unwrap();
    let lookup = |name: &str| {
        variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    };
    dial_through(Proxy::of(&choice.url, lookup)?, &choice, trust, network).await
}

async fn assert_echoes(dialled: Result<Stream, Failure>) {
    let mut stream = dialled.unwrap_or_else(|failure| panic!("{failure:?}"));
    stream.write_all(b"hello").await.unwrap();
    stream.flush().await.unwrap();
    let mut heard = [0; 5];
    stream.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"hello");
}

/// A failure of this word, whose sentence has all of `says`; it and its next step never have a
/// password of the tests in them.
#[track_caller]
fn assert_fails(dialled: Result<Stream, Failure>, word: &str, says: &[&str]) {
    let Err(failure) = dialled else { panic!("a connection where {word} is due") };
    assert_eq!(
        (failure.kind.as_str(), failure.exit().code()),
        (word, if word == "usage" { 2 } else { 5 }),
        "{failure:?}"
    );
    let all = format!("{} → {}", failure.detail, failure.next.as_deref().unwrap());
    for part in says {
        assert!(all.contains(part), "no {part:?} in: {all}");
    }
    assert!(
        !all.contains("hunter2") && !all.contains("aHVudGVyMg") && !all.ends_with('.'),
        "{all}"
    );
}

/// A port that nothing listens on, unless by a rare accident.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
