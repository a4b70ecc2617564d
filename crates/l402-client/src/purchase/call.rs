//! One call: up to two tries, each of them a way through redirects.

use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use l402::PaymentHash;

use super::buyer::Buyer;
use super::pauses::Pauses;
use super::present::not_served;
use crate::http::{Hop, retry_after};
use crate::{BudgetLimit, Error, Price, Receipt, Request, Response};

/// The most redirects of one try.
const REDIRECTS_MAX: usize = 10;

impl Buyer {
    /// Before it gives up on the day's limit, it finds out what became of purchases elsewhere
    /// that were cut short: their money is reserved, and perhaps nothing was ever paid.
    pub(crate) async fn send(self: &Arc<Self>, request: Request) -> Result<Response, Error> {
        let hop = Hop::first(request, &self.spool).await?;
        let mut pauses = self.pauses();
        let error = match self.follow(hop.clone(), &mut pauses).await {
            Err(error) if is_over_the_day(&error) && self.has_open_purchases().await? => error,
            outcome => return outcome,
        };
        // Nothing was paid by the first try, or its error would be another one.
        match self.reconcile().await {
            Ok(_) => self.follow(hop, &mut pauses).await,
            Err(_) => Err(error),
        }
    }

    async fn has_open_purchases(&self) -> Result<bool, Error> {
        let open = self.journal.run(|store| store.open_purchases(None)).await?;
        Ok(!open.is_empty())
    }

    /// One try: the answer behind all redirects. At most one of its stops is paid.
    async fn follow(
        self: &Arc<Self>,
        mut hop: Hop,
        pauses: &mut Pauses,
    ) -> Result<Response, Error> {
        let mut bought = None;
        for _ in 0..=REDIRECTS_MAX {
            let answer = self.fetch_in_time(&hop, &mut bought, pauses).await?;
            match self.next_hop(&hop, answer.status(), answer.headers()) {
                Some(next) => hop = next,
                None => return Ok(answer.with_receipt(bought)),
            }
            bought = answer.into_receipt().await.or(bought);
        }
        let detail = format!("more than {REDIRECTS_MAX} redirects");
        Err(after_payment(
            Error::Transport { detail },
            bought.map(|receipt: Receipt| receipt.payment_hash),
        ))
    }

    /// Returns the answer of one URL, asking again after each 429 as long as there is time.
    async fn fetch_in_time(
        self: &Arc<Self>,
        hop: &Hop,
        bought: &mut Option<Receipt>,
        pauses: &mut Pauses,
    ) -> Result<Response, Error> {
        loop {
            let hash = bought.as_ref().map(|receipt| receipt.payment_hash);
            let fetched = self.fetch(hop, hash).await;
            let answer = fetched.map_err(|error| after_payment(error, hash))?;
            // No lock is held meanwhile, for a 429 is no delivery: others may buy, or be served.
            let (status, headers) = (answer.status(), answer.headers());
            if !self.has_waited(pauses, status, headers).await {
                return Ok(answer);
            }
            // A payment of this call is its only one, whoever takes its token in the meantime.
            let receipt = answer.into_receipt().await;
            *bought = receipt.filter(|receipt| !receipt.reused).or(bought.take());
        }
    }

    /// Asks the price and pays nothing.
    pub(crate) async fn price(&self, request: Request) -> Result<Price, Error> {
        let mut hop = Hop::first(request, &self.spool).await?;
        let (mut redirects, mut pauses) = (0, self.pauses());
        while redirects <= REDIRECTS_MAX {
            let answer = self.http.ask(&hop).await?;
            let (status, headers) = (answer.status(), answer.headers());
            if status == StatusCode::PAYMENT_REQUIRED {
                let offer = self.offer(&hop, answer).await?;
                return Ok(Price::Asked(Box::new(offer.quote)));
            }
            if self.has_waited(&mut pauses, status, headers).await {
                continue;
            }
            match self.next_hop(&hop, status, headers) {
                Some(next) => hop = next,
                None if status.is_success() => return Ok(Price::Free),
                None => {
                    let retry_after = retry_after(headers, self.clock.wall());
                    let status = status.as_u16();
                    return Ok(Price::Unknown {
                        status,
                        retry_after,
                    });
                }
            }
            redirects += 1;
        }
        Err(Error::Transport {
            detail: format!("more than {REDIRECTS_MAX} redirects"),
        })
    }

    fn next_hop(&self, hop: &Hop, status: StatusCode, headers: &HeaderMap) -> Option<Hop> {
        self.follow_redirects
            .then(|| hop.next(status, headers, self.keep_method))
            .flatten()
    }
}

fn is_over_the_day(error: &Error) -> bool {
    matches!(
        error,
        Error::OverBudget {
            which: BudgetLimit::PerDay,
            ..
        }
    )
}

/// An error behind a redirect from something paid is no longer one that cost nothing.
fn after_payment(error: Error, bought: Option<PaymentHash>) -> Error {
    match bought {
        Some(hash) if error.no_money_moved() => {
            let reason = format!("behind its redirect: {} failed", error.code());
            not_served(hash, None, reason, false)
        }
        _ => error,
    }
}
