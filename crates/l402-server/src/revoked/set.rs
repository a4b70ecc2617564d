//! The set that every paid request asks.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

use l402::{Identifier, KeyNumber, Service, UnixTime};

use super::Revoke;
use super::times::Times;

/// The parts of the set. Each has a lock of its own, and grows alone: one of a million entries holds
/// its readers up for less than a millisecond then.
const PARTS: usize = 256;

/// Half of a token id or of a payment hash, with the kind in its last bit.
type Half = [u8; 16];

/// All that was revoked.
///
/// While nothing is, a question costs one atomic load. Else it costs two look-ups in parts that have
/// locks of their own. A million entries take less than 64 bytes each. Entries are added and never
/// taken out.
///
/// ```
/// use l402::{Identifier, KeyNumber, PaymentHash, TokenId, UnixTime};
/// use l402_server::revoked::{Revoke, Revoked};
///
/// let identifier = Identifier {
///     payment_hash: PaymentHash::from_bytes([2; 32]),
///     token_id: TokenId::new(KeyNumber(1), [7; 30]),
/// };
/// let revoked = Revoked::default();
/// let minted = || UnixTime::from_secs(1_790_000_000);
/// assert!(!revoked.covers(&identifier, &"joke".parse()?, minted));
/// revoked.add(&Revoke::Token(identifier.token_id));
/// assert!(revoked.covers(&identifier, &"joke".parse()?, minted));
/// # Ok::<(), l402::ServiceError>(())
/// ```
#[derive(Debug)]
pub struct Revoked {
    /// False while nothing is revoked.
    any: AtomicBool,
    /// False while nothing is revoked by time.
    any_by_time: AtomicBool,
    parts: Box<[RwLock<HashSet<Half>>]>,
    times: RwLock<Times>,
}

impl Default for Revoked {
    fn default() -> Self {
        Self {
            any: AtomicBool::new(false),
            any_by_time: AtomicBool::new(false),
            parts: (0..PARTS).map(|_| RwLock::default()).collect(),
            times: RwLock::default(),
        }
    }
}

impl Revoked {
    /// Ends what a revocation ends, from the next question on. A second time changes nothing.
    pub fn add(&self, what: &Revoke) {
        match what {
            Revoke::Minted {
                before,
                service,
                spares,
            } => {
                let times = self.times.write();
                let mut times = times.unwrap_or_else(PoisonError::into_inner);
                times.add(service.clone(), *before, *spares);
                self.any_by_time.store(true, Ordering::Release);
            }
            Revoke::Payment(hash) => self.insert(half(hash.as_bytes(), PAYMENT)),
            Revoke::Token(id) => self.insert(half(id.as_bytes(), TOKEN)),
        }
        self.any.store(true, Ordering::Release);
    }

    /// Returns true if a token was revoked, of which `minted` returns the earliest time at which it can
    /// have been minted. Nothing that a holder appends to a token may change that time.
    #[must_use]
    pub fn covers(
        &self,
        identifier: &Identifier,
        service: &Service,
        minted: impl FnOnce() -> UnixTime,
    ) -> bool {
        if !self.any.load(Ordering::Acquire) {
            return false;
        }
        self.holds(&half(identifier.token_id.as_bytes(), TOKEN))
            || self.holds(&half(identifier.payment_hash.as_bytes(), PAYMENT))
            || self.covers_minted(service, identifier.token_id.key_number(), minted)
    }

    /// Returns true if every token of this key and service was revoked that was not minted before
    /// `minted`.
    #[must_use]
    pub fn covers_minted(
        &self,
        service: &Service,
        key: KeyNumber,
        minted: impl FnOnce() -> UnixTime,
    ) -> bool {
        if !self.any_by_time.load(Ordering::Acquire) {
            return false;
        }
        let times = self.times.read().unwrap_or_else(PoisonError::into_inner);
        times.cover(service, key, minted())
    }

    fn holds(&self, half: &Half) -> bool {
        let part = self.part(half).read();
        part.unwrap_or_else(PoisonError::into_inner).contains(half)
    }

