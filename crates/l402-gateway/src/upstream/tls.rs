//! TLS towards upstreams, whose certificates are always verified.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::certificate::{certificates, private_key, provider, unusable};
use crate::config::TlsFiles;
use crate::{GatewayError, GatewayErrorKind};

/// The authorities of `upstream_ca`, as its file holds them now. Two of one path are equal as long
/// as the file was not replaced in between.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Authorities {
    path: PathBuf,
    certificates: Vec<CertificateDer<'static>>,
}

impl Authorities {
    /// Reads the file.
    pub(super) fn read(path: PathBuf) -> Result<Self, GatewayError> {
        let certificates = certificates(&path)?;
        Ok(Self { path, certificates })
    }
}

/// The certificate that the gateway shows to an upstream, as its files hold it now.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shown {
    file: PathBuf,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Shown {
    /// Reads certificate and key.
    pub(super) fn read(files: TlsFiles) -> Result<Self, GatewayError> {
        Ok(Self {
            chain: certificates(&files.certificate)?,
            key: private_key(&files.key)?,
            file: files.certificate,
        })
    }
}

/// Returns the settings of TLS to an upstream. Its certificate is verified by the public
/// authorities, or only by those in the file `ca` if there is one. It sees the certificate `shown`, if
/// it asks for one.
pub(super) fn client_tls(
    ca: Option<&Authorities>,
    shown: Option<&Shown>,
    alpn: &[u8],
) -> Result<Arc<ClientConfig>, GatewayError> {
    let mut roots = RootCertStore::empty();
    match ca {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(Authorities { path, certificates }) => {
            for certificate in certificates {
                roots
                    .add(certificate.clone())
                    .map_err(|error| unusable("upstream_ca", path, error))?;
            }
        }
    }
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| {
            GatewayError::new(GatewayErrorKind::Certificate, error.to_string()).with_source(error)
        })?
        .with_root_certificates(roots);
    let mut config = match shown {
        None => builder.with_no_client_auth(),
        Some(Shown { file, chain, key }) => builder
            .with_client_auth_cert(chain.clone(), key.clone_key())
            .map_err(|error| unusable("upstream_client_certificate", file, error))?,
    };
    config.alpn_protocols = vec![alpn.to_vec()];
    Ok(Arc::new(config))
}
