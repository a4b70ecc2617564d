//! TLS towards upstreams, whose certificates are always verified.

use std::path::Path;
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};

use crate::GatewayError;
use crate::certificate::{certificates, provider, unusable};

/// Returns the settings of TLS to an upstream. Its certificate is verified by the public
/// authorities, or only by those in the file `ca` if there is one.
pub(super) fn client_tls(
    ca: Option<&Path>,
    alpn: &[u8],
) -> Result<Arc<ClientConfig>, GatewayError> {
    let mut roots = RootCertStore::empty();
    match ca {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        // Not beside the public ones: any public authority could then vouch for an internal name.
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
