//! TLS on both sides: certificates from files before clients, verification before upstreams.

use std::path::Path;
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::GatewayError;
use crate::config::TlsFiles;

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// What clients meet: the certificate, and HTTP/2 before HTTP/1.1.
pub(crate) fn server(files: &TlsFiles) -> Result<Arc<ServerConfig>, GatewayError> {
    let chain = certificates(&files.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| unusable("key", &files.key, &error.to_string()))?;
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key));
    let mut config =
        config.map_err(|error| unusable("certificate", &files.certificate, &error.to_string()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// How an upstream is verified: by the public authorities, or by those in `ca` alone.
pub(crate) fn client(ca: Option<&Path>, alpn: &[u8]) -> Result<Arc<ClientConfig>, GatewayError> {
    let mut roots = RootCertStore::empty();
    match ca {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            for certificate in certificates(path)? {
                roots
                    .add(certificate)
                    .map_err(|error| unusable("upstream_ca", path, &error.to_string()))?;
            }
        }
    }
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| GatewayError::new(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    Ok(Arc::new(config))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, GatewayError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = read.map_err(|error| unusable("certificate", path, &error.to_string()))?;
    if chain.is_empty() {
        return Err(unusable(
            "certificate",
            path,
            "no certificate (PEM) is in it",
        ));
    }
    Ok(chain)
}

fn unusable(what: &str, path: &Path, why: &str) -> GatewayError {
    GatewayError::new(format!("cannot use the {what} {}: {why}", path.display()))
}
