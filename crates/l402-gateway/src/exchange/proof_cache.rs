//! A cache of the credentials that a worker has proven: signature and preimage hold, and that never
//! changes.
//!
//! Caveats, expiry, price and ledger are checked for every request all the same.

use core::mem;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use http::HeaderMap;
use http::header::AUTHORIZATION;
use l402::{Credential, Proven};

use crate::table::RouteTable;

/// The number of credentials in one of the two generations. Both together take about 6 MB if all
/// credentials are as they were minted, and 16 MB if somebody fills them with ever longer versions
/// of a token.
const GENERATION: usize = 4096;

/// The length in bytes of the longest header value that is kept. A longer one is proven each time.
const LENGTH_MAX: usize = 1024;

/// The proofs of one worker. A worker is one thread, so nothing ever waits for the lock.
#[derive(Default)]
pub(crate) struct ProofCache(Mutex<Generations>);

/// Two generations of proofs. A proof that is used moves to the younger one; if that is full, the
/// older one is dropped as a whole.
#[derive(Default)]
struct Generations {
    young: Generation,
    old: Generation,
    /// The table whose keys proved these credentials.
    table: Weak<RouteTable>,
}

/// Proofs by all bytes of the header's value (ATTACKS T-33). The hash is keyed, so that nobody can
/// choose credentials that collide.
type Generation = HashMap<Box<[u8]>, Arc<Proven>, ahash::RandomState>;

/// Returns the key of a request's credential in the cache: the value of `Authorization`, if no
/// other header can hold a credential.
pub(crate) fn key(headers: &HeaderMap) -> Option<&[u8]> {
    let mut held = headers
        .iter()
        .filter(|(name, _)| Credential::HEADERS.contains(&name.as_str()));
    let (name, value) = held.next()?;
    let value = value.as_bytes();
    // A second header could hold another credential, and the paywall must see both.
    let one = held.next().is_none() && *name == AUTHORIZATION;
    (one && value.len() <= LENGTH_MAX && Credential::is_l402(value)).then_some(value)
}

impl ProofCache {
    /// Returns the proof of a credential under this table, or `None`.
    pub(crate) fn get(&self, table: &Arc<RouteTable>, key: &[u8]) -> Option<Arc<Proven>> {
        let mut cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The cache belongs to one version of the configuration: no proof may outlive its keys.
        if cache.table.as_ptr() != Arc::as_ptr(table) {
            return None;
        }
        if let Some(proven) = cache.young.get(key) {
            return Some(Arc::clone(proven));
        }
        let (key, proven) = cache.old.remove_entry(key)?;
        cache.keep(key, Arc::clone(&proven));
        Some(proven)
    }

    /// Keeps the proof of a credential under this table.
    pub(crate) fn put(&self, table: &Arc<RouteTable>, key: &[u8], proven: &Arc<Proven>) {
        let mut cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The `Weak` keeps the old table's memory reserved, so that no new table has its address.
        if cache.table.as_ptr() != Arc::as_ptr(table) {
            *cache = Generations {
                table: Arc::downgrade(table),
                ..Generations::default()
            };
        }
        cache.keep(key.into(), Arc::clone(proven));
    }
}

impl Generations {
    fn keep(&mut self, key: Box<[u8]>, proven: Arc<Proven>) {
        if self.young.len() >= GENERATION {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(key, proven);
    }
}
