//! TLS to a relay: whom it is believed to be, and what is said when it cannot be believed.

use super::{Place, STEP, Stream};
use crate::failure::{Advice, Failure, Kind};
use crate::settings::Setting;
use rustls_platform_verifier::Verifier;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{
    AlertDescription, CertificateError, ClientConfig, Error, OtherError, PeerMisbehaved,
    RootCertStore,
};

/// The certificates that a relay may have: those that the platform trusts, and those of
/// `--ca-file`.
#[derive(Clone, Default)]
pub struct Trust(Arc<Roots>);

#[derive(Default)]
struct Roots {
    extra: Vec<CertificateDer<'static>>,
    /// Made when it is first wanted, because that reads every certificate of the platform; kept, so
    /// that sessions are resumed.
    config: OnceLock<Result<Arc<ClientConfig>, Error>>,
}

impl Trust {
    /// The platform's certificates, and those in the PEM file that is set.
    ///
    /// # Errors
    /// Usage, if the file cannot be read or holds no certificate.
    pub fn of(ca_file: &Setting<Option<PathBuf>>) -> Result<Self, Failure> {
        let Some(path) = &ca_file.value else { return Ok(Self::default()) };
        let wrong = |why: String| {
            Failure::new(
                Kind::Usage,
                format!("{}, the ca-file ({}), {why}", path.display(), ca_file.from),
            )
            .next("name a PEM file: text with -----BEGIN CERTIFICATE----- in it")
        };
        let text =
            std::fs::read(path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
        let extra = read.map_err(|_| wrong("has something broken in it".into()))?;
        if extra.iter().any(|certificate| RootCertStore::empty().add(certificate.clone()).is_err())
        {
            return Err(wrong("has a broken certificate in it".into()));
        }
        if extra.is_empty() {
            return Err(wrong("has no certificate in it".into()));
        }
        Ok(Self(Arc::new(Roots { extra, config: OnceLock::new() })))
    }

    fn config(&self) -> Result<Arc<ClientConfig>, Error> {
        self.0.config.get_or_init(|| configure(self.0.extra.clone()).map(Arc::new)).clone()
    }
}

fn configure(extra: Vec<CertificateDer<'static>>) -> Result<ClientConfig, Error> {
    let provider = Arc::new(default_provider());
    let verifier = Verifier::new_with_extra_roots(extra, provider.clone())?;
    // TLS 1.2 too: what stands between a company and the world often speaks nothing newer.
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    // Named dangerous because it replaces how certificates are verified: here by the way of the
    // platform.
    let mut config = config
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    // WebSocket begins with an upgrade, which only HTTP/1.1 has in this form (RFC 6455).
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// The name of a host as certificates have it, if one can be for it.
#[must_use]
pub fn certifiable(host: &str) -> Option<ServerName<'static>> {
    // A zone is this machine's own affair; no certificate has one.
    let host = host.split_once('%').map_or(host, |(address, _)| address).to_owned();
    ServerName::try_from(host).ok()
}

/// TLS over `stream`, with `host`, which is `place`.
pub(super) async fn start(
    stream: Stream,
    host: &str,
    trust: &Trust,
    place: &Place<'_>,
) -> Result<Stream, Failure> {
    let config = trust.config().map_err(|error| unprepared(&error))?;
    let name = certifiable(host)
        .ok_or_else(|| place.unreachable("has a name that no certificate can be for"))?;
    match timeout(STEP, TlsConnector::from(config).connect(name, stream)).await {
        Ok(Ok(stream)) => Ok(Box::new(stream)),
        Ok(Err(error)) => Err(explain(&error, place)),
        Err(_) => Err(speaks_no_tls(
            place,
            &format!(
                "accepted the connection but sent nothing for {} s when asked for TLS",
                STEP.as_secs()
            ),
        )),
    }
}

fn unprepared(error: &Error) -> Failure {
    let detail = match error {
        Error::General(_) => "this machine has no list of trusted certificates".to_owned(),
        error => format!("TLS cannot begin: {error}"),
    };
    Failure::new(Kind::RelayCertificate, detail).ask_user(
        "install it (Debian: apt install ca-certificates), or name the relay's certificate with \
         --ca-file FILE",
    )
}

fn explain(error: &io::Error, place: &Place<'_>) -> Failure {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(Error::InvalidCertificate(why)) => distrusted(why, place),
        Some(Error::InvalidMessage(_)) => speaks_no_tls(place, "does not speak TLS"),
        Some(
            Error::AlertReceived(AlertDescription::NoApplicationProtocol)
            | Error::PeerMisbehaved(PeerMisbehaved::SelectedUnofferedApplicationProtocol),
        ) => http2(place),
        Some(Error::AlertReceived(alert)) => {
            speaks_no_tls(place, &format!("refuses TLS with this program ({alert:?})"))
        }
        Some(Error::PeerIncompatible(_)) => place
            .unreachable("speaks no TLS version that this program speaks: it must be 1.2 or 1.3"),
        Some(error) => place.unreachable(&format!("and this program cannot agree on TLS: {error}")),
        None if matches!(
            error.kind(),
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset
        ) =>
        {
            speaks_no_tls(place, "hangs up when it is asked for TLS")
        }
        None => place.unreachable(&format!("was lost during TLS: {error}")),
    }
}

