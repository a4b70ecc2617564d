//! The settlements of a wallet over NWC, which numbers none.
//!
//! The wallet is asked for its newest incoming payments (`list_transactions`), at once after a
//! notification, and otherwise every second to every quarter of a minute. Such a look ends with the
//! first page on which nothing is new. Once in five minutes a look goes on to the end of the last day:
//! a wallet that lists by when an invoice was made shows one that was paid late among older ones.
//! What the last list did not hold is reported, so a payment that the wallet shows late is reported
//! late.
//!
//! ```text
//!   index = second of the settlement << 30 | place within the second << 20 | 20 bits of the hash
//! ```
//!
//! The index grows with every settlement. To go on after one, all of earlier seconds count as told,
//! and within its second as many as its place says, if the payment there has the same 20 bits. If
//! it has not, the wallet lists that second in another order than before, and all of it but that
//! payment are told again: a settlement that comes twice is recognised by its payment hash, and one
//! that never comes is lost. Not told are payments that a wallet first shows after a restart, with an
//! earlier second than the last one told, and payments of invoices over a day old if the wallet
//! lists by when an invoice was made.
//!
//! A wallet that notifies but does not list is listened to. Then nothing of the past is told.

use core::time::Duration;
use std::collections::{HashSet, VecDeque};

use futures_util::stream;
use l402::{Msat, PaymentHash};
use l402_host::BoxStream;
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

use super::client::later;
use super::receive::{LOOK_BACK, NwcReceive, is_settled};
use super::wire::{
    Direction, ListTransactions, Request, Transaction, TransactionState, Transactions,
};
use crate::{Error, ErrorKind, Settlement, SettlementIndex};

/// The number of transactions of a page: an encrypted answer is at most 64 KiB.
const PAGE: u64 = 20;

/// The number of pages that are read.
const MAX_PAGES: usize = 500;

/// The shortest and the longest time between two lists.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));

/// The longest time if the wallet notifies us: a notification may be lost on the way.
const PAUSE_IF_NOTIFIED: Duration = Duration::from_secs(60);

/// The time between two looks that go through the whole of the last day.
const WHOLE: Duration = Duration::from_secs(300);

/// The number of payments remembered of a wallet that only notifies.
const MAX_TOLD: usize = 10_000;

/// Lets the feed know that a payment is to be expected.
#[derive(Debug, Default)]
pub(super) struct Pace(watch::Sender<()>);

impl Pace {
    pub(super) fn quicken(&self) {
        self.0.send_replace(());
    }
}

/// A place in the order of settlements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    secs: u64,
    /// Counts from one within the second.
    ordinal: u64,
    /// Bits of the payment hash.
    print: u64,
}

/// The settlements from some index on.
pub(super) struct Feed<'a> {
    node: &'a NwcReceive,
    expected: watch::Receiver<()>,
    notified: broadcast::Receiver<Transaction>,
    from: SettlementIndex,
    /// The last one that was told; before it, all of the past has been.
    last: Place,
    /// False until the first list.
    is_begun: bool,
    /// The income of the last day, as far as it was listed.
    listed: Vec<Transaction>,
    /// The time from which the whole day is listed again.
    whole: Instant,
    /// Payments that were told, or belong to the past.
    told: HashSet<PaymentHash>,
    ready: VecDeque<Settlement>,
    pause: Duration,
}

