//! Certificates, as rustls wants them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::Error;

/// Where distributions keep the authorities that a machine trusts.
const SYSTEM: [&str; 3] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
];

/// The files for TLS, as `etcdctl` takes them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// The authority that signed the servers' certificates; if absent, those that the machine trusts.
    pub cacert: Option<PathBuf>,
    /// Our own certificate, and its chain.
    pub cert: Option<PathBuf>,
    /// Our own private key.
    pub key: Option<PathBuf>,
}

impl Tls {
    /// Whether any file is given.
    pub fn is_wanted(&self) -> bool {
        *self != Self::default()
    }

    /// Reads the files.
    ///
    /// # Errors
    /// When one is missing, does not hold what it should, or does not fit the others.
    pub(crate) fn config(&self) -> Result<Arc<ClientConfig>, Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::Options(error.to_string()))?
            .with_root_certificates(self.roots()?);
        let mut config = match (&self.cert, &self.key) {
            (None, None) => builder.with_no_client_auth(),
            (Some(cert), Some(key)) => {
                let own = PrivateKeyDer::from_pem_file(key).map_err(|error| bad(key, error))?;
                let chain = certificates(cert)?;
                let with = builder.with_client_auth_cert(chain, own);
                with.map_err(|error| bad(cert, error))?
            }
            _ => {
                return Err(Error::Options(
                    "a certificate needs its key: give both --cert and --key, or neither"
                        .to_owned(),
                ));
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Arc::new(config))
    }

    fn roots(&self) -> Result<RootCertStore, Error> {
        let mut roots = RootCertStore::empty();
        if let Some(file) = &self.cacert {
            for certificate in certificates(file)? {
                roots.add(certificate).map_err(|error| bad(file, error))?;
            }
            return Ok(roots);
        }
        let system = SYSTEM.iter().map(Path::new).find(|file| file.exists());
        let Some(file) = system else {
            return Err(Error::Options(
                "this machine trusts no authority that could vouch for etcd: give --cacert"
                    .to_owned(),
            ));
        };
        // Among so many there may be one that is too old to be understood.
        roots.add_parsable_certificates(certificates(file)?);
        Ok(roots)
    }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let read = CertificateDer::pem_file_iter(file).map_err(|error| bad(file, error))?;
    let all: Vec<_> = read
        .collect::<Result<_, _>>()
        .map_err(|error| bad(file, error))?;
    match all.is_empty() {
        true => Err(bad(file, "it holds no certificate")),
        false => Ok(all),
    }
}

fn bad(file: &Path, why: impl ToString) -> Error {
    Error::Certificate {
        file: file.to_owned(),
        why: why.to_string(),
    }
}
