//! The limit on the requests of one address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::desk::caller_network;

/// The most addresses that are remembered. Further ones share one bucket.
const ADDRESSES_MAX: usize = 16_384;

/// A token bucket for each address; networks of IPv6 count as one address (/64).
#[derive(Debug)]
pub(super) struct RequestLimit {
    per_second: f64,
    burst: f64,
    buckets: Mutex<HashMap<IpAddr, Bucket>>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    at: Duration,
}

impl RequestLimit {
    pub(super) fn new(per_second: u32, burst: u32) -> Self {
        Self {
            per_second: f64::from(per_second.max(1)),
            burst: f64::from(burst.max(1)),
            buckets: Mutex::default(),
        }
    }

    /// Takes one request of an address at this monotonic time, or returns the time after which there is
    /// one again. This machine is free.
    pub(super) fn take(&self, address: IpAddr, now: Duration) -> Result<(), Duration> {
        let address = address.to_canonical();
        if address.is_loopback() {
            return Ok(());
        }
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = caller_network(address);
        // A full bucket says nothing that a new one would not. If all are in use, newcomers share one.
        if !buckets.contains_key(&key) && buckets.len() >= ADDRESSES_MAX {
            buckets.retain(|_, bucket| self.filled(bucket, now) < self.burst);
            if buckets.len() >= ADDRESSES_MAX {
                key = Ipv6Addr::UNSPECIFIED.into();
            }
        }
        let full = Bucket {
            tokens: self.burst,
            at: now,
        };
        let bucket = buckets.entry(key).or_insert(full);
        let tokens = self.filled(bucket, now);
        if tokens < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - tokens) / self.per_second));
        }
        *bucket = Bucket {
            tokens: tokens - 1.0,
            at: now,
        };
        Ok(())
    }

    fn filled(&self, bucket: &Bucket, now: Duration) -> f64 {
        let passed = now.saturating_sub(bucket.at).as_secs_f64();
        (bucket.tokens + passed * self.per_second).min(self.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_burst_passes_and_the_rest_waits() {
        let limit = RequestLimit::new(20, 3);
        let peer = address("203.0.113.9");
        for _ in 0..3 {
            assert_eq!(limit.take(peer, SECOND), Ok(()));
        }
        assert_eq!(limit.take(peer, SECOND), Err(SECOND / 20));
        assert_eq!(limit.take(address("203.0.113.10"), SECOND), Ok(()));
        assert_eq!(limit.take(peer, SECOND + SECOND / 20), Ok(()));
    }

    #[test]
    fn this_machine_is_free_and_a_network_of_ipv6_is_one_address() {
        let limit = RequestLimit::new(1, 1);
        for _ in 0..10 {
            assert_eq!(limit.take(address("::ffff:127.0.0.1"), SECOND), Ok(()));
        }
        assert_eq!(limit.take(address("2001:db8::1"), SECOND), Ok(()));
        assert_eq!(limit.take(address("2001:db8::2"), SECOND), Err(SECOND));
    }

    #[test]
    fn the_memory_is_bounded() {
        let limit = RequestLimit::new(1, 1);
        let most = u32::try_from(ADDRESSES_MAX).unwrap();
        for number in 0..most + 100 {
            let peer = std::net::Ipv4Addr::from(0xcb00_0000 + number);
            let taken = limit.take(peer.into(), SECOND);
            assert_eq!(taken.is_ok(), number <= most, "{number}");
        }
        assert_eq!(limit.buckets.lock().unwrap().len(), ADDRESSES_MAX + 1);
    }
}