/// It takes TLS, and no HTTP/1.1 in it.
fn http2(place: &Place<'_>) -> Failure {
    let failure = place.unreachable("does not speak HTTP/1.1, but probably only HTTP/2");
    match place {
        Place::Relay(_) => failure.ask_user(
            "ask the operator, of the relay or of a proxy in front of it, to allow HTTP/1.1 as \
             well: WebSockets need it",
        ),
        Place::Proxy(_) => failure,
    }
}

fn speaks_no_tls(place: &Place<'_>, what: &str) -> Failure {
    let failure = place.unreachable(what);
    match place {
        Place::Relay(_) => failure.next(
            "check the host and port of its address; on this machine a relay may do without TLS: \
             ws:// instead of wss://",
        ),
        Place::Proxy(_) => failure,
    }
}

fn distrusted(why: &CertificateError, place: &Place<'_>) -> Failure {
    let named = place.named();
    let (what, next) = match why {
        // A signature is wrong where an authority was made anew under its old name.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => (
            "has a certificate from an issuer that this machine does not know",
            Advice::for_user(
                "if the relay, or a company's proxy that reads along, has a certificate of its \
                 own: --ca-file FILE, or pinhole config set ca-file FILE; otherwise somebody may \
                 be in between",
            ),
        ),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => (
            "has a certificate for another name",
            "use the name that its certificate is for; otherwise somebody may be in between".into(),
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => (
            "has a certificate that has expired",
            Advice::for_user(
                "check this machine's clock; if it is right, the relay's operator has to renew it",
            ),
        ),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => (
            "has a certificate that is not valid yet",
            "check this machine's clock, which is probably behind".into(),
        ),
        CertificateError::Revoked => (
            "has a certificate that was revoked",
            Advice::for_user("use another relay, and tell this one's operator"),
        ),
        CertificateError::Other(OtherError(inner))
            if inner.to_string().contains("CaUsedAsEndEntity") =>
        {
            (
                "uses an authority's certificate as its own, which TLS does not allow",
                Advice::for_user(
                    "its operator needs one that is not an authority's: openssl req -x509 … \
                     -addext basicConstraints=critical,CA:FALSE",
                ),
            )
        }
        _ => ("has a certificate that is not accepted", Advice::for_user("ask its operator")),
    };
    let kind = if matches!(place, Place::Relay(_)) {
        Kind::RelayCertificate
    } else {
        Kind::ProxyUnreachable
    };
    Failure::new(kind, format!("{named} {what}")).next(next)
}
