//! A stall that sells a joke at every path, for examples that buy one.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Request, Response};
use http_body::Body;
use l402::{
    Challenge, Credential, KeyNumber, KeyRing, MasterKey, Msat, Network, Policy, Service, Target,
    Terms, verify,
};
use l402_host::{Clock, SystemClock};
use l402_lightning::sandbox::{Sandbox, SandboxWallet};
use l402_lightning::{InvoiceRequest, Pay, Receive};

use crate::TestServer;

/// The price of a joke.
const PRICE: Msat = Msat::from_sat(50);

/// Opens a stall whose sandbox is in `home`. Returns the URL of a joke, and a wallet with play money. A
/// token is good for a minute.
///
/// # Panics
/// If the sandbox or the stall cannot be opened, or outside of a runtime.
#[must_use]
pub fn joke_stall(home: &Path) -> (String, Arc<dyn Pay>) {
    let clock = Arc::new(SystemClock::default());
    let sandbox = Sandbox::open(home, clock.clone()).expect("a sandbox");
    let wallet = SandboxWallet::open(&sandbox, "default").expect("a wallet");
    // Any bytes will do that are no pattern.
    let key: [u8; 32] = std::array::from_fn(|at| (at * at * 5 + 17).to_le_bytes()[0]);
    let key = MasterKey::from_bytes(&key).expect("a key");
    let stall = Arc::new(Stall {
        keys: KeyRing::new("stall", KeyNumber(1), key),
        clock,
        sandbox,
    });
    let server = TestServer::start(move |request| {
        let stall = Arc::clone(&stall);
        async move { stall.answer(&request).await }
    });
    (
        format!("http://{}/joke", server.address()),
        Arc::new(wallet),
    )
}

struct Stall {
    keys: KeyRing,
    clock: Arc<SystemClock>,
    sandbox: Sandbox,
}

impl Stall {
    async fn answer(&self, request: &Request<impl Body>) -> Response<String> {
        let headers = request.headers().iter();
        let headers = headers.map(|(name, value)| (name.as_str(), value.as_bytes()));
        let credential = Credential::from_headers(headers).expect("a readable credential");
        let service: Service = "joke".parse().expect("a name");
        let target = Target::new(&service, Network::Regtest, self.clock.wall());
        let is_paid = credential.is_some_and(|it| verify(&it, &self.keys, &target).is_ok());
        if is_paid {
            return Response::new("a joke".to_owned());
        }
        let mut answer = Response::new("it costs 50 sat".to_owned());
        *answer.status_mut() = http::StatusCode::PAYMENT_REQUIRED;
        let challenge = HeaderValue::try_from(self.challenge(service).await).expect("a value");
        answer.headers_mut().insert("www-authenticate", challenge);
        answer
    }

    async fn challenge(&self, service: Service) -> String {
        let request = InvoiceRequest::new(PRICE, Duration::from_secs(600), "one joke");
        let invoice = self.sandbox.create_invoice(request).await;
        let invoice = invoice.expect("an invoice");
        let policy: Policy = "time=60s".parse().expect("a policy");
        let terms = Terms {
            service,
            tier: 0,
            capabilities: Vec::new(),
            price: PRICE,
            policy,
            network: Network::Regtest,
            valid_until: invoice.expires().saturating_add(policy.lifetime()),
            lookup: None,
        };
        let hash = invoice.payment_hash();
        let random: [u8; 30] = hash.as_bytes()[..30].try_into().expect("30 bytes");
        let token = l402::mint(&self.keys, &terms, hash, random, self.clock.wall());
        let token = token.expect("a token").to_base64();
        let challenge = Challenge::new(&token, invoice.bolt11()).expect("plain text");
        challenge.to_header()
    }
}