    fn insert(&self, half: Half) {
        let part = self.part(&half).write();
        part.unwrap_or_else(PoisonError::into_inner).insert(half);
    }

    fn part(&self, half: &Half) -> &RwLock<HashSet<Half>> {
        let [first, ..] = half;
        &self.parts[usize::from(*first) % PARTS]
    }
}

const TOKEN: u8 = 0;
const PAYMENT: u8 = 1;

/// Returns the key of an entry. Half of the bytes are enough: they are random or a hash, and two that
/// meet by chance among 2^127 end one token too many, never one too few.
fn half(bytes: &[u8; 32], kind: u8) -> Half {
    let mut half = [0; 16];
    half.copy_from_slice(&bytes[16..]);
    if let Some(last) = half.last_mut() {
        *last = *last & !1 | kind;
    }
    half
}

#[cfg(test)]
mod tests {
    use l402::{PaymentHash, TokenId};

    use super::*;

    /// Bytes that look random, one after another.
    fn scattered(number: u64) -> [u8; 32] {
        let mut state = number;
        let mut bytes = [0; 32];
        for word in bytes.chunks_exact_mut(8) {
            // SplitMix64.
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            word.copy_from_slice(&(mixed ^ (mixed >> 31)).to_le_bytes());
        }
        bytes
    }

    /// The bytes of a table of the standard library, from its capacity: it holds 7 entries in 8 places,
    /// of the entry and one byte each, and 16 bytes behind them.
    fn table_bytes(capacity: usize) -> usize {
        capacity.div_ceil(7) * 8 * (size_of::<Half>() + 1) + 16
    }

    impl Revoked {
        fn bytes(&self) -> usize {
            let tables = self
                .parts
                .iter()
                .map(|part| part.read().unwrap().capacity());
            let part = size_of::<RwLock<HashSet<Half>>>();
            tables.map(table_bytes).sum::<usize>() + self.parts.len() * part
        }

        fn len(&self) -> usize {
            self.parts
                .iter()
                .map(|part| part.read().unwrap().len())
                .sum()
        }
    }

    fn identifier(payment: u8, token: u8) -> Identifier {
        Identifier {
            payment_hash: PaymentHash::from_bytes([payment; 32]),
            token_id: TokenId::new(KeyNumber(1), [token; 30]),
        }
    }

    #[test]
    fn ends_a_token_or_all_of_a_payment_and_confuses_neither() {
        let revoked = Revoked::default();
        let service = "api".parse().unwrap();
        let covers = |revoked: &Revoked, payment, token| {
            let minted = || unreachable!("nothing was revoked by time");
            revoked.covers(&identifier(payment, token), &service, minted)
        };
        // The halves of token 8 and payment 8 differ in the kind alone.
        revoked.add(&Revoke::Token(identifier(1, 8).token_id));
        assert!(covers(&revoked, 1, 8) && covers(&revoked, 2, 8));
        assert!(!covers(&revoked, 8, 1));
        revoked.add(&Revoke::Payment(identifier(6, 1).payment_hash));
        assert!(covers(&revoked, 6, 1) && covers(&revoked, 6, 2));
        assert!(!covers(&revoked, 1, 6));
        revoked.add(&Revoke::Token(identifier(1, 8).token_id));
        assert_eq!(revoked.len(), 2);
    }

    #[test]
    fn a_million_take_at_most_64_bytes_each() {
        let revoked = Revoked::default();
        for number in 0..1_000_000 {
            let bytes = scattered(number);
            revoked.insert(half(&bytes, TOKEN));
            if number.is_multiple_of(50_000) && number > 0 {
                let entries = usize::try_from(number).unwrap();
                assert!(revoked.bytes() <= entries * 64, "at {number}");
            }
        }
        let (bytes, len) = (revoked.bytes(), revoked.len());
        assert_eq!(len, 1_000_000);
        assert!(bytes <= len * 64, "{bytes} bytes for {len}");
        assert!(bytes >= len * size_of::<Half>(), "it was counted");
        assert!((0..1000).all(|number| revoked.holds(&half(&scattered(number), TOKEN))));
        assert!(!revoked.holds(&half(&scattered(1_000_000), TOKEN)));
    }
}
