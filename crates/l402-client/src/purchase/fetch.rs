//! The way to the answer of one URL: what was bought before, or else one purchase, then the answer.
//!
//! ```text
//! the flight lock is taken, and nothing was ever bought here: ask ─ not 402: that is the answer
//!   │
//! flight lock ─ what became of open purchases? ─ unknown: stop
//!             ├ a token that fits: present it ─────────────── refused: put it away, once more
//!             └ ask ─ not 402: that is the answer
//!                   └ 402: check ─ a token of another path that covers it: present it
//!                            └ reserve ─ approve ─ pay once ─ record ─ present once
//! ```
//!
//! The flight lock covers everything up to the record of the payment, and ends there: what was
//! paid is guarded by its own claim from then on.

use std::sync::Arc;

use http::StatusCode;
use l402::{PaymentHash, Problem};

use super::buyer::Buyer;
use super::consent::Wanted;
use super::kept::{KeptPurchase, TOKENS_TRIED_MAX, Used, none_covers};
use super::present::{Presented, not_served};
use super::queue::is_final;
use super::verdict::RefusalKind;
use crate::http::{Hop, NoResponse, reads_own_header};
use crate::journal::{Delivery, Draft, Flight, Recorded, ReserveOutcome, Scope};
use crate::offer::{BODY_MAX, BODY_TIME, Offer, Payer, PaymentRequiredAnswer};
use crate::origin::is_private;
use crate::{Error, Event, Refused, Response};

const UNVERIFIED: &str =
    "the server's certificate is not verified, so nobody knows who would be paid";

const LEADS_TO_MORE: &str = "the paid answer leads to something that asks for another payment";

