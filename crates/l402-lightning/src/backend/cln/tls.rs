//! TLS with the authority of clnrest, or with those that browsers trust.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::{Error, ErrorKind};

/// Returns a configuration of TLS that trusts the authorities of browsers.
pub(super) fn public() -> Result<ClientConfig, Error> {
    let roots = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
    config(roots).map_err(|text| Error::new(ErrorKind::Local, text))
}

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
        config(roots)
    };
    read().map_err(|text: String| {
        let path = path.display();
        let text = format!("cannot use the authority of clnrest {path}: {text}");
        Error::new(ErrorKind::Local, text)
    })
}

fn config(roots: RootCertStore) -> Result<ClientConfig, String> {
    // Named here and not taken from the process: a program that uses this library may have
    // installed another, or none, which would panic.
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}
