//! lnd: two nodes with a channel, and the bare rate of one's invoices.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use l402::{Challenges, Msat};
use l402_host::SystemClock;
use l402_interop::Regtest;
use l402_lightning::{Node, Open, PayRequest, Payment};
use tokio::runtime::{Builder, Runtime};

use crate::connection::{Endpoint, ask_once};
use crate::error::{BenchError, Result, While};
use crate::expect::Expect;
use crate::plan;
use crate::requests::{Requests, get, post};
use crate::server::tls::trusting;
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
            pace: None,
            flood: None,
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
