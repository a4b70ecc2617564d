//! One call: up to two tries, each of them a way through redirects.

use std::io;
use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use url::{Position, Url};

use super::buyer::Buyer;
use super::kept::KeptPurchase;
use super::pauses::Pauses;
use super::present::not_served;
use crate::http::{Hop, retry_after};
use crate::journal::{Delivery, FileName, Purchase, Vault};
use crate::response::UsedUp;
use crate::{BudgetLimit, Error, Event, Price, Receipt, Refused, Request, Response};

impl Buyer {
    pub(crate) async fn send(self: &Arc<Self>, request: Request) -> Result<Response, Error> {
        self.send_hop(Hop::first(request, &self.spool).await?).await
    }

    /// Makes a call, and notes if it was paid and not served.
    pub(super) async fn send_hop(self: &Arc<Self>, hop: Hop) -> Result<Response, Error> {
        let outcome = self.send_once(hop).await;
        // Whatever went wrong on the way: the seller has the money, and the buyer no answer.
        if let Err(Error::PaidButFailed {
            payment_hash,
            reason,
            ..
        }) = &outcome
        {
            self.note_unserved(*payment_hash, reason.clone()).await;
        }
        outcome
    }

    /// Before it gives up on the day's limit, it finds out what became of purchases elsewhere
    /// that were cut short: their money is reserved, and perhaps nothing was ever paid.
    async fn send_once(self: &Arc<Self>, hop: Hop) -> Result<Response, Error> {
        let hop = hop.sent_by(self.http.way_out());
        if let Some(kept) = self.kept_answer(&hop).await? {
            return Ok(kept);
        }
        let mut pauses = self.pauses();
        let error = match self.follow(hop.clone(), &mut pauses).await {
            Err(error) if is_over_the_day(&error) && self.has_open_purchases().await? => error,
            Err(error) => return Err(error),
            Ok(answer) => return Ok(answer.to(hop).kept_while_read().await),
        };
        // Nothing was paid by the first try, or its error would be another one.
        match self.reconcile().await {
            Ok(_) => {
                let answer = self.follow(hop.clone(), &mut pauses).await?;
                Ok(answer.to(hop).kept_while_read().await)
            }
            Err(_) => Err(error),
        }
    }

    /// Returns the answer to this very request that an earlier call has paid for, had, and could not
    /// deliver.
    ///
    /// # Errors
    /// [`Error::Store`] if there may be one and it cannot be read for now: to buy would pay twice.
    async fn kept_answer(&self, hop: &Hop) -> Result<Option<Response>, Error> {
        let vault = self.journal.vault();
        // Before the name, for which a large body is read once more.
        if vault.owes_nothing() {
            return Ok(None);
        }
        let (request, now) = (hop.name().await?, self.clock.wall());
        let owed = blocking(vault, move |vault| vault.owed(&request, now));
        let Some((name, row)) = self.first_to_use(owed.await?).await? else {
            return Ok(None);
        };
        let hash = name.payment_hash;
        let receipt = row.receipt(true);
        let (digest, file) = (receipt.digest(), name.clone());
        let found = blocking(vault, move |vault| vault.take(&file, digest)).await?;
        // One from behind a redirect is no answer to a caller who does not follow any.
        let is_followed = |url: &Url| self.follow_redirects || is_same_page(url, &hop.url);
        let Some(found) = found.filter(|it| is_followed(&it.head.url)) else {
            return Ok(None);
        };
        self.notify(&Event::Redelivered(hash));
        let kept = Response::kept(found, receipt, vault.clone(), name);
        Ok(Some(kept.to(hop.clone())))
    }

    /// Returns the first kept answer whose purchase this client may use.
    async fn first_to_use(
        &self,
        owed: Vec<FileName>,
    ) -> Result<Option<(FileName, Purchase)>, Error> {
        for name in owed {
            let hash = name.payment_hash;
            let row = self.journal.run(move |store| store.purchase(&hash)).await?;
            if let Some(row) = row.filter(|row| self.may_use(row)) {
                return Ok(Some((name, row)));
            }
        }
        Ok(None)
    }

