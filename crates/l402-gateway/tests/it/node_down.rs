//! A node that is dead, hangs or lies while the gateway is under load.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::Stream;
use l402::{Msat, Network, PaymentHash};
use l402_gateway::Gateway;
use l402_host::{BoxFuture, BoxStream, SystemClock};
use l402_lightning::sandbox::Sandbox;
use l402_lightning::{
    Error, ErrorKind, InvoiceRequest, InvoiceState, NewInvoice, Node, Open, Receive, Settlement,
    SettlementIndex,
};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::harness::{Answer, request, routes, send, start_at, upstream, whole};
use crate::metrics::sample;

/// The time within which a node that is back must be of use again.
const RECOVERY: Duration = Duration::from_secs(5);

/// The longest wait for anything else.
const PATIENCE: Duration = Duration::from_secs(20);

const WELL: u8 = 0;
const DEAD: u8 = 1;
const HANGS: u8 = 2;
const LIES: u8 = 3;

/// A sandbox that fails as it is told.
#[derive(Debug)]
struct Failing {
    sandbox: Sandbox,
    fault: AtomicU8,
    signs_here: bool,
}

impl Failing {
    fn fault(&self) -> u8 {
        self.fault.load(Ordering::SeqCst)
    }

    /// Answers as the fault says.
    async fn call<T>(&self, work: BoxFuture<'_, Result<T, Error>>) -> Result<T, Error> {
        match self.fault() {
            DEAD => Err(Error::new(ErrorKind::Unavailable, "connection refused")),
            HANGS => core::future::pending().await,
            _ => work.await,
        }
    }
}

impl Receive for Failing {
    fn network(&self) -> Network {
        Network::Regtest
    }

    fn preimage_is_proof(&self) -> bool {
        true
    }

    fn signs_here(&self) -> bool {
        self.signs_here
    }

    fn create_invoice(
        &self,
        mut request: InvoiceRequest,
    ) -> BoxFuture<'_, Result<NewInvoice, Error>> {
        if self.fault() == LIES {
            request.amount = Msat::new(1000);
        }
        Box::pin(self.call(self.sandbox.create_invoice(request)))
    }

    fn lookup(&self, payment_hash: PaymentHash) -> BoxFuture<'_, Result<InvoiceState, Error>> {
        Box::pin(self.call(self.sandbox.lookup(payment_hash)))
    }

    fn newest_settlement(&self) -> BoxFuture<'_, Result<SettlementIndex, Error>> {
        Box::pin(self.call(self.sandbox.newest_settlement()))
    }

    fn settlements(&self, from: SettlementIndex) -> BoxStream<'_, Result<Settlement, Error>> {
        Box::pin(Settlements {
            inner: self.sandbox.settlements(from),
            node: self,
            is_forgotten: false,
        })
    }
}

/// A stream that a node forgets without a word while it hangs, and that it ends when it is dead.
struct Settlements<'a> {
    inner: BoxStream<'a, Result<Settlement, Error>>,
    node: &'a Failing,
    is_forgotten: bool,
}

impl Stream for Settlements<'_> {
    type Item = Result<Settlement, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let told = self.inner.as_mut().poll_next(cx);
        self.is_forgotten |= self.node.fault() == HANGS;
        match self.node.fault() {
            DEAD => Poll::Ready(Some(Err(Error::new(ErrorKind::Unavailable, "reset")))),
            // The sandbox looks again after a while, and so does this.
            _ if self.is_forgotten => Poll::Pending,
            _ => told,
        }
    }
}

/// A gateway with paid and unpaid requests that do not end.
struct Load {
    gateway: Gateway,
    address: SocketAddr,
    node: Arc<Failing>,
    home: tempfile::TempDir,
    is_over: Arc<AtomicBool>,
    served: Arc<AtomicUsize>,
    buyers: Vec<JoinHandle<()>>,
}

impl Load {
    async fn start(signs_here: bool, more: &str) -> Self {
        let upstream = upstream(false, |_| async { whole(200, "a joke") }).await;
        let text = routes(upstream, "policy = \"uses=1000000\"") + more;
        let (home, clock) = (tempfile::tempdir().expect("a home"), SystemClock::default());
        let clock = Arc::new(clock);
        let node = Arc::new(Failing {
            sandbox: Sandbox::open(home.path(), clock.clone()).expect("a sandbox"),
            fault: AtomicU8::new(WELL),
            signs_here,
        });
        let gateway = start_at(node.clone(), &text, home.path(), clock).await;
        let gateway = gateway.expect("a gateway");
        let mut load = Self {
            address: gateway.local_addrs()[0],
            gateway,
            node,
            home,
            is_over: Arc::default(),
            served: Arc::default(),
            buyers: Vec::new(),
        };
        let credential = load.buy().await;
        load.buyers = (0..3)
            .map(|_| load.keep_asking(credential.clone()))
            .collect();
        load
    }

