//! The task that keeps the lease, on a connection of its own: a statement that waits must not cost it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use l402_host::Clock;
use l402_host::postgres::{PostgresError, Target};
use tokio::sync::watch;
use tokio_postgres::Client;

use super::holder::{self, BELIEVE, RENEW};
use super::link::{plain, within};
use super::session::read_identity;
use crate::ledger::{LeaseKeeper, LedgerIdentity, LedgerMark};

/// The longest look for what others have left behind. With the pause until the next renewal it stays far
/// below the lease.
const REAP: Duration = Duration::from_secs(2);

/// A function that is told of each growth of the epoch.
pub(super) type Grown = dyn Fn(LedgerMark) + Send + Sync;

/// The pause before a renewal that has failed is tried again.
const RETRY: Duration = Duration::from_millis(250);

/// Keeps the lease of one ledger.
pub(super) struct Lessor {
    target: Target,
    name: String,
    clock: Arc<dyn Clock>,
    keeper: Arc<LeaseKeeper>,
    /// The number that reservations are made under.
    holder: watch::Sender<i64>,
    client: Option<Client>,
    /// The ledger at the last renewal.
    known: Option<LedgerIdentity>,
    /// Told of each growth of the epoch that another gateway has made.
    grown: Arc<Grown>,
    /// The highest epoch that was seen, for the connection that reserves.
    seen: Arc<AtomicU64>,
    /// The monotonic time at which this process stops believing in the lease.
    believed: Duration,
}

impl Lessor {
    /// Becomes a holder, whose lease runs from now on.
    pub(super) async fn begin(
        target: Target,
        name: String,
        clock: Arc<dyn Clock>,
        keeper: Arc<LeaseKeeper>,
        grown: Arc<Grown>,
    ) -> Result<Self, PostgresError> {
        let mut lessor = Self {
            target,
            name,
            clock,
            keeper,
            holder: watch::Sender::new(0),
            client: None,
            known: None,
            grown,
            seen: Arc::default(),
            believed: Duration::ZERO,
        };
        lessor.renew().await?;
        Ok(lessor)
    }

    /// The number that reservations are made under, as it is at each moment.
    pub(super) fn holder(&self) -> watch::Receiver<i64> {
        self.holder.subscribe()
    }

    /// The highest epoch of the ledger that was seen. A database whose epoch is lower is an earlier copy.
    pub(super) fn seen(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.seen)
    }

    /// Renews for ever.
    pub(super) async fn run(mut self) {
        loop {
            // Counted from before the step: what it takes must not come off the lease.
            let next = self.clock.monotonic() + RENEW;
            let is_renewed = self.step().await;
            let rest = next.saturating_sub(self.clock.monotonic());
            tokio::time::sleep(if is_renewed { rest } else { RETRY }).await;
            if self.clock.monotonic() >= self.believed && *self.holder.borrow() != 0 {
                // Those who still serve under it are woken. A renewal may come after it.
                self.keeper.end();
            }
        }
    }

    /// Renews once, and gives back what others have left behind. Returns false if it has to be tried again
    /// soon.
    async fn step(&mut self) -> bool {
        if let Err(error) = self.renew().await {
            tracing::warn!(%error, "cannot renew the lease of the ledger");
            self.client = None;
            return false;
        }
        let Some(client) = &self.client else {
            return false;
        };
        // With each renewal, because nobody else looks: a gateway that was killed tells nobody.
        match tokio::time::timeout(REAP, holder::reap(client)).await {
            Ok(Ok(0)) => {}
            Ok(Ok(payments)) => {
                tracing::warn!(payments, "gave back what a gateway held that has ended");
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "cannot look for what ended gateways have left behind");
                self.client = None;
            }
            Err(_) => {
                tracing::warn!("looking for what ended gateways have left behind takes too long");
                self.client = None;
            }
        }
        true
    }

    /// Holds the ledger against what it was at the last renewal, and tells of its growth: a copy from earlier
    /// that takes its place must not be believed, however seldom this gateway counts a use itself.
    async fn compare(&mut self, client: &Client) -> Result<(), PostgresError> {
        let found = within(read_identity(client)).await?;
        if let Some(known) = &self.known
            && (found.id != known.id || found.epoch < known.epoch)
        {
            self.keeper.end();
            return Err(PostgresError::local(
                &"another ledger is in its place; start again",
            ));
        }
        self.seen.fetch_max(found.epoch, Ordering::Relaxed);
        let grows = self
            .known
            .as_ref()
            .is_some_and(|known| known.epoch < found.epoch);
        if let Some(mark) = found.mark().filter(|_| grows) {
            (self.grown)(mark);
        }
        self.known = Some(found);
        Ok(())
    }

    async fn renew(&mut self) -> Result<(), PostgresError> {
        // From before it is asked for: the database counts from a later moment.
        let asked = self.clock.monotonic();
        if self.client.as_ref().is_none_or(Client::is_closed) {
            self.client = Some(within(plain(&self.target)).await?);
        }
        let Some(client) = self.client.take() else {
            return Err(PostgresError::timed_out());
        };
        self.compare(&client).await?;
        let client = self.client.insert(client);
        // 0 stands for none: this ledger has not begun yet.
        let known = *self.holder.borrow();
        // If others have ended it, renewing would bring back to life what they have given away.
        let is_mine = known != 0 && within(holder::renew(client, known)).await?;
        if !is_mine {
            // Others have given back what it held: what is still served of it ends here.
            self.keeper.end();
            let new = within(holder::register(client, &self.name)).await?;
            self.holder.send_replace(new);
        }
        // Shorter than what the database grants, by more than any clock drifts in ten seconds.
        self.believed = asked + BELIEVE;
        self.keeper.renew(self.believed);
        Ok(())
    }
}
