//! Starts, reloads and stops a gateway.

use core::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;
use l402_host::Clock;
use l402_lightning::{Node, Receive};
use l402_server::observe::Observers;
use l402_server::revoked::Revoked;
use l402_server::{Ledger, Observe, Paywall};
use tokio::sync::watch;

use super::books::{self, OpenBooks};
use super::control::Control;
use super::descriptors::Shares;
use super::follow_keys::FollowKeys;
use super::invoice_stock::InvoiceStock;
use super::reload::{check_loop, misconfigured, route_table};
use super::revocations::FollowRevocations;
use super::served_keys::ServedKeys;
use super::settlements;
use super::spread::{Follow, Spread};
use super::worker::{self, WorkerSetup};
use super::{Home, begin, ledger};
use crate::config::{Config, Fixed, Live};
use crate::exchange::{GatewayState, StreamCounts};
use crate::listen::{self, AddressLock, Peers, StopSignal};
use crate::log::{Counters, Sales};
use crate::upstream::Slots;
use crate::{GatewayError, GatewayErrorKind};

/// A running gateway: worker threads and one control runtime. A drop stops it at once.
///
/// Sells one upstream for play money, on a free port:
///
/// ```
/// use std::{sync::Arc, time::Duration};
///
/// use l402_gateway::{Config, Gateway, Home};
/// use l402_host::SystemClock;
/// use l402_lightning::sandbox::Sandbox;
///
/// let folder = tempfile::tempdir()?;
/// let home = Home::at(folder.path().join("l402"))?;
/// let clock = Arc::new(SystemClock::default());
/// let node = Arc::new(Sandbox::open(home.path(), clock.clone())?);
/// let config = Config::quick("http://127.0.0.1:3000", "50 sat".parse()?, "request".parse()?)
///     .map_err(|mistakes| mistakes[0].to_string())?
///     .with_listen(vec!["127.0.0.1:0".parse()?])
///     .with_workers(1);
///
/// let gateway = Gateway::start(config, &home, clock, node)?;
/// assert_ne!(gateway.local_addrs()[0].port(), 0);
/// gateway.shutdown(Duration::from_secs(1));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub struct Gateway {
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) fixed: Fixed,
    pub(super) keys: Arc<ServedKeys>,
    pub(super) node: Arc<dyn Receive>,
    pub(super) invoice_stock: Option<InvoiceStock>,
    pub(super) state: Arc<GatewayState>,
    sales: Arc<Sales>,
    /// `None` if nothing is to be written down, or if it cannot be.
    books: Option<OpenBooks>,
    stop: watch::Sender<Option<Duration>>,
    workers: Vec<JoinHandle<()>>,
    locks: Vec<AddressLock>,
    control: Control,
    /// Ends with the gateway.
    #[expect(dead_code, reason = "it works until it is dropped")]
    spread: Spread,
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway")
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

