//! Certificates for a cluster of a test's own.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use ops_coordinator_etcd::Tls;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use tempfile::TempDir;

/// An authority and what it has signed: `ca.pem`, `server.pem` and `.key`, `client.pem` and `.key` of the user
/// `root`, `app.pem` and `.key` of the user `app`; and `other-ca.pem`,
/// `stranger.pem` and `.key` of an authority that the servers do not know.
#[derive(Debug, Clone)]
pub struct Certificates(Arc<TempDir>);

impl Certificates {
    /// Makes them.
    ///
    /// # Panics
    /// When they cannot be written.
    pub fn make() -> Self {
        let made = Self(Arc::new(TempDir::new().expect("a temporary directory")));
        made.sign(
            "ca",
            &[("server", "127.0.0.1"), ("client", "root"), ("app", "app")],
        );
        made.sign("other-ca", &[("stranger", "root")]);
        made
    }

    fn sign(&self, authority: &str, names: &[(&str, &str)]) {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params
            .distinguished_name
            .push(DnType::CommonName, authority);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key"))
            .expect("an authority");
        self.write(&format!("{authority}.pem"), &ca.pem());
        for (file, name) in names {
            let key = KeyPair::generate().expect("a key");
            // etcd's servers are their own clients in places.
            let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("a name");
            params.distinguished_name.push(DnType::CommonName, *name);
            params.extended_key_usages = vec![
                ExtendedKeyUsagePurpose::ServerAuth,
                ExtendedKeyUsagePurpose::ClientAuth,
            ];
            let signed = params.signed_by(&key, &ca).expect("a signature");
            self.write(&format!("{file}.pem"), &signed.pem());
            self.write(&format!("{file}.key"), &key.serialize_pem());
        }
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.path(file), text).expect("the directory is ours");
    }

    /// One of the files.
    pub fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    /// What a client needs whom the servers know. Its name is `root`.
    pub fn client(&self) -> Tls {
        Tls {
            cacert: Some(self.path("ca.pem")),
            cert: Some(self.path("client.pem")),
            key: Some(self.path("client.key")),
        }
    }
}
