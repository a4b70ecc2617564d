//! The number of open connections of each address, in the whole process.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Counts open connections by IP address. An address without any takes no memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Peers(Arc<Mutex<HashMap<IpAddr, u32>>>);

/// The place of one connection in the count, free again when it is dropped.
#[derive(Debug)]
pub(crate) struct PeerSlot {
    peers: Peers,
    address: IpAddr,
}

impl Peers {
    /// Counts one more connection, or returns `None` if the address has `limit` open already. A
    /// limit of 0 means any number.
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
            // Entries of addresses that are gone would fill the memory.
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
