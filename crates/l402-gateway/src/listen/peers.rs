//! How many connections an address has open, in the whole process.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Counts connections by address. Its size is bounded by the connections that are open.
#[derive(Clone, Debug, Default)]
pub(crate) struct Peers(Arc<Mutex<HashMap<IpAddr, u32>>>);

/// One connection, for as long as it is open.
#[derive(Debug)]
pub(crate) struct PeerSlot {
    peers: Peers,
    address: IpAddr,
}

impl Peers {
    /// A place for one more; `None` where the address has as many as it may. 0 means any number.
    pub(crate) fn enter(&self, address: IpAddr, limit: u32) -> Option<PeerSlot> {
        let mut counts = self.lock();
        let count = counts.entry(address).or_default();
        if limit != 0 && *count >= limit {
            return None;
        }
        *count += 1;
        Some(PeerSlot {
            peers: self.clone(),
            address,
        })
    }

    fn leave(&self, address: IpAddr) {
        let mut counts = self.lock();
        if let Some(count) = counts.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&address);
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<IpAddr, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for PeerSlot {
    fn drop(&mut self) {
        self.peers.leave(self.address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_so_many_places_and_gets_them_back() {
        let (peers, one, two) = (Peers::default(), [10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let first = peers.enter(one, 2);
        let second = peers.enter(one, 2);
        assert!(first.is_some() && second.is_some() && peers.enter(one, 2).is_none());
        assert!(peers.enter(two, 2).is_some());
        drop(first);
        assert!(peers.enter(one, 2).is_some());
        drop(second);
        assert!(peers.lock().is_empty());
    }
}
