//! Settlements of a node that is asked for them again and again.
//!
//! The index of a settlement is the time at which the node recorded it, times 1,000, plus its place
//! among those of the same moment. It therefore outlives every restart on both sides.

use core::time::Duration;
use std::collections::{HashSet, VecDeque};

use futures_util::stream;
use l402::{Msat, PaymentHash};
use l402_host::{BoxFuture, BoxStream};

use crate::{Error, Settlement, SettlementIndex};

/// The time between two questions.
const PAUSE: Duration = Duration::from_secs(2);

/// The number of settlements of one moment that an index tells apart.
const PLACES: u64 = 1000;

/// The time before the newest settlement for which is asked again: a node may show a settlement
/// later than another one that it recorded after it. In seconds.
const OVERLAP: u64 = 10;

/// The number of settlements that a stream remembers to have reported.
const REMEMBERED: usize = 10_000;

/// An invoice that was paid.
#[derive(Clone, Debug)]
pub(in crate::backend) struct Paid {
    /// The time of the settlement, in the node's own unit.
    pub(in crate::backend) at: u64,
    pub(in crate::backend) payment_hash: PaymentHash,
    pub(in crate::backend) paid: Msat,
}

/// A node that lists the invoices that were paid.
pub(in crate::backend) trait PaidInvoices: Sync {
    /// The node's unit of time: so many make a second.
    const SECOND: u64;

    /// Returns the time of the newest settlement; 0 if there is none.
    fn newest(&self) -> BoxFuture<'_, Result<u64, Error>>;

    /// Returns all settlements at this time or later, in any order, perhaps some of them twice.
    fn since(&self, at: u64) -> BoxFuture<'_, Result<Vec<Paid>, Error>>;
}

/// Returns the settlements after `from`, oldest first, then as they come.
pub(in crate::backend) fn settlements<N: PaidInvoices>(
    node: &N,
    from: SettlementIndex,
) -> BoxStream<'_, Result<Settlement, Error>> {
    let follower = Follower {
        node,
        from,
        is_first: true,
        last: from.0,
        ready: VecDeque::new(),
        seen: Seen::default(),
    };
    Box::pin(stream::try_unfold(follower, |mut follower| async move {
        let next = follower.next().await?;
        Ok(Some((next, follower)))
    }))
}

/// Returns the position from which nothing that is recorded from now on is missed. Settlements of the
/// newest moment may come once more, for others may still be recorded in it.
pub(in crate::backend) async fn newest_settlement<N: PaidInvoices>(
    node: &N,
) -> Result<SettlementIndex, Error> {
    let newest = node.newest().await?;
    Ok(SettlementIndex(newest.saturating_mul(PLACES)))
}

struct Follower<'a, N> {
    node: &'a N,
    from: SettlementIndex,
    /// True until the node was asked once.
    is_first: bool,
    /// The index of the last settlement that was reported or passed over.
    last: u64,
    ready: VecDeque<Settlement>,
    seen: Seen,
}

impl<N: PaidInvoices> Follower<'_, N> {
    async fn next(&mut self) -> Result<Settlement, Error> {
        loop {
            if let Some(next) = self.ready.pop_front() {
                return Ok(next);
            }
            if !self.is_first {
                tokio::time::sleep(PAUSE).await;
            }
            self.ask().await?;
            self.is_first = false;
        }
    }

    async fn ask(&mut self) -> Result<(), Error> {
        if self.is_first && self.from == SettlementIndex::NEWEST {
            // All that is there now is the past.
            let newest = self.node.newest().await?;
            self.last = newest.saturating_mul(PLACES).saturating_add(PLACES - 1);
            self.from = SettlementIndex(self.last);
        }
        let overlap = OVERLAP.saturating_mul(N::SECOND);
        let since = (self.last / PLACES).saturating_sub(overlap);
        let mut found = self.node.since(since).await?;
        // A node may list them in any order, and the place of each is part of its index.
        found.sort_by_key(|paid| (paid.at, *paid.payment_hash.as_bytes()));
        let (mut moment, mut place) = (0, 0);
        for paid in found {
            if paid.at != moment {
                (moment, place) = (paid.at, 0);
            }
            self.take(&paid, place);
            place = place.saturating_add(1);
        }
        Ok(())
    }

    /// Takes in one settlement, the `place`th of its moment.
    fn take(&mut self, paid: &Paid, place: u64) {
        if !self.seen.is_new(paid.payment_hash) {
            return;
        }
        let index = paid.at.saturating_mul(PLACES);
        let index = index.saturating_add(place.min(PLACES - 1));
        // Reported by an earlier stream, or older than what was asked for. Later, the same means
        // that the node was late to show it.
        if self.is_first && index <= self.from.0 {
            return;
        }
        self.last = index.max(self.last.saturating_add(1));
        self.ready.push_back(Settlement {
            payment_hash: paid.payment_hash,
            paid: paid.paid,
            index: SettlementIndex(self.last),
        });
    }
}

