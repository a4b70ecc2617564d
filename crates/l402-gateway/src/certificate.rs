//! Certificate files (PEM), for TLS towards clients and towards upstreams.

use std::path::Path;
use std::sync::Arc;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use crate::GatewayError;

/// Returns the cryptography that TLS uses towards clients and upstreams.
pub(crate) fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Reads the certificates of a PEM file, at least one.
pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, GatewayError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = read.map_err(|error| unusable("certificate", path, &error.to_string()))?;
    // A file of another kind, such as a key, is read without an error and holds none.
    if chain.is_empty() {
        return Err(unusable(
            "certificate",
            path,
            "no certificate (PEM) is in it",
        ));
    }
    Ok(chain)
}

/// Returns the error for a file that cannot be used.
pub(crate) fn unusable(what: &str, path: &Path, why: &str) -> GatewayError {
    GatewayError::new(format!("cannot use the {what} {}: {why}", path.display()))
}
