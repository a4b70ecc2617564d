//! TLS towards clients: certificate and key from files.

use std::path::Path;
use std::sync::Arc;

use l402_host::{FileFault, private};
use rustls::ServerConfig;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;

use crate::certificate::{certificates, provider, unusable};
use crate::config::TlsFiles;
use crate::{GatewayError, GatewayErrorKind};

/// Returns the settings of TLS towards clients, with the certificate and key from the files. HTTP/2
/// is preferred to HTTP/1.1.
pub(crate) fn server_tls(files: &TlsFiles) -> Result<Arc<ServerConfig>, GatewayError> {
    let chain = certificates(&files.certificate)?;
    let key = private_key(&files.key)?;
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key));
    let mut config = config.map_err(|error| unusable("certificate", &files.certificate, error))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Reads a private key (PEM) that not everybody can read.
fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, GatewayError> {
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
