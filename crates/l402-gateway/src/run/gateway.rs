//! A running gateway.

use core::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;
use l402::{KeyNumber, KeyRing, Network};
use l402_host::Clock;
use l402_lightning::{Node, Receive};
use l402_server::Paywall;
use l402_server::ledger::SqliteLedger;
use tokio::sync::watch;

use super::Home;
use super::control::Control;
use super::invoice_stock::InvoiceStock;
use super::settlements;
use super::worker::{self, WorkerSetup};
use crate::GatewayError;
use crate::config::Config;
use crate::exchange::GatewayState;
use crate::listen::{self, AddressLock, Peers, StopSignal};
use crate::log::{Counters, Sales};
use crate::table::RouteTable;

/// A running gateway: worker threads and one control runtime. Dropping it stops at once.
pub struct Gateway {
    addresses: Vec<SocketAddr>,
    config: Config,
    keys: KeyRing,
    network: Network,
    invoice_stock: Option<InvoiceStock>,
    state: Arc<GatewayState>,
    sales: Arc<Sales>,
    stop: watch::Sender<Option<Duration>>,
    workers: Vec<JoinHandle<()>>,
    locks: Vec<AddressLock>,
    control: Control,
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway")
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

impl Gateway {
    /// Opens keys and ledger under `home`, binds, serves. Blocks until it is listening; call it
    /// outside async code or under `spawn_blocking`.
    ///
    /// `receive` is the node that [`Config::node`] names, opened by the caller, or one of the
    /// caller's own. The gateway uses it on a runtime of its own, and the runtime on which it was
    /// opened has to outlive the gateway: a connection ends with the runtime that made it.
    ///
    /// # Errors
    /// [`GatewayError`]; nothing stays bound.
    pub fn start(
        config: Config,
        home: &Home,
        clock: Arc<dyn Clock>,
        receive: Arc<dyn Receive>,
    ) -> Result<Self, GatewayError> {
        let control = Control::start()?;
        config
            .check_listeners()
            .map_err(|(key, text)| GatewayError::new(format!("{key}: {text}")))?;
        config
            .check_loop()
            .map_err(|(_, text)| GatewayError::new(format!("upstream: {text}")))?;
        let master = home.master_key(config.key_file.as_deref())?;
        let keys = KeyRing::new(&config.deployment, KeyNumber(1), master);
        let network = receive.network();
        let sales = Arc::new(Sales::open(&config.log, Arc::clone(&clock))?);
        let paid = Arc::clone(&receive);
        let table = route_table(&config, keys.clone(), network, None)?;
        let invoice_stock = invoice_stock(&config, &clock, &receive, &control)?;
        let node = match &invoice_stock {
            Some(stock) => Arc::new(stock.clone()),
            None => control.host(receive),
        };
        let paywall = paywall(&config, home, clock, node, &sales)?;
        let state = Arc::new(GatewayState {
            table: ArcSwap::from_pointee(table),
            paywall,
        });
        let (stop, stopped) = watch::channel(None);
        let mut gateway = Self {
            addresses: Vec::new(),
            config,
            keys,
            network,
            invoice_stock,
            state,
            sales,
            stop,
            workers: Vec::new(),
            locks: Vec::new(),
            control,
        };
        gateway.open(StopSignal(stopped))?;
        gateway.announce();
        gateway.watch_settlements(paid);
        Ok(gateway)
    }

    /// Binds every address, then starts the workers: if one address fails, none is served.
    fn open(&mut self, stop: StopSignal) -> Result<(), GatewayError> {
        let count = self.config.worker_count();
        let mut of_workers: Vec<Vec<_>> = (0..count).map(|_| Vec::new()).collect();
        for address in &self.config.listen {
            let bound = listen::bind(*address, count)?;
            self.addresses.push(bound.address);
            self.locks.push(bound.lock);
            of_workers
                .iter_mut()
                .zip(bound.listeners)
                .for_each(|(own, one)| own.push(one));
        }
        let setup = WorkerSetup {
            state: Arc::clone(&self.state),
            peers: Peers::default(),
            stop,
        };
        for (number, listeners) in of_workers.into_iter().enumerate() {
            let worker = worker::start(number, listeners, setup.clone())?;
            self.workers.push(worker);
        }
        Ok(())
    }

    /// Reads on the control runtime, until that ends with the gateway.
    fn watch_settlements(&self, node: Arc<dyn Receive>) {
        if let Some(control) = self.control.handle() {
            control.spawn(settlements::read(node, self.sales.clone()));
        }
    }

    fn announce(&self) {
        let addresses = &self.addresses;
        tracing::info!(?addresses, node = %self.config.node, workers = self.workers.len(), "listening");
        if self.config.node == Node::Sandbox {
            tracing::warn!("THIS GATEWAY SELLS FOR PLAY MONEY: its node is the sandbox");
        }
    }

