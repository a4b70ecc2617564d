//! The number of open connections of each caller, in the whole process.
//!
//! The process may have so many open and no more, so each caller has a share (`share.rs`): some
//! hundred addresses must not keep the next buyer out.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use l402_server::Caller;

use crate::share::{Load, has_share};

/// Counts open connections by caller. A caller without any takes no memory.
#[derive(Clone, Debug)]
pub(crate) struct Peers {
    /// The largest number of connections in all.
    places: u32,
    counts: Arc<Mutex<Counts>>,
}

#[derive(Debug, Default)]
struct Counts {
    all: u32,
    of: HashMap<Caller, OfCaller>,
}

#[derive(Debug, Default)]
struct OfCaller {
    connections: u32,
    load: Load,
}

/// The place of one connection in the count, free again when it is dropped.
#[derive(Debug)]
pub(crate) struct PeerSlot {
    peers: Peers,
    caller: Caller,
    load: Load,
}

/// The reason why a connection has no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoPlace {
    /// Every place of the process is taken.
    All,
    /// The caller has as many as it may.
    Caller,
}

impl Peers {
    /// Makes room for `places` connections in all.
    pub(crate) fn new(places: u32) -> Self {
        Self {
            places,
            counts: Arc::default(),
        }
    }

    /// Counts one more connection. A caller may have `limit`, and not more than its share. A limit
    /// of 0 means as many as there are.
    ///
    /// # Errors
    /// There is no place for it.
    pub(crate) fn enter(&self, address: IpAddr, limit: u32) -> Result<PeerSlot, NoPlace> {
        let caller = Caller::from(address);
        let mut counts = self.lock();
        let free = self.places.saturating_sub(counts.all);
        if free == 0 {
            return Err(NoPlace::All);
        }
        let own = counts.of.get(&caller).map_or(0, |of| of.connections);
        if !has_share(own, limit, free, self.places) {
            return Err(NoPlace::Caller);
        }
        let load = counts.add(caller);
        drop(counts);
        Ok(PeerSlot {
            peers: self.clone(),
            caller,
            load,
        })
    }

    fn leave(&self, caller: Caller) {
        self.lock().remove(caller);
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    /// Counts one more connection of a caller, and returns the requests of all of them.
    fn add(&mut self, caller: Caller) -> Load {
        self.all += 1;
        let of = self.of.entry(caller).or_default();
        of.connections += 1;
        of.load.clone()
    }

    fn remove(&mut self, caller: Caller) {
        self.all -= 1;
        if let Some(of) = self.of.get_mut(&caller) {
            of.connections -= 1;
            // Entries of callers that are gone would fill the memory.
            if of.connections == 0 {
                self.of.remove(&caller);
            }
        }
    }
}

impl PeerSlot {
    /// Counts the connection for another caller from now on: the client that a proxy has named. Its
    /// limit is as for [`Peers::enter`].
    ///
    /// # Errors
    /// The caller has as many as it may. The connection is then counted as before.
    pub(super) fn pass_to(&mut self, address: IpAddr, limit: u32) -> Result<(), NoPlace> {
        let caller = Caller::from(address);
        let mut counts = self.peers.lock();
        // Its own place is free for the caller.
        let free = self.peers.places.saturating_sub(counts.all) + 1;
        let own = counts.of.get(&caller).map_or(0, |of| of.connections);
        if !has_share(own, limit, free, self.peers.places) {
            return Err(NoPlace::Caller);
        }
        counts.remove(self.caller);
        self.load = counts.add(caller);
        self.caller = caller;
        Ok(())
    }

    /// The requests of all connections of this caller.
    pub(super) fn load(&self) -> &Load {
        &self.load
    }
}

impl Drop for PeerSlot {
    fn drop(&mut self) {
        self.peers.leave(self.caller);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Enters as often as it can, and returns the places.
    fn fill(peers: &Peers, address: &str, limit: u32) -> Vec<PeerSlot> {
        let address: IpAddr = address.parse().unwrap();
        core::iter::from_fn(|| peers.enter(address, limit).ok()).collect()
    }

    #[test]
    fn an_address_has_so_many_places_and_gets_them_back() {
        let peers = Peers::new(100);
        let mut first = fill(&peers, "10.0.0.1", 2);
        assert_eq!(first.len(), 2);
        assert_eq!(fill(&peers, "10.0.0.2", 2).len(), 2);
        drop(first.pop());
        assert_eq!(fill(&peers, "10.0.0.1", 2).len(), 1);
        drop(first);
        assert!(peers.lock().of.is_empty() && peers.lock().all == 0);
    }

    // FAULTS S3: callers that take what they can get leave something to the next, whether they come
    // one after the other or at the same time, from addresses of IPv4 or of one customer of IPv6.
    #[test]
    fn callers_who_take_all_they_can_leave_places_to_the_next() {
        let take = |peers: &Peers, caller| peers.enter([10, 0, 0, caller].into(), 4096).ok();
        for (callers, left) in [(1, 60), (2, 30), (10, 10), (15, 1)] {
            let one_by_one = Peers::new(120);
            let greedy = |caller| core::iter::from_fn(move || Some(caller)).take(120);
            let held: Vec<_> = (0..callers)
                .flat_map(greedy)
                .filter_map(|caller| take(&one_by_one, caller))
                .collect();
            assert!(120 - held.len() >= left, "{callers} leave {left}");
            assert!(one_by_one.enter([192, 0, 2, 1].into(), 4096).is_ok());
            let at_once = Peers::new(120);
            let held: Vec<_> = (0..120)
                .flat_map(|_| 0..callers)
                .filter_map(|caller| take(&at_once, caller))
                .collect();
            assert!(120 - held.len() >= left, "{callers} leave {left}");
            assert!(at_once.enter([192, 0, 2, 1].into(), 4096).is_ok());
        }
    }

    #[test]
    fn a_customer_of_ipv6_has_one_share_for_all_its_addresses() {
        let peers = Peers::new(100);
        assert_eq!(fill(&peers, "2001:db8::1", 3).len(), 3);
        let held = fill(&peers, "2001:db8::1", 3);
        let other = peers.enter("2001:db8::ffff:2".parse().unwrap(), 3);
        assert_eq!(other.unwrap_err(), NoPlace::Caller);
        drop(held);
    }

    #[test]
    fn a_connection_that_a_proxy_passes_on_counts_for_its_client() {
        let peers = Peers::new(100);
        let client: IpAddr = [203, 0, 113, 7].into();
        let mut held = fill(&peers, "10.0.0.1", 0);
        assert_eq!(held.len(), 100);
        assert_eq!(held[0].pass_to(client, 2), Ok(()));
        assert_eq!(held[1].pass_to(client, 2), Err(NoPlace::Caller));
        held.truncate(90);
        assert_eq!(held[1].pass_to(client, 2), Ok(()));
        assert_eq!(held[2].pass_to(client, 2), Err(NoPlace::Caller));
        drop(held);
        assert!(peers.lock().of.is_empty() && peers.lock().all == 0);
    }

    #[test]
    fn without_a_limit_one_address_may_have_all_and_no_more() {
        let peers = Peers::new(50);
        let held = fill(&peers, "10.0.0.1", 0);
        assert_eq!(held.len(), 50);
        let other = peers.enter([10, 0, 0, 2].into(), 0);
        assert_eq!(other.unwrap_err(), NoPlace::All);
    }
}
