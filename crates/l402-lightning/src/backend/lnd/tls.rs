//! TLS with a pinned certificate, the only one that is trusted.
//!
//! lnd's own certificate is self-signed and marked as an authority, which the usual check of a
//! server's certificate refuses. So a certificate equal to the pinned one is accepted as it is, and
//! any other must have been issued by it (an operator's own authority).

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::backend::tls;
use crate::{Error, ErrorKind};

/// Returns a configuration of TLS that trusts the certificates of one PEM file alone.
pub(super) fn pinned(pem: &[u8], path: &Path) -> Result<ClientConfig, Error> {
    let wrong = |text: String| {
        let path = path.display();
        Error::new(
            ErrorKind::Local,
            format!("cannot use lnd's certificate {path}: {text}"),
        )
    };
    let pins: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| wrong(error.to_string()))?;
    if pins.is_empty() {
        return Err(wrong(
            "it holds no certificate; it is the file tls.cert of lnd".to_owned(),
        ));
    }
    let verifier = Pinned::new(pins, &tls::provider()).map_err(wrong)?;
    let config = tls::builder()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(config)
}

#[derive(Debug)]
struct Pinned {
    pins: Vec<CertificateDer<'static>>,
    issued: Arc<WebPkiServerVerifier>,
}

impl Pinned {
    fn new(
        pins: Vec<CertificateDer<'static>>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        for pin in &pins {
            roots.add(pin.clone()).map_err(|error| error.to_string())?;
        }
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
            .build()
            .map(|issued| Self { pins, issued })
            .map_err(|error| error.to_string())
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        // The name and the dates of a pinned certificate do not matter: lnd's is often reached by
        // an address that it does not name. The handshake still proves its private key.
        if self.pins.contains(end_entity) {
            return Ok(ServerCertVerified::assertion());
        }
        let issued = &self.issued;
        issued.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.issued.verify_tls12_signature(message, cert, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.issued.verify_tls13_signature(message, cert, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.issued.supported_verify_schemes()
    }
}
