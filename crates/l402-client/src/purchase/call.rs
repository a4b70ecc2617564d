//! One call: up to two tries, each of them a way through redirects.

use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use l402::PaymentHash;

use super::buyer::Buyer;
use super::present::not_served;
use crate::http::Hop;
use crate::{BudgetLimit, Error, Quote, Request, Response};

/// The most redirects of one try.
const REDIRECTS_MAX: usize = 10;

impl Buyer {
    /// Before it gives up on the day's limit, it finds out what became of purchases elsewhere
    /// that were cut short: their money is reserved, and perhaps nothing was ever paid.
    pub(crate) async fn send(self: &Arc<Self>, request: Request) -> Result<Response, Error> {
        let hop = Hop::first(request, &self.spool).await?;
        let error = match self.follow(hop.clone()).await {
            Err(error) if is_over_the_day(&error) && self.has_open_purchases().await? => error,
            outcome => return outcome,
        };
        // Nothing was paid by the first try, or its error would be another one.
        match self.reconcile().await {
            Ok(_) => self.follow(hop).await,
            Err(_) => Err(error),
        }
    }

    async fn has_open_purchases(&self) -> Result<bool, Error> {
        let open = self.journal.run(|store| store.open_purchases(None)).await?;
        Ok(!open.is_empty())
    }

    /// One try: the answer behind all redirects. At most one of its stops is paid.
    async fn follow(self: &Arc<Self>, mut hop: Hop) -> Result<Response, Error> {
        let (mut bought, mut redirects) = (None, Vec::new());
        for _ in 0..=REDIRECTS_MAX {
            let bought_now = bought
                .as_ref()
                .map(|receipt: &crate::Receipt| receipt.payment_hash);
            let answer = match self.fetch(&hop, bought_now).await {
                Ok(answer) => answer,
                Err(error) => return Err(after_payment(error, bought_now)),
            };
            match self.next_hop(&hop, answer.status(), answer.headers()) {
                Some(next) => hop = next,
                None => return Ok(answer.with_receipt(bought).behind(redirects)),
            }
            redirects.push(answer.head());
            bought = answer.into_receipt().await.or(bought);
        }
        let detail = format!("more than {REDIRECTS_MAX} redirects");
        Err(after_payment(
            Error::Transport { detail },
            bought.map(|receipt| receipt.payment_hash),
        ))
    }

    /// Asks the price and pays nothing; `None` if the answer is not a 402.
    pub(crate) async fn quote(&self, request: Request) -> Result<Option<Quote>, Error> {
        let mut hop = Hop::first(request, &self.spool).await?;
        for _ in 0..=REDIRECTS_MAX {
            let answer = self.http.ask(&hop).await?;
            if answer.status() == StatusCode::PAYMENT_REQUIRED {
                return self
                    .offer(&hop, answer)
                    .await
                    .map(|offer| Some(offer.quote));
            }
            match self.next_hop(&hop, answer.status(), answer.headers()) {
                Some(next) => hop = next,
                None => return Ok(None),
            }
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
