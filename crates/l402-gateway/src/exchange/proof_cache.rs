//! A cache of the credentials that a worker has proven: signature and preimage hold, and that never
//! changes.
//!
//! Caveats, expiry, price and ledger are checked for every request all the same.

use core::borrow::Borrow;
use core::hash::{Hash, Hasher};
use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use http::HeaderMap;
use http::header::AUTHORIZATION;
use l402::{Credential, Proven};

use crate::table::RouteTable;

/// The memory in bytes that the proofs of one worker take at most, as [`size`] counts it: about
/// 20,000 credentials as they were minted.
const BYTES: usize = 32 << 20;

/// The length in bytes of the longest header value that is kept. A longer one is proven each time.
const LENGTH_MAX: usize = 1024;

/// The bytes that a proof takes beside header value and token.
const FIXED: usize = 768;

/// The number of proofs in use that are passed over before one is dropped all the same. Whoever fills
/// the cache must not make it search.
const PASSED_OVER: usize = 8;

/// One of so many new proofs gets in when there is no room left. With more credentials in use than have
/// room, those that are kept would otherwise be dropped before they come again, and each request
/// would pay for the change. So would the rest for somebody who proves ever other ones.
const ONE_OF: u32 = 8;

/// The proofs of one worker. A worker is one thread, so nothing ever waits for the lock.
#[derive(Default)]
pub(crate) struct ProofCache(Mutex<OfTable>);

/// The proofs under one table.
#[derive(Default)]
struct OfTable {
    proofs: Proofs<BYTES>,
    /// The table whose keys proved these credentials.
    table: Weak<RouteTable>,
}

/// Proofs in at most `MAX` bytes. The oldest is dropped first, unless it was used meanwhile.
#[derive(Default)]
struct Proofs<const MAX: usize> {
    /// Found by all bytes of the header's value (ATTACKS T-33), which are compared. So the hash needs
    /// not be one that nobody can forge, only one whose collisions nobody can choose: it is keyed.
    by_value: HashSet<ByValue, ahash::RandomState>,
    /// The oldest first.
    by_age: VecDeque<Arc<Kept>>,
    bytes: usize,
    /// The new proofs that came since there is no room left.
    came_late: u32,
}

/// A proof and the header's value that it belongs to.
struct Kept {
    value: Box<[u8]>,
    proven: Arc<Proven>,
    /// Set at each use since it was last passed over.
    used: AtomicBool,
}

/// A proof that is found by its header's value.
struct ByValue(Arc<Kept>);

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
        let cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The cache belongs to one version of the configuration: no proof may outlive its keys.
        if cache.table.as_ptr() != Arc::as_ptr(table) {
            return None;
        }
        cache.proofs.get(key)
    }

    /// Keeps the proof of a credential under this table.
    pub(crate) fn put(&self, table: &Arc<RouteTable>, key: &[u8], proven: &Arc<Proven>) {
        let mut cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The `Weak` keeps the old table's memory reserved, so that no new table has its address.
        if cache.table.as_ptr() != Arc::as_ptr(table) {
            *cache = OfTable {
                table: Arc::downgrade(table),
                ..OfTable::default()
            };
        }
        cache.proofs.put(key, proven);
    }
}

impl<const MAX: usize> Proofs<MAX> {
    fn get(&self, value: &[u8]) -> Option<Arc<Proven>> {
        let ByValue(kept) = self.by_value.get(value)?;
        kept.used.store(true, Ordering::Relaxed);
        Some(Arc::clone(&kept.proven))
    }

    fn put(&mut self, value: &[u8], proven: &Arc<Proven>) {
        // Two requests at once with a new credential have each proven it.
        if self.by_value.contains(value) {
            return;
        }
        let size = size(value);
        if self.bytes + size > MAX && !self.is_let_in() {
            return;
        }
        let kept = Arc::new(Kept {
            value: value.into(),
            proven: Arc::clone(proven),
            used: AtomicBool::new(false),
        });
        self.bytes += size;
        self.by_value.insert(ByValue(Arc::clone(&kept)));
        self.by_age.push_back(kept);
        self.make_room();
    }

    /// Returns true for one of [`ONE_OF`] proofs that come when there is no room left.
    fn is_let_in(&mut self) -> bool {
        self.came_late = self.came_late.wrapping_add(1);
        self.came_late.is_multiple_of(ONE_OF)
    }

    /// Drops the oldest proofs until the rest fits. Those that were used since they were last looked at
    /// get another round, except after [`PASSED_OVER`] of them.
    fn make_room(&mut self) {
        let mut passed_over = 0;
        while self.bytes > MAX {
            let Some(oldest) = self.by_age.pop_front() else {
                return;
            };
            if passed_over < PASSED_OVER && oldest.used.swap(false, Ordering::Relaxed) {
                passed_over += 1;
                self.by_age.push_back(oldest);
            } else {
                self.bytes -= size(&oldest.value);
                self.by_value.remove(&*oldest.value);
            }
        }
    }
}

/// Returns the bytes that a proof takes. The token within is no longer than the header's value, which
/// holds it in base64.
fn size(value: &[u8]) -> usize {
    2 * value.len() + FIXED
}

impl Borrow<[u8]> for ByValue {
    fn borrow(&self) -> &[u8] {
        &self.0.value
    }
}

