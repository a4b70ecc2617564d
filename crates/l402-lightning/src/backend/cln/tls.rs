//! TLS with the authority of clnrest.

use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::backend::tls;
use crate::{Error, ErrorKind};

/// Returns a configuration of TLS that trusts the authorities of one PEM file alone.
pub(super) fn of_authority(pem: &[u8], path: &Path) -> Result<ClientConfig, Error> {
    let read = || {
        let mut roots = RootCertStore::empty();
        for cert in CertificateDer::pem_slice_iter(pem) {
            let cert = cert.map_err(|error| error.to_string())?;
            roots.add(cert).map_err(|error| error.to_string())?;
        }
        if roots.is_empty() {
            return Err("it holds no certificate; it is the file ca.pem of Core Lightning".into());
        }
        tls::trusting(roots).map_err(|error| error.to_string())
    };
    read().map_err(|text: String| {
        let path = path.display();
        let text = format!("cannot use the authority of clnrest {path}: {text}");
        Error::new(ErrorKind::Local, text)
    })
}
