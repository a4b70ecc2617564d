//! A registry that listens: everything is opened first, then it serves until it is asked to end.

use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use l402_host::{Clock, FileLock, private};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::accept::{Acceptor, Places};
use super::config::RegistryConfig;
use super::error::ServeError;
use crate::api::{self, AdminToken, ApiSettings, Counters};
use crate::desk::Registry;
use crate::fetch::{Fetcher, Own, Reachable};
use crate::page;
use crate::probe::run_probes;
use crate::store::{SqliteStore, Store};

/// The longest wait at the end for requests that are under way.
const STOP_TIME: Duration = Duration::from_secs(10);

/// The time between two looks for what is too old to be kept.
const PRUNE_TIME: Duration = Duration::from_secs(3600);

/// What the program gives to a registry.
#[derive(Clone, Debug)]
pub struct ServeParts {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The addresses of other programs of the home, which probes never ask. The registry's own are added.
    pub own: Own,
    /// Certificates (DER) that probes trust beside those that are built in.
    pub more_roots: Vec<Vec<u8>>,
}

/// A registry whose files are open and whose ports are bound.
pub struct RegistryServer {
    registry: Registry,
    settings: ApiSettings,
    listeners: Vec<TcpListener>,
    config: RegistryConfig,
    extra: Router,
    /// Held until the end: two schedules on one database would ask each host twice as often as they may.
    _schedule: FileLock,
}

impl std::fmt::Debug for RegistryServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegistryServer")
            .field("listeners", &self.settings.listeners)
            .finish_non_exhaustive()
    }
}

impl RegistryServer {
    /// Checks the configuration, opens the database, makes the moderators' token if there is none, and binds
    /// the ports. Nothing is served or probed yet.
    ///
    /// # Errors
    /// See [`ServeError`].
    pub async fn bind(config: RegistryConfig, parts: ServeParts) -> Result<Self, ServeError> {
        // Checked first, so that a wrong configuration leaves no files and folders behind.
        config.check("configuration").map_err(ServeError::Config)?;
        let admin = admin_token(&config.admin_token_file)?;
        let store = open(&config.database)?;
        let listeners = bind(&config.listen).await?;
        let schedule = FileLock::try_take(&config.database.with_extension("schedule.lock"));
        let schedule = schedule
            .map_err(ServeError::File)?
            .ok_or_else(|| ServeError::Held(config.database.clone()))?;
        let addresses: Vec<SocketAddr> = listeners
            .iter()
            .zip(&config.listen)
            .map(|(listener, asked)| listener.local_addr().unwrap_or(*asked))
            .collect();
        // Only now is the port known if the configuration names port 0.
        let first = addresses
            .first()
            .copied()
            .expect("the check wants a listener");
        let options = config.options(first);
        let fetcher = fetcher(&config, &parts, &addresses).with_public_url(&options.public_url);
        let limits = config.limits;
        let settings = ApiSettings {
            listeners: addresses,
            admin: Some(admin),
            rate: Some((limits.requests_per_second, limits.requests_burst)),
            counters: Arc::new(Counters::default()),
        };
        Ok(Self {
            registry: Registry::new(store, fetcher, parts.clock, options),
            settings,
            listeners,
            config,
            extra: Router::new(),
            _schedule: schedule,
        })
    }

    /// Adds routes, such as a priced export, behind the same checks of `Host`, `Origin` and rates.
    #[must_use]
    pub fn with_routes(mut self, routes: Router) -> Self {
        self.extra = self.extra.merge(routes);
        self
    }

    /// Returns the addresses of the listeners, with their real ports.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.settings.listeners
    }

    /// Returns the registry.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Serves and probes until `stop` ends, then lets requests that are under way end within 10 seconds.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) {
        let (ended, end) = watch::channel(false);
        let app = app(&self.registry, &self.settings, self.extra);
        let limits = self.config.limits;
        let places = Places::new(limits.connections, limits.connections_per_address);
        let mut tasks = JoinSet::new();
        for listener in self.listeners {
            let acceptor = Acceptor {
                listener,
                app: app.clone(),
                places: places.clone(),
                counters: Arc::clone(&self.settings.counters),
                end: end.clone(),
            };
            tasks.spawn(acceptor.run());
        }
        let mut background = JoinSet::new();
        background.spawn(prune(self.registry.clone()));
        if self.config.probe.enabled {
            let mut end = end.clone();
            let stop = async move { drop(end.wait_for(|ended| *ended).await) };
            background.spawn(run_probes(self.registry.clone(), stop));
        }
        stop.await;
        ended.send_replace(true);
        background.shutdown().await;
        // Acceptors have been told and take nothing more; requests under way may end.
        let closed = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_TIME, closed).await.is_err() {
            tracing::warn!("requests were cut off, since they did not end in time");
        }
    }
}

/// Starts a registry and serves until `stop` ends. `started` is told the addresses once they are bound.
///
/// # Errors
/// See [`ServeError`].
pub async fn serve(
    config: RegistryConfig,
    parts: ServeParts,
    started: impl FnOnce(&RegistryServer),
    stop: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    let server = RegistryServer::bind(config, parts).await?;
    started(&server);
    server.run(stop).await;
    Ok(())
}

/// Returns API and page behind one gate.
fn app(registry: &Registry, settings: &ApiSettings, extra: Router) -> Router {
    let routes = api::routes(registry.clone(), settings)
        .merge(page::router(registry.clone()))
        .merge(extra);
    api::guarded(routes, registry, settings)
}

/// Reads the token of the moderators, and makes a random one first if there is none.
fn admin_token(path: &Path) -> Result<AdminToken, ServeError> {
    make_folder(path)?;
    private::create_hex_key(path)?;
    let bytes = private::read(path)?;
    AdminToken::new(&bytes).ok_or_else(|| ServeError::Token(path.to_owned()))
}

fn open(path: &Path) -> Result<Arc<dyn Store>, ServeError> {
    make_folder(path)?;
    let store = SqliteStore::open(path).map_err(ServeError::Store)?;
    Ok(Arc::new(store))
}

fn make_folder(file: &Path) -> Result<(), ServeError> {
    // A bare file name has an empty parent, which stands for the folder of the process.
    let folder = file.parent().filter(|it| !it.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        private::create_folder(folder)?;
    }
    Ok(())
}

async fn bind(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, ServeError> {
    let mut listeners = Vec::with_capacity(addresses.len());
    for address in addresses {
        let bound = TcpListener::bind(address).await;
        listeners.push(bound.map_err(|error| ServeError::Listen(*address, error))?);
    }
    Ok(listeners)
}

fn fetcher(config: &RegistryConfig, parts: &ServeParts, listeners: &[SocketAddr]) -> Fetcher {
    let (others, listeners) = (parts.own.clone(), listeners.to_vec());
    let own = move || {
        let mut own = (others.0)();
        own.extend(listeners.iter().map(|it| (it.ip().to_string(), it.port())));
        own
    };
    let allowed = config.allow_addresses.iter();
    let reachable = Reachable {
        allowed: allowed.map(|entry| entry.address.clone()).collect(),
        loopback: config.is_loopback(),
        own: Own(Arc::new(own)),
    };
    Fetcher::new(reachable).with_more_roots(parts.more_roots.iter().cloned())
}

/// Deletes what is too old, at the start and every hour.
async fn prune(registry: Registry) {
    loop {
        let now = registry.clock().wall();
        if let Err(error) = registry.store().prune(now).await {
            tracing::warn!(%error, "what is too old could not be deleted");
        }
        tokio::time::sleep(PRUNE_TIME).await;
    }
}
