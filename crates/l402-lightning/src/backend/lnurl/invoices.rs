//! The invoices that the service has made for this process, and the payments that are known.

use core::time::Duration;
use std::collections::{BTreeSet, HashMap, VecDeque};

use l402::{Msat, PaymentHash, UnixTime};
use tokio::time::Instant;
use url::Url;

use crate::{InvoiceState, NewInvoice, Settlement, SettlementIndex};

/// The most invoices that are kept. Beyond it the oldest goes: a flood of challenges must not keep new
/// buyers out, and anybody who pays does so soon.
const MOST: usize = 65_536;

/// The time for which an invoice is kept after its end: a buyer may pay in the last second and ask
/// for what was bought much later.
const KEEP: Duration = Duration::from_secs(24 * 60 * 60);

/// The time after its end until which an invoice is asked about without need. The service may
/// hear of a payment late.
const LATE: Duration = Duration::from_secs(10 * 60);

/// The pause before an invoice is asked about without need. It doubles with each time.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// The settlements that are kept for streams.
const LOG: usize = 4096;

/// The invoices, by their payment hash.
#[derive(Debug)]
pub(super) struct Invoices {
    by_hash: HashMap<PaymentHash, Outstanding>,
    /// In the order in which they were made.
    order: VecDeque<PaymentHash>,
    /// The unpaid ones, by the moment at which each is asked about next.
    due: BTreeSet<(Instant, PaymentHash)>,
    log: VecDeque<Settlement>,
    last: SettlementIndex,
}

#[derive(Debug)]
struct Outstanding {
    verify: Url,
    amount: Msat,
    ends: UnixTime,
    is_settled: bool,
    due: Instant,
    pause: Duration,
}

/// The facts of an invoice that are there without asking.
#[derive(Debug)]
pub(super) enum Known {
    /// The state, which does not change any more, or which the service cannot be asked for.
    State(InvoiceState),
    /// The amount, and the URL that tells the state.
    Ask(Msat, Url),
}

impl Invoices {
    /// Makes an empty list. The indices of its settlements are above those of an earlier process.
    pub(super) fn new(now: UnixTime) -> Self {
        Self {
            by_hash: HashMap::new(),
            order: VecDeque::new(),
            due: BTreeSet::new(),
            log: VecDeque::new(),
            last: SettlementIndex(now.secs().saturating_mul(1 << 20)),
        }
    }

    /// Keeps an invoice. Returns false if its payment hash has been there before: such an invoice
    /// must not be sold a second time.
    pub(super) fn insert(
        &mut self,
        made: &NewInvoice,
        verify: Url,
        amount: Msat,
        now: UnixTime,
    ) -> bool {
        let (hash, ends) = (made.payment_hash(), made.expires());
        if self.by_hash.contains_key(&hash) {
            return false;
        }
        self.make_room(now);
        // Asked about even if nobody comes: the seller's log wants the settlement.
        let due = after(Instant::now(), FIRST_PAUSE);
        let outstanding = Outstanding {
            verify,
            amount,
            ends,
            is_settled: false,
            due,
            pause: FIRST_PAUSE,
        };
        self.due.insert((due, hash));
        self.order.push_back(hash);
        self.by_hash.insert(hash, outstanding);
        true
    }

    /// Drops the oldest invoices that have ended, and one more if there are too many.
    fn make_room(&mut self, now: UnixTime) {
        while let Some(first) = self.order.front().copied() {
            let ends = self.by_hash.get(&first).map(|it| it.ends);
            let is_over = ends.is_none_or(|ends| ends.saturating_add(KEEP) <= now);
            if !is_over && self.order.len() < MOST {
                break;
            }
            self.order.pop_front();
            if let Some(gone) = self.by_hash.remove(&first) {
                self.due.remove(&(gone.due, first));
            }
        }
    }

    /// Returns what is known of an invoice.
    pub(super) fn without_asking(&self, hash: &PaymentHash) -> Known {
        match self.by_hash.get(hash) {
            None => Known::State(InvoiceState::Unseen),
            Some(it) if it.is_settled => Known::State(InvoiceState::Settled { paid: it.amount }),
            Some(it) => Known::Ask(it.amount, it.verify.clone()),
        }
    }

    /// Notes that an invoice is settled, the first time that it is.
    pub(super) fn settle(&mut self, hash: PaymentHash) {
        let Some(it) = self.by_hash.get_mut(&hash).filter(|it| !it.is_settled) else {
            return;
        };
        it.is_settled = true;
        self.due.remove(&(it.due, hash));
        self.last = SettlementIndex(self.last.0.saturating_add(1));
        if self.log.len() >= LOG {
            self.log.pop_front();
        }
        self.log.push_back(Settlement {
            payment_hash: hash,
            paid: it.amount,
            index: self.last,
        });
    }