impl Hash for ByValue {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.value.hash(state);
    }
}

impl PartialEq for ByValue {
    fn eq(&self, other: &Self) -> bool {
        self.0.value == other.0.value
    }
}

impl Eq for ByValue {}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use l402::{
        KeyNumber, KeyRing, MasterKey, Msat, Network, Policy, Preimage, Terms, UnixTime, mint,
    };

    use super::*;

    /// Room for three credentials of ten bytes.
    const THREE: usize = 3 * (2 * 10 + FIXED);

    fn proven() -> Arc<Proven> {
        let now = UnixTime::from_secs(1_800_000_000);
        let key = "5b1fd1bf0c29f3fa9a5fcd9bfc0cf0d4ae0b2c1cd2f7e3ac0c6e1a2f9b3c7d58";
        let key = MasterKey::from_hex(key).unwrap();
        let keys = KeyRing::new("shop", KeyNumber(1), key);
        let terms = Terms {
            service: "joke".parse().unwrap(),
            tier: 0,
            capabilities: Vec::new(),
            price: Msat::from_sat(1),
            policy: "time=1h".parse::<Policy>().unwrap(),
            network: Network::Regtest,
            valid_until: now.saturating_add(Duration::from_secs(60)),
            lookup: None,
        };
        let preimage = Preimage::from_bytes([9; 32]);
        let token = mint(&keys, &terms, preimage.payment_hash(), [3; 30], now).unwrap();
        let credential = Credential::new(token, preimage);
        Arc::new(credential.prove(&keys, now).unwrap())
    }

    fn value(number: usize) -> Vec<u8> {
        format!("{number:010}").into_bytes()
    }

    fn filled(numbers: impl IntoIterator<Item = usize>) -> (Proofs<THREE>, Arc<Proven>) {
        let (mut proofs, proven) = (Proofs::default(), proven());
        for number in numbers {
            proofs.put(&value(number), &proven);
        }
        (proofs, proven)
    }

    /// Puts a proof until it gets in.
    fn press<const MAX: usize>(proofs: &mut Proofs<MAX>, number: usize, proven: &Arc<Proven>) {
        for _ in 0..ONE_OF {
            proofs.put(&value(number), proven);
        }
        assert!(proofs.by_value.contains(&*value(number)));
    }

    fn kept<const MAX: usize>(proofs: &Proofs<MAX>) -> Vec<usize> {
        let of = |kept: &Arc<Kept>| core::str::from_utf8(&kept.value).unwrap().parse().unwrap();
        proofs.by_age.iter().map(of).collect()
    }

    #[test]
    fn the_oldest_goes_first_and_what_is_in_use_stays() {
        let (mut proofs, proven) = filled([1, 2, 3]);
        assert!(proofs.get(&value(1)).is_some());
        press(&mut proofs, 4, &proven);
        assert_eq!(kept(&proofs), [3, 4, 1]);
        assert!(proofs.get(&value(2)).is_none());
        // One use is worth one round.
        press(&mut proofs, 5, &proven);
        press(&mut proofs, 6, &proven);
        assert_eq!(kept(&proofs), [1, 5, 6]);
        press(&mut proofs, 7, &proven);
        assert_eq!(kept(&proofs), [5, 6, 7]);
    }

    #[test]
    fn what_comes_once_does_not_push_out_what_is_kept() {
        let (mut proofs, proven) = filled([1, 2, 3]);
        for number in 10..10 + ONE_OF as usize - 1 {
            proofs.put(&value(number), &proven);
        }
        assert_eq!(kept(&proofs), [1, 2, 3]);
        proofs.put(&value(50), &proven);
        assert_eq!(kept(&proofs), [2, 3, 50]);
    }

    #[test]
    fn the_same_credential_counts_once() {
        let (proofs, _) = filled([1, 1, 1, 2]);
        assert_eq!(kept(&proofs), [1, 2]);
        assert_eq!(proofs.bytes, 2 * THREE / 3);
    }

    #[test]
    fn nothing_is_searched_for_long_and_nothing_grows_if_all_are_in_use() {
        let (mut proofs, proven) = (Proofs::<{ 20 * THREE }>::default(), proven());
        for number in 0..60 {
            proofs.put(&value(number), &proven);
            assert!(proofs.get(&value(number)).is_some());
        }
        press(&mut proofs, 60, &proven);
        assert_eq!(proofs.by_age.len(), 60);
        assert_eq!(proofs.by_value.len(), 60);
        assert!(proofs.get(&value(PASSED_OVER)).is_none());
        let marked = proofs.by_age.iter();
        let unmarked = marked.filter(|kept| !kept.used.load(Ordering::Relaxed));
        // Those that were passed over, and the new one.
        assert_eq!(unmarked.count(), PASSED_OVER + 1);
    }

    #[test]
    fn a_value_that_is_longer_takes_the_room_of_several() {
        let (mut proofs, proven) = filled([1, 2, 3]);
        for _ in 0..ONE_OF {
            proofs.put(&[b'x'; LENGTH_MAX], &proven);
        }
        assert!(proofs.bytes <= THREE && proofs.get(&[b'x'; LENGTH_MAX]).is_none());
        assert_eq!(proofs.by_age.len(), proofs.by_value.len());
    }
}