    pub(super) async fn has_open_purchases(&self) -> Result<bool, Error> {
        let open = self.journal.run(|store| store.open_purchases(None)).await?;
        Ok(!open.is_empty())
    }

    /// One try: the answer behind all redirects. At most one of its stops is paid.
    async fn follow(
        self: &Arc<Self>,
        mut hop: Hop,
        pauses: &mut Pauses,
    ) -> Result<Response, Error> {
        // The purchase whose credential goes along, or else the one that a redirect has used up.
        let (mut along, mut used_up): (Option<(Delivery, Receipt)>, Option<UsedUp>) = (None, None);
        let mut redirects = Vec::new();
        while redirects.len() <= self.max_redirects {
            let answer = match along.take() {
                Some((delivery, receipt)) => {
                    let kept = KeptPurchase {
                        paid: delivery.purchase,
                        claim: delivery.claim,
                    };
                    self.fetch_along(&hop, kept, receipt.reused).await
                }
                None => {
                    let bought = used_up.as_ref().map(|it| it.receipt.payment_hash);
                    self.fetch(&mut hop, bought).await
                }
            };
            let answer = match answer {
                Ok(answer) => answer,
                Err(error) => return Err(self.after_payment(error, used_up).await),
            };
            self.take_cookies(&mut hop, answer.headers());
            // Waiting holds no right to buy. What this call has paid for goes along, so that it pays
            // for nothing else. With a token of before it begins anew, but not behind a redirect: there
            // the token goes along from another path, and would not be found.
            let (status, headers) = (answer.status(), answer.headers());
            if self.has_waited(pauses, status, headers).await {
                along = answer
                    .into_delivery()
                    .filter(|(_, receipt)| !receipt.reused || !redirects.is_empty());
                continue;
            }
            let next = match self.next_hop(&hop, answer.status(), answer.headers()) {
                Ok(None) => {
                    return Ok(answer.behind_used_up(used_up).behind(redirects));
                }
                Ok(Some(next)) => next,
                Err(error) if answer.may_go_along() => {
                    return Err(still_open(error, answer.receipt()));
                }
                // This redirect has used the payment up, or one before it.
                Err(error) => {
                    let used_up = self.leave_behind(answer, used_up).await;
                    return Err(self.after_payment(error, used_up).await);
                }
            };
            redirects.push(answer.head());
            if !next.foreign && answer.may_go_along() {
                along = answer.into_delivery();
            } else {
                used_up = self.leave_behind(answer, used_up).await;
            }
            hop = next;
        }
        let error = still_open(
            self.too_many_redirects(),
            along.as_ref().map(|(_, receipt)| receipt),
        );
        Err(self.after_payment(error, used_up).await)
    }

    /// Returns the purchase that a redirect or an earlier one has used up: that of this call first,
    /// since it is what the call has to tell.
    async fn leave_behind(&self, redirect: Response, earlier: Option<UsedUp>) -> Option<UsedUp> {
        let left = redirect.into_used_up().await;
        if let Some(left) = left.as_ref().filter(|left| left.pays_again) {
            self.notify(&Event::UsedUp(left.receipt.payment_hash));
        }
        earlier.filter(|it| !it.receipt.reused).or(left)
    }

    /// Turns an error behind a paid redirect into one that says so. If this call has paid, and the
    /// redirect has used the payment up, the next call would pay again: the seller is stopped.
    async fn after_payment(&self, error: Error, used_up: Option<UsedUp>) -> Error {
        let Some(redirect) = used_up else {
            return error;
        };
        let (hash, pays_again) = (redirect.receipt.payment_hash, redirect.pays_again);
        if pays_again && !redirect.receipt.reused {
            self.stop_seller(redirect.seller, "a paid answer led to nothing")
                .await;
        }
        match error {
            error if error.no_money_moved() => {
                let reason = format!("behind its redirect: {}", error.without_promise());
                not_served(hash, None, reason, !pays_again)
            }
            Error::PaidButFailed {
                payment_hash,
                status,
                reason,
                ..
            } if payment_hash == hash => not_served(hash, status, reason, !pays_again),
            error => error,
        }
    }

