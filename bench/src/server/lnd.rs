//! lnd: two nodes with a channel, and the bare rate of one's invoices.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use l402::{Challenges, Msat};
use l402_host::SystemClock;
use l402_interop::Regtest;
use l402_lightning::{Node, Open, PayRequest, Payment};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::runtime::{Builder, Runtime};

use crate::connection::{Endpoint, ask_once};
use crate::error::{BenchError, Result, While};
use crate::expect::Expect;
use crate::plan;
use crate::requests::{Requests, get, post};
use crate::stage::{Scenario, Source};

/// The same that the gateway asks for.
const INVOICE: &str = r#"{"value_msat":"50000","expiry":"600","memo":"paid","private":false}"#;

/// A seller's and a buyer's lnd. They run on every core, as their own threads like it.
#[derive(Debug)]
pub(crate) struct Lightning {
    net: Regtest,
    runtime: Runtime,
}

/// A program of the Go modules in `tests/interop`.
pub(crate) fn built(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("../target/interop/bin").join(name)
}

impl Lightning {
    /// Starts both, and the chain below them.
    ///
    /// # Errors
    /// Where they were not built.
    pub(crate) fn start() -> Result<Self> {
        if !["btcd", "lnd"].into_iter().all(|name| built(name).exists()) {
            return Err(BenchError::new(
                "lnd is not built; run bench/run, or add --skip-lnd",
            ));
        }
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build();
        let runtime = runtime.while_doing("starting a runtime")?;
        let net = runtime.block_on(Regtest::start());
        Ok(Self { net, runtime })
    }

    /// The seller's, with the macaroon that cannot spend.
    pub(crate) fn node(&self) -> Node {
        self.net.seller.node("invoice")
    }

    /// Its parts: address, certificate, macaroon.
    pub(crate) fn parts(&self) -> Result<(SocketAddr, PathBuf, PathBuf)> {
        let Node::Lnd(lnd) = self.node() else {
            return Err(BenchError::new("the seller's node is no lnd"));
        };
        let address = lnd.address.parse().while_doing("reading lnd's address")?;
        let certificate = lnd
            .tls_cert
            .ok_or_else(|| BenchError::new("the seller's lnd has no certificate of its own"))?;
        Ok((address, certificate, lnd.macaroon))
    }

    /// Invoices as the gateway asks for them, without the gateway.
    pub(crate) fn invoices(&self) -> Result<Scenario> {
        let (address, certificate, macaroon) = self.parts()?;
        let macaroon = std::fs::read(&macaroon).while_doing(macaroon.display())?;
        let header = format!("grpc-metadata-macaroon: {}", hex::encode(macaroon));
        let request = post(address, "/v1/invoices", &header, INVOICE);
        let tls = Some(Arc::new(trusting(&certificate)?));
        Ok(Scenario {
            name: plan::LND,
            endpoint: Endpoint { address, tls },
            server: None,
            connections: crate::stage::CONNECTIONS,
            source: Source::Again(Requests::same(&request)),
            expect: Expect::Invoice,
            stock: 0,
        })
    }

    /// Asks for `path`, pays what it costs, and says what opens it.
    ///
    /// # Errors
    /// Where there is no challenge, or the payment does not settle.
    pub(crate) fn buy(&self, seller: SocketAddr, path: &str) -> Result<String> {
        let line = ask_once(seller, &get(seller, path, None), |answer| {
            answer.challenge.map(str::to_owned)
        })?;
        let line = line.ok_or_else(|| BenchError::new("no challenge to pay"))?;
        let challenges = Challenges::parse([line.as_bytes()]).while_doing("reading a challenge")?;
        let challenges = challenges.payable().while_doing("reading a challenge")?;
        let challenge = challenges.first();
        let challenge = challenge.ok_or_else(|| BenchError::new("no challenge to pay"))?;
        match self.pay(challenge.invoice())? {
            Payment::Settled { preimage, .. } => Ok(challenge.authorization(&preimage)),
            other => Err(BenchError::new(format!("not paid: {other:?}"))),
        }
    }

    fn pay(&self, invoice: &str) -> Result<Payment> {
        let node = self.net.buyer.node("admin");
        let request = PayRequest::new(
            invoice.to_owned(),
            Msat::from_sat(10),
            Duration::from_secs(30),
        );
        self.runtime.block_on(async {
            let clock = Arc::new(SystemClock::default());
            let wallet = node.wallet(Open::new(self.net.folder(), clock)).await;
            let wallet = wallet.while_doing("opening the buyer's lnd")?;
            Ok(wallet.pay.pay(request).await)
        })
    }
}

/// The set-up of TLS that trusts the certificate in this file and no other.
fn trusting(certificate: &Path) -> Result<ClientConfig> {
    let pinned = CertificateDer::from_pem_file(certificate).while_doing(certificate.display())?;
    let provider = Arc::new(ring::default_provider());
    let verifier = Pinned {
        pinned,
        provider: Arc::clone(&provider),
    };
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder
        .with_safe_default_protocol_versions()
        .while_doing("TLS")?;
    let builder = builder.dangerous();
    let config = builder.with_custom_certificate_verifier(Arc::new(verifier));
    Ok(config.with_no_client_auth())
}

/// lnd's certificate is of its own making; it is known from its folder.
#[derive(Debug)]
struct Pinned {
    pinned: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if *end_entity == self.pinned {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(rustls::Error::General("another certificate".to_owned()))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}
