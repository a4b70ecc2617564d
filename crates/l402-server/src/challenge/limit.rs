//! Limits on challenges, in bounded memory. They are taken before the node is asked.
//!
//! Each limit is a generic cell rate algorithm (GCRA): one number for each caller, the moment at
//! which the caller has a full burst again. The numbers are in a table of fixed size, found by a
//! keyed hash, so that no flood of addresses makes it grow (ATTACKS D-01, D-11). Two addresses with
//! the same slot share its budget. An attacker cannot choose such an address, since the key of the
//! hash is random.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The number of slots in the table of one limit: 512 KiB.
const SLOTS: usize = 65_536;

/// A rate in the long run, and the burst that is allowed at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Challenges per second in the long run.
    pub per_second: NonZeroU32,
    /// Challenges at once, if there were none for a while.
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

/// The numbers of challenges that may be made, for the whole process. `None` switches a limit off.
///
/// ```
/// use std::num::NonZeroU32;
/// use l402_server::{ChallengeLimits, Rate};
///
/// let mut limits = ChallengeLimits::default();
/// assert_eq!(limits.total.map(|rate| rate.per_second.get()), Some(100));
/// limits.total = NonZeroU32::new(500).map(|rate| Rate { per_second: rate, burst: rate });
/// limits.per_peer = None;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChallengeLimits {
    /// The limit per address. By default 20 a second, 100 at once.
    pub per_peer: Option<Rate>,
    /// The limit per /24 of IPv4 and /56 of IPv6. By default 50 a second, 200 at once.
    pub per_prefix: Option<Rate>,
    /// The limit over all callers. By default 100 a second, 400 at once.
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

/// The limits, and the state of every caller.
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
    /// The time to wait, if one of the budgets is spent.
    pub(crate) fn take(&self, peer: IpAddr, now: Duration) -> Result<(), Duration> {
        let (address, prefix) = keys(peer);
        // The narrowest first: a peer beyond its own budget must take nothing from the others'.
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

/// Returns the keys under which an address and its prefix are counted.
fn keys(peer: IpAddr) -> (u128, u128) {
    match peer.to_canonical() {
        IpAddr::V4(v4) => {
            let bits = v4.to_ipv6_mapped().to_bits();
            (bits, bits >> 8)
        }
        // One customer has a whole /64 of IPv6, and could use a new address for each request
        // (ATTACKS H-37).
        IpAddr::V6(v6) => (Ipv6Addr::to_bits(v6) >> 64, Ipv6Addr::to_bits(v6) >> 72),
    }
}

/// The state of one limit. Each slot holds the moment, in nanoseconds of monotonic time, at which
/// its burst is whole again.
#[derive(Debug)]
struct Table {
    /// The nanoseconds by which one challenge moves a slot forward.
    cost: u64,
    /// The nanoseconds that a slot may be ahead of now, the next challenge included.
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

    /// Takes one challenge out of the budget of a key.
    ///
    /// # Errors
    /// The time to wait, if the budget is spent.
    fn take(&self, key: u128, now: Duration) -> Result<(), Duration> {
        let now = nanos(now);
        // `max(now)`: a budget that nobody used for long does not grow beyond one burst.
        let after = |full: u64| full.max(now).saturating_add(self.cost);
        let fits = |full| Some(after(full)).filter(|next| next - now <= self.max_lead);
        // One atomic step, without a lock: threads that meet on a slot cannot both take the last.
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

    /// ATTACKS H-37.
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

    /// ATTACKS D-11.
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
