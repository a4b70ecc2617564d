//! The last questions before a payment: to the hook, and to a person.

use std::sync::{Arc, Weak};
use std::time::Duration;

use l402::text::escape_within;

use super::buyer::Buyer;
use crate::hook::{Decision, PaymentHook, Proposal};
use crate::http::{Hop, Spooled};
use crate::journal::step::Store;
use crate::journal::{Draft, INVOICE, Recorded, Scope};
use crate::offer::{Offer, still_payable};
use crate::{Error, Quote, Refused};

/// The time that a hook has for its answer, and the most that can be given to it.
pub(crate) const HOOK_TIME: Duration = Duration::from_secs(3);

/// The most characters of a hook's code and of its message that are shown.
const CODE_CHARS: usize = 40;
const MESSAGE_CHARS: usize = 200;

/// The method that a hook is told of an invoice, for which there is no request.
const INVOICE_METHOD: &str = "pay";

/// A purchase, as those are told who may still say no.
pub(super) struct Wanted {
    pub(super) quote: Quote,
    pub(super) scope: Scope,
    pub(super) method: String,
    pub(super) protocol: &'static str,
    /// True if there is a seller, whose node is remembered.
    pub(super) pins_payee: bool,
    body: Spooled,
}

impl Wanted {
    pub(super) fn of(hop: &Hop, scope: &Scope, offer: &Offer) -> Self {
        Self {
            quote: offer.quote.clone(),
            scope: scope.clone(),
            method: hop.method.to_string(),
            protocol: offer.protocol(),
            body: hop.body().clone(),
            pins_payee: true,
        }
    }

    /// An invoice alone. Its payee is named by it, and by nobody beside it.
    pub(super) fn of_invoice(draft: &Draft) -> Self {
        Self {
            quote: draft.quote.clone(),
            scope: draft.scope.clone(),
            method: INVOICE_METHOD.to_owned(),
            protocol: INVOICE,
            pins_payee: false,
            body: Spooled::EMPTY,
        }
    }
}

impl Buyer {
    /// Asks the hook and then the caller for approval, and checks that the invoice has not expired
    /// meanwhile, that a file to be sent is still the same, and that the caller is still there.
    pub(super) async fn last_word(
        &self,
        recorded: Recorded,
        wanted: &Wanted,
        caller: &Weak<()>,
    ) -> Result<Recorded, Error> {
        let quote = Quote {
            max_fee: recorded.max_fee(),
            ..wanted.quote.clone()
        };
        let expires = quote.expires;
        // The hook first: a person is not asked for what is denied anyway.
        let (error, note) = if let Some(denied) = self.denied_by_hook(wanted, &quote).await {
            (denied, "denied by the hook")
        } else if !self.approved(quote).await {
            (Error::Declined, "declined")
        } else if let Err(error) = still_payable(expires, self.clock.wall()) {
            (error, "the invoice ran out before it was approved")
        } else if let Err(error) = wanted.body.unchanged().await {
            (error, "the file of the body has changed")
        } else if caller.strong_count() == 0 {
            (Error::Declined, "the caller went away")
        } else {
            return Ok(recorded);
        };
        self.record_unasked(recorded, note).await?;
        Err(error)
    }

    async fn approved(&self, quote: Quote) -> bool {
        let Some(progress) = self.progress.clone() else {
            return true;
        };
        let asked = tokio::task::spawn_blocking(move || progress.approve(&quote)).await;
        // A panic in the caller's code approves nothing.
        asked.unwrap_or(false)
    }

    /// Returns the error if there is a hook and it does not allow the payment.
    async fn denied_by_hook(&self, wanted: &Wanted, quote: &Quote) -> Option<Error> {
        let hook = self.hook.clone()?;
        let decision = match self.proposal(wanted, quote).await {
            Ok(proposal) => {
                let cost = proposal.cost();
                ask(hook, proposal, self.hook_time).await.within(cost)
            }
            Err(error) => Decision::no_answer(error.without_promise()),
        };
        match decision {
            Decision::Allow { .. } => None,
            Decision::Deny { code, message } => {
                let code = escape_within(&code, CODE_CHARS);
                let message = escape_within(&message, MESSAGE_CHARS);
                let detail = format!("the hook said no: {message} ({code})");
                Some(Error::refused(Refused::DeniedByHook, detail))
            }
        }
    }

