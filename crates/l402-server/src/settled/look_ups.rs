//! The look-ups of the last second: their number, and the answer of each.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use l402::PaymentHash;
use l402_lightning::InvoiceState;
use tokio::sync::watch;

/// The most look-ups that begin within [`PERIOD`].
const MOST: usize = 100;

/// The time for which one answer about a payment holds, unless it is *settled*.
const PERIOD: Duration = Duration::from_secs(1);

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

/// The look-ups that are under way or not older than a second. All times are monotonic.
#[derive(Debug, Default)]
pub(super) struct LookUps {
    /// The begin of each look-up of the last second, at most [`MOST`].
    begun: VecDeque<Duration>,
    /// Bounded like `begun`: what is older than a second and has its answer goes.
    by_payment: HashMap<PaymentHash, (Duration, Coming)>,
}

impl LookUps {
    /// Joins the look-up of a payment that is under way or just over, or begins one.
    pub(super) fn join(&mut self, payment: PaymentHash, now: Duration) -> Joined {
        if let Some((begun, coming)) = self.by_payment.get(&payment)
            && is_current(*begun, coming, now)
        {
            return Joined::Coming(coming.clone());
        }
        let is_over = |begun: &Duration| *begun + PERIOD <= now;
        while self.begun.front().is_some_and(is_over) {
            self.begun.pop_front();
        }
        if let Some(first) = self.begun.front().filter(|_| self.begun.len() >= MOST) {
            return Joined::Wait((*first + PERIOD).saturating_sub(now));
        }
        self.by_payment
            .retain(|_, (begun, coming)| is_current(*begun, coming, now));
        self.begun.push_back(now);
        let (sender, coming) = watch::channel(None);
        self.by_payment.insert(payment, (now, coming.clone()));
        Joined::Begin(sender, coming)
    }
}

/// Returns true if a look-up is under way, or began within the last second.
fn is_current(begun: Duration, coming: &Coming, now: Duration) -> bool {
    // A sender that is gone without an answer belongs to a task that was dropped with its runtime.
    let is_under_way = coming.borrow().is_none() && coming.has_changed().is_ok();
    is_under_way || now < begun + PERIOD
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(n: u8) -> PaymentHash {
        PaymentHash::from_bytes([n; 32])
    }

    fn begin(look_ups: &mut LookUps, n: u8, now: Duration) -> watch::Sender<Option<NodeAnswer>> {
        match look_ups.join(hash(n), now) {
            Joined::Begin(sender, _) => sender,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn one_look_up_per_payment_until_it_is_answered_and_a_second_old() {
        let (mut look_ups, at) = (LookUps::default(), Duration::from_millis);
        let sender = begin(&mut look_ups, 1, at(0));
        for ms in [0, 999, 1000, 5000] {
            assert!(matches!(look_ups.join(hash(1), at(ms)), Joined::Coming(_)));
        }
        sender.send_replace(Some(NodeAnswer::Failed));
        assert!(matches!(
            look_ups.join(hash(1), at(999)),
            Joined::Coming(coming) if *coming.borrow() == Some(NodeAnswer::Failed)
        ));
        drop(begin(&mut look_ups, 1, at(5000)));
        // Dropped without an answer: asked again, and not before a second has passed.
        assert!(matches!(
            look_ups.join(hash(1), at(5999)),
            Joined::Coming(_)
        ));
        let _sender = begin(&mut look_ups, 1, at(6000));
    }

    #[test]
    fn a_hundred_in_any_second_and_nothing_is_kept_beyond_it() {
        let (mut look_ups, at) = (LookUps::default(), Duration::from_millis);
        for n in 0..100 {
            let now = at(u64::from(n) * 5);
            begin(&mut look_ups, n, now).send_replace(Some(NodeAnswer::Failed));
        }
        let wait = look_ups.join(hash(200), at(600));
        assert!(
            matches!(wait, Joined::Wait(wait) if wait == at(400)),
            "{wait:?}"
        );
        // The hundred began in half a second, so they come back one by one.
        drop(begin(&mut look_ups, 200, at(1000)));
        assert!(matches!(
            look_ups.join(hash(201), at(1004)),
            Joined::Wait(_)
        ));
        drop(begin(&mut look_ups, 201, at(1005)));
        drop(begin(&mut look_ups, 202, at(9000)));
        assert_eq!((look_ups.begun.len(), look_ups.by_payment.len()), (1, 1));
    }
}
