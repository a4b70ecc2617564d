//! The way of one request: what was bought before, or else one purchase, then the answer.
//!
//! ```text
//! flight lock ─ what became of open purchases? ─ unknown: stop
//!             ├ a token that fits: present it ─────────────── refused: put it away, once more
//!             └ ask ─ not 402: that is the answer
//!                   └ 402: check ─ reserve ─ approve ─ pay once ─ record ─ present once
//! ```
//!
//! The flight lock covers everything up to the record of the payment, and ends there: what was
//! paid is guarded by its own claim from then on.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use l402::PaymentHash;
use l402::Problem;
use serde_json::Value;

use super::pay::PendingPayment;
use crate::client::Buyer;
use crate::http::{Hop, is_private, retry_after};
use crate::journal::{Claim, Draft, DurableIntent, Flight, Purchase, ReserveOutcome, Scope, State};
use crate::offer::{Asked, Offer};
use crate::response::Delivery;
use crate::{Error, Event, Quote, Refused, Request, Response};

/// The most redirects of one call.
const REDIRECTS_MAX: usize = 10;
/// The most stored tokens that one call tries before it buys. Where all of them were paid and
/// none was ever served, it does not.
const TOKENS_TRIED_MAX: usize = 3;
/// How long a call waits for another purchase before it says so.
const QUIET: Duration = Duration::from_secs(1);
/// How often a credential that is in use elsewhere is presented again.
const IN_USE_TRIES: u32 = 5;
/// How often a server may ask for the same token again after a failure of its own.
const SAME_TOKEN_TRIES: u32 = 2;
/// The longest that is waited between two tries.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// A purchase that this call may present.
pub(crate) struct KeptPurchase {
    pub(crate) purchase: Purchase,
    pub(crate) claim: Option<Claim>,
}

/// What a server said to a credential.
enum Presented {
    /// An answer to the request.
    Answer(reqwest::Response),
    /// No answer now; the credential is not to blame.
    Failed { status: Option<u16>, reason: String },
    /// 401 or 402. `elsewhere` where the server says that the token is good for something else.
    TurnedAway {
        status: u16,
        code: &'static str,
        not_covered: bool,
    },
}

/// What presenting a purchase of before came to.
enum Used {
    Answer(Box<Response>),
    /// Paid and never served, and good for another request, says the server.
    NotCovered,
    /// Of no use here, and no loss.
    No,
}

