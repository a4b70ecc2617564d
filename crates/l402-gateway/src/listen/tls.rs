//! TLS towards clients: certificates and keys from files, or from an authority.

use std::path::Path;
use std::sync::Arc;

use rustls::server::WebPkiClientVerifier;
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};

use super::certificates::{ACME_TLS, Certificates, Issued};
use crate::certificate::{certificates, private_key, provider, unusable};
use crate::config::{TlsFiles, TlsSettings};
use crate::{GatewayError, GatewayErrorKind};

/// Returns the settings of TLS towards clients, with certificates and keys from the files, and with
/// what an authority has issued. HTTP/2 is preferred to HTTP/1.1.
pub(crate) fn server_tls(
    tls: &TlsSettings,
    issued: Option<Arc<Issued>>,
) -> Result<Arc<ServerConfig>, GatewayError> {
    if tls.files.is_empty() && issued.is_none() {
        let text = "tls: there is no certificate, and one by ACME needs a restart";
        return Err(GatewayError::new(GatewayErrorKind::Configuration, text));
    }
    let files = tls.files.iter().map(certified).collect::<Result<_, _>>()?;
    let mut alpn = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    if issued.is_some() {
        alpn.push(ACME_TLS.to_vec());
    }
    let resolver = Arc::new(Certificates::new(files, issued));
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(unsupported)?;
    let mut config = builder.with_no_client_auth().with_cert_resolver(resolver);
    config.alpn_protocols = alpn;
    Ok(Arc::new(config))
}

/// Returns the settings of TLS towards operators. With `client_ca`, a file (PEM) of authorities,
/// only a client with a certificate of one of them is served.
pub(crate) fn operator_tls(
    files: &TlsFiles,
    client_ca: Option<&Path>,
) -> Result<Arc<ServerConfig>, GatewayError> {
    let certificates = Certificates::new(vec![certified(files)?], None);
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(unsupported)?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let roots = Arc::new(authorities("tls_client_ca", path)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider()).build();
            let verifier = verifier.map_err(|error| unusable("tls_client_ca", path, error))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_cert_resolver(Arc::new(certificates));
    // This listener serves HTTP/1.1 alone, so a client must not choose HTTP/2.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn unsupported(error: rustls::Error) -> GatewayError {
    GatewayError::new(GatewayErrorKind::Certificate, error.to_string()).with_source(error)
}

/// Reads the authorities of a file (PEM).
fn authorities(what: &str, path: &Path) -> Result<RootCertStore, GatewayError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        let added = roots.add(certificate);
        added.map_err(|error| unusable(what, path, error))?;
    }
    Ok(roots)
}

/// Reads a certificate and its key, which must belong together.
fn certified(files: &TlsFiles) -> Result<Arc<CertifiedKey>, GatewayError> {
    let chain = certificates(&files.certificate)?;
    let key = private_key(&files.key)?;
    let certified = CertifiedKey::from_der(chain, key, &provider());
    let certified =
        certified.map_err(|error| unusable("certificate", &files.certificate, error))?;
    Ok(Arc::new(certified))
}