impl<'a> Feed<'a> {
    pub(super) fn stream(
        node: &'a NwcReceive,
        from: SettlementIndex,
    ) -> BoxStream<'a, Result<Settlement, Error>> {
        let feed = Self {
            node,
            expected: node.pace.0.subscribe(),
            notified: node.client.received(),
            from,
            last: Place::of(from),
            is_begun: false,
            listed: Vec::new(),
            whole: Instant::now(),
            told: HashSet::new(),
            ready: VecDeque::new(),
            pause: PAUSES.0,
        };
        Box::pin(stream::try_unfold(feed, |mut feed| async move {
            Ok(Some((feed.next().await?, feed)))
        }))
    }

    async fn next(&mut self) -> Result<Settlement, Error> {
        if !self.node.lists && !self.node.notifies {
            let text = "the connection permits neither list_transactions nor notifications";
            return Err(Error::new(ErrorKind::Rejected, text));
        }
        loop {
            if let Some(settlement) = self.ready.pop_front() {
                self.pause = PAUSES.0;
                return Ok(settlement);
            }
            let told = if self.is_begun {
                self.wait().await
            } else {
                None
            };
            if self.node.lists {
                let listed = self.list().await?;
                self.take(&listed);
                self.listed = listed;
            } else if let Some(told) = told {
                self.take_one(&told);
            }
            self.is_begun = true;
        }
    }

    /// Waits until it is time to ask again. Returns the notification that came, if one did.
    async fn wait(&mut self) -> Option<Transaction> {
        // Fixed, so that many invoices in a row bring it nearer and never put it off.
        let mut due = later(Instant::now(), self.pause);
        loop {
            let longest = if self.node.notifies {
                PAUSE_IF_NOTIFIED
            } else {
                PAUSES.1
            };
            tokio::select! {
                told = self.notified.recv() => return told.ok(),
                Ok(()) = self.expected.changed() => {
                    self.pause = PAUSES.0;
                    due = due.min(later(Instant::now(), PAUSES.0));
                }
                () = tokio::time::sleep_until(due) => {
                    self.pause = self.pause.saturating_mul(2).min(longest);
                    return None;
                }
            }
        }
    }

    /// Lists the income since a day before the last settlement, in the order of settlement. Asks for
    /// what is new alone, if the whole of it is not due.
    async fn list(&mut self) -> Result<Vec<Transaction>, Error> {
        let is_whole = Instant::now() >= self.whole;
        let known_until = if self.from == SettlementIndex::NEWEST && self.last.secs == 0 {
            self.node.client.clock.wall().secs()
        } else {
            self.last.secs
        };
        let from = known_until.checked_sub(LOOK_BACK.as_secs());
        let known: &[Transaction] = if is_whole { &[] } else { &self.listed };
        let hash = |one: &Transaction| one.payment_hash;
        let mut hashes: HashSet<PaymentHash> = known.iter().filter_map(hash).collect();
        let (mut listed, mut offset) = (Vec::new(), 0_u64);
        for _ in 0..MAX_PAGES {
            let request = Request::ListTransactions(ListTransactions {
                from,
                limit: Some(PAGE),
                offset: Some(offset),
                unpaid: Some(false),
                direction: Some(Direction::Incoming),
                ..ListTransactions::default()
            });
            let page: Transactions = self.node.client.ask(request).await?;
            offset = offset.saturating_add(u64::try_from(page.transactions.len()).unwrap_or(PAGE));
            let before = listed.len();
            // A payment that comes while the pages are read moves all others to the next place.
            let fresh =
                |one: &Transaction| one.payment_hash.is_some_and(|hash| hashes.insert(hash));
            listed.extend(page.transactions.into_iter().filter(fresh));
            // A page that is not full is not the last one: a wallet may have a limit of its own.
            if listed.len() == before {
                break;
            }
        }
        // The wallet lists the newest one first.
        listed.extend(known.iter().rev().cloned());
        if is_whole {
            self.whole = later(Instant::now(), WHOLE);
        }
        listed.retain(|one| is_settled(one) && one.direction != Some(Direction::Outgoing));
        listed.reverse();
        listed.sort_by_key(second);
        Ok(listed)
    }

    /// Takes over what a list holds and the one before did not.
    fn take(&mut self, listed: &[Transaction]) {
        let hashes =
            |listed: &[Transaction]| listed.iter().filter_map(|one| one.payment_hash).collect();
        if !self.is_begun {
            self.told = match self.from {
                SettlementIndex::NEWEST => {
                    self.last = Place::default();
                    hashes(listed)
                }
                _ => hashes(told_before(listed, self.last).as_slice()),
            };
        }
        let mut ordinal = Place::default();
        for one in listed {
            let Some(hash) = one.payment_hash else {
                continue;
            };
            let secs = second(one);
            ordinal = Place {
                secs,
                ordinal: if secs == ordinal.secs {
                    ordinal.ordinal.saturating_add(1)
                } else {
                    1
                },
                print: print(&hash),
            };
            if !self.told.contains(&hash) {
                self.tell(ordinal, hash, one.amount);
            }
        }
        // What is no longer listed is not listed again: the start of the list only moves on.
        self.told = hashes(listed);
    }

    /// Takes over a payment of a notification.
    fn take_one(&mut self, told: &Transaction) {
        let is_final = told
            .state
            .is_none_or(|state| state == TransactionState::Settled);
        let Some(hash) = told.payment_hash.filter(|_| is_final) else {
            return;
        };
        if self.told.len() >= MAX_TOLD {
            self.told.clear();
        }
        if self.told.insert(hash) {
            let place = Place {
                secs: second(told),
                ordinal: 1,
                print: print(&hash),
            };
            self.tell(place, hash, told.amount);
        }
    }

    fn tell(&mut self, place: Place, payment_hash: PaymentHash, msat: u64) {
        self.last = place.after(self.last);
        self.ready.push_back(Settlement {
            payment_hash,
            paid: Msat::new(msat),
            index: self.last.index(),
        });
    }
}

