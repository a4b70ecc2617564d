//! The end of the lease that a use stands under.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::ledger::Lease;

type Ended = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

/// A watch for the end of a lease. From then on the use may be in the hands of another gateway.
pub(crate) struct Lapse {
    lease: Lease,
    /// The wait for the end, once somebody has waited.
    ended: Option<Ended>,
}

impl Lapse {
    pub(crate) fn of(lease: Lease) -> Self {
        Self { lease, ended: None }
    }

    /// The lease.
    pub(crate) fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Returns true once the lease has ended.
    pub(crate) fn has_come(&self) -> bool {
        !self.lease.is_valid()
    }

    /// Returns ready once the lease has ended, and wakes the task then if it has not.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // The clock first: a process that was stopped is not woken at the end.
        if self.has_come() {
            return Poll::Ready(());
        }
        let ended = self.ended.get_or_insert_with(|| {
            let mut lease = self.lease.clone();
            Box::pin(async move { lease.ended().await })
        });
        ended.as_mut().poll(cx)
    }
}

impl fmt::Debug for Lapse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lapse")
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}
