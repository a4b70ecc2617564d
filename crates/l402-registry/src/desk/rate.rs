//! Limits on how often something may be done.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::error::DeskError;

/// The most keys of one limit that are told apart. Further ones share one place until others are free again.
pub(crate) const KEYS_MAX: usize = 16_384;

/// The place that further keys share.
const SHARED: u64 = 0;

/// A limit per key, in bounded memory: so many at once, and one more after each interval.
#[derive(Debug)]
pub(crate) struct Rate {
    every: Duration,
    burst: u32,
    hashing: RandomState,
    /// For the hash of each key, the time at which nothing of its limit is used up any more.
    free_at: Mutex<HashMap<u64, Duration>>,
}

impl Rate {
    /// Permits `burst` at once, and one more after each `every`.
    pub(crate) fn new(burst: u32, every: Duration) -> Self {
        Self {
            every,
            burst,
            hashing: RandomState::new(),
            free_at: Mutex::default(),
        }
    }

    /// Takes one for a key, at a monotonic time, or returns the time until there is one again.
    pub(crate) fn turn(&self, key: impl Hash, now: Duration) -> Result<(), Duration> {
        let mut key = self.hashing.hash_one(key);
        let mut keys = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= KEYS_MAX && !keys.contains_key(&key) {
            keys.retain(|_, free_at| *free_at > now);
            if keys.len() >= KEYS_MAX {
                key = SHARED;
            }
        }
        let free_at = keys.entry(key).or_default();
        let next = (*free_at).max(now).saturating_add(self.every);
        let most = now.saturating_add(self.every.saturating_mul(self.burst));
        if next > most {
            return Err(next.saturating_sub(most));
        }
        *free_at = next;
        Ok(())
    }

    /// Takes one for a key, at a monotonic time.
    ///
    /// # Errors
    /// `TooMany`, with the time until there is one again.
    pub(super) fn take(&self, key: impl Hash, now: Duration) -> Result<(), DeskError> {
        // A whole second up, for the text and the header have no parts of one.
        let whole = |wait: Duration| Duration::from_secs(wait.as_secs() + 1);
        self.turn(key, now)
            .map_err(|wait| DeskError::TooMany(whole(wait)))
    }

    /// Takes one for the network of a caller, at a monotonic time. A caller without an address is this program.
    ///
    /// # Errors
    /// As [`Rate::take`].
    pub(super) fn take_for(
        &self,
        peer: Option<IpAddr>,
        what: impl Hash,
        now: Duration,
    ) -> Result<(), DeskError> {
        peer.map_or(Ok(()), |peer| self.take((caller_network(peer), what), now))
    }
}

/// Returns the address as far as one caller cannot choose it: all of IPv4, and a /64 of IPv6.
pub(crate) fn caller_network(peer: IpAddr) -> IpAddr {
    network(peer, 64)
}

/// Returns the address as far as one customer of a provider cannot choose it: all of IPv4, and a /48 of IPv6,
/// which has 65,536 networks.
pub(super) fn site(peer: IpAddr) -> IpAddr {
    network(peer, 48)
}

/// Returns all of an address of IPv4, and the first bits of one of IPv6.
fn network(peer: IpAddr, bits: u32) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(peer) => IpAddr::V4(peer),
        IpAddr::V6(peer) => {
            let mask = u128::MAX << (128 - bits);
            IpAddr::V6(Ipv6Addr::from_bits(peer.to_bits() & mask))
        }
    }
}

#[cfg(test)]
impl Rate {
    /// Returns the number of keys that are told apart.
    pub(crate) fn kept(&self) -> usize {
        self.free_at.lock().unwrap().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_at_once_and_then_one_each_interval() {
        let rate = Rate::new(3, Duration::from_secs(10));
        let at = Duration::from_secs(100);
        for _ in 0..3 {
            rate.take("a", at).unwrap();
        }
        let wait = Duration::from_secs(11);
        assert_eq!(rate.take("a", at), Err(DeskError::TooMany(wait)));
        let later = at + Duration::from_secs(10);
        rate.take("a", later).unwrap();
        assert!(rate.take("a", later).is_err());
    }

    #[test]
    fn more_keys_than_are_kept_share_one_place_until_others_are_free() {
        let (every, begin) = (Duration::from_secs(10), Duration::from_secs(100));
        let rate = Rate::new(1, every);
        for key in 0..KEYS_MAX {
            rate.take(key, begin).unwrap();
        }
        rate.take("one more", begin).unwrap();
        assert!(rate.take("another", begin).is_err());
        assert_eq!(rate.kept(), KEYS_MAX + 1);
        rate.take("another", begin + every).unwrap();
        assert_eq!(rate.kept(), 1);
    }

    #[test]
    fn a_network_is_one_caller() {
        for (one, other, is_same) in [
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("2001:db8::1", "2001:db8::ffff:1", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
        ] {
            let of = |address: &str| caller_network(address.parse().unwrap());
            let same = of(one) == of(other);
            assert_eq!(same, is_same, "{one} {other}");
        }
        let rate = Rate::new(1, Duration::from_secs(10));
        let peer = Some("2001:db8::1".parse().unwrap());
        rate.take_for(peer, (), Duration::ZERO).unwrap();
        assert!(rate.take_for(peer, (), Duration::ZERO).is_err());
        for _ in 0..5 {
            rate.take_for(None, (), Duration::ZERO).unwrap();
        }
    }
}
