//! Certificate files (PEM), for TLS towards clients and towards upstreams.

use std::error::Error;
use std::io;
use std::path::Path;
use std::sync::Arc;

use l402_host::{FileFault, private};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::{GatewayError, GatewayErrorKind};

/// Returns the cryptography that TLS uses towards clients and upstreams.
pub(crate) fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Reads the certificates of a PEM file, at least one.
pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, GatewayError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = read.map_err(|error| unusable("certificate", path, error))?;
    if chain.is_empty() {
        let missing = io::Error::other("no certificate (PEM) is in it");
        return Err(unusable("certificate", path, missing));
    }
    Ok(chain)
}

/// Reads a private key (PEM) that not everybody can read.
pub(crate) fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, GatewayError> {
    let pem = private::read_tls_key(path).map_err(|error| {
        let kind = match error.fault() {
            FileFault::OpenToOthers { .. } => GatewayErrorKind::UnsafeFile,
            _ => GatewayErrorKind::Certificate,
        };
        let text = format!("cannot use the key {}: {}", path.display(), error.fault());
        GatewayError::new(kind, text).with_source(error)
    })?;
    PrivateKeyDer::from_pem_slice(&pem).map_err(|error| unusable("key", path, error))
}

/// Returns the error that says why a file cannot be used.
pub(crate) fn unusable(
    what: &str,
    path: &Path,
    why: impl Error + Send + Sync + 'static,
) -> GatewayError {
    let text = format!("cannot use the {what} {}: {why}", path.display());
    GatewayError::new(GatewayErrorKind::Certificate, text).with_source(why)
}
