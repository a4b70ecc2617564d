//! A stock of invoices that were signed in advance, so that a burst of challenges does not wait for
//! signatures.
//!
//! Each invoice is given out once, and only while three quarters of its time are left. The stock of
//! a price begins with its first challenge, and is filled again when half of it is gone: nothing is
//! signed for a price that nobody asks for.

use core::time::Duration;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use l402::{Msat, Network, PaymentHash, UnixTime};
use l402_host::{BoxFuture, BoxStream, Clock};
use l402_lightning::{
    Error, InvoiceLimits, InvoiceRequest, InvoiceState, Liquidity, NewInvoice, Receive, Settlement,
    SettlementIndex,
};
use tokio::runtime::Handle;

/// The largest number of prices that have a stock. Further ones are signed on demand.
const PRICES_MAX: usize = 256;

/// A node whose invoices come from a stock, if there are any.
#[derive(Clone, Debug)]
pub(crate) struct InvoiceStock {
    /// The node that is asked if the stock is empty.
    demand: Arc<dyn Receive>,
    stocks: Arc<Stocks>,
}

/// The stock of every price, and the means to fill it.
#[derive(Debug)]
struct Stocks {
    /// The node that fills the stocks, on `runtime`.
    node: Arc<dyn Receive>,
    runtime: Handle,
    clock: Arc<dyn Clock>,
    /// The number of invoices in a full stock.
    per_price: usize,
    prices: Mutex<HashMap<InvoiceRequest, PriceStock>>,
}

/// The stock of one price.
#[derive(Debug, Default)]
struct PriceStock {
    /// The oldest first.
    ready: VecDeque<NewInvoice>,
    /// Set while a task fills this stock.
    filling: bool,
}

impl InvoiceStock {
    /// Keeps `per_price` invoices of `node` for each price, made on `runtime`. If a stock is empty,
    /// the invoice is asked of `demand`, which is the same node as the workers reach it.
    pub(crate) fn new(
        demand: Arc<dyn Receive>,
        node: Arc<dyn Receive>,
        runtime: Handle,
        clock: Arc<dyn Clock>,
        per_price: usize,
    ) -> Self {
        let stocks = Stocks {
            node,
            runtime,
            clock,
            per_price,
            prices: Mutex::default(),
        };
        Self {
            demand,
            stocks: Arc::new(stocks),
        }
    }

    /// Returns the number of invoices that wait, over all prices.
    pub(crate) fn ready(&self) -> usize {
        self.stocks
            .prices()
            .values()
            .map(|stock| stock.ready.len())
            .sum()
    }

    /// Drops the stock of every price but those that are `sold`.
    pub(crate) fn retain(&self, sold: impl Fn(&InvoiceRequest) -> bool) {
        let (kept, gone) = {
            let mut prices = self.stocks.prices();
            let all = core::mem::take(&mut *prices).into_iter();
            let (kept, gone): (HashMap<_, _>, HashMap<_, _>) =
                all.partition(|(request, _)| sold(request));
            *prices = kept;
            (prices.len(), gone)
        };
        // Perhaps many: freed after the lock.
        tracing::debug!(kept, gone = gone.len(), "prices with a stock of invoices");
    }
}

impl Stocks {
    fn prices(&self) -> MutexGuard<'_, HashMap<InvoiceRequest, PriceStock>> {
        self.prices.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the oldest invoice that is fresh, or returns `None`.
    fn take(self: &Arc<Self>, request: &InvoiceRequest) -> Option<NewInvoice> {
        let (taken, stale) = self.take_fresh(request)?;
        // Perhaps many, so they are freed after the lock.
        drop(stale);
        taken
    }

    /// Takes a fresh invoice and all stale ones, and has the stock filled if half of it is gone.
    /// Returns `None` if the price has no stock.
    fn take_fresh(
        self: &Arc<Self>,
        request: &InvoiceRequest,
    ) -> Option<(Option<NewInvoice>, VecDeque<NewInvoice>)> {
        let now = self.clock.wall();
        let mut prices = self.prices();
        let prices = &mut *prices;
        // A configuration with very many prices must not fill the memory.
        if prices.len() >= PRICES_MAX && !prices.contains_key(request) {
            return None;
        }
        let stock = match prices.get_mut(request) {
            Some(stock) => stock,
            None => prices.entry(request.clone()).or_default(),
        };
        let stale = stock.take_stale(request.expiry, now);
        let taken = stock.ready.pop_front();
        if !stock.filling && stock.ready.len() <= self.per_price / 2 {
            stock.filling = true;
            self.runtime.spawn(Arc::clone(self).fill(request.clone()));
        }
        Some((taken, stale))
    }