    /// Asks the price and pays nothing.
    pub(crate) async fn price(&self, request: Request) -> Result<Price, Error> {
        let mut hop = Hop::first(request, &self.spool).await?;
        let (mut redirects, mut pauses) = (0, self.pauses());
        while redirects <= self.max_redirects {
            let answer = self.http.ask(&hop).await?;
            let (status, headers) = (answer.status(), answer.headers());
            self.take_cookies(&mut hop, headers);
            if status == StatusCode::PAYMENT_REQUIRED {
                let offer = self.offer(&hop, answer).await?;
                return Ok(Price::Asked(Box::new(offer.quote)));
            }
            if self.has_waited(&mut pauses, status, headers).await {
                continue;
            }
            match self.next_hop(&hop, status, headers)? {
                Some(next) => hop = next,
                // Only a success is the thing itself: behind an error there may be a price.
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
        Err(self.too_many_redirects())
    }

    fn too_many_redirects(&self) -> Error {
        Error::Transport {
            detail: format!("more than {} redirects", self.max_redirects),
        }
    }

    /// Returns the request that a redirect asks for, `None` if the answer is none to follow.
    ///
    /// # Errors
    /// [`Refused::RedirectedAcrossOrigins`] if the body would go to another origin: it may hold
    /// secrets, and the caller has named the first origin only.
    fn next_hop(
        &self,
        hop: &Hop,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Result<Option<Hop>, Error> {
        let next = self
            .follow_redirects
            .then(|| hop.next(status, headers, self.keep_method))
            .flatten();
        if let Some(next) = next.as_ref().filter(|next| next.foreign && next.has_body()) {
            let origin = next.url.origin().ascii_serialization();
            let detail = format!(
                "a redirect would take the body to another origin, {origin}; send it there \
                 directly if you mean to"
            );
            return Err(Error::refused(Refused::RedirectedAcrossOrigins, detail));
        }
        Ok(next.map(|mut next| {
            self.add_cookies(&mut next);
            next
        }))
    }

    /// Takes the cookies of an answer, for the next request to its host.
    pub(super) fn take_cookies(&self, hop: &mut Hop, headers: &HeaderMap) {
        if let Some(cookies) = &self.cookies {
            cookies.take(&hop.url, headers);
        }
        self.add_cookies(hop);
    }

    fn add_cookies(&self, hop: &mut Hop) {
        if let Some(cookies) = &self.cookies {
            hop.set_cookies(cookies.header(&hop.url));
        }
    }
}

/// Runs work on the files of the vault on a thread that may block.
async fn blocking<T: Send + 'static>(
    vault: &Vault,
    work: impl FnOnce(&Vault) -> io::Result<T> + Send + 'static,
) -> Result<T, Error> {
    let vault = vault.clone();
    let done = tokio::task::spawn_blocking(move || work(&vault)).await;
    done.unwrap_or_else(|error| Err(io::Error::other(error)))
        .map_err(|error| {
            Error::store(format!(
                "an answer that was paid for is kept and cannot be read now: {error}"
            ))
        })
}

/// Returns true if two URLs differ in nothing that a server sees.
fn is_same_page(a: &Url, b: &Url) -> bool {
    a[..Position::AfterQuery] == b[..Position::AfterQuery]
}

pub(super) fn is_over_the_day(error: &Error) -> bool {
    matches!(
        error,
        Error::OverBudget {
            which: BudgetLimit::PerDay,
            ..
        }
    )
}

/// An error at a redirect of something paid is no longer one that cost nothing. Its purchase stays
/// paid.
fn still_open(error: Error, receipt: Option<&Receipt>) -> Error {
    match receipt {
        Some(receipt) => not_served(receipt.payment_hash, None, error.without_promise(), true),
        None => error,
    }
}
