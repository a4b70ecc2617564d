//! The server: its certificate, its macaroons, and its faults.

use std::collections::HashMap;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};

use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use l402::PaymentHash;
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::api::router;
use crate::TestHome;

/// A fault of the fake lnd, in force until the next one is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mischief {
    /// Passes a payment on that begins only later, and answers with this status and no words of lnd's,
    /// as a proxy whose time limit ends; the same for a look-up.
    AnsweredByProxy(u16),
    /// Makes an invoice of half the amount.
    CheapInvoice,
    /// Pays, and closes the connection instead of answering.
    DropsAfterSend,
    /// Answers without end, and without a line in it.
    Endless,
    /// Reports a payment that it takes as in flight, for ever, and to a caller that tracks it as failed.
    FailsInTheEnd,
    /// Reports the payment as in flight, then an error, and knows nothing of it when asked.
    ForgetsInFlight,
    /// Answers with text that is no JSON.
    Garbage,
    /// Reports the payment as in flight, for ever.
    InFlight,
    /// No fault.
    #[default]
    None,
    /// Reports success, with a preimage that does not parse.
    NoPreimage,
    /// Reports success, with the preimage of another payment.
    OtherPreimage,
    /// Refuses to pay because the payment is under way, and reports its end to a caller that tracks
    /// it.
    Paying,
    /// Refuses to pay with this code of gRPC, and knows nothing of the payment when asked.
    Refuses(u32),
    /// Never answers.
    Silent,
    /// Pays, and leaves out the fee, in the record too.
    TellsNoFee,
}

/// The state that the handlers share.
#[derive(Debug)]
pub struct Fake {
    /// The home whose sandbox holds this lnd's invoices and payments.
    pub home: TestHome,
    /// The fault in force.
    pub mischief: Mutex<Mischief>,
    /// The number of payments that were requested.
    pub sends: AtomicUsize,
    /// The accepted macaroons in hexadecimal; true if one permits more than invoices.
    pub(super) macaroons: HashMap<String, bool>,
    pub(super) invoices: Mutex<Vec<(PaymentHash, String)>>,
}

/// A running fake lnd, which ends when this value is dropped.
#[derive(Debug)]
pub struct FakeLnd {
    /// State that the handlers share.
    pub fake: Arc<Fake>,
    /// Host and port of the REST interface.
    pub address: String,
    /// The certificate, in PEM.
    pub tls_cert: String,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for FakeLnd {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl FakeLnd {
    /// Takes no connection any more; those that are there go on.
    pub async fn stop(mut self) {
        self.server.abort();
        // Its end, because the port is closed only then.
        drop((&mut self.server).await);
    }

    /// Starts a fake lnd that accepts these macaroons; the flag is true if a macaroon permits more
    /// than invoices.
    ///
    /// # Panics
    /// If no port is free.
    pub async fn start(macaroons: [(&[u8], bool); 2]) -> Self {
        let (acceptor, tls_cert) = certificate();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let fake = Arc::new(Fake {
            home: TestHome::new(),
            mischief: Mutex::default(),
            sends: AtomicUsize::new(0),
            macaroons: macaroons
                .map(|(bytes, all)| (hex::encode(bytes), all))
                .into(),
            invoices: Mutex::default(),
        });
        let service = TowerToHyperService::new(router(fake.clone()));
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, service) = (acceptor.clone(), service.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    let http = hyper::server::conn::http1::Builder::new();
                    let served = http.serve_connection(TokioIo::new(stream), service).await;
                    drop(served);
                });
            }
        });
        Self {
            fake,
            address,
            tls_cert,
            server,
        }
    }

    /// Sets the fault from now on.
    ///
    /// # Panics
    /// If a handler has panicked.
    pub fn set(&self, mischief: Mischief) {
        *self.fake.mischief.lock().expect("not poisoned") = mischief;
    }
}

/// Makes a certificate as lnd makes its own, self-signed and marked as an authority. Returns the
/// server's side of TLS with it, and the certificate in PEM.
///
/// # Panics
/// If it cannot be made.
#[must_use]
pub fn certificate() -> (TlsAcceptor, String) {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let mut params = CertificateParams::new(names).expect("names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let cert = params.self_signed(&key).expect("a certificate");
    let secret = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], secret)
        .expect("a certificate");
    (TlsAcceptor::from(Arc::new(config)), cert.pem())
}
