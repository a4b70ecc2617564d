//! TLS towards nodes and relays: the provider, and the authorities that browsers trust.

use std::sync::Arc;

use rustls::client::WantsClientCert;
use rustls::crypto::{CryptoProvider, ring};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};

use crate::{Error, ErrorKind};

/// Returns a configuration of TLS that trusts the authorities of browsers and nobody else.
pub(super) fn public() -> Result<ClientConfig, Error> {
    trusting(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect())
}

/// Returns a configuration of TLS that trusts these authorities and nobody else.
pub(super) fn trusting(roots: RootCertStore) -> Result<ClientConfig, Error> {
    let builder: ConfigBuilder<ClientConfig, WantsClientCert> =
        builder()?.with_root_certificates(roots);
    Ok(builder.with_no_client_auth())
}

/// Begins a configuration of TLS.
pub(super) fn builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, Error> {
    ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::new(ErrorKind::Local, format!("cannot set up TLS: {error}")))
}

/// Named here and not taken from the process: a program that uses this library may have installed
/// another, or none, which would panic.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