/// Returns those of a list that had been told when `last` was.
fn told_before(listed: &[Transaction], last: Place) -> Vec<Transaction> {
    let same: Vec<&Transaction> = listed
        .iter()
        .filter(|one| second(one) == last.secs)
        .collect();
    let is_last = |one: &Transaction| {
        one.payment_hash
            .is_some_and(|hash| print(&hash) == last.print)
    };
    let count = usize::try_from(last.ordinal).unwrap_or(usize::MAX);
    let at = count.checked_sub(1).and_then(|place| same.get(place));
    let told = if at.is_some_and(|one| is_last(one)) {
        same.into_iter().take(count).collect()
    } else {
        same.into_iter()
            .filter(|one| is_last(one))
            .collect::<Vec<_>>()
    };
    let earlier = listed.iter().filter(|one| second(one) < last.secs);
    earlier.chain(told).cloned().collect()
}

fn second(one: &Transaction) -> u64 {
    one.settled_at.or(one.created_at).unwrap_or_default()
}

fn print(hash: &PaymentHash) -> u64 {
    let [a, b, c, ..] = *hash.as_bytes();
    u64::from(u32::from_be_bytes([0, a, b, c]) >> 4)
}

impl Place {
    const ORDINALS: u64 = 1 << 10;
    const PRINTS: u64 = 1 << 20;

    fn of(index: SettlementIndex) -> Self {
        Self {
            secs: index.0 >> 30,
            ordinal: (index.0 >> 20) % Self::ORDINALS,
            print: index.0 % Self::PRINTS,
        }
    }

    fn index(self) -> SettlementIndex {
        let secs = self.secs.min((1 << 34) - 2);
        SettlementIndex(secs << 30 | self.ordinal << 20 | self.print)
    }

    /// Returns this place, or the next one after `last` if that is later.
    fn after(self, last: Self) -> Self {
        let ordinal = last.ordinal.saturating_add(1);
        let (secs, ordinal) = if self.secs > last.secs {
            (self.secs, self.ordinal)
        } else {
            (last.secs, self.ordinal.max(ordinal))
        };
        if ordinal < Self::ORDINALS {
            return Self {
                secs,
                ordinal,
                ..self
            };
        }
        Self {
            secs: secs.saturating_add(1),
            ordinal: 1,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(byte: u8, secs: u64) -> Transaction {
        Transaction {
            payment_hash: Some(PaymentHash::from_bytes([byte; 32])),
            settled_at: Some(secs),
            ..Transaction::default()
        }
    }

    fn place(byte: u8, secs: u64, ordinal: u64) -> Place {
        let print = print(&PaymentHash::from_bytes([byte; 32]));
        Place {
            secs,
            ordinal,
            print,
        }
    }

    fn bytes(listed: &[Transaction]) -> Vec<u8> {
        let byte = |one: &Transaction| one.payment_hash.unwrap().as_bytes()[0];
        listed.iter().map(byte).collect()
    }

    #[test]
    fn an_index_holds_a_place() {
        let some = place(9, 1_790_000_000, 1023);
        assert_eq!(Place::of(some.index()), some);
        assert_eq!(Place::of(SettlementIndex::default()), Place::default());
        assert!(place(1, 10, 2).index() < place(0, 10, 3).index());
        assert!(place(255, u64::MAX, 1023).index() < SettlementIndex::NEWEST);
    }

    #[test]
    fn an_index_only_grows() {
        let last = place(1, 10, 3);
        assert_eq!(place(2, 11, 1).after(last), place(2, 11, 1));
        assert_eq!(place(2, 10, 1).after(last), place(2, 10, 4));
        assert_eq!(place(2, 10, 7).after(last), place(2, 10, 7));
        assert_eq!(place(2, 5, 1).after(last), place(2, 10, 4));
        assert_eq!(place(2, 10, 1).after(place(1, 10, 1023)), place(2, 11, 1));
    }

    #[test]
    fn what_was_told_is_known_by_second_place_and_hash() {
        let listed = [one(1, 9), one(2, 10), one(3, 10), one(4, 10), one(5, 11)];
        let told = |last| bytes(&told_before(&listed, last));
        assert!(told(Place::default()).is_empty());
        assert_eq!(told(place(3, 10, 2)), [1, 2, 3]);
        assert_eq!(told(place(4, 10, 3)), [1, 2, 3, 4]);
        // The order has changed, so all of the second but the last one told come again.
        assert_eq!(told(place(4, 10, 1)), [1, 4]);
        assert_eq!(told(place(7, 10, 9)), [1]);
    }
}