impl Gateway {
    /// Opens keys and ledger under `home`, binds every address, and serves. Blocks until the
    /// gateway is listening; call it outside async code or under `spawn_blocking`.
    ///
    /// `receive` is the node that [`Config::node`] names, opened by the caller, or one that the
    /// caller has made. The gateway calls it on a runtime of its own. The runtime on which it was
    /// opened has to outlive the gateway, because a connection ends with the runtime that made it.
    ///
    /// Raises the soft limit of the process on open files and sockets to the hard limit, and gives
    /// connections their share of it: half of what a small reserve leaves is for clients, half for
    /// upstreams.
    ///
    /// # Errors
    /// [`GatewayError`] for an address, file or key that cannot be used. Nothing stays bound then.
    pub fn start(
        config: Config,
        home: &Home,
        clock: Arc<dyn Clock>,
        receive: Arc<dyn Receive>,
    ) -> Result<Self, GatewayError> {
        let control = Control::start()?;
        config.check_listeners().map_err(misconfigured)?;
        check_loop(&config)?;
        let Config { fixed, live } = config;
        let register = ledger::register(home, &fixed.ledger)?;
        // Held until the ledger is open, which shows in the home from then on: a restore moves no home
        // aside between the two.
        let start = begin::lock(home)?;
        let keys = begin::begin(&start, home, &fixed, &*register, &*clock)?;
        // Open before the keys are read: from then on others wait for this gateway to have theirs.
        let ledger = ledger::open(home, &fixed.ledger, Arc::clone(&clock))?;
        drop(start);
        let of = (&ledger, Arc::clone(&clock));
        let (follow_keys, keys) = FollowKeys::start(&*register, home, &fixed, keys, of)?;
        let revoked = Arc::new(Revoked::default());
        // Before the routes are served: what was ended must not be good for a moment.
        let followers = followers(&revoked, follow_keys);
        let followed = ledger::followed_register(home, &fixed.ledger)?;
        let spread = Spread::start(followed, followers)?;
        let table =
            route_table(&live, keys.hold().ring().clone(), &*receive, None)?.with_revoked(revoked);
        let sales = Arc::new(Sales::open(&fixed.log, Arc::clone(&clock))?);
        let books = OpenBooks::start(home, &fixed, &clock);
        let books = books.inspect(|books| books.begin(&receive, &control));
        let own = Arc::clone(&receive);
        let invoice_stock = invoice_stock(&fixed, &clock, &receive, &control)?;
        let node = asked_node(invoice_stock.as_ref(), receive, &control);
        let observer = observer(&sales, books.as_ref());
        let paywall = paywall(&fixed, &live, ledger, clock, node, observer);
        let state = Arc::new(GatewayState {
            table: ArcSwap::from_pointee(table),
            paywall,
            streams: StreamCounts::default(),
        });
        keys.attach(&state);
        let (stop, stopped) = watch::channel(None);
        // Whole before it binds, so that an error there drops it, which joins the workers that run.
        let mut gateway = Self {
            addresses: Vec::new(),
            fixed,
            keys,
            node: own,
            invoice_stock,
            state,
            sales,
            books,
            stop,
            workers: Vec::new(),
            locks: Vec::new(),
            control,
            spread,
        };
        gateway.open(StopSignal(stopped))?;
        gateway.announce();
        gateway.watch_settlements();
        gateway.tend_books(home);
        Ok(gateway)
    }

    /// Binds every address, then starts the workers: if one address fails, none is served.
    fn open(&mut self, stop: StopSignal) -> Result<(), GatewayError> {
        let count = self.fixed.worker_count();
        let mut of_workers: Vec<Vec<_>> = (0..count).map(|_| Vec::new()).collect();
        for address in &self.fixed.listen {
            let bound = listen::bind(*address, count)?;
            self.addresses.push(bound.address);
            self.locks.push(bound.lock);
            of_workers
                .iter_mut()
                .zip(bound.listeners)
                .for_each(|(own, one)| own.push(one));
        }
        let limit = l402_host::raise_descriptor_limit();
        let shares = Shares::new(limit.now, count, self.fixed.listen.len());
        shares.tell(limit, &self.state.table.load().http);
        let setup = WorkerSetup {
            state: Arc::clone(&self.state),
            peers: Peers::new(shares.clients),
            slots: Slots::new(shares.upstreams),
            warnings: Arc::default(),
            stop,
        };
        for (number, listeners) in of_workers.into_iter().enumerate() {
            let worker = worker::start(number, listeners, setup.clone())?;
            self.workers.push(worker);
        }
        Ok(())
    }

    /// Reads on the control runtime, until that ends with the gateway.
    fn watch_settlements(&self) {
        let node = Arc::clone(&self.node);
        if let Some(control) = self.control.handle() {
            control.spawn(settlements::read(
                node,
                self.sales.clone(),
                self.books.clone(),
            ));
        }
    }

    /// Looks after the books on the control runtime, until that ends with the gateway.
    fn tend_books(&self, home: &Home) {
        if let (Some(control), Some(books)) = (self.control.handle(), &self.books) {
            let tended = books::tend(books.clone(), home.clone(), self.fixed.clone());
            control.spawn(tended);
        }
    }

    /// Connects once to each upstream, in the background. The log warns of those that cannot be
    /// reached, and of files of theirs that the gateway's own documents hide. One that refuses counts
    /// as down: nothing of it is sold until it accepts connections.
    /// May be called at any time, such as after a start and after a reload.
    pub fn check_upstreams(&self) {
        let table = self.state.table.load_full();
        if let Some(control) = self.control.handle() {
            control.spawn(async move {
                table.check_upstreams().await;
                table.warn_of_hidden_files().await;
            });
        }
    }

