//! The running node: its start, its use and its stop.
//!
//! ```text
//!   start: folder locked ─> seed ─> keys ─> backlog of events stored ─> node runs ─> events taken
//!   stop:  no more events ─> node stops ─> folder unlocked
//! ```

use core::fmt;
use core::time::Duration;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use l402::{Network, UnixTime};
use ldk_node::lightning::ln::msgs::SocketAddress;
use ldk_node::{BuildError, Builder, Node, NodeError};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::config::{self, LdkConfig};
use super::event;
use super::file::LdkFile;
use super::folder::Folder;
use super::hint::{self, InboundChannel};
use super::key::InvoiceKey;
use super::log::Log;
use crate::{Error, ErrorKind, SettlementIndex};
use l402_host::Clock;

/// The number of threads of the node's own runtime.
const WORKERS: usize = 2;

/// The time for which the list of channels is reused. A peer that goes away within this time costs
/// a few invoices with a hint at its channel.
const INBOUND_CHANNELS_FRESH: Duration = Duration::from_secs(2);

/// An embedded LDK node.
///
/// It has a runtime of its own, so its methods work on any runtime. Stop it with [`Ldk::stop`];
/// dropping it stops it too, and blocks meanwhile.
pub struct Ldk {
    shared: Arc<LdkShared>,
    runtime: OwnRuntime,
}

/// The parts that methods, event loop and blocking work share.
pub(super) struct LdkShared {
    started: Mutex<Option<Started>>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) file: LdkFile,
    pub(super) key: InvoiceKey,
    pub(super) network: Network,
    pub(super) node: Node,
    /// The last settlement of earlier runs.
    pub(super) settled_before: SettlementIndex,
    /// True while the node runs. Also sent, unchanged, whenever the file has something new.
    pub(super) running: watch::Sender<bool>,
    inbound_channels: Mutex<Option<(Duration, Arc<[InboundChannel]>)>>,
}

/// The parts that exist between start and stop.
struct Started {
    events: JoinHandle<()>,
    _folder: Folder,
}

impl Ldk {
    /// Starts the node of this storage folder, or a new node if the folder is new.
    ///
    /// # Errors
    /// `Local` for a folder, file, seed, address or network that cannot be used; `Unavailable` for a
    /// node that already runs there, and for a chain source that does not answer. On other
    /// networks than the main one the node starts without an answer and goes on asking.
    pub async fn start(config: LdkConfig, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let runtime = OwnRuntime::new()?;
        let handle = runtime.handle().clone();
        // Started on the node's own runtime as a whole, so that a start whose caller has gone is
        // also stopped there and frees the folder.
        let started = handle.clone().spawn_blocking(move || {
            let shared = LdkShared::start(config, clock, &handle);
            shared.map(|shared| Self { shared, runtime })
        });
        let started = started.await.map_err(|_| about_to_end())??;
        let (node, network) = (started.shared.key.payee(), started.shared.network);
        tracing::info!(%node, %network, "the LDK node runs");
        Ok(started)
    }

    /// Returns the node itself: channels, addresses, peers, the on-chain wallet. Its calls block;
    /// async code uses [`Ldk::with_node`]. This value takes the node's events, so the caller must
    /// not.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.shared.node
    }

    /// Runs blocking calls of the node on a thread where they delay no other task.
    ///
    /// # Errors
    /// `Local` if the program is about to end.
    pub async fn with_node<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Node) -> T + Send + 'static,
    ) -> Result<T, Error> {
        self.blocking(move |shared| work(&shared.node)).await
    }

    /// Stops the node and frees its folder. Later calls are answered with `Unavailable`; stopping
    /// again does nothing.
    ///
    /// # Errors
    /// `Local` if the program is about to end.
    pub async fn stop(&self) -> Result<(), Error> {
        let shared = Arc::clone(&self.shared);
        let handle = self.runtime.handle().clone();
        self.runtime.run(move || shared.stop(&handle)).await
    }

    pub(super) fn shared(&self) -> &LdkShared {
        &self.shared
    }

    /// Runs blocking work on a thread where it delays no other task.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&LdkShared) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let shared = Arc::clone(&self.shared);
        self.runtime.run(move || work(&shared)).await
    }
}

impl fmt::Debug for Ldk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ldk")
            .field("node_id", &self.shared.key.payee())
            .field("network", &self.shared.network)
            .finish_non_exhaustive()
    }
}

impl Drop for Ldk {
    fn drop(&mut self) {
        let (shared, handle) = (Arc::clone(&self.shared), self.runtime.handle().clone());
        // In a thread of its own: stopping waits, which a thread of async code must not do.
        let stopped = std::thread::spawn(move || shared.stop(&handle)).join();
        if stopped.is_err() {
            tracing::error!("the node did not stop in order; it recovers at its next start");
        }
    }
}

