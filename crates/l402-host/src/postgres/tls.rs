//! TLS towards a database, as libpq's `sslmode` has it.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::target::{Encryption, Target};
use super::{PostgresError, PostgresErrorKind};

/// Returns the maker of encrypted connections to a target.
pub(super) fn connector(target: &Target) -> Result<MakeRustlsConnect, PostgresError> {
    let provider = Arc::new(ring::default_provider());
    let verifier = verifier(target, &provider)?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

fn verifier(
    target: &Target,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, PostgresError> {
    let of_roots = || {
        let roots = Arc::new(roots(target.roots.as_deref())?);
        WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider))
            .build()
            .map_err(|error| failed(&error))
    };
    let any_name = |authority| AnyName {
        authority,
        provider: Arc::clone(provider),
    };
    Ok(match target.encryption {
        Encryption::VerifyFull => of_roots()?,
        Encryption::VerifyCa => Arc::new(any_name(Some(of_roots()?))),
        // libpq verifies the authority as soon as one is named.
        Encryption::Require if target.roots.is_some() => Arc::new(any_name(Some(of_roots()?))),
        _ => Arc::new(any_name(None)),
    })
}

/// Reads the authorities: those of a PEM file, or those of the system.
fn roots(file: Option<&Path>) -> Result<RootCertStore, PostgresError> {
    // A file that is named stands in the place of the system's authorities, and not beside them.
    let mut store = RootCertStore::empty();
    let Some(file) = file else {
        let found = rustls_native_certs::load_native_certs();
        store.add_parsable_certificates(found.certs);
        return Ok(store);
    };
    let unusable = |error: &dyn std::fmt::Display| {
        let text = format!("sslrootcert {}: {error}", file.display());
        PostgresError::new(PostgresErrorKind::Url, text)
    };
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| unusable(&error))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| unusable(&error))?;
        store.add(certificate).map_err(|error| unusable(&error))?;
    }
    if store.is_empty() {
        return Err(unusable(&"it holds no certificate"));
    }
    Ok(store)
}

fn failed(error: &dyn std::fmt::Display) -> PostgresError {
    PostgresError::new(PostgresErrorKind::Url, format!("TLS: {error}"))
}

/// Takes certificates for whatever name: of a trusted authority (`verify-ca`), or of anybody (`require`), so
/// that the connection is encrypted and nobody knows to whom.
#[derive(Debug)]
struct AnyName {
    authority: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        use rustls::Error::InvalidCertificate;
        let Some(authority) = &self.authority else {
            return Ok(ServerCertVerified::assertion());
        };
        match authority.verify_server_cert(end_entity, intermediates, name, ocsp, now) {
            // The name is looked at last, after signatures and dates.
            Err(InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let known = self.provider.signature_verification_algorithms;
        known.supported_schemes()
    }
}
