//! Credentials that a worker has seen proven: signature and preimage hold, and that never changes.
//!
//! Caveats, expiry, price and ledger are judged for every request all the same.

use core::mem;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use http::HeaderMap;
use http::header::AUTHORIZATION;
use l402::{Credential, Proven};

use crate::table::Shop;

/// How many credentials one generation holds. There are two: about 6 MB where all are as they were
/// minted, and 16 MB where somebody fills them with ever longer versions of a token.
const GENERATION: usize = 4096;

/// What is longer than this is proven anew each time.
const LENGTH_MAX: usize = 1024;

/// One worker's; the lock is never waited for.
#[derive(Default)]
pub(crate) struct Known(Mutex<Generations>);

/// What was used lately is in the younger one; when that is full, the older one goes.
#[derive(Default)]
struct Generations {
    young: Generation,
    old: Generation,
    /// Whose keys proved them.
    of: Weak<Shop>,
}

/// By all bytes of the header's value (ATTACKS T-33). The hash is keyed: nobody can choose which
/// credentials collide.
type Generation = HashMap<Box<[u8]>, Arc<Proven>, ahash::RandomState>;

/// Under what a request's credential is known: the value of `Authorization`, where that is the one
/// header that can hold a credential.
pub(crate) fn key(headers: &HeaderMap) -> Option<&[u8]> {
    let mut held = headers
        .iter()
        .filter(|(name, _)| Credential::HEADERS.contains(&name.as_str()));
    let (name, value) = held.next()?;
    let value = value.as_bytes();
    let one = held.next().is_none() && *name == AUTHORIZATION;
    (one && value.len() <= LENGTH_MAX && Credential::is_l402(value)).then_some(value)
}

impl Known {
    /// What was proven of it under this version of the configuration.
    pub(crate) fn get(&self, shop: &Arc<Shop>, key: &[u8]) -> Option<Arc<Proven>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.of.as_ptr() != Arc::as_ptr(shop) {
            return None;
        }
        if let Some(proven) = known.young.get(key) {
            return Some(Arc::clone(proven));
        }
        let (key, proven) = known.old.remove_entry(key)?;
        known.keep(key, Arc::clone(&proven));
        Some(proven)
    }

    /// Remembers what was proven.
    pub(crate) fn put(&self, shop: &Arc<Shop>, key: &[u8], proven: &Arc<Proven>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.of.as_ptr() != Arc::as_ptr(shop) {
            *known = Generations {
                of: Arc::downgrade(shop),
                ..Generations::default()
            };
        }
        known.keep(key.into(), Arc::clone(proven));
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
