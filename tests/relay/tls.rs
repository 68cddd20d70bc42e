//! A relay that speaks TLS itself, with a certificate of the test's own.

use crate::harness::relay::Relay;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use std::path::PathBuf;

/// A relay with a certificate for `localhost` and `127.0.0.1` that signs itself.
pub struct TlsRelay {
    pub relay: Relay,
    dir: tempfile::TempDir,
}

impl TlsRelay {
    pub fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        let [certificate, key] = ["cert.pem", "key.pem"].map(|name| dir.path().join(name));
        std::fs::write(&certificate, cert.pem()).unwrap();
        std::fs::write(&key, signing_key.serialize_pem()).unwrap();
        let relay = Relay::with(&[
            "--tls-cert",
            certificate.to_str().unwrap(),
            "--tls-key",
            key.to_str().unwrap(),
        ]);
        Self { relay, dir }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("wss://localhost:{}", self.relay.port)
    }

    /// The file of its certificate, for `--ca-file`.
    pub fn certificate(&self) -> PathBuf {
        self.dir.path().join("cert.pem")
    }
}
