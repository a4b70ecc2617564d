//! The look-ups of the last second: the answer of each, and the budgets that they are taken from.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use l402::PaymentHash;
use l402_lightning::InvoiceState;
use tokio::sync::watch;

use crate::challenge::{ChallengeLimits, Limiter, Rate};

/// The look-ups a second in all, and the most at once after a quiet time, for those who hold a credential.
const MOST: NonZeroU32 = NonZeroU32::new(100).expect("above zero");

/// The same for those who hold a token and no preimage: everybody who was shown a price.
const MOST_FOR_PASSES: NonZeroU32 = NonZeroU32::new(30).expect("above zero");

/// The time for which one answer about a payment holds, unless it is *settled*.
const PERIOD: Duration = Duration::from_secs(1);

/// The same for *cancelled*, for those who hold a token and no preimage: a page asks on, since a payment may
/// come late, and a dead invoice shall not cost a look-up each second.
const CANCELLED_FOR_PASSES: Duration = Duration::from_secs(10);

/// The answer of the node to one look-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NodeAnswer {
    /// The state of the invoice.
    State(InvoiceState),
    /// An error, or no answer in time.
    Failed,
}

/// The answer to come. Every request for the same payment gets a copy.
pub(super) type Coming = watch::Receiver<Option<NodeAnswer>>;

/// The permission to begin a look-up, or the way to do without.
#[derive(Debug)]
pub(super) enum Joined {
    /// Asked a moment ago, or being asked: here is the answer to come.
    Coming(Coming),
    /// To be asked now; the sender takes the answer.
    Begin(watch::Sender<Option<NodeAnswer>>, Coming),
    /// Too many were asked in the last second: the time to wait.
    Wait(Duration),
}

/// The look-ups that are under way or whose answer still holds. All times are monotonic.
#[derive(Debug)]
pub(super) struct LookUps {
    limiter: Limiter,
    most: NonZeroU32,
    /// The time for which *cancelled* holds.
    cancelled: Duration,
    /// Bounded by `limiter`: what has its answer and is older than that holds goes.
    by_payment: HashMap<PaymentHash, (Duration, Coming)>,
}

impl LookUps {
    /// Makes an empty table for the credentials of a paywall with these limits on challenges.
    pub(super) fn of_credentials(limits: ChallengeLimits) -> Self {
        Self::new(limits, MOST, PERIOD)
    }

    /// Makes an empty table for those who ask for a pass.
    pub(super) fn of_passes(limits: ChallengeLimits) -> Self {
        Self::new(limits, MOST_FOR_PASSES, CANCELLED_FOR_PASSES)
    }

    fn new(limits: ChallengeLimits, most: NonZeroU32, cancelled: Duration) -> Self {
        Self {
            limiter: Limiter::new(of_look_ups(limits, most)),
            most,
            cancelled,
            by_payment: HashMap::new(),
        }
    }

    /// Sets other limits. What was taken of one stays taken.
    pub(super) fn set_limits(&mut self, limits: ChallengeLimits, now: Duration) {
        self.limiter.set(of_look_ups(limits, self.most), now);
    }

    /// Joins the look-up of a payment that is under way or just over, or begins one for a caller.
    pub(super) fn join(&mut self, payment: PaymentHash, peer: IpAddr, now: Duration) -> Joined {
        let cancelled = self.cancelled;
        if let Some((begun, coming)) = self.by_payment.get(&payment)
            && is_current(*begun, coming, now, cancelled)
        {
            return Joined::Coming(coming.clone());
        }
        if let Err(wait) = self.limiter.take(peer, now) {
            return Joined::Wait(wait);
        }
        self.by_payment
            .retain(|_, (begun, coming)| is_current(*begun, coming, now, cancelled));
        let (sender, coming) = watch::channel(None);
        self.by_payment.insert(payment, (now, coming.clone()));
        Joined::Begin(sender, coming)
    }
}

/// Returns the limits on look-ups beside those on challenges. A caller has the same rate of both, and
/// no burst beyond a second's: saved up, it would be all there is for that moment. Where challenges
/// are not limited by caller, as behind a proxy whose callers all seem to be one, look-ups are not.
fn of_look_ups(challenges: ChallengeLimits, most: NonZeroU32) -> ChallengeLimits {
    let a_second = |rate: Rate| Rate {
        burst: rate.per_second,
        ..rate
    };
    ChallengeLimits {
        per_peer: challenges.per_peer.map(a_second),
        per_prefix: challenges.per_prefix.map(a_second),
        total: Some(Rate {
            per_second: most,
            burst: most,
        }),
    }
}

