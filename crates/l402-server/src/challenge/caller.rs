//! The callers that limits count.

use std::net::{IpAddr, Ipv6Addr};

/// One caller, as limits count them: an address of IPv4, or the /64 of IPv6 that one customer has
/// whole and could take a new address of for each request (ATTACKS H-37). An IPv4 address that is
/// written as IPv6 is the same caller.
///
/// ```
/// use std::net::IpAddr;
/// use l402_server::Caller;
///
/// let caller = |address: &str| Caller::from(address.parse::<IpAddr>().unwrap());
/// assert_eq!(caller("2001:db8::1"), caller("2001:db8::ffff:2"));
/// assert_eq!(caller("192.0.2.1"), caller("::ffff:192.0.2.1"));
/// assert_ne!(caller("192.0.2.1"), caller("192.0.2.2"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Caller(u128);

impl From<IpAddr> for Caller {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
            IpAddr::V6(v6) => Ipv6Addr::to_bits(v6) >> 64,
        })
    }
}

impl Caller {
    /// Returns the key of this caller in a table.
    pub(crate) const fn key(self) -> u128 {
        self.0
    }

    /// Returns the key of the caller's network: the /24 of IPv4, the /56 of IPv6.
    pub(crate) const fn network(self) -> u128 {
        self.0 >> 8
    }
}
