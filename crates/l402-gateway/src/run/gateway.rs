//! Starts, reloads and stops a gateway.

use core::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;
use l402::UnixTime;
use l402_host::Clock;
use l402_lightning::{Node, Receive};
use l402_server::observe::Observers;
use socket2::Socket;
use tokio::sync::watch;

use super::books::{self, OpenBooks};
use super::control::Control;
use super::descriptors::Shares;
use super::invoice_stock::InvoiceStock;
use super::issue::Issue;
use super::liquidity::KnownLiquidity;
use super::node_watch::NodeWatch;
use super::parts::{Begun, Parts};
use super::reload::{check_loop, misconfigured};
use super::sale_notices::SaleNotices;
use super::served_keys::ServedKeys;
use super::settlements;
use super::spread::Spread;
use super::upgrade::{self, HTTP, HandOver, Inherited, REDIRECT, Stop, Upgrade};
use super::upstream_checks::UpstreamChecks;
use super::worker::{self, WorkerSetup};
use super::{Home, SellerKeys, Stores, key_ends, traced};
use crate::config::{Config, Fixed, Live};
use crate::exchange::{GatewayState, Redirect};
use crate::listen::{self, Bound, Peers, Redirected, StopSignal, Stopping};
use crate::log::{Counters, Sales};
use crate::metrics::TICK;
use crate::upstream::Slots;
use crate::webhooks::{PostOffice, Target, open_targets};
use crate::{GatewayError, GatewayErrorKind};

/// The longest wait for webhooks that are not written down yet, at a stop.
const FLUSH: Duration = Duration::from_secs(2);

