//! Limits on challenges: before any node call, bounded memory.
//!
//! Each limit is a generic cell rate algorithm: one number, the moment at which the caller would
//! be back to a full burst. The numbers stand in a table of fixed size, found by a keyed hash, so
//! that no flood of addresses makes it grow (ATTACKS D-01, D-11). Two addresses that fall on one
//! number share its budget; nobody can choose to, since the key is random.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Numbers in the table of one limit; 512 KiB.
const SLOTS: usize = 65_536;

/// A rate with a burst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many a second in the long run.
    pub per_second: NonZeroU32,
    /// How many at once.
    pub burst: NonZeroU32,
}

impl Rate {
    const fn new(per_second: u32, burst: u32) -> Option<Self> {
        match (NonZeroU32::new(per_second), NonZeroU32::new(burst)) {
            (Some(per_second), Some(burst)) => Some(Self { per_second, burst }),
            _ => None,
        }
    }
}

/// How many challenges may be made: for the process, not per worker. `None` switches one off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChallengeLimits {
    /// Per address. 20 a second, 100 at once.
    pub per_peer: Option<Rate>,
    /// Per /24 of IPv4, /56 of IPv6. 50 a second, 200 at once.
    pub per_prefix: Option<Rate>,
    /// In all. 100 a second, 400 at once.
    pub total: Option<Rate>,
}

impl Default for ChallengeLimits {
    fn default() -> Self {
        Self {
            per_peer: Rate::new(20, 100),
            per_prefix: Rate::new(50, 200),
            total: Rate::new(100, 400),
        }
    }
}

/// The limits with their state.
#[derive(Debug)]
pub(crate) struct Limiter {
    peers: Option<Table>,
    prefixes: Option<Table>,
    total: Option<Table>,
}

impl Limiter {
    pub(crate) fn new(limits: ChallengeLimits) -> Self {
        Self {
            peers: limits.per_peer.map(|rate| Table::new(rate, SLOTS)),
            prefixes: limits.per_prefix.map(|rate| Table::new(rate, SLOTS)),
            total: limits.total.map(|rate| Table::new(rate, 1)),
        }
    }

    /// Sets other limits. A limit that has a rate before and after keeps what was taken of it, so
    /// that nobody has a second burst; one that is switched on begins whole.
    pub(crate) fn set(&mut self, limits: ChallengeLimits, now: Duration) {
        for (table, rate, slots) in [
            (&mut self.peers, limits.per_peer, SLOTS),
            (&mut self.prefixes, limits.per_prefix, SLOTS),
            (&mut self.total, limits.total, 1),
        ] {
            match (&mut *table, rate) {
                (Some(table), Some(rate)) => table.set_rate(rate, now),
                _ => *table = rate.map(|rate| Table::new(rate, slots)),
            }
        }
    }

    /// Takes one challenge out of every budget.
    ///
    /// # Errors
    /// How long to wait, where one of them is spent. The narrowest is asked first, so that a peer
    /// beyond its own budget takes nothing from the others'.
    pub(crate) fn take(&self, peer: IpAddr, now: Duration) -> Result<(), Duration> {
        let (address, prefix) = keys(peer);
        for (table, key) in [
            (&self.peers, address),
            (&self.prefixes, prefix),
            (&self.total, 0),
        ] {
            if let Some(table) = table {
                table.take(key, now)?;
            }
        }
        Ok(())
    }
}

/// What an address and its prefix are counted under. One customer has a whole /64 of IPv6
/// (ATTACKS H-37).
fn keys(peer: IpAddr) -> (u128, u128) {
    match peer.to_canonical() {
        IpAddr::V4(v4) => {
            let bits = v4.to_ipv6_mapped().to_bits();
            (bits, bits >> 8)
        }
        IpAddr::V6(v6) => (Ipv6Addr::to_bits(v6) >> 64, Ipv6Addr::to_bits(v6) >> 72),
    }
}

/// One limit: for each slot the moment, in nanoseconds, when its burst is whole again.
#[derive(Debug)]
struct Table {
    /// Nanoseconds that one challenge costs.
    cost: u64,
    /// How far beyond now a slot may be, the next challenge included.
    max_lead: u64,
    hasher: RandomState,
    slots: Box<[AtomicU64]>,
}