/// Returns true if a look-up is under way, or began within the time for which its answer holds.
fn is_current(begun: Duration, coming: &Coming, now: Duration, cancelled: Duration) -> bool {
    // A sender that is gone without an answer belongs to a task that was dropped with its runtime.
    let answer = *coming.borrow();
    let is_under_way = answer.is_none() && coming.has_changed().is_ok();
    let holds = match answer {
        Some(NodeAnswer::State(InvoiceState::Cancelled)) => cancelled,
        _ => PERIOD,
    };
    is_under_way || now < begun + holds
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(n: u8) -> PaymentHash {
        PaymentHash::from_bytes([n; 32])
    }

    const ME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn unlimited() -> ChallengeLimits {
        ChallengeLimits {
            per_peer: None,
            per_prefix: None,
            total: None,
        }
    }

    fn begin(look_ups: &mut LookUps, n: u8, now: Duration) -> watch::Sender<Option<NodeAnswer>> {
        match look_ups.join(hash(n), ME, now) {
            Joined::Begin(sender, _) => sender,
            other => panic!("{other:?}"),
        }
    }

    /// Returns the number of look-ups that a caller may begin, each for a payment of its own.
    fn begun(look_ups: &mut LookUps, payments: u8, peer: &str, now: Duration) -> usize {
        let begins = |n: &u8| {
            let mut bytes = [0; 32];
            bytes[0] = *n;
            bytes[1..=peer.len()].copy_from_slice(peer.as_bytes());
            match look_ups.join(PaymentHash::from_bytes(bytes), peer.parse().unwrap(), now) {
                Joined::Begin(sender, _) => {
                    sender.send_replace(Some(NodeAnswer::Failed));
                    true
                }
                _ => false,
            }
        };
        (0..payments).filter(begins).count()
    }

    #[test]
    fn one_look_up_per_payment_until_it_is_answered_and_a_second_old() {
        let (mut look_ups, at) = (LookUps::of_credentials(unlimited()), Duration::from_millis);
        let sender = begin(&mut look_ups, 1, at(0));
        for ms in [0, 999, 1000, 5000] {
            assert!(matches!(
                look_ups.join(hash(1), ME, at(ms)),
                Joined::Coming(_)
            ));
        }
        sender.send_replace(Some(NodeAnswer::Failed));
        assert!(matches!(
            look_ups.join(hash(1), ME, at(999)),
            Joined::Coming(coming) if *coming.borrow() == Some(NodeAnswer::Failed)
        ));
        drop(begin(&mut look_ups, 1, at(5000)));
        // Dropped without an answer: asked again, and not before a second has passed.
        assert!(matches!(
            look_ups.join(hash(1), ME, at(5999)),
            Joined::Coming(_)
        ));
        let _sender = begin(&mut look_ups, 1, at(6000));
    }

    #[test]
    fn a_dead_invoice_is_remembered_for_passes_alone_and_the_memory_is_bounded() {
        let at = Duration::from_secs;
        let cancelled = Some(NodeAnswer::State(InvoiceState::Cancelled));
        let mut credentials = LookUps::of_credentials(unlimited());
        begin(&mut credentials, 1, at(0)).send_replace(cancelled);
        begin(&mut credentials, 1, at(1)).send_replace(cancelled);
        let mut passes = LookUps::of_passes(unlimited());
        begin(&mut passes, 1, at(0)).send_replace(cancelled);
        let held = passes.join(hash(1), ME, at(9));
        assert!(matches!(held, Joined::Coming(_)));
        begin(&mut passes, 1, at(10)).send_replace(cancelled);
        for second in 11..60 {
            for n in 0..60 {
                let mut bytes = [n; 32];
                bytes[31] = u8::try_from(second).unwrap();
                let payment = PaymentHash::from_bytes(bytes);
                let peer = std::net::Ipv4Addr::new(198, 51, n, 1);
                if let Joined::Begin(sender, _) = passes.join(payment, peer.into(), at(second)) {
                    sender.send_replace(cancelled);
                }
            }
            assert!(
                passes.by_payment.len() <= 330,
                "{}",
                passes.by_payment.len()
            );
        }
    }

    #[test]
    fn a_hundred_a_second_in_all_and_nothing_is_kept_beyond_it() {
        let (mut look_ups, at) = (LookUps::of_credentials(unlimited()), Duration::from_secs);
        let networks = |look_ups: &mut LookUps, now| -> usize {
            let peers = (0..50).map(|n| format!("198.51.{n}.1"));
            peers.map(|peer| begun(look_ups, 9, &peer, now)).sum()
        };
        assert_eq!(networks(&mut look_ups, at(100)), 100);
        for second in 101..110 {
            // Three quarters and, for those who have had none lately, a quarter.
            assert!((75..=100).contains(&networks(&mut look_ups, at(second))));
        }
        assert!(look_ups.by_payment.len() <= 200);
        begun(&mut look_ups, 1, "192.0.2.1", at(500));
        assert_eq!(look_ups.by_payment.len(), 1);
    }

    /// ATTACKS T-36.
    #[test]
    fn thirty_a_second_in_all_for_those_who_ask_for_a_pass() {
        let mut look_ups = LookUps::of_passes(unlimited());
        for second in 100..110 {
            let now = Duration::from_secs(second);
            let peers = (0..50).map(|n| format!("198.51.{n}.1"));
            let begun: usize = peers.map(|peer| begun(&mut look_ups, 9, &peer, now)).sum();
            assert!((20..=30).contains(&begun), "{begun} in second {second}");
        }
    }

    // One caller with many unpaid tokens leaves payers their share.
    #[test]
    fn a_caller_and_a_network_have_a_share_each() {
        let (mut look_ups, at) = (
            LookUps::of_credentials(ChallengeLimits::default()),
            Duration::from_secs,
        );
        for second in 1..20 {
            let now = at(second);
            assert_eq!(begun(&mut look_ups, 200, "192.0.2.1", now), 20, "{second}");
            let network: usize = (2..12)
                .map(|n| begun(&mut look_ups, 200, &format!("192.0.2.{n}"), now))
                .sum();
            assert_eq!(network, 30, "the rest of the network's 50");
            assert_eq!(begun(&mut look_ups, 1, "203.0.113.9", now), 1, "{second}");
            let v6 = format!("2001:db8:{second}::1");
            assert_eq!(begun(&mut look_ups, 1, &v6, now), 1, "{second}");
        }
        // What is set at a reload holds from then on, and gives nobody a second share.
        look_ups.set_limits(unlimited(), at(20));
        assert_eq!(begun(&mut look_ups, 60, "192.0.2.1", at(20)), 60);
        look_ups.set_limits(ChallengeLimits::default(), at(21));
        assert_eq!(begun(&mut look_ups, 60, "192.0.2.1", at(21)), 20);
    }
}