/// The time after the end of an invoice in which a payment that was under way may arrive.
const LATE: Duration = Duration::from_secs(60);

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
    /// The address whose requests are sent on to TLS.
    pub(super) redirected: Option<SocketAddr>,
    pub(super) fixed: Fixed,
    /// The settings that are served now.
    pub(super) live: ArcSwap<Live>,
    pub(super) keys: Arc<ServedKeys>,
    pub(super) node_watch: NodeWatch,
    pub(super) invoice_stock: Option<InvoiceStock>,
    pub(super) state: Arc<GatewayState>,
    /// What an authority issues; `None` if none is asked.
    pub(super) issue: Option<Issue>,
    pub(super) stores: Stores,
    pub(super) started: UnixTime,
    /// The connections to upstreams, once the workers run.
    pub(super) slots: Option<Arc<Slots>>,
    pub(super) descriptors_max: Option<u64>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) sales: Arc<Sales>,
    /// `None` if nothing is to be written down, or if it cannot be.
    pub(super) books: Option<OpenBooks>,
    pub(super) stop: Stop,
    workers: Mutex<Vec<JoinHandle<()>>>,
    /// The workers accept from the moment at which this is true.
    accepts: watch::Sender<bool>,
    /// Sockets of workers that listen from then on.
    later: Mutex<Vec<Socket>>,
    pub(super) hand_over: Arc<HandOver>,
    /// The sockets of the process before this one, until [`Gateway::take_over`].
    pub(super) inherited: Mutex<Option<Inherited>>,
    pub(super) control: Control,
    pub(super) upstream_checks: UpstreamChecks,
    /// `None` if the control runtime has ended.
    pub(super) post_office: Option<Arc<PostOffice>>,
    /// Those of the start, until [`Gateway::take_over`].
    targets: Mutex<Option<Vec<Arc<Target>>>>,
    pub(super) liquidity: KnownLiquidity,
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
        let gateway = Self::start_with(config, home, clock, receive, None)?;
        gateway.take_over();
        Ok(gateway)
    }

    /// Opens and binds as [`Gateway::start`], with the sockets of a running gateway, and accepts nothing
    /// before [`Gateway::take_over`]. Until then that gateway serves, and goes on if this one is dropped.
    ///
    /// # Errors
    /// Those of [`Gateway::start`], and [`GatewayErrorKind::Upgrade`] if the running gateway is gone.
    pub fn start_with(
        config: Config,
        home: &Home,
        clock: Arc<dyn Clock>,
        receive: Arc<dyn Receive>,
        upgrade: Option<Upgrade>,
    ) -> Result<Self, GatewayError> {
        let control = Control::start()?;
        config.check_listeners().map_err(misconfigured)?;
        check_loop(&config)?;
        let Config { fixed, live } = config;
        let targets = open_targets(&live.webhooks)?;
        let begun = Begun::open(home, &fixed, &clock)?;
        let parts = Parts::open(home, (&fixed, &live), &clock, receive, (&control, &begun))?;
        begun.keys.attach(&parts.state);
        let (stop, stopped) = Stop::new(&parts.state.draining);
        let node = fixed.node.to_string();
        let hand_over = Arc::new(HandOver::new(stop.clone(), node, parts.books.clone()));
        // Whole before it binds, so that an error there drops it, which joins the workers that run.
        let mut gateway = Self {
            addresses: Vec::new(),
            redirected: None,
            stores: Stores::at(home, &fixed.ledger),
            fixed,
            live: ArcSwap::from_pointee(live),
            keys: begun.keys,
            node_watch: parts.node_watch,
            invoice_stock: parts.invoice_stock,
            state: parts.state,
            issue: parts.issue,
            started: clock.wall(),
            slots: None,
            descriptors_max: None,
            clock,
            sales: parts.sales,
            books: parts.books,
            hand_over,
            stop,
            workers: Mutex::default(),
            accepts: watch::Sender::new(false),
            later: Mutex::default(),
            inherited: Mutex::default(),
            post_office: None,
            targets: Mutex::default(),
            liquidity: KnownLiquidity::default(),
            control,
            upstream_checks: UpstreamChecks::default(),
            spread: begun.spread,
        };
        gateway.open(stopped, upgrade)?;
        gateway.begin_work(home, targets);
        Ok(gateway)
    }

    /// Begins what works beside the workers.
    fn begin_work(&mut self, home: &Home, targets: Vec<Arc<Target>>) {
        self.post_office = self.open_post_office(home);
        *lock(&self.targets) = Some(targets);
        self.watch_minute();
        self.tend_books(home);
        self.watch_key_ends(home);
        let table = self.state.table.load_full();
        self.upstream_checks.follow(&table, &self.control);
    }

    /// Accepts connections from now on. After an upgrade the gateway before this one is told, and accepts
    /// no more when this returns. Blocks for a moment.
    pub fn take_over(&self) {
        for socket in lock(&self.later).drain(..) {
            if let Err(error) = listen::listen(&socket) {
                tracing::error!(%error, "a worker does not listen");
            }
        }
        self.accepts.send_replace(true);
        self.announce();
        let inherited = lock(&self.inherited).take();
        if let Some(inherited) = inherited {
            inherited.finish(self.books.as_ref());
        }
        // Not before: until then the other process tells of all this, and knows what its invoices are for.
        if let Some(targets) = lock(&self.targets).take() {
            self.deliver_to(targets, &self.live.load().webhooks);
        }
        self.watch_settlements();
        self.keep_certificate();
    }

    /// Binds every address, then starts the workers: if one address fails, none is served.
    fn open(&mut self, stop: StopSignal, upgrade: Option<Upgrade>) -> Result<(), GatewayError> {
        let count = self.fixed.worker_count();
        let mut of_workers: Vec<Vec<_>> = (0..count).map(|_| Vec::new()).collect();
        for (purpose, mut bound) in self.bind(count, upgrade)? {
            match purpose {
                REDIRECT => self.redirected = Some(bound.address),
                _ => self.addresses.push(bound.address),
            }
            lock(&self.later).append(&mut bound.later);
            let shared = bound.share().map_err(|error| {
                let text = format!("cannot keep {}: {error}", bound.address);
                GatewayError::new(GatewayErrorKind::Listen, text).with_source(error)
            })?;
            self.hand_over.add(purpose, shared);
            upgrade::divide(bound.listeners, &mut of_workers);
        }
        let limit = l402_host::raise_descriptor_limit();
        let shares = Shares::new(limit.now, count, self.purposes().count());
        shares.tell(limit, &self.state.table.load().http);
        self.descriptors_max = limit.now;
        let slots = Slots::new(shares.upstreams);
        self.slots = Some(Arc::clone(&slots));
        let setup = WorkerSetup {
            state: Arc::clone(&self.state),
            peers: Peers::new(shares.clients),
            slots,
            warnings: Arc::default(),
            proxied: self.proxied(),
            redirected: self.redirected(),
            stop,
            may_accept: self.accepts.subscribe(),
        };
        for (number, listeners) in of_workers.into_iter().enumerate() {
            let worker = worker::start(number, listeners, setup.clone())?;
            lock(&self.workers).push(worker);
        }
        Ok(())
    }

    /// Binds every address, or takes its sockets over.
    fn bind(
        &self,
        workers: usize,
        upgrade: Option<Upgrade>,
    ) -> Result<Vec<(&'static str, Bound)>, GatewayError> {
        let mut inherited = upgrade.map(Upgrade::receive).transpose()?;
        let mut all = Vec::new();
        for (purpose, address) in self.purposes() {
            let taken = inherited
                .as_mut()
                .and_then(|from| from.take(purpose, address));
            let bound = match taken {
                Some(bound) => bound.fit(workers)?,
                None => listen::bind(address, workers)?,
            };
            all.push((purpose, bound));
        }
        *lock(&self.inherited) = inherited;
        Ok(all)
    }

    /// Returns the addresses to listen on, each with what it is for.
    fn purposes(&self) -> impl Iterator<Item = (&'static str, SocketAddr)> {
        let sold = self.fixed.listen.iter().map(|address| (HTTP, *address));
        let redirect = self.fixed.tls.redirect_from;
        sold.chain(redirect.map(|address| (REDIRECT, address)))
    }

    /// Returns the address whose requests are sent on, and the port of TLS.
    fn redirected(&self) -> Option<Redirected> {
        let (address, tls) = self.redirected.zip(self.addresses.first())?;
        let ports = Redirect {
            from: address.port(),
            to: tls.port(),
        };
        Some(Redirected { address, ports })
    }

    /// Returns the addresses whose connections begin with a PROXY header, port 0 resolved.
    fn proxied(&self) -> Arc<[SocketAddr]> {
        let all = self.fixed.listen.iter().zip(&self.addresses);
        let proxied = all.filter(|(named, _)| self.fixed.proxy_protocol.include(named));
        proxied.map(|(_, bound)| *bound).collect()
    }

    /// Reads on the control runtime, until that ends with the gateway.
    fn watch_settlements(&self) {
        let node = self.node_watch.clone();
        let told = SaleNotices::new(self.state.notices.clone());
        let observers = Arc::new(Observers::new(self.sales.clone(), Arc::new(told)));
        let (stop, handed_over) = (self.stop.clone(), self.stop.handed_over());
        if let Some(control) = self.control.handle() {
            let reading = settlements::read(node, observers, self.books.clone());
            control.spawn(async move {
                // The next process reads on, and two would tell of each payment twice.
                let ended = async move {
                    handed_over.await;
                    if stop.reads_on() {
                        std::future::pending::<()>().await;
                    }
                };
                tokio::select! {
                    () = reading => {}
                    () = ended => {}
                }
            });
        }
    }

    /// Reads the numbers of the last minute on the control runtime, until that ends with the gateway.
    fn watch_minute(&self) {
        let metrics = Arc::clone(&self.state.metrics);
        if let Some(control) = self.control.handle() {
            control.spawn(async move {
                let mut ticks = tokio::time::interval(TICK);
                loop {
                    ticks.tick().await;
                    metrics.tick();
                }
            });
        }
    }

    fn open_post_office(&self, home: &Home) -> Option<Arc<PostOffice>> {
        let (home, clock) = (home.path().to_owned(), Arc::clone(&self.clock));
        let runtime = self.control.handle()?.clone();
        let notices = &self.state.notices;
        let liquidity = self
            .liquidity
            .watch(Arc::new(self.node_watch.clone()), notices.clone());
        runtime.spawn(liquidity);
        let office = PostOffice::start(home, clock, notices, runtime.clone());
        let office = Arc::new(office);
        let (leaving, handed_over) = (Arc::downgrade(&office), self.stop.handed_over());
        runtime.spawn(async move {
            handed_over.await;
            if let Some(office) = leaving.upgrade() {
                office.leave();
            }
        });
        Some(office)
    }

    /// Tells of the ends of keys on the control runtime, until that ends with the gateway.
    fn watch_key_ends(&self, home: &Home) {
        let config = Config {
            fixed: self.fixed.clone(),
            live: Live::default(),
        };
        let (clock, notices) = (Arc::clone(&self.clock), self.state.notices.clone());
        if let Some(control) = self.control.handle() {
            let keys = SellerKeys::of(&config, home);
            control.spawn(key_ends::watch(keys, clock, notices));
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
        tracing::info!(?addresses, node = %self.fixed.node, workers = lock(&self.workers).len(), "listening");
        if self.fixed.node == Node::Sandbox {
            tracing::warn!("THIS GATEWAY SELLS FOR PLAY MONEY: its node is the sandbox");
        }
    }

    /// The addresses that it listens on, port 0 resolved.
    #[must_use]
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The address whose requests are sent on to TLS (`tls.redirect_from`), port 0 resolved.
    #[must_use]
    pub fn redirect_addr(&self) -> Option<SocketAddr> {
        self.redirected
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
        let traces = self.state.traces.as_ref();
        Counters {
            spans_dropped: traces.map_or(0, |traces| traces.dropped()),
            ..self.sales.counters()
        }
    }

    /// Stops accepting, gives requests under way until the deadline, and makes the ledger durable.
    /// Blocks.
    pub fn shutdown(&self, deadline: Duration) {
        self.end(deadline);
        self.flush();
    }

    fn flush(&self) {
        let paywall = self.state.paywall.clone();
        if let Err(error) = self.control.run(async move { paywall.flush().await }) {
            tracing::error!(%error, "the ledger may lack the last uses");
        }
        if let Some(flushed) = self.post_office.as_ref().map(|office| office.flush()) {
            // After the last sale. A disk that hangs must not hold up the stop for ever.
            let waited = async move { tokio::time::timeout(FLUSH, flushed).await };
            let _ = self.control.run(waited);
        }
        traced::flush(&self.state.traces, &self.control);
        self.flush_records();
    }

    /// Last, after the ledger: a log that nobody reads must not hold up what was sold.
    fn flush_records(&self) {
        self.sales.flush();
        if let Some(books) = &self.books {
            books.flush();
        }
    }

    /// Waits until all that is under way has ended, after [`Gateway::handed_over`], and makes the ledger
    /// durable. A [`Gateway::shutdown`] meanwhile sets it a time. Blocks.
    pub fn finish(&self) {
        self.join();
        self.wait_for_payments();
        self.flush();
    }

    /// Waits until the last invoice has ended, if nobody else reads the settlements of the node, or until
    /// a stop.
    fn wait_for_payments(&self) {
        let Some(books) = self.books.clone().filter(|_| self.stop.reads_on()) else {
            return;
        };
        let mut signal = self.stop.signal.subscribe();
        let ended = move || {
            let last = books.observer.last_expiry();
            last.is_none_or(|last| last.saturating_add(LATE) <= books.now())
        };
        let waited = self.control.run(async move {
            let is_stop = |signal: &Option<Stopping>| matches!(signal, Some(Stopping::Within(_)));
            let stop = signal.wait_for(is_stop);
            let ends = async {
                while !ended() {
                    tokio::time::sleep(TICK).await;
                }
            };
            tokio::select! {
                _ = stop => {}
                () = ends => {}
            }
        });
        if let Err(error) = waited {
            tracing::error!(%error, "payments to the node of this process may not be written down");
        }
    }

    /// Stops the workers and waits for them.
    fn end(&self, deadline: Duration) {
        // First, for the sockets that it holds listen as long as any of them is open.
        self.hand_over.close();
        self.stop.send(Stopping::Within(deadline));
        self.join();
        // After the workers: another process must not bind an address that is still served.
        self.hand_over.release();
    }

    /// Waits for the workers, and for another caller who waits for them already.
    fn join(&self) {
        let mut workers = lock(&self.workers);
        for worker in workers.drain(..) {
            if worker.join().is_err() {
                tracing::error!("a worker had ended by a panic");
            }
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.end(Duration::ZERO);
        self.flush_records();
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