    /// Makes invoices until the stock is full or the node fails. After a failure the next challenge
    /// of the price tries again.
    async fn fill(self: Arc<Self>, request: InvoiceRequest) {
        loop {
            let made = self.node.create_invoice(request.clone()).await;
            {
                let mut prices = self.prices();
                // Cleared by a reload meanwhile.
                let Some(stock) = prices.get_mut(&request) else {
                    return;
                };
                let full = match made {
                    Ok(made) => {
                        stock.ready.push_back(made);
                        stock.ready.len() >= self.per_price
                    }
                    Err(error) => {
                        tracing::debug!(%error, "no invoice ahead");
                        true
                    }
                };
                if full {
                    stock.filling = false;
                    return;
                }
            }
            // A signature takes its time, and other work of the runtime must not wait for all of
            // them.
            tokio::task::yield_now().await;
        }
    }
}

impl PriceStock {
    /// Takes out the invoices that have lost a quarter of their time. The oldest stand first.
    fn take_stale(&mut self, expiry: Duration, now: UnixTime) -> VecDeque<NewInvoice> {
        let enough = now.saturating_add(expiry.saturating_sub(expiry / 4));
        let is_stale = |made: &NewInvoice| made.expires() < enough;
        // Nearly always, and a search would look at invoices all over the stock.
        if !self.ready.front().is_some_and(is_stale) {
            return VecDeque::new();
        }
        let stale = self.ready.partition_point(is_stale);
        let fresh = self.ready.split_off(stale);
        core::mem::replace(&mut self.ready, fresh)
    }
}

impl Receive for InvoiceStock {
    fn network(&self) -> Network {
        self.demand.network()
    }

    fn preimage_is_proof(&self) -> bool {
        self.demand.preimage_is_proof()
    }

    fn signs_here(&self) -> bool {
        self.demand.signs_here()
    }

    fn limits(&self) -> InvoiceLimits {
        self.demand.limits()
    }

