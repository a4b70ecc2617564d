//! The connections to upstreams that the process may have open. Each takes a file descriptor, as the
//! connections of clients do, and there are only so many.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::pool::Pool;
use crate::share::{Share, has_share};

/// The places of connections to upstreams, and the pools that hold idle ones.
#[derive(Debug)]
pub(crate) struct Slots {
    max: u32,
    open: AtomicU32,
    /// The pools of all workers: an idle connection of one must not keep another from its work.
    pools: Mutex<Vec<Weak<Pool>>>,
}

/// The place of one connection, free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Slot(Arc<Slots>);

impl Slots {
    /// Makes room for `max` connections.
    pub(crate) fn new(max: u32) -> Arc<Self> {
        Arc::new(Self {
            max,
            open: AtomicU32::new(0),
            pools: Mutex::default(),
        })
    }

    /// Adds a pool to those whose idle connections may be closed.
    pub(super) fn watch(&self, pool: &Arc<Pool>) {
        self.pools().push(Arc::downgrade(pool));
    }

    /// Returns the number of connections that are open.
    pub(crate) fn open(&self) -> u32 {
        self.open.load(Ordering::Relaxed)
    }

    /// Takes a place for a caller, if its share allows one more.
    pub(super) fn take_of(self: &Arc<Self>, share: Share<'_>) -> Option<Slot> {
        let own = share.load.count();
        let may = |idle| {
            let free = self.max.saturating_sub(self.open.load(Ordering::Relaxed));
            has_share(own, share.limit, idle + free, self.max)
        };
        // Idle ones are as good as free, but are looked for only if it matters.
        (may(0) || may(self.idle())).then(|| self.take()).flatten()
    }

    /// The number of idle connections.
    fn idle(&self) -> u32 {
        let pools = self.pools().clone();
        let pools = pools.iter().filter_map(Weak::upgrade);
        let idle = pools.map(|pool| pool.count_idle()).sum::<usize>();
        // Never more than there are places.
        u32::try_from(idle).map_or(self.max, |idle| idle.min(self.max))
    }

    /// Takes a place. If there is none, the idle connection that was used least recently goes.
    pub(super) fn take(self: &Arc<Self>) -> Option<Slot> {
        self.enter().or_else(|| {
            let mut pools = self.pools().clone().into_iter().filter_map(|p| p.upgrade());
            pools.any(|pool| pool.close_oldest());
            self.enter()
        })
    }

    fn enter(self: &Arc<Self>) -> Option<Slot> {
        let before = self.open.fetch_add(1, Ordering::Relaxed);
        // Made before the check, so that dropping it on refusal takes the count back.
        let slot = Slot(Arc::clone(self));
        (before < self.max).then_some(slot)
    }

    /// Closes every idle connection to an upstream: they are the first to go if the process has no
    /// file descriptor left.
    pub(crate) fn close_idle(&self) {
        let pools = self.pools().clone();
        let pools = pools.iter().filter_map(Weak::upgrade);
        pools.for_each(|pool| pool.close_all_idle());
    }

    fn pools(&self) -> std::sync::MutexGuard<'_, Vec<Weak<Pool>>> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}