impl Buyer {
    pub(crate) async fn send(self: &Arc<Self>, request: Request) -> Result<Response, Error> {
        let mut hop = Hop::first(request)?;
        let mut bought = None;
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
                None => return Ok(answer.with_receipt(bought)),
            }
            bought = answer.into_receipt().await.or(bought);
        }
        let detail = format!("more than {REDIRECTS_MAX} redirects");
        Err(after_payment(
            Error::Transport { detail },
            bought.map(|receipt| receipt.payment_hash),
        ))
    }

    pub(crate) async fn quote(&self, request: Request) -> Result<Option<Quote>, Error> {
        let mut hop = Hop::first(request)?;
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

    /// The answer of one URL. `bought` is what this call has paid for already.
    async fn fetch(
        self: &Arc<Self>,
        hop: &Hop,
        bought: Option<PaymentHash>,
    ) -> Result<Response, Error> {
        let scope = Scope::of(&hop.url);
        let (mut tried, mut unserved) = (Vec::new(), 0);
        loop {
            let flight = self.flight(&scope).await?;
            self.resolve(&scope).await?;
            let Some(kept) = self.find_usable(hop, &scope, &tried).await? else {
                return self.buy(hop, scope, flight, bought).await;
            };
            drop(flight);
            tried.push(kept.purchase.payment_hash);
            match self.use_again(hop, kept).await? {
                Used::Answer(answer) => return Ok(*answer),
                Used::NotCovered => unserved += 1,
                Used::No => {}
            }
            if let (TOKENS_TRIED_MAX, Some(hash)) = (unserved, tried.last()) {
                return Err(none_covers(*hash));
            }
        }
    }

    /// The right to buy in a scope, within the patience that the caller has.
    async fn flight(&self, scope: &Scope) -> Result<Flight, Error> {
        let mut turn = pin!(self.journal.locks().flight(scope));
        let quiet = QUIET.min(self.patience);
        if let Ok(flight) = tokio::time::timeout(quiet, &mut turn).await {
            return flight;
        }
        self.notify(&Event::Queued);
        let flight = tokio::time::timeout(self.patience.saturating_sub(quiet), turn).await;
        flight.unwrap_or(Err(Error::Busy {
            waited: self.patience,
        }))
    }

    /// The first stored purchase of the scope that nobody else is using.
    async fn find_usable(
        &self,
        hop: &Hop,
        scope: &Scope,
        tried: &[PaymentHash],
    ) -> Result<Option<KeptPurchase>, Error> {
        if hop.foreign || !self.may_carry(hop) || tried.len() >= TOKENS_TRIED_MAX {
            return Ok(None);
        }
        let (scope, now) = (scope.clone(), self.clock.wall());
        let usable = self
            .journal
            .run(move |store| store.usable(&scope, now))
            .await?;
        for purchase in usable {
            if tried.contains(&purchase.payment_hash) {
                continue;
            }
            if let Some(kept) = self.hold(purchase).await? {
                return Ok(Some(kept));
            }
        }
        Ok(None)
    }

    /// Claims a purchase that was never served. A token for one answer needs the claim; any other
    /// may be presented beside whoever has it.
    async fn hold(&self, purchase: Purchase) -> Result<Option<KeptPurchase>, Error> {
        if purchase.state != State::Paid {
            return Ok(Some(KeptPurchase {
                purchase,
                claim: None,
            }));
        }
        let claim = self.journal.locks().claim(&purchase.payment_hash)?;
        if claim.is_none() && purchase.is_single_use() {
            return Ok(None);
        }
        // It may have been served between the reading and the claim.
        let hash = purchase.payment_hash;
        let purchase = self.journal.run(move |store| store.purchase(&hash)).await?;
        let single_use_is_over = |p: &Purchase| {
            p.state != State::Paid && (p.is_single_use() || p.state != State::Served)
        };
        Ok(purchase
            .filter(|p| !single_use_is_over(p))
            .map(|purchase| KeptPurchase { purchase, claim }))
    }

    /// Presents a purchase of before. One whose token is no good any more is put away.
    async fn use_again(&self, hop: &Hop, kept: KeptPurchase) -> Result<Used, Error> {
        let hash = kept.purchase.payment_hash;
        if kept.claim.is_some() {
            self.notify(&Event::Resuming(hash));
        }
        let unserved = kept.claim.is_some() && kept.purchase.state == State::Paid;
        let (status, code) = match self.present(hop, &kept.purchase).await {
            Presented::Answer(answer) => {
                let answer = self.bought(answer, kept, true);
                return Ok(Used::Answer(Box::new(answer)));
            }
            Presented::Failed { status, reason } => {
                return Err(not_served(hash, status, reason, true));
            }
            Presented::TurnedAway {
                not_covered: true, ..
            } if !unserved => return Ok(Used::No),
            // It may be so, for another request than the one that it was bought for.
            Presented::TurnedAway {
                not_covered: true, ..
            } if !kept.purchase.is_for(&hop.fingerprint()) => return Ok(Used::NotCovered),
            Presented::TurnedAway { status, code, .. } => (status, code),
        };
        let now = self.clock.wall();
        let fresh = self.journal.run(move |store| store.purchase(&hash)).await?;
        match fresh.map(|purchase| purchase.state) {
            // Money went for nothing: that is reported, and not covered up by buying again.
            Some(State::Paid) if kept.claim.is_some() => {
                Err(self.turned_away(hash, status, code).await)
            }
            // Somebody else is having its first answer at this moment.
            Some(State::Paid) => Ok(Used::No),
            _ => {
                self.journal
                    .run(move |store| store.evict(&hash, now))
                    .await?;
                Ok(Used::No)
            }
        }
    }

    /// Asks without a credential, and buys where the answer is 402.
    async fn buy(
        self: &Arc<Self>,
        hop: &Hop,
        scope: Scope,
        flight: Flight,
        bought: Option<PaymentHash>,
    ) -> Result<Response, Error> {
        let answer = self.http.ask(hop).await?;
        if answer.status() != StatusCode::PAYMENT_REQUIRED {
            return Ok(Response::free(answer));
        }
        if let Some(hash) = bought {
            let reason = "the paid answer leads to something that asks for another payment";
            return Err(not_served(hash, Some(402), reason.into(), false));
        }
        let offer = self.offer(hop, answer).await?;
        let Some(wallet) = self.wallet.clone() else {
            return Err(Error::PaymentRequired(Box::new(offer.quote)));
        };
        self.notify(&Event::Challenged(offer.quote.clone()));
        let quote = offer.quote.clone();
        let draft = draft(hop, scope, offer, wallet.name());
        let reserved = self.reserve(draft).await?;
        let payment = PendingPayment {
            client: Arc::clone(self),
            wallet,
            quote,
            reserved,
            flight,
        };
        let kept = payment.run_to_its_end().await?;
        self.notify(&Event::Retrying);
        let hash = kept.purchase.payment_hash;
        match self.present(hop, &kept.purchase).await {
            Presented::Answer(answer) => Ok(self.bought(answer, kept, false)),
            Presented::Failed { status, reason } => Err(not_served(hash, status, reason, true)),
            Presented::TurnedAway { status, code, .. } => {
                Err(self.turned_away(hash, status, code).await)
            }
        }
    }

    /// Reads and checks a 402.
    async fn offer(&self, hop: &Hop, answer: reqwest::Response) -> Result<Offer, Error> {
        if hop.foreign {
            let detail = "a redirect led to another origin, and that one asks for money; ask it \
                          directly if you mean to pay it";
            return Err(Error::refused(Refused::RedirectedAcrossOrigins, detail));
        }
        if !self.may_carry(hop) {
            let detail = "a credential over plain http can be taken by whoever listens; use https";
            return Err(Error::refused(Refused::InsecureOrigin, detail));
        }
        let headers = answer.headers().clone();
        let body = self.http.json(answer).await;
        let asked = Asked {
            origin: Scope::of(&hop.url).origin,
            headers: &headers,
            body,
            network: self.wallet.as_ref().map(|wallet| wallet.network()),
            limits: &self.limits,
            now: self.clock.wall(),
        };
        asked.offer()
    }

    fn may_carry(&self, hop: &Hop) -> bool {
        self.plain_http || is_private(&hop.url)
    }

    /// Limits and intent, durable before anybody is asked to pay.
    async fn reserve(&self, draft: Draft) -> Result<DurableIntent, Error> {
        let payment_hash = draft.quote.payment_hash;
        let mut reservation = self.try_reserve(draft.clone()).await?;
        // What ended before its wallet was asked needs its share of the budget no more.
        if matches!(
            reservation,
            ReserveOutcome::Denied(Error::OverBudget { .. })
        ) && self.release_unasked().await?
        {
            reservation = self.try_reserve(draft).await?;
        }
        match reservation {
            ReserveOutcome::Made(reserved) => Ok(reserved),
            ReserveOutcome::Denied(error) => Err(error),
            ReserveOutcome::Taken(state) if state.is_open() => Err(Error::PaymentUnknown {
                payment_hash,
                reason: "the server asks again for an invoice that may have been paid".into(),
            }),
            ReserveOutcome::Taken(_) => {
                let reason = "the server asks again for an invoice that was paid before";
                Err(not_served(payment_hash, Some(402), reason.into(), false))
            }
        }
    }

    async fn try_reserve(&self, draft: Draft) -> Result<ReserveOutcome, Error> {
        let (limits, window, now) = (self.limits, self.window_time(), self.dating_time());
        self.journal
            .run(move |store| store.reserve(&draft, &limits, window, now))
            .await
    }

    /// Presents a credential. A server that says to wait, or to come again with the same token,
    /// is taken at its word a few times; none of this pays.
    async fn present(&self, hop: &Hop, purchase: &Purchase) -> Presented {
        let (mut in_use, mut failed) = (0, 0);
        loop {
            let answer = match self.http.present(hop, purchase).await {
                Ok(answer) => answer,
                Err(no_response) => {
                    return Presented::Failed {
                        status: None,
                        reason: no_response.text(),
                    };
                }
            };
            let status = answer.status();
            if !is_refusal(status) {
                return Presented::Answer(answer);
            }
            let pause = retry_after(answer.headers());
            if status == StatusCode::CONFLICT && !is_problem(answer.headers()) {
                return Presented::Answer(answer);
            }
            let document = self.http.json(answer).await.unwrap_or_default();
            let problem = problem(&document);
            let tries = match status.as_u16() {
                401 | 402 => return turned_away(status, problem),
                409 if in_use < IN_USE_TRIES => &mut in_use,
                502..=504 if failed < SAME_TOKEN_TRIES && wants_same_token(&document) => {
                    &mut failed
                }
                _ => return failure(status, problem),
            };
            *tries += 1;
            tokio::time::sleep(pause.unwrap_or(Duration::from_secs(1)).min(PAUSE_MAX)).await;
        }
    }

    fn bought(&self, answer: reqwest::Response, kept: KeptPurchase, reused: bool) -> Response {
        let delivery = Delivery {
            journal: self.journal.clone(),
            clock: Arc::clone(&self.clock),
            purchase: kept.purchase,
            claim: kept.claim,
        };
        Response::bought(answer, delivery, reused)
    }

    /// Records that a paid credential was refused, for the caller to take up with the seller.
    async fn turned_away(&self, hash: PaymentHash, status: u16, code: &str) -> Error {
        let reason = format!("the server refuses the paid credential ({status} {code})");
        let (note, now) = (reason.clone(), self.clock.wall());
        let moved = self
            .journal
            .run(move |store| store.moved(&hash, State::Refused, &note, now))
            .await;
        if let Err(error) = moved {
            tracing::warn!(%hash, %error, "cannot record a refused purchase");
        }
        not_served(hash, Some(status), reason, false)
    }
}

