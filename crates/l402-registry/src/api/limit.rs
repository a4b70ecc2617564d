//! The limit on the requests of one address.

use std::net::IpAddr;
use std::time::Duration;

use crate::desk::{Rate, caller_network};

/// A limit for each address; networks of IPv6 count as one address (/64).
#[derive(Debug)]
pub(super) struct RequestLimit(Rate);

impl RequestLimit {
    pub(super) fn new(per_second: u32, burst: u32) -> Self {
        let every = Duration::from_secs(1) / per_second.max(1);
        Self(Rate::new(burst.max(1), every))
    }

    /// Takes one request of an address at this monotonic time, or returns the time after which there is
    /// one again. This machine is free.
    pub(super) fn take(&self, address: IpAddr, now: Duration) -> Result<(), Duration> {
        if address.to_canonical().is_loopback() {
            return Ok(());
        }
        self.0.turn(caller_network(address), now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::KEYS_MAX;

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
        let most = u32::try_from(KEYS_MAX).unwrap();
        for number in 0..most + 100 {
            let peer = std::net::Ipv4Addr::from(0xcb00_0000 + number);
            let taken = limit.take(peer.into(), SECOND);
            assert_eq!(taken.is_ok(), number <= most, "{number}");
        }
        assert_eq!(limit.0.kept(), KEYS_MAX + 1);
    }
}
