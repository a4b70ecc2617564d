//! Limits on challenges. They are taken before the node is asked (ATTACKS D-01).

use std::net::IpAddr;
use std::time::Duration;

use super::budget::{Budgets, Rate, Size};
use super::{Caller, Hits, LimitHits};

/// The number of slots in the table of one limit: 512 KiB.
const SLOTS: usize = 65_536;

/// The part of the total, in percent, that is kept for networks which have had next to none lately.
const FOR_NEWCOMERS: u32 = 25;

/// The challenges after which a network is no newcomer, and the time in which it becomes one again.
const OF_NEWCOMER: u32 = 2;
const NEW_AFTER: Duration = Duration::from_secs(10 * 60);

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
    /// The limit over all callers. By default 100 a second, 400 at once. A quarter of it is for
    /// networks that have had next to none in the last minutes.
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
    peers: Option<Budgets>,
    prefixes: Option<Budgets>,
    total: Option<Total>,
    hits: HitsOfLimiter,
}

/// The number of challenges that each limit has refused.
#[derive(Debug, Default)]
struct HitsOfLimiter {
    peers: Hits,
    prefixes: Hits,
    total: Hits,
}

impl Limiter {
    pub(crate) fn new(limits: ChallengeLimits) -> Self {
        Self {
            peers: limits.per_peer.map(|rate| Budgets::new(rate, SLOTS)),
            prefixes: limits.per_prefix.map(|rate| Budgets::new(rate, SLOTS)),
            total: limits.total.map(Total::new),
            hits: HitsOfLimiter::default(),
        }
    }

    /// Returns the number of challenges that each limit has refused; those of others are zero.
    pub(crate) fn hits(&self) -> LimitHits {
        LimitHits {
            challenges_per_peer: self.hits.peers.read(),
            challenges_per_prefix: self.hits.prefixes.read(),
            challenges_total: self.hits.total.read(),
            ..LimitHits::default()
        }
    }

    /// Sets other limits. A limit that has a rate before and after keeps what was taken of it, so
    /// that nobody has a second burst; one that is switched on begins whole.
    pub(crate) fn set(&mut self, limits: ChallengeLimits, now: Duration) {
        for (budgets, rate) in [
            (&mut self.peers, limits.per_peer),
            (&mut self.prefixes, limits.per_prefix),
        ] {
            match (&mut *budgets, rate) {
                (Some(budgets), Some(rate)) => budgets.set_size(rate, now),
                _ => *budgets = rate.map(|rate| Budgets::new(rate, SLOTS)),
            }
        }
        match (&mut self.total, limits.total) {
            (Some(total), Some(rate)) => total.set_rate(rate, now),
            (total, rate) => *total = rate.map(Total::new),
        }
    }

    /// Takes one challenge out of every budget.
    ///
    /// # Errors
    /// The time to wait, if one of the budgets is spent.
    pub(crate) fn take(&self, peer: IpAddr, now: Duration) -> Result<(), Duration> {
        let caller = Caller::from(peer);
        // The narrowest first: a peer beyond its own budget must take nothing from the others'.
        if let Some(peers) = &self.peers {
            let taken = peers.take(caller.key(), now);
            taken.inspect_err(|_| self.hits.peers.count())?;
        }
        if let Some(prefixes) = &self.prefixes {
            let taken = prefixes.take(caller.network(), now);
            taken.inspect_err(|_| self.hits.prefixes.count())?;
        }
        let total = self.total.as_ref();
        let taken = total.map_or(Ok(()), |total| total.take(caller.network(), now));
        taken.inspect_err(|_| self.hits.total.count())
    }
}

/// The limit over all callers, of which a part is for newcomers: a flood from some networks must not
/// keep a buyer out who comes from another one.
#[derive(Debug)]
struct Total {
    common: Budgets,
    reserved: Budgets,
    /// A budget of a few challenges for each network: a newcomer is one that has some of it left.
    newcomers: Budgets,
}

impl Total {
    fn new(rate: Rate) -> Self {
        let (common, reserved) = parts(rate);
        let newcomer = Size::new(NEW_AFTER / OF_NEWCOMER, OF_NEWCOMER);
        Self {
            common: Budgets::new(common, 1),
            reserved: Budgets::new(reserved, 1),
            newcomers: Budgets::new(newcomer, SLOTS),
        }
    }

    fn set_rate(&mut self, rate: Rate, now: Duration) {
        let (common, reserved) = parts(rate);
        self.common.set_size(common, now);
        self.reserved.set_size(reserved, now);
    }

    /// Takes one challenge for a network.
    ///
    /// # Errors
    /// The time to wait, if the budget is spent.
    fn take(&self, network: u128, now: Duration) -> Result<(), Duration> {
        if let Err(wait) = self.common.take((), now) {
            if !self.newcomers.has(network, now) {
                return Err(wait);
            }
            self.reserved
                .take((), now)
                .map_err(|other| wait.min(other))?;
        }
        // Counted also if it was not needed: who has had some is no newcomer later. Only what was
        // given is counted, so that a newcomer who was refused is one at the next try.
        let _ = self.newcomers.take(network, now);
        Ok(())
    }
}

/// Divides the total into the common part and the one for newcomers.
fn parts(rate: Rate) -> (Size, Size) {
    // A burst of less than four has nothing to give away.
    let burst = rate.burst.get();
    let reserved = burst / 100 * FOR_NEWCOMERS + burst % 100 * FOR_NEWCOMERS / 100;
    (
        Size::percent(rate, 100 - FOR_NEWCOMERS, burst - reserved),
        Size::percent(rate, FOR_NEWCOMERS, reserved),
    )
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

    /// Floods a limiter from fifty networks, and returns it with the number of buyers who got nothing.
    fn flooded() -> (Limiter, usize) {
        let limiter = only((0, 0), (50, 200), (100, 400));
        let flood = |now| -> usize {
            (0..50)
                .map(|n| taken(&limiter, &format!("198.{n}.0.1"), now, 200))
                .sum()
        };
        // The networks were new, so each had a little of the reserve, too.
        assert!((300..=400).contains(&flood(SECOND)));
        let mut missed = 0;
        for second in 1..10 {
            let now = second * SECOND;
            assert!(flood(now) <= 75 + 25);
            for buyer in [
                format!("192.0.{second}.1"),
                format!("203.{second}.113.1"),
                format!("2001:db8:{second}::1"),
            ] {
                missed += 1 - taken(&limiter, &buyer, now, 1);
            }
        }
        (limiter, missed)
    }

    // FAULTS S18: a flood from fifty networks. Also: from networks that are new themselves, from
    // IPv6, and after minutes of quiet.
    #[test]
    fn a_flood_from_some_networks_leaves_a_share_to_a_new_one() {
        // A buyer may have the slot of a network of the flood, by a random hash. Not four times.
        let mut tries = (0..4).map(|_| flooded());
        let found = tries.find(|(_, missed)| *missed == 0);
        let (limiter, _) = found.expect("each buyer got one");
        // A caller who has had some is no newcomer any more, and is one again after a while.
        let total = limiter.total.as_ref().unwrap();
        let network = Caller::from("198.1.0.1".parse::<IpAddr>().unwrap()).network();
        assert!(!total.newcomers.has(network, 10 * SECOND));
        assert!(total.newcomers.has(network, 10 * SECOND + NEW_AFTER));
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