    /// Asks and pays.
    async fn buy(&self) -> String {
        let challenge = self.ask().await.json();
        let text = |key: &str| challenge[key].as_str().expect("a text").to_owned();
        let open = Open::new(self.home.path(), Arc::new(SystemClock::default()));
        let wallet = Node::Sandbox.wallet(open).await.expect("a wallet");
        let (preimage, _) = l402_testkit::pay(&*wallet.pay, &text("invoice")).await;
        format!("L402 {}:{}", text("token"), preimage.to_hex())
    }

    async fn ask(&self) -> Answer {
        send(self.address, request("GET", "/x", None, b"")).await
    }

    /// Sends paid requests until the load is over. Each of them has to be served.
    fn keep_asking(&self, credential: String) -> JoinHandle<()> {
        let (address, is_over) = (self.address, Arc::clone(&self.is_over));
        let served = Arc::clone(&self.served);
        tokio::spawn(async move {
            while !is_over.load(Ordering::SeqCst) {
                let begun = Instant::now();
                let answer = send(address, request("GET", "/x", Some(&credential), b"")).await;
                assert_eq!(answer.status(), 200, "{}", answer.text());
                assert!(
                    begun.elapsed() < Duration::from_secs(2),
                    "it has waited for the node"
                );
                served.fetch_add(1, Ordering::SeqCst);
                sleep(Duration::from_millis(5)).await;
            }
        })
    }

    /// Asks until the answer has this status, and returns how long that took. Every other one is a 402,
    /// or a 503 that says when to come again.
    async fn until(&self, status: u16) -> Duration {
        let begun = Instant::now();
        let asking = async {
            loop {
                let answer = self.ask().await;
                if answer.status() == 503 {
                    assert_eq!(answer.code(), "node_unavailable");
                    assert!(answer.header("retry-after").is_some(), "{:?}", answer.head);
                } else {
                    assert_eq!(answer.status(), 402, "{}", answer.text());
                }
                if answer.status() == status {
                    return;
                }
                sleep(Duration::from_millis(100)).await;
            }
        };
        timeout(PATIENCE, asking)
            .await
            .unwrap_or_else(|_| panic!("never {status}"));
        begun.elapsed()
    }

    fn number(&self, name: &str) -> f64 {
        sample(&self.gateway.metrics_text(), name)
    }

    /// Waits until a number is more than it was.
    async fn until_more(&self, name: &str, before: f64) {
        let growing = async {
            while self.number(name) <= before {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(RECOVERY, growing)
            .await
            .unwrap_or_else(|_| panic!("{name} stays at {before}"));
    }

    /// Breaks the node, watches, repairs it, and watches.
    async fn survive(mut self, fault: u8) {
        self.node.fault.store(fault, Ordering::SeqCst);
        self.until(503).await;
        // Long enough for pauses to have grown.
        let (begun, served) = (Instant::now(), self.served.load(Ordering::SeqCst));
        while begun.elapsed() < Duration::from_secs(4) {
            assert_eq!(self.ask().await.status(), 503);
            sleep(Duration::from_millis(100)).await;
        }
        assert!(
            self.served.load(Ordering::SeqCst) > served + 100,
            "paid traffic goes on"
        );
        let up = if fault == LIES { 1.0 } else { 0.0 };
        assert_eq!(self.number("l402_node_up"), up);
        assert_eq!(
            self.number("l402_invoices_in_stock"),
            0.0,
            "nothing that was not asked for"
        );
        self.node.fault.store(WELL, Ordering::SeqCst);
        let took = self.until(402).await;
        assert!(took < RECOVERY, "{took:?}");
        assert_eq!(self.number("l402_node_up"), 1.0);
        let told = self.number("l402_settlements_total");
        self.buy().await;
        self.until_more("l402_settlements_total", told).await;
        self.is_over.store(true, Ordering::SeqCst);
        for buyer in core::mem::take(&mut self.buyers) {
            buyer.await.expect("every paid request was served");
        }
        let Self { gateway, .. } = self;
        let stopped = tokio::task::spawn_blocking(move || gateway.shutdown(Duration::ZERO));
        stopped.await.expect("no panic");
    }
}

// A node that refuses connections.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_node_stops_new_buyers_alone_and_is_used_again_when_it_is_back() {
    Load::start(false, "").await.survive(DEAD).await;
}

// A node that takes calls and never answers. ATTACKS D-12.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_hangs_stops_new_buyers_alone_and_is_used_again_when_it_is_back() {
    Load::start(false, "").await.survive(HANGS).await;
}

// A node that makes an invoice over less than the price. ATTACKS P-13.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_lies_sells_nothing_and_is_used_again_when_it_is_honest() {
    Load::start(false, "").await.survive(LIES).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stock_of_invoices_holds_no_lie_and_fills_up_again() {
    let ahead = "[challenges]\ninvoices_ahead = 8\n";
    for fault in [LIES, HANGS] {
        let load = Load::start(true, ahead).await;
        // What was made before the fault is good, and is given out first.
        load.until_more("l402_invoices_in_stock", 3.0).await;
        load.survive(fault).await;
    }
}