impl Table {
    fn new(rate: Rate, slots: usize) -> Self {
        let (cost, max_lead) = measures(rate);
        Self {
            cost,
            max_lead,
            hasher: RandomState::new(),
            slots: (0..slots).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Changes the rate. A slot waits at most as long as an empty budget of the new rate does.
    fn set_rate(&mut self, rate: Rate, now: Duration) {
        (self.cost, self.max_lead) = measures(rate);
        let latest = nanos(now).saturating_add(self.max_lead);
        for slot in &mut self.slots {
            *slot.get_mut() = latest.min(*slot.get_mut());
        }
    }

    fn take(&self, key: u128, now: Duration) -> Result<(), Duration> {
        let now = nanos(now);
        let after = |full: u64| full.max(now).saturating_add(self.cost);
        let fits = |full| Some(after(full)).filter(|next| next - now <= self.max_lead);
        self.slot(key)
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits)
            .map(drop)
            .map_err(|full| Duration::from_nanos(after(full) - now - self.max_lead))
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "the remainder is below the length"
    )]
    fn slot(&self, key: u128) -> &AtomicU64 {
        &self.slots[(self.hasher.hash_one(key) % self.slots.len() as u64) as usize]
    }
}

/// Returns the nanoseconds that one challenge costs, and those of a whole burst.
fn measures(rate: Rate) -> (u64, u64) {
    let cost = 1_000_000_000 / u64::from(rate.per_second.get());
    (cost, cost.saturating_mul(rate.burst.get().into()))
}

fn nanos(moment: Duration) -> u64 {
    u64::try_from(moment.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn only(per_peer: (u32, u32), per_prefix: (u32, u32), total: (u32, u32)) -> Limiter {
        let rate = |(per_second, burst)| Rate::new(per_second, burst);
        Limiter::new(ChallengeLimits {
            per_peer: rate(per_peer),
            per_prefix: rate(per_prefix),
            total: rate(total),
        })
    }

    fn taken(limiter: &Limiter, peer: &str, now: Duration, tries: usize) -> usize {
        let peer: IpAddr = peer.parse().unwrap();
        (0..tries)
            .filter(|_| limiter.take(peer, now).is_ok())
            .count()
    }

    #[test]
    fn a_burst_then_the_rate() {
        let limiter = only((2, 5), (0, 0), (0, 0));
        assert_eq!(taken(&limiter, "192.0.2.1", SECOND, 20), 5);
        assert_eq!(
            limiter.take("192.0.2.1".parse().unwrap(), SECOND),
            Err(SECOND / 2)
        );
        assert_eq!(taken(&limiter, "192.0.2.1", 2 * SECOND, 20), 2);
        assert_eq!(taken(&limiter, "192.0.2.1", 60 * SECOND, 20), 5);
        assert_eq!(
            taken(&limiter, "192.0.2.1", SECOND, 20),
            0,
            "a clock that steps back gives nothing"
        );
    }

    #[test]
    fn another_address_of_the_prefix_shares_its_budget() {
        let limiter = only((1, 3), (1, 4), (0, 0));
        assert_eq!(taken(&limiter, "192.0.2.1", SECOND, 9), 3);
        assert_eq!(taken(&limiter, "192.0.2.200", SECOND, 9), 1);
        assert_eq!(taken(&limiter, "198.51.100.1", SECOND, 9), 3);
        assert_eq!(
            taken(&limiter, "::ffff:198.51.100.1", SECOND, 9),
            0,
            "the same address"
        );
        assert_eq!(taken(&limiter, "2001:db8:0:100::1", SECOND, 9), 3);
        assert_eq!(
            taken(&limiter, "2001:db8:0:100:ffff::", SECOND, 9),
            0,
            "the same /64"
        );
        assert_eq!(
            taken(&limiter, "2001:db8:0:1ff::1", SECOND, 9),
            1,
            "the same /56"
        );
    }

    #[test]
    fn the_total_holds_over_all_addresses() {
        let limiter = only((0, 0), (0, 0), (10, 25));
        let peers = (0..200_u32).map(|n| std::net::Ipv4Addr::from_bits(n << 12).to_string());
        let total: usize = peers.map(|peer| taken(&limiter, &peer, SECOND, 1)).sum();
        assert_eq!(total, 25);
    }

    #[test]
    fn other_limits_give_nobody_a_second_burst() {
        let (peer, now) = ("192.0.2.1", SECOND);
        let rate = |per_second, burst| ChallengeLimits {
            per_peer: Rate::new(per_second, burst),
            per_prefix: None,
            total: None,
        };
        let mut limiter = only((1, 100), (0, 0), (0, 0));
        assert_eq!(taken(&limiter, peer, now, 200), 100);
        limiter.set(rate(1, 100), now);
        assert_eq!(taken(&limiter, peer, now, 200), 0, "the same limits");
        limiter.set(rate(10, 5), now);
        assert_eq!(taken(&limiter, peer, now, 200), 0, "narrower limits");
        assert_eq!(taken(&limiter, peer, now + SECOND / 10, 200), 1);
        limiter.set(rate(0, 0), now);
        assert_eq!(taken(&limiter, peer, now, 200), 200, "switched off");
    }

    #[test]
    fn switched_off_it_limits_nothing() {
        assert_eq!(
            taken(&only((0, 0), (0, 0), (0, 0)), "192.0.2.1", SECOND, 10_000),
            10_000
        );
    }
}