/// The payment hashes that a stream has met, the oldest of which are forgotten.
#[derive(Default)]
struct Seen {
    all: HashSet<PaymentHash>,
    order: VecDeque<PaymentHash>,
}

impl Seen {
    /// Returns true the first time.
    fn is_new(&mut self, hash: PaymentHash) -> bool {
        if !self.all.insert(hash) {
            return false;
        }
        self.order.push_back(hash);
        if self.order.len() > REMEMBERED {
            self.order
                .pop_front()
                .map(|oldest| self.all.remove(&oldest));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures_util::{FutureExt, StreamExt};

    use super::*;

    #[derive(Default)]
    struct Node(Mutex<Vec<Paid>>);

    impl Node {
        fn pay(&self, at: u64, hash: u8) {
            self.0.lock().unwrap().push(Paid {
                at,
                payment_hash: PaymentHash::from_bytes([hash; 32]),
                paid: Msat::from_sat(1),
            });
        }
    }

    impl PaidInvoices for Node {
        const SECOND: u64 = 1;

        fn newest(&self) -> BoxFuture<'_, Result<u64, Error>> {
            let newest = self.0.lock().unwrap().iter().map(|paid| paid.at).max();
            Box::pin(async move { Ok(newest.unwrap_or(0)) })
        }

        fn since(&self, at: u64) -> BoxFuture<'_, Result<Vec<Paid>, Error>> {
            let all = self.0.lock().unwrap().clone();
            Box::pin(async move { Ok(all.into_iter().filter(|paid| paid.at >= at).collect()) })
        }
    }

    async fn next(stream: &mut BoxStream<'_, Result<Settlement, Error>>) -> (u8, SettlementIndex) {
        let told = stream.next().await.unwrap().unwrap();
        (told.payment_hash.as_bytes()[0], told.index)
    }

    #[tokio::test(start_paused = true)]
    async fn settlements_of_one_moment_and_late_ones_come_once_each() {
        let node = Node::default();
        for (at, hash) in [(100, 2), (100, 1), (101, 3)] {
            node.pay(at, hash);
        }
        let mut all = settlements(&node, SettlementIndex::default());
        let told = [
            next(&mut all).await,
            next(&mut all).await,
            next(&mut all).await,
        ];
        assert_eq!(told.map(|(hash, _)| hash), [1, 2, 3]);
        assert!(told.is_sorted_by(|a, b| a.1 < b.1), "{told:?}");
        // Recorded before the newest, and shown after it.
        node.pay(100, 4);
        let (hash, index) = next(&mut all).await;
        assert_eq!(hash, 4);
        assert!(index > told[2].1);
        assert!(next(&mut all).now_or_never().is_none());
        // Another stream goes on in the middle of a moment.
        let mut later = settlements(&node, told[0].1);
        assert_eq!(next(&mut later).await.0, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn the_newest_index_passes_over_the_past() {
        let node = Node::default();
        node.pay(100, 1);
        let mut stream = settlements(&node, SettlementIndex::NEWEST);
        assert!(next(&mut stream).now_or_never().is_none());
        node.pay(100, 2);
        node.pay(105, 3);
        assert_eq!(next(&mut stream).await.0, 2);
        assert_eq!(next(&mut stream).await.0, 3);
    }
}
