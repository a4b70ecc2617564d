//! The registry itself: everything that API and page need.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use l402_host::Clock;
use tokio::sync::{Notify, Semaphore};

use super::limits::Limits;
use super::rate::Rate;
use super::settings::RegistryOptions;
use super::submit::{SUBMISSIONS_AT_ONCE, rate};
use crate::fetch::Fetcher;
use crate::owner::TxtResolver;
use crate::store::Store;

/// A registry. Cheap to clone.
#[derive(Clone)]
pub struct Registry(pub(super) Arc<RegistryParts>);

/// The parts of a registry.
pub(super) struct RegistryParts {
    pub(super) store: Arc<dyn Store>,
    pub(super) fetcher: Fetcher,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) options: RegistryOptions,
    /// Told when a probe is due at once.
    pub(super) wake: Notify,
    pub(super) limits: Limits,
    /// Submissions by an address.
    pub(super) submissions: Rate,
    /// The submissions that are looked at.
    pub(super) submitting: Semaphore,
    /// Asks for TXT records; `None` if the machine has no DNS. Made at its first use.
    resolver: OnceLock<Option<TxtResolver>>,
}

impl Registry {
    /// Puts a registry together. It probes nothing until its schedule is run.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        fetcher: Fetcher,
        clock: Arc<dyn Clock>,
        options: RegistryOptions,
    ) -> Self {
        Self(Arc::new(RegistryParts {
            store,
            fetcher,
            clock,
            submissions: rate(&options),
            submitting: Semaphore::new(SUBMISSIONS_AT_ONCE),
            options,
            wake: Notify::new(),
            limits: Limits::default(),
            resolver: OnceLock::new(),
        }))
    }

    /// Asks this server for TXT records instead of those of the system. Has no effect after the first
    /// record was asked for.
    #[must_use]
    pub fn with_dns_server(self, server: SocketAddr) -> Self {
        let resolver = TxtResolver::new(Some(server)).ok();
        // A second server, or one that comes late, is none.
        let _ = self.0.resolver.set(resolver);
        self
    }

    /// Returns the way to TXT records, if there is one.
    pub(super) fn resolver(&self) -> Option<&TxtResolver> {
        let resolver = self.0.resolver.get_or_init(|| {
            let made = TxtResolver::new(None);
            made.inspect_err(|error| tracing::warn!(%error, "no TXT record can be looked up"))
                .ok()
        });
        resolver.as_ref()
    }

    /// Returns the way to strangers.
    #[must_use]
    pub fn fetcher(&self) -> &Fetcher {
        &self.0.fetcher
    }

    /// Tells the schedule that a probe is due.
    pub fn wake_probes(&self) {
        self.0.wake.notify_one();
    }

    /// Waits until somebody has asked for a probe.
    pub async fn probes_wanted(&self) {
        self.0.wake.notified().await;
    }

    /// Returns the store, for questions that change nothing.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.0.store
    }

    /// Returns the clock.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    /// Returns the settings.
    #[must_use]
    pub fn options(&self) -> &RegistryOptions {
        &self.0.options
    }
}