    fn create_invoice(&self, request: InvoiceRequest) -> BoxFuture<'_, Result<NewInvoice, Error>> {
        match self.stocks.take(&request) {
            Some(made) => Box::pin(core::future::ready(Ok(made))),
            None => self.demand.create_invoice(request),
        }
    }

    fn lookup(&self, payment_hash: PaymentHash) -> BoxFuture<'_, Result<InvoiceState, Error>> {
        self.demand.lookup(payment_hash)
    }

    fn lookup_by(
        &self,
        reference: String,
        payment_hash: PaymentHash,
        amount: Msat,
    ) -> BoxFuture<'_, Result<InvoiceState, Error>> {
        self.demand.lookup_by(reference, payment_hash, amount)
    }

    fn newest_settlement(&self) -> BoxFuture<'_, Result<SettlementIndex, Error>> {
        self.demand.newest_settlement()
    }

    fn liquidity(&self) -> BoxFuture<'_, Result<Option<Liquidity>, Error>> {
        self.demand.liquidity()
    }

    fn settlements(&self, from: SettlementIndex) -> BoxStream<'_, Result<Settlement, Error>> {
        self.demand.settlements(from)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use l402_host::ManualClock;
    use l402_lightning::ErrorKind;
    use l402_lightning::sandbox::Sandbox;

    use super::*;

    /// Counts its invoices; fails from the given one on.
    #[derive(Debug)]
    struct Counter {
        sandbox: Sandbox,
        made: AtomicUsize,
        fails_at: usize,
    }

    impl Receive for Counter {
        fn network(&self) -> Network {
            Network::Regtest
        }

        fn preimage_is_proof(&self) -> bool {
            true
        }

        fn create_invoice(
            &self,
            request: InvoiceRequest,
        ) -> BoxFuture<'_, Result<NewInvoice, Error>> {
            if self.made.fetch_add(1, Ordering::SeqCst) < self.fails_at {
                return self.sandbox.create_invoice(request);
            }
            let failed = Error::new(ErrorKind::Unavailable, "the node is away");
            Box::pin(core::future::ready(Err(failed)))
        }

        fn lookup(&self, _: PaymentHash) -> BoxFuture<'_, Result<InvoiceState, Error>> {
            unreachable!("nobody asks")
        }

        fn settlements(&self, _: SettlementIndex) -> BoxStream<'_, Result<Settlement, Error>> {
            unreachable!("nobody asks")
        }
    }

    struct Bench {
        stock: InvoiceStock,
        node: Arc<Counter>,
        clock: Arc<ManualClock>,
        _home: tempfile::TempDir,
    }

    fn bench(fails_at: usize) -> Bench {
        let clock = Arc::new(ManualClock::new(UnixTime::from_secs(1_800_000_000)));
        let home = tempfile::tempdir().unwrap();
        let node = Arc::new(Counter {
            sandbox: Sandbox::open(home.path(), clock.clone()).unwrap(),
            made: AtomicUsize::new(0),
            fails_at,
        });
        let runtime = Handle::current();
        let stock = InvoiceStock::new(node.clone(), node.clone(), runtime, clock.clone(), 10);
        Bench {
            stock,
            node,
            clock,
            _home: home,
        }
    }

    fn request() -> InvoiceRequest {
        InvoiceRequest::new(
            Msat::from_sat(50),
            Duration::from_secs(600),
            "a joke".to_owned(),
        )
    }

    impl Bench {
        async fn ask(&self) -> Result<NewInvoice, Error> {
            self.stock.create_invoice(request()).await
        }

        /// Waits until nothing is being filled; the runtime of a test has one thread.
        async fn settle(&self) -> usize {
            while self.stock.stocks.prices()[&request()].filling {
                tokio::task::yield_now().await;
            }
            self.stock.stocks.prices()[&request()].ready.len()
        }
    }

    /// ATTACKS P-06.
    #[tokio::test]
    async fn no_invoice_is_given_twice_and_the_stock_fills_up_again() {
        let bench = bench(usize::MAX);
        let mut seen = HashSet::new();
        for _ in 0..5 {
            for _ in 0..7 {
                assert!(seen.insert(bench.ask().await.unwrap().payment_hash()));
            }
            assert!((6..=10).contains(&bench.settle().await));
        }
        let made = bench.node.made.load(Ordering::SeqCst);
        assert_eq!(made, seen.len() + bench.settle().await);
    }

    #[tokio::test]
    async fn an_invoice_that_has_stood_for_long_is_not_given() {
        let bench = bench(usize::MAX);
        bench.ask().await.unwrap();
        assert_eq!(bench.settle().await, 10);
        bench.clock.advance(Duration::from_secs(150));
        let kept = bench.ask().await.unwrap();
        assert_eq!(kept.expires().since(bench.clock.wall()).as_secs(), 450);
        bench.clock.advance(Duration::from_secs(1));
        let fresh = bench.ask().await.unwrap();
        assert_eq!(fresh.expires().since(bench.clock.wall()).as_secs(), 600);
    }

    #[tokio::test]
    async fn a_node_that_fails_is_asked_again_by_the_next_challenge_alone() {
        let bench = bench(3);
        assert!(bench.ask().await.is_ok());
        assert_eq!(bench.settle().await, 2);
        let asked = bench.node.made.load(Ordering::SeqCst);
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!(bench.node.made.load(Ordering::SeqCst), asked);
        assert!(bench.ask().await.is_ok() && bench.ask().await.is_ok());
        assert!(bench.ask().await.is_err());
    }

    #[tokio::test]
    async fn the_stock_of_a_price_that_is_gone_is_dropped_and_no_other() {
        let bench = bench(usize::MAX);
        bench.ask().await.unwrap();
        assert_eq!(bench.settle().await, 10);
        bench.stock.retain(|asked| *asked == request());
        assert_eq!(bench.settle().await, 10);
        bench.stock.retain(|asked| asked.amount != request().amount);
        assert!(bench.stock.stocks.prices().is_empty());
        let before = bench.node.made.load(Ordering::SeqCst);
        bench.ask().await.unwrap();
        assert_eq!(bench.node.made.load(Ordering::SeqCst), before + 1);
    }
}