    fn announce(&self) {
        let addresses = &self.addresses;
        tracing::info!(?addresses, node = %self.fixed.node, workers = self.workers.len(), "listening");
        if self.fixed.node == Node::Sandbox {
            tracing::warn!("THIS GATEWAY SELLS FOR PLAY MONEY: its node is the sandbox");
        }
    }

    /// The addresses that it listens on, port 0 resolved.
    #[must_use]
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The number of invoices that were asked for since the start, of the node or of its stock.
    #[must_use]
    pub fn node_calls(&self) -> u64 {
        self.state.paywall.node_calls()
    }

    /// The time that requests in flight have to end at a stop: `http.shutdown_secs` of the
    /// configuration that is served now.
    #[must_use]
    pub fn shutdown_deadline(&self) -> Duration {
        self.state.table.load().http.shutdown
    }

    /// Returns the counters as they are now: requests, sales and payments since the start.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.sales.counters()
    }

    /// Stops accepting, gives requests under way until the deadline, and makes the ledger durable.
    /// Blocks.
    pub fn shutdown(mut self, deadline: Duration) {
        self.end(deadline);
        let paywall = self.state.paywall.clone();
        if let Err(error) = self.control.run(async move { paywall.flush().await }) {
            tracing::error!(%error, "the ledger may lack the last uses");
        }
    }

    /// Stops the workers and waits for them.
    fn end(&mut self, deadline: Duration) {
        self.stop.send_replace(Some(deadline));
        for worker in self.workers.drain(..) {
            if worker.join().is_err() {
                tracing::error!("a worker had ended by a panic");
            }
        }
        // After the workers: another process must not bind an address that is still served.
        self.locks.clear();
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.end(Duration::ZERO);
        // Last, after the ledger: a log that nobody reads must not hold up what was sold.
        self.sales.flush();
        if let Some(books) = &self.books {
            books.flush();
        }
    }
}

/// Puts a stock of invoices before the node, if the configuration wants one.
///
/// # Errors
/// The node does not sign in this process: each invoice of the stock would stay with it for ever,
/// and one request could be the cause of many.
fn invoice_stock(
    fixed: &Fixed,
    clock: &Arc<dyn Clock>,
    node: &Arc<dyn Receive>,
    control: &Control,
) -> Result<Option<InvoiceStock>, GatewayError> {
    let Some(runtime) = control.handle().filter(|_| fixed.invoices_ahead > 0) else {
        return Ok(None);
    };
    if !node.signs_here() {
        let text = "challenges.invoices_ahead: this node does not sign in this process, and would \
                    keep every invoice; remove the key";
        return Err(GatewayError::new(GatewayErrorKind::Configuration, text));
    }
    let demand = control.host(Arc::clone(node));
    let (node, clock) = (Arc::clone(node), Arc::clone(clock));
    let stock = InvoiceStock::new(demand, node, runtime.clone(), clock, fixed.invoices_ahead);
    Ok(Some(stock))
}

/// Returns the node that the paywall asks.
fn asked_node(
    stock: Option<&InvoiceStock>,
    receive: Arc<dyn Receive>,
    control: &Control,
) -> Arc<dyn Receive> {
    match stock {
        // It works where the stock has it work.
        Some(stock) => Arc::new(stock.clone()),
        None => control.host(receive),
    }
}

/// Returns who takes over what others change in the register.
fn followers(revoked: &Arc<Revoked>, keys: FollowKeys) -> Vec<Box<dyn Follow>> {
    let revocations = FollowRevocations::new(Arc::clone(revoked));
    vec![Box::new(revocations), Box::new(keys)]
}

/// Returns the observer of the paywall: counters and access log, and the books if there are any.
fn observer(sales: &Arc<Sales>, books: Option<&OpenBooks>) -> Arc<dyn Observe> {
    match books {
        Some(books) => Arc::new(Observers::new(sales.clone(), books.observer.clone())),
        None => sales.clone(),
    }
}

/// Builds the paywall on the ledger.
fn paywall(
    fixed: &Fixed,
    live: &Live,
    ledger: Arc<dyn Ledger>,
    clock: Arc<dyn Clock>,
    receive: Arc<dyn Receive>,
    observer: Arc<dyn Observe>,
) -> Paywall {
    Paywall::builder(receive)
        .ledger(ledger)
        .observer(observer)
        .limits(live.challenges)
        .clock(clock)
        .lsat_line(fixed.lsat_line)
        .invalid_credential_402(fixed.invalid_credential_402)
        .build()
}