    async fn proposal(&self, wanted: &Wanted, quote: &Quote) -> Result<Proposal, Error> {
        let (budget, limits) = (self.budget.clone(), self.limits);
        let (origin, payee) = (wanted.scope.origin.clone(), quote.payee.clone());
        let own = quote.amount.saturating_add(quote.max_fee);
        let window = self.window_time();
        let sums = move |store: &mut Store| {
            store.totals((&budget, &limits), (&origin, &payee), own, window)
        };
        let (totals, per_request) = self.journal.run(sums).await?;
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(|error| Error::store(error.to_string()))?;
        Ok(Proposal {
            id: hex::encode(id),
            budget: self.budget.to_string(),
            protocol: wanted.protocol,
            url: format!("{}{}", wanted.scope.origin, wanted.scope.path),
            method: wanted.method.clone(),
            amount: quote.amount,
            max_fee: quote.max_fee,
            per_request,
            payee: quote.payee.clone(),
            payment_hash: quote.payment_hash,
            expires: quote.expires,
            totals,
            now: self.clock.wall(),
        })
    }

    /// Adds to a quote the node that the seller had before, if the quote names another one.
    pub(super) async fn compare_payee(
        &self,
        quote: &mut Quote,
        scope: &Scope,
    ) -> Result<(), Error> {
        let seller = scope.seller();
        let known = self.journal.run(move |store| store.payees(&seller)).await?;
        if !known.contains(&quote.payee) {
            quote.payee_before = known.into_iter().next();
        }
        Ok(())
    }

    /// Refuses another node than before if nobody has approved it beforehand or can be asked.
    pub(super) fn check_payee(&self, quote: &Quote) -> Result<(), Error> {
        let Some(before) = &quote.payee_before else {
            return Ok(());
        };
        let can_ask = self.progress.as_ref().is_some_and(|it| it.has_person());
        if self.new_payee || can_ask {
            return Ok(());
        }
        let detail = format!(
            "{} was paid at the node {before} before, and asks for a payment to the node {} now",
            quote.origin, quote.payee
        );
        Err(Error::refused(Refused::PayeeChanged, detail))
    }

    /// Remembers the node of a seller who was paid. Without the row, the next change of the node is not
    /// noticed, or is asked about once more.
    pub(super) async fn pin_payee(&self, wanted: &Wanted) {
        if !wanted.pins_payee {
            return;
        }
        let (seller, payee) = (wanted.scope.seller(), wanted.quote.payee.clone());
        // Paid although another one was known: so it was approved.
        let is_approved = wanted.quote.payee_before.is_some();
        let now = self.clock.wall();
        let pinned = self
            .journal
            .run(move |store| store.pin_payee(&seller, &payee, is_approved, now))
            .await;
        if let Err(error) = pinned {
            let error = error.without_promise();
            tracing::warn!(error, "cannot remember the node of a seller");
        }
    }
}

/// Asks a hook on a task of its own, so that its panic and its silence are denials.
async fn ask(hook: Arc<dyn PaymentHook>, proposal: Proposal, time: Duration) -> Decision {
    let mut asked = tokio::spawn(async move { hook.decide(&proposal).await });
    match tokio::time::timeout(time, &mut asked).await {
        Ok(Ok(decision)) => decision,
        Ok(Err(_)) => Decision::no_answer("the hook panicked"),
        Err(_) => {
            asked.abort();
            // Its program is killed before anything else is done, unless the hook blocks its thread.
            let _ = tokio::time::timeout(Duration::from_secs(1), asked).await;
            Decision::no_answer(format!("the hook gave no answer within {time:?}"))
        }
    }
}
