//! The places of connections: a number in all, and a smaller one for each address that is not this machine.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The most connections at the same time.
const ALL: usize = 64;

/// The most of other machines together. What remains is for this machine, where operators get in whatever
/// strangers do.
const REMOTE: usize = 48;

/// The most of one other machine. A browser opens six.
const EACH: usize = 8;

/// The connections of each other machine.
type Machines = Arc<Mutex<HashMap<IpAddr, usize>>>;

/// The places, and who has them.
#[derive(Debug)]
pub(super) struct Places {
    all: Arc<Semaphore>,
    remote: Machines,
}

/// The place of one connection, until this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _one: OwnedSemaphorePermit,
    /// The other machine that has it, and the count to take it from.
    of: Option<(IpAddr, Machines)>,
}

impl Places {
    pub(super) fn new() -> Self {
        Self {
            all: Arc::new(Semaphore::new(ALL)),
            remote: Arc::default(),
        }
    }

    /// Returns a place for a client, `None` if there is none for it. A client without an address is of this
    /// machine.
    pub(super) fn take(&self, peer: Option<IpAddr>) -> Option<Place> {
        let one = Arc::clone(&self.all).try_acquire_owned().ok()?;
        let Some(machine) = peer.and_then(machine) else {
            return Some(Place {
                _one: one,
                of: None,
            });
        };
        let mut remote = lock(&self.remote);
        let held = remote.get(&machine).copied().unwrap_or_default();
        if held >= EACH || remote.values().sum::<usize>() >= REMOTE {
            return None;
        }
        remote.insert(machine, held + 1);
        let of = Some((machine, Arc::clone(&self.remote)));
        Some(Place { _one: one, of })
    }

    /// Waits until every place is free.
    pub(super) async fn all_free(&self) {
        let all = u32::try_from(ALL).unwrap_or(u32::MAX);
        // An error says that the semaphore is closed, which nobody does.
        let _ = self.all.acquire_many(all).await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((machine, remote)) = &self.of else {
            return;
        };
        let mut remote = lock(remote);
        match remote.get_mut(machine) {
            Some(held) if *held > 1 => *held -= 1,
            _ => {
                remote.remove(machine);
            }
        }
    }
}

/// Returns the address by which another machine is counted, `None` for this one. The owner of an IPv6 network
/// has each of its addresses.
fn machine(peer: IpAddr) -> Option<IpAddr> {
    match peer.to_canonical() {
        own if own.is_loopback() => None,
        IpAddr::V6(address) => {
            let network = u128::from(address) & !u128::from(u64::MAX);
            Some(Ipv6Addr::from(network).into())
        }
        other => Some(other),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(places: &Places, peer: &str) -> Option<Place> {
        places.take(Some(peer.parse().unwrap()))
    }

    /// ATTACKS O-01.
    #[test]
    fn one_machine_has_few_places_and_all_others_leave_some_for_this_one() {
        let places = Places::new();
        let take_all =
            |peer: &str| -> Vec<Place> { std::iter::from_fn(|| take(&places, peer)).collect() };
        let first = take_all("192.0.2.1");
        assert_eq!(first.len(), EACH);
        let mapped = take(&places, "::ffff:192.0.2.1");
        assert!(mapped.is_none(), "the same machine");
        let network = take_all("2001:db8::1");
        assert!(take(&places, "2001:db8::ffff:1").is_none());
        let others: Vec<Place> = (2..100)
            .flat_map(|number| take_all(&format!("192.0.2.{number}")))
            .collect();
        assert_eq!(first.len() + network.len() + others.len(), REMOTE);
        let own = take_all("127.0.0.1");
        assert_eq!(own.len(), ALL - REMOTE);
        assert!(places.take(None).is_none());
        drop(own);
        assert!(places.take(None).is_some());
        drop(first);
        assert!(take(&places, "192.0.2.1").is_some());
        drop((network, others));
        assert!(lock(&places.remote).is_empty(), "nobody is kept");
    }
}