fn draft(hop: &Hop, scope: Scope, offer: Offer, wallet: String) -> Draft {
    Draft {
        scope,
        quote: offer.quote,
        network: offer.network,
        scheme: offer.scheme,
        token: offer.token,
        valid_until: offer.valid_until,
        wallet,
        request: hop.fingerprint(),
    }
}

/// Whether an answer to a credential is none to the request, as far as the status tells.
fn is_refusal(status: StatusCode) -> bool {
    matches!(status.as_u16(), 401 | 402 | 409) || status.is_server_error()
}

/// Whether the body is a problem document: a 409 of anything else is the upstream's own answer.
fn is_problem(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(http::header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("application/problem+json"))
}

/// The problem that a document names, in one of the two fields where servers put it.
fn problem(document: &Value) -> Option<Problem> {
    let names = ["code", "error"]
        .into_iter()
        .filter_map(|field| document.get(field)?.as_str());
    names.into_iter().find_map(Problem::from_code)
}

fn wants_same_token(document: &Value) -> bool {
    document.get("retry_with").and_then(Value::as_str) == Some("same_token")
}

fn turned_away(status: StatusCode, problem: Option<Problem>) -> Presented {
    let not_covered = matches!(problem, Some(Problem::Insufficient | Problem::WrongService));
    let code = problem.map_or("no known code", Problem::code);
    Presented::TurnedAway {
        status: status.as_u16(),
        code,
        not_covered,
    }
}

fn failure(status: StatusCode, problem: Option<Problem>) -> Presented {
    let code = problem.map_or("no known code", Problem::code);
    let reason = format!("the server answered {} ({code})", status.as_u16());
    Presented::Failed {
        status: Some(status.as_u16()),
        reason,
    }
}

pub(crate) fn not_served(
    payment_hash: PaymentHash,
    status: Option<u16>,
    reason: String,
    retry_same_token: bool,
) -> Error {
    Error::PaidButFailed {
        payment_hash,
        status,
        reason,
        retry_same_token,
    }
}

/// A seller of whom several purchases are open to be served gets no more money for now.
fn none_covers(last: PaymentHash) -> Error {
    let reason = format!(
        "{TOKENS_TRIED_MAX} purchases of this path are paid and were never served, and the server \
         says that each is for something else; no more is bought here before one of them is served"
    );
    not_served(last, Some(402), reason, true)
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