impl Buyer {
    /// The answer of one URL. `bought` is what this call has paid for already.
    pub(super) async fn fetch(
        self: &Arc<Self>,
        hop: &mut Hop,
        bought: Option<PaymentHash>,
    ) -> Result<Response, Error> {
        let scope = Scope::of(&hop.url, hop.host());
        let (mut tried, mut unserved) = (Vec::new(), 0);
        // The first of a crowd asks with the right to buy, the others beside it. So who is put off
        // because so many ask stands in the queue behind one who was asked for money.
        let mut first = self.journal.locks().try_flight(&scope)?;
        let mut ahead = None;
        if first.is_none() {
            ahead = self.ask_ahead(hop, &scope).await?;
        }
        if let Some(answer) = ahead.take_if(|answer| is_final(answer.status())) {
            return Ok(Response::free(answer));
        }
        loop {
            let flight = match first.take() {
                Some(flight) => flight,
                None => self.flight(&scope, &mut ahead).await?,
            };
            // Before anything is decided, a purchase that was cut short gets its outcome: its
            // credential may be the one to present, and while it is unknown nothing is bought.
            self.resolve(&scope).await?;
            let Some(kept) = self.find_usable(hop, &scope, &tried).await? else {
                if self.has_found_a_place(hop, &mut ahead).await? {
                    first = Some(flight);
                    continue;
                }
                return self.buy(hop, scope, (flight, ahead), bought).await;
            };
            // Presenting pays nothing, so others may buy meanwhile; this purchase has its own claim.
            drop(flight);
            tried.push(kept.paid.row().payment_hash);
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

    /// Asks whether the server reads a credential beside the caller's own `Authorization`, if nobody
    /// knows. Returns true if it has said so now: then what was bought before may be presented.
    async fn has_found_a_place(
        &self,
        hop: &mut Hop,
        ahead: &mut Option<reqwest::Response>,
    ) -> Result<bool, Error> {
        if !hop.has_no_place() {
            return Ok(false);
        }
        let answer = match ahead.take() {
            Some(answer) => answer,
            None => self.http.ask(hop).await?,
        };
        let is_asked = answer.status() == StatusCode::PAYMENT_REQUIRED;
        let has_place = is_asked && hop.learn(answer.headers());
        *ahead = Some(answer);
        Ok(has_place)
    }

    /// Asks without a credential, unless that was done ahead of the queue, and buys if the answer is
    /// 402.
    pub(super) async fn buy(
        self: &Arc<Self>,
        hop: &mut Hop,
        scope: Scope,
        (flight, ahead): (Flight, Option<reqwest::Response>),
        bought: Option<PaymentHash>,
    ) -> Result<Response, Error> {
        let answer = match ahead {
            Some(answer) => answer,
            None => self.http.ask(hop).await?,
        };
        if answer.status() != StatusCode::PAYMENT_REQUIRED {
            return Ok(Response::free(answer));
        }
        if let Some(hash) = bought {
            return Err(not_served(hash, Some(402), LEADS_TO_MORE.into(), false));
        }
        self.take_cookies(hop, answer.headers());
        // Examined before a wallet is looked for, so that an unsound price is never shown as one.
        let offer = self.offer(hop, answer).await?;
        if self.is_unverified {
            return Err(Error::refused(Refused::UnverifiedServer, UNVERIFIED));
        }
        if let Some(answer) = self.use_of_other_paths(hop, &scope, &offer).await? {
            return Ok(answer);
        }
        let Some(wallet) = self.wallet.get().await? else {
            return Err(Error::PaymentRequired(Box::new(offer.quote)));
        };
        self.notify(&Event::Challenged(offer.quote.clone()));
        self.check_payee(&offer.quote)?;
        let wanted = Wanted::of(hop, &scope, &offer);
        let draft = self.draft(hop, scope, offer, wallet.name()).await?;
        let recorded = self.reserve(draft).await?;
        let kept = self.pay(wallet, recorded, wanted, flight).await?;
        self.notify(&Event::Retrying);
        self.first_answer(hop, kept).await
    }

    /// Presents a credential that was bought just now.
    async fn first_answer(&self, hop: &Hop, kept: KeptPurchase) -> Result<Response, Error> {
        let hash = kept.paid.row().payment_hash;
        match self.present_until_settled(hop, &kept.paid).await {
            Presented::Answer(answer) => {
                let answer = self.bought(answer, hop, kept, false);
                let status = answer.status();
                // The seller keeps the money, and the buyer has an error.
                if !answer.counts() && (status.is_client_error() || status.is_server_error()) {
                    self.note_unserved(hash, format!("status {}", status.as_u16()))
                        .await;
                }
                Ok(answer)
            }
            Presented::Free(answer) => Ok(Response::free(answer)),
            Presented::Failed { status, reason } => Err(not_served(hash, status, reason, true)),
            Presented::Refused(refusal) if refusal.kind == RefusalKind::Unexplained => {
                Err(self.refused_once(kept.paid, &refusal).await)
            }
            Presented::Refused(refusal) => {
                let reason = refusal.reason();
                // Without the claim it may be another call of this home that has used it up.
                if kept.claim.is_none() && refusal.code == Problem::Consumed.code() {
                    return Err(self.used_up_before(kept.paid, refusal.status, reason).await);
                }
                Err(self.turned_away(kept.paid, refusal.status, reason).await)
            }
        }
    }

    /// Follows a redirect inside the origin with the credential of this call.
    pub(super) async fn fetch_along(
        &self,
        hop: &Hop,
        kept: KeptPurchase,
        reused: bool,
    ) -> Result<Response, Error> {
        let hash = kept.paid.row().payment_hash;
        match self.present(hop, &kept.paid).await {
            Presented::Answer(answer) => return Ok(self.bought(answer, hop, kept, reused)),
            Presented::Failed { status, reason } => {
                return Err(not_served(hash, status, reason, true));
            }
            Presented::Free(_) | Presented::Refused(_) => {}
        }
        // The redirect itself may have been the delivery, of something that is free from there on.
        let kept_open = |error: NoResponse| not_served(hash, None, error.text(), true);
        let answer = self.http.ask(hop).await.map_err(kept_open)?;
        if answer.status() != StatusCode::PAYMENT_REQUIRED {
            return Ok(self.bought(answer, hop, kept, reused));
        }
        let reason = LEADS_TO_MORE.to_owned();
        if kept.paid.row().is_single_use() {
            return Err(self.turned_away(kept.paid, 402, reason).await);
        }
        // Still good for what it was bought for.
        Err(not_served(hash, Some(402), reason, true))
    }

    /// Reads and checks a 402.
    pub(super) async fn offer(&self, hop: &Hop, answer: reqwest::Response) -> Result<Offer, Error> {
        if hop.foreign {
            let detail = "a redirect led to another origin, and that one asks for money; ask it \
                          directly if you mean to pay it";
            return Err(Error::refused(Refused::RedirectedAcrossOrigins, detail));
        }
        if !self.plain_http && is_private(&hop.url) && !self.http.is_private(&hop.url) {
            let detail = "the connection is led to another machine over plain http, and a credential \
                          could be taken on the way; use https";
            return Err(Error::refused(Refused::InsecureOrigin, detail));
        }
        let (status, headers) = (answer.status(), answer.headers().clone());
        if hop.has_no_place() && !reads_own_header(&headers) {
            let detail = "the request has an Authorization of its own, and the server does not say \
                          L402-Credential: accepted; what is bought could not be presented beside it";
            return Err(Error::refused(Refused::AuthorizationTaken, detail));
        }
        // The challenge is in the head. A body that is too long or breaks off counts as empty, for it
        // is only held against the invoice.
        let (answer, body) = self.http.peek(answer, BODY_MAX, BODY_TIME).await;
        hop.keep(answer);
        // Opened before the challenge is judged: it must be of the wallet's network.
        let wallet = self.wallet.get().await?;
        let answer = PaymentRequiredAnswer {
            url: &hop.url,
            status,
            headers: &headers,
            body: &body.unwrap_or_default(),
            payer: Payer {
                body_challenge: self.body_challenge,
                // Without a wallet any network will do, since nothing is paid.
                network: wallet.map(|wallet| wallet.network()),
                plain_http: self.plain_http,
            },
        };
        let mut offer = answer.offer(&self.limits, self.clock.wall())?;
        let scope = Scope::of(&hop.url, hop.host());
        self.compare_payee(&mut offer.quote, &scope).await?;
        Ok(offer)
    }

    pub(super) fn may_carry(&self, hop: &Hop) -> bool {
        !self.is_unverified && (self.plain_http || self.http.is_private(&hop.url))
    }

    /// Limits and intent, durable before anybody is asked to pay.
    async fn reserve(&self, draft: Draft) -> Result<Recorded, Error> {
        let payment_hash = draft.quote.payment_hash;
        match self.reserve_or_taken(draft).await? {
            ReserveOutcome::Made(recorded) => Ok(recorded),
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

    /// Limits and intent, with a second try once what was never asked for is given up.
    pub(super) async fn reserve_or_taken(&self, draft: Draft) -> Result<ReserveOutcome, Error> {
        let mut reservation = self.try_reserve(draft.clone()).await?;
        // Purchases that ended before a wallet was asked may still hold a share of the budget.
        if matches!(
            reservation,
            ReserveOutcome::Denied(Error::OverBudget { .. })
        ) && self.release_unasked().await?
        {
            reservation = self.try_reserve(draft).await?;
        }
        Ok(reservation)
    }

    async fn try_reserve(&self, draft: Draft) -> Result<ReserveOutcome, Error> {
        let (limits, window, now) = (self.limits, self.window_time(), self.dating_time());
        self.journal
            .run(move |store| store.reserve(&draft, &limits, window, now))
            .await
    }

    pub(super) fn bought(
        &self,
        answer: reqwest::Response,
        hop: &Hop,
        kept: KeptPurchase,
        reused: bool,
    ) -> Response {
        let delivery = Delivery {
            journal: self.journal.clone(),
            clock: Arc::clone(&self.clock),
            purchase: kept.paid,
            claim: kept.claim,
            path: hop.url.path().to_owned(),
        };
        Response::bought(answer, delivery, reused)
    }

    async fn draft(
        &self,
        hop: &Hop,
        scope: Scope,
        offer: Offer,
        wallet: String,
    ) -> Result<Draft, Error> {
        Ok(Draft {
            scope,
            quote: offer.quote,
            network: offer.network,
            scheme: offer.scheme.name(),
            token: offer.token,
            valid_until: offer.valid_until,
            wallet,
            budget: self.budget.clone(),
            request: Some(hop.fingerprint().await?),
            despite_stop: self.despite_stop,
        })
    }
}
