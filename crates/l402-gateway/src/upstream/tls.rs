//! TLS towards upstreams: how their certificates are verified.

use std::path::Path;
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};

use crate::GatewayError;
use crate::certificate::{certificates, provider, unusable};

/// Returns the TLS to an upstream, verified by the public authorities, or by those in `ca` alone.
pub(super) fn client_tls(
    ca: Option<&Path>,
    alpn: &[u8],
) -> Result<Arc<ClientConfig>, GatewayError> {
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