    /// Where it listens (port 0 resolved).
    #[must_use]
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// How many invoices were asked for: of the node, or of its stock.
    #[must_use]
    pub fn node_calls(&self) -> u64 {
        self.state.paywall.node_calls()
    }

    /// Returns the counters as they are now: requests, sales and payments since the start.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.sales.counters()
    }

    /// Serves another configuration from the next request on; what is under way ends under the
    /// old one.
    ///
    /// # Errors
    /// A configuration that changes what is fixed at the start (addresses, workers, node, keys,
    /// limits on challenges) or does not compile; then the old one stays.
    pub fn reload(&mut self, config: Config) -> Result<(), GatewayError> {
        if let Some(key) = fixed_key(&self.config, &config) {
            return Err(GatewayError::new(format!(
                "{key} changes with a restart only"
            )));
        }
        config
            .check_loop()
            .map_err(|(_, text)| GatewayError::new(format!("upstream: {text}")))?;
        let before = self.state.table.load_full();
        let table = route_table(&config, self.keys.clone(), self.network, Some(&before))?;
        self.state.table.store(Arc::new(table));
        if let Some(stock) = &self.invoice_stock {
            stock.clear();
        }
        self.config = config;
        Ok(())
    }

    /// Stops accepting, lets requests end until the deadline, makes the ledger durable. Blocks.
    pub fn shutdown(mut self, deadline: Duration) {
        self.end(deadline);
        let paywall = self.state.paywall.clone();
        if let Err(error) = self.control.run(async move { paywall.flush().await }) {
            tracing::error!(%error, "the ledger may lack the last uses");
        }
    }

    fn end(&mut self, deadline: Duration) {
        self.stop.send_replace(Some(deadline));
        for worker in self.workers.drain(..) {
            if worker.join().is_err() {
                tracing::error!("a worker had ended by a panic");
            }
        }
        self.locks.clear();
        self.sales.flush();
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.end(Duration::ZERO);
    }
}

fn route_table(
    config: &Config,
    keys: KeyRing,
    network: Network,
    before: Option<&RouteTable>,
) -> Result<RouteTable, GatewayError> {
    let table = RouteTable::new(config, keys, network, before)?;
    let tls = config.tls.as_ref().map(listen::server_tls).transpose()?;
    Ok(table.with_tls(tls))
}

/// Puts a stock of invoices before the node, if the configuration wants one.
///
/// # Errors
/// A node that does not sign in this process: one request would have it make many invoices, unasked.
fn invoice_stock(
    config: &Config,
    clock: &Arc<dyn Clock>,
    node: &Arc<dyn Receive>,
    control: &Control,
) -> Result<Option<InvoiceStock>, GatewayError> {
    let Some(runtime) = control.handle().filter(|_| config.invoices_ahead > 0) else {
        return Ok(None);
    };
    if !node.signs_here() {
        let text = "challenges.invoices_ahead: this node does not sign in this process, and would \
                    keep every invoice; remove the key";
        return Err(GatewayError::new(text));
    }
    let demand = control.host(Arc::clone(node));
    let (node, clock) = (Arc::clone(node), Arc::clone(clock));
    let stock = InvoiceStock::new(demand, node, runtime.clone(), clock, config.invoices_ahead);
    Ok(Some(stock))
}

fn paywall(
    config: &Config,
    home: &Home,
    clock: Arc<dyn Clock>,
    receive: Arc<dyn Receive>,
    sales: &Arc<Sales>,
) -> Result<Paywall, GatewayError> {
    let path = home.ledger();
    let ledger = SqliteLedger::open(&path)
        .map_err(|error| GatewayError::new(format!("cannot use {}: {error}", path.display())))?;
    Ok(Paywall::builder(receive)
        .ledger(Arc::new(ledger))
        .limits(config.challenges)
        .clock(clock)
        .observer(sales.clone())
        .lsat_line(config.lsat_line)
        .invalid_credential_402(config.invalid_credential_402)
        .build())
}

/// Returns the first key that differs between two configurations and cannot change while serving.
fn fixed_key(old: &Config, new: &Config) -> Option<&'static str> {
    let differs = [
        ("listen", old.listen != new.listen),
        ("workers", old.workers != new.workers),
        ("deployment", old.deployment != new.deployment),
        ("node", old.node != new.node),
        (
            "danger_spending_macaroon",
            old.danger_spending_macaroon != new.danger_spending_macaroon,
        ),
        (
            "invalid_credential",
            old.invalid_credential_402 != new.invalid_credential_402,
        ),
        ("lsat_line", old.lsat_line != new.lsat_line),
        ("log", old.log != new.log),
        ("keys", old.key_file != new.key_file),
        (
            "challenges",
            (old.challenges, old.invoices_ahead) != (new.challenges, new.invoices_ahead),
        ),
    ];
    differs
        .into_iter()
        .find(|(_, differs)| *differs)
        .map(|(key, _)| key)
}
