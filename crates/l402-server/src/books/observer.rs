//! The observer that keeps the books.

use std::sync::Arc;
use std::time::Duration;

use l402::{PaymentHash, UnixTime};
use l402_host::Clock;
use l402_lightning::Settlement;

use super::writer::{Fact, Queue};
use super::{Books, BooksError, Outstanding, Terms, Writer, note_settlement};
use crate::observe::{Exchange, Fault, LoggedSales, Observe, Offered, Outcome, Settled, Verdict};
use crate::table::MAX_INVOICE_EXPIRY;

/// Writes each use into the books, on a thread of its own, and knows which payment is for what.
///
/// A worker only puts a few facts into a queue. If the queue is full, the use is counted as missed; the
/// ledger has it all the same, and [`recover`](super::recover) brings it into the books. Dropping it
/// writes what is queued.
#[derive(Debug)]
pub struct BooksObserver {
    books: Arc<dyn Books>,
    clock: Arc<dyn Clock>,
    outstanding: Outstanding,
    /// The payments for time whose first use is noted.
    begun: LoggedSales,
    queue: Queue,
}

impl BooksObserver {
    /// Starts the thread that writes.
    ///
    /// # Errors
    /// If the system has no thread.
    pub fn start(books: Arc<dyn Books>, clock: Arc<dyn Clock>) -> std::io::Result<Self> {
        let queue = Writer::start(Arc::clone(&books), Arc::clone(&clock))?;
        Ok(Self {
            books,
            clock,
            outstanding: Outstanding::default(),
            begun: LoggedSales::default(),
            queue,
        })
    }

    /// Writes a settled payment, durably and with the place after which the reader goes on. Blocks. A
    /// second time it does nothing, so it is called again after an error.
    ///
    /// # Errors
    /// If it is not written.
    pub fn note_settlement(
        &self,
        node: &Arc<str>,
        settlement: &Settlement,
    ) -> Result<(), BooksError> {
        let terms = self.outstanding.terms(&settlement.payment_hash);
        note_settlement(&*self.books, node, settlement, terms, self.clock.wall())
    }

    /// Returns the books.
    #[must_use]
    pub fn books(&self) -> &Arc<dyn Books> {
        &self.books
    }

    /// Takes over an invoice that another process has offered, so that its payment finds its terms.
    pub fn inherit(&self, payment: PaymentHash, expires: UnixTime, terms: Terms) {
        self.outstanding.inherit(payment, expires, terms);
    }

    /// Returns the invoices that may be paid at `now`, with their ends: for [`BooksObserver::inherit`] of
    /// the next process. [`BooksObserver::offered_terms`] has their terms.
    #[must_use]
    pub fn payable(&self, now: UnixTime) -> Vec<(PaymentHash, UnixTime)> {
        self.outstanding.payable(now)
    }

    /// Returns the latest end of an invoice that was offered; `None` if there was none.
    #[must_use]
    pub fn last_expiry(&self) -> Option<UnixTime> {
        self.outstanding.last()
    }

    /// Returns the terms of an invoice that this process has offered, or has taken over.
    #[must_use]
    pub fn offered_terms(&self, payment: &PaymentHash) -> Option<Terms> {
        self.outstanding.terms(payment)
    }

    /// Returns the number of uses that found the queue full since the start.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.queue.missed()
    }

    /// Waits until every use so far is written, or for as long as `most`. Returns true if it is.
    pub fn flush(&self, most: Duration) -> bool {
        self.queue.flush(most)
    }

    /// Returns the facts of a use, of a genuine credential on a route that is sold.
    fn fact(&self, exchange: &Exchange, settled: &Settled) -> Option<Fact> {
        let policy = exchange.policy()?;
        let time = self.clock.wall();
        let latest = || time.saturating_add(MAX_INVOICE_EXPIRY + policy.lifetime());
        let fault = match settled.fault() {
            None => 0,
            Some(Fault::Buyer) => 1,
            Some(Fault::Service) => 2,
        };
        Some(Fact {
            time,
            payment_hash: exchange.payment_hash()?,
            token_id: *exchange.token_id()?.as_bytes(),
            route: Arc::clone(exchange.kept_route()?),
            price: exchange.price()?,
            units: exchange.units()?,
            ends: exchange.ends().unwrap_or_else(latest),
            spent: settled.is_spent(),
            fault,
        })
    }
}

impl Observe for BooksObserver {
    fn follows(&self, verdict: Verdict) -> bool {
        match verdict {
            Verdict::Challenge(_) | Verdict::Counted | Verdict::Uncounted => true,
            Verdict::Free | Verdict::Preflight | Verdict::Refuse(_) => false,
        }
    }

    fn offered(&self, exchange: &Exchange, offered: &Offered) {
        if let Some(route) = exchange.kept_route() {
            let expires: UnixTime = offered.expires();
            self.outstanding.add(offered.payment_hash(), route, expires);
        }
    }

    fn settled(&self, exchange: &Exchange, settled: &Settled) {
        if settled.outcome() == Outcome::Uncounted {
            // Sold by time: the first served use alone. What failed has cost nothing.
            let is_first = settled.fault().is_none()
                && exchange
                    .payment_hash()
                    .is_some_and(|payment| self.begun.is_new(payment));
            if !is_first {
                return;
            }
        }
        if let Some(fact) = self.fact(exchange, settled) {
            self.queue.add(fact);
        }
    }
}
