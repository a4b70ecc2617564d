//! A cache of credentials whose proof a worker has checked: signature and preimage hold, and that
//! never changes.
//!
//! Caveats, expiry, price and ledger are judged for every request all the same.

use core::mem;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use http::HeaderMap;
use http::header::AUTHORIZATION;
use l402::{Credential, Proven};

use crate::table::RouteTable;

/// How many credentials one generation holds. There are two: about 6 MB where all are as they were
/// minted, and 16 MB where somebody fills them with ever longer versions of a token.
const GENERATION: usize = 4096;

/// The longest header value that is kept, in bytes; a longer one is proven anew each time.
const LENGTH_MAX: usize = 1024;

/// The proofs that one worker has seen hold; the lock is never waited for.
#[derive(Default)]
pub(crate) struct ProofCache(Mutex<Generations>);

/// Proofs used lately are in the younger generation; when that is full, the older one goes.
#[derive(Default)]
struct Generations {
    young: Generation,
    old: Generation,
    /// The table whose keys proved them.
    table: Weak<RouteTable>,
}

/// By all bytes of the header's value (ATTACKS T-33). The hash is keyed: nobody can choose which
/// credentials collide.
type Generation = HashMap<Box<[u8]>, Arc<Proven>, ahash::RandomState>;

/// Returns the key of a request's credential in the cache: the value of `Authorization`, if no other
/// header can hold a credential.
pub(crate) fn key(headers: &HeaderMap) -> Option<&[u8]> {
    let mut held = headers
        .iter()
        .filter(|(name, _)| Credential::HEADERS.contains(&name.as_str()));
    let (name, value) = held.next()?;
    let value = value.as_bytes();
    let one = held.next().is_none() && *name == AUTHORIZATION;
    (one && value.len() <= LENGTH_MAX && Credential::is_l402(value)).then_some(value)
}

impl ProofCache {
    /// Returns what was proven of a credential under this table.
    pub(crate) fn get(&self, table: &Arc<RouteTable>, key: &[u8]) -> Option<Arc<Proven>> {
        let mut cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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

    /// Keeps what was proven of a credential under this table.
    pub(crate) fn put(&self, table: &Arc<RouteTable>, key: &[u8], proven: &Arc<Proven>) {
        let mut cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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
