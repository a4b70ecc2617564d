//! The share of one caller in places that there are only so many of: connections of clients, and
//! connections to upstreams.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use l402_server::Caller;

/// The number of places that a caller may have also when few are free.
const FEW: u32 = 2;

/// Returns true if a caller that has `own` places may have one more. It may have `limit`, and not
/// more than are free, which is half of all for one caller alone. The last quarter is for callers
/// that have next to none. A limit of 0 means as many as there are.
pub(crate) fn has_share(own: u32, limit: u32, free: u32, all: u32) -> bool {
    let nearly_full = free <= all / 4;
    limit == 0 || (own < limit.min(free) && !(nearly_full && own >= FEW))
}

/// The requests of one caller that have a connection to an upstream at present.
#[derive(Clone, Debug, Default)]
pub(crate) struct Load(Arc<AtomicU32>);

/// One count for each caller in the process. A caller takes no memory once nobody holds its count.
#[derive(Debug, Default)]
pub(crate) struct CallerCounts(Mutex<HashMap<Caller, Weak<AtomicU32>>>);

impl CallerCounts {
    /// Returns the count of the caller at an address. Everybody who asks has the same.
    pub(crate) fn of(&self, address: IpAddr) -> Arc<AtomicU32> {
        let caller = Caller::from(address);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get(&caller).and_then(Weak::upgrade) {
            return count;
        }
        // When it would have to grow, those go first whose count nobody holds.
        if counts.len() == counts.capacity() {
            counts.retain(|_, count| count.strong_count() > 0);
        }
        let count = Arc::default();
        counts.insert(caller, Arc::downgrade(&count));
        count
    }

    /// The number of callers that take memory at present.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// The requests at upstreams of the clients whose connections end at a trusted proxy.
#[derive(Debug, Default)]
pub(crate) struct Loads(CallerCounts);

impl Loads {
    /// Returns the requests of the caller at an address.
    pub(crate) fn of(&self, address: IpAddr) -> Load {
        Load(self.0.of(address))
    }
}

/// What a caller has at upstreams, and its limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share<'a> {
    pub(crate) load: &'a Load,
    /// The largest number of requests; 0 means any number.
    pub(crate) limit: u32,
}

/// A request that is counted until this is dropped.
#[derive(Debug)]
pub(crate) struct Counted(Load);

impl Load {
    /// The number of requests.
    pub(crate) fn count(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    /// Counts one more.
    pub(crate) fn enter(&self) -> Counted {
        self.0.fetch_add(1, Ordering::Relaxed);
        Counted(self.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}