impl LdkShared {
    fn start(
        config: LdkConfig,
        clock: Arc<dyn Clock>,
        handle: &Handle,
    ) -> Result<Arc<Self>, Error> {
        let network = config.network;
        let theirs = config::network(network)?;
        let folder = Folder::open(&config.storage)?;
        let seed = folder.seed()?;
        let key = InvoiceKey::derive(&seed, theirs)?;
        let file = LdkFile::open(&config.storage)?;
        let mut builder = builder(config, theirs, handle)?;
        builder.set_entropy_seed_bytes(*seed);
        let node = builder.build().map_err(|error| unbuilt(&error))?;
        // A version of LDK Node that derives keys otherwise could not claim the payments of these
        // invoices.
        if node.node_id() != key.payee() {
            let text = "the node derives another key from its seed than its invoices are signed \
                        with; this version of LDK cannot be used";
            return Err(Error::new(ErrorKind::Local, text));
        }
        let shared = Arc::new(Self {
            settled_before: file.newest()?,
            started: Mutex::new(None),
            clock,
            file,
            key,
            network,
            node,
            running: watch::Sender::new(true),
            inbound_channels: Mutex::new(None),
        });
        // The events of the last run are stored before the first caller can ask.
        shared.take_backlog()?;
        shared.node.start().map_err(|error| unstarted(&error))?;
        let events = handle.spawn(event::consume(Arc::clone(&shared)));
        *lock(&shared.started) = Some(Started {
            events,
            _folder: folder,
        });
        Ok(shared)
    }

    /// Stops the node, and blocks until it has stopped, whichever call stops it.
    fn stop(&self, handle: &Handle) {
        let mut started = lock(&self.started);
        let Some(ending) = started.take() else { return };
        self.running.send_replace(false);
        if handle.block_on(ending.events).is_err() {
            tracing::error!("taking the node's events had ended by a panic");
        }
        if let Err(error) = self.node.stop() {
            tracing::warn!(%error, "the node did not stop in order");
        }
    }

    /// Returns an error unless the node runs.
    pub(super) fn check_running(&self) -> Result<(), Error> {
        if *self.running.borrow() {
            return Ok(());
        }
        Err(stopped())
    }

    /// Returns the channels at which an invoice may hint, if they were read a moment ago.
    pub(super) fn cached_inbound_channels(&self) -> Option<Arc<[InboundChannel]>> {
        let now = self.clock.monotonic();
        let known = lock(&self.inbound_channels);
        let (at, channels) = known.as_ref()?;
        (now.saturating_sub(*at) < INBOUND_CHANNELS_FRESH).then(|| Arc::clone(channels))
    }

    /// Reads the channels. Blocks for a moment.
    pub(super) fn read_inbound_channels(&self) -> Arc<[InboundChannel]> {
        let at = self.clock.monotonic();
        let channels: Arc<[InboundChannel]> =
            hint::inbound_channels(&self.node.list_channels()).into();
        *lock(&self.inbound_channels) = Some((at, Arc::clone(&channels)));
        channels
    }

    pub(super) fn forget_inbound_channels(&self) {
        *lock(&self.inbound_channels) = None;
    }

    pub(super) fn now(&self) -> UnixTime {
        self.clock.wall()
    }
}

/// Returns the error of every call to a node that was stopped.
pub(super) fn stopped() -> Error {
    Error::new(ErrorKind::Unavailable, "the LDK node was stopped")
}

fn about_to_end() -> Error {
    Error::new(ErrorKind::Local, "the program is about to end")
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn builder(
    config: LdkConfig,
    network: ldk_node::bitcoin::Network,
    handle: &Handle,
) -> Result<Builder, Error> {
    let mut builder = Builder::new();
    builder.set_network(network);
    builder.set_storage_dir_path(text(&config.storage)?);
    builder.set_custom_logger(Arc::new(Log));
    builder.set_runtime(handle.clone());
    config.chain.set(&mut builder)?;
    if !config.listen.is_empty() {
        let addresses = config.listen.into_iter().map(SocketAddress::from).collect();
        let set = builder.set_listening_addresses(addresses);
        set.map_err(|error| unbuilt(&error))?;
    }
    if let Some(alias) = config.alias {
        builder
            .set_node_alias(alias)
            .map_err(|error| unbuilt(&error))?;
    }
    Ok(builder)
}

fn text(path: &Path) -> Result<String, Error> {
    path.to_str().map(str::to_owned).ok_or_else(|| {
        let text = "the path of the storage folder must be UTF-8";
        Error::new(ErrorKind::Local, text)
    })
}

fn unbuilt(error: &BuildError) -> Error {
    let text = match error {
        BuildError::InvalidListeningAddresses => "there are too many addresses to listen on",
        BuildError::InvalidNodeAlias => "the alias must be at most 32 bytes",
        BuildError::NetworkMismatch => "the storage folder is of another network",
        _ => return Error::new(ErrorKind::Local, format!("cannot open the node: {error}")),
    };
    Error::new(ErrorKind::Local, text)
}

fn unstarted(error: &NodeError) -> Error {
    match error {
        NodeError::FeerateEstimationUpdateFailed | NodeError::FeerateEstimationUpdateTimeout => {
            let text = "the chain source does not answer; check its address and password";
            Error::new(ErrorKind::Unavailable, text)
        }
        NodeError::InvalidSocketAddress => {
            let text = "cannot listen for other nodes; is the address taken?";
            Error::new(ErrorKind::Local, text)
        }
        other => Error::new(ErrorKind::Local, format!("cannot start the node: {other}")),
    }
}

/// A runtime that may be dropped anywhere, also in async code, where dropping a plain one panics.
struct OwnRuntime(Option<Runtime>);

impl OwnRuntime {
    fn new() -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .thread_name("ldk")
            .enable_all()
            .build();
        let runtime = runtime.map_err(|error| {
            Error::new(
                ErrorKind::Local,
                format!("no threads for the node: {error}"),
            )
        })?;
        Ok(Self(Some(runtime)))
    }

    fn handle(&self) -> &Handle {
        self.0
            .as_ref()
            .map(Runtime::handle)
            .expect("it is taken on drop only")
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let done = self.handle().spawn_blocking(work).await;
        done.map_err(|_| about_to_end())
    }
}

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