    /// Returns the first settlement after an index.
    pub(super) fn settled_after(&self, from: SettlementIndex) -> Option<Settlement> {
        let place = self.log.partition_point(|it| it.index <= from);
        self.log.get(place).cloned()
    }

    /// Returns the index of the newest settlement.
    pub(super) fn newest(&self) -> SettlementIndex {
        self.last
    }

    /// Returns the unpaid invoice whose turn it is to be asked about, if there is one.
    pub(super) fn take_due(&mut self, now: UnixTime) -> Option<PaymentHash> {
        let instant = Instant::now();
        loop {
            let (due, hash) = self.due.first().copied().filter(|it| it.0 <= instant)?;
            self.due.remove(&(due, hash));
            let Some(it) = self.by_hash.get_mut(&hash) else {
                continue;
            };
            if now >= it.ends.saturating_add(LATE) {
                continue;
            }
            it.pause = it.pause.saturating_mul(2).min(LONGEST_PAUSE);
            it.due = after(instant, it.pause);
            self.due.insert((it.due, hash));
            return Some(hash);
        }
    }
}

fn after(instant: Instant, pause: Duration) -> Instant {
    instant.checked_add(pause).unwrap_or(instant)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_496_314_658);

    /// BOLT 11's own example of a coffee, which lives for a minute, and a donation that lives for an hour.
    const COFFEE: &str = "lnbc2500u1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5q\
        qqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5xysxxatsyp3k7enxv4jsxqzpu9qrsgquk0rl77nj30y\
        xdy8j9vdx85fkpmdla2087ne0xh8nhedh8w27kyke0lp53ut353s06fv3qfegext0eh0ymjpf39tuven09sam30g4vgpfna3rh";

    fn coffee() -> (NewInvoice, Url, Msat) {
        let made = NewInvoice::read(COFFEE.to_owned()).unwrap();
        (made, "https://a.example/v".parse().unwrap(), Msat::new(5))
    }

    #[tokio::test(start_paused = true)]
    async fn an_unpaid_invoice_is_asked_about_ever_more_rarely_until_it_has_ended() {
        let mut invoices = Invoices::new(NOW);
        let (made, verify, amount) = coffee();
        assert!(invoices.insert(&made, verify.clone(), amount, NOW));
        assert!(
            !invoices.insert(&made, verify, amount, NOW),
            "twice the same"
        );
        let mut times = Vec::new();
        let began = Instant::now();
        while times.len() < 5 {
            tokio::time::advance(Duration::from_millis(100)).await;
            if invoices.take_due(NOW).is_some() {
                times.push(began.elapsed().as_millis());
            }
        }
        assert_eq!(times, [500, 1500, 3500, 7500, 15500]);
        tokio::time::advance(LONGEST_PAUSE).await;
        assert!(
            invoices
                .take_due(made.expires().saturating_add(LATE))
                .is_none()
        );
        assert!(invoices.due.is_empty());
        assert!(matches!(
            invoices.without_asking(&made.payment_hash()),
            Known::Ask(..)
        ));
    }

    #[tokio::test]
    async fn a_settlement_is_told_once_and_its_index_is_above_all_before() {
        let mut invoices = Invoices::new(NOW);
        let (made, verify, amount) = coffee();
        assert!(invoices.insert(&made, verify, amount, NOW));
        let (from, hash) = (invoices.newest(), made.payment_hash());
        for _ in 0..2 {
            invoices.settle(hash);
        }
        invoices.settle(PaymentHash::from_bytes([1; 32]));
        let told = invoices.settled_after(from).unwrap();
        assert_eq!((told.payment_hash, told.paid), (hash, amount));
        assert_eq!(invoices.settled_after(told.index), None);
        assert!(Invoices::new(NOW.saturating_add(Duration::from_secs(1))).newest() > told.index);
        let known = invoices.without_asking(&hash);
        let settled = InvoiceState::Settled { paid: amount };
        assert!(matches!(known, Known::State(state) if state == settled));
    }

    #[tokio::test]
    async fn an_invoice_is_kept_for_a_day_after_its_end() {
        let mut invoices = Invoices::new(NOW);
        let (made, verify, amount) = coffee();
        assert!(invoices.insert(&made, verify, amount, NOW));
        let end = made.expires().saturating_add(KEEP);
        invoices.make_room(UnixTime::from_secs(end.secs().saturating_sub(1)));
        assert_eq!(invoices.by_hash.len(), 1);
        invoices.make_room(end);
        let left = (
            invoices.by_hash.len(),
            invoices.order.len(),
            invoices.due.len(),
        );
        assert_eq!(left, (0, 0, 0));
        let state = invoices.without_asking(&made.payment_hash());
        assert!(matches!(state, Known::State(InvoiceState::Unseen)));
    }
}
