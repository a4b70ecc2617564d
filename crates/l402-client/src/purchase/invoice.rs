//! An invoice that no challenge brought, paid by the same steps as a purchase.
//!
//! ```text
//!   decode, rules ──▶ flight lock of this payment ──▶ in the journal?
//!                                                        ├─ settled: what it cost, and its proof
//!                                                        ├─ open: looked up, never paid
//!                                                        └─ no, or failed ──▶ reserve ──▶ approve ──▶ pay once
//! ```
//!
//! There is no answer to wait for, so the row is `served` as soon as the payment is proven. Its proof
//! is presented to nobody.

use std::sync::Arc;

use l402::text::bare_invoice;
use l402::{Invoice, Msat, PaymentHash, Preimage, UnixTime};
use l402_lightning::Payment as PaymentOutcome;

use super::buyer::Buyer;
use super::call::is_over_the_day;
use super::consent::Wanted;
use crate::examine::{Fault, InvoiceCase};
use crate::journal::{Draft, Flight, INVOICE, Purchase, Recorded, ReserveOutcome, Scope, State};
use crate::offer::quote;
use crate::{BudgetLimit, BudgetLimits, Error, Event, Quote, Refused};

/// An invoice that is to be paid, and what it may cost.
#[derive(Clone, Debug)]
pub struct InvoicePayment {
    bolt11: String,
    max_cost: Option<Msat>,
    max_fee: Option<Msat>,
}

impl InvoicePayment {
    /// Takes a BOLT 11 invoice with an amount, also one that is written as a `lightning:` link.
    #[must_use]
    pub fn new(bolt11: impl Into<String>) -> Self {
        Self {
            bolt11: bare_invoice(bolt11.into().trim()).to_owned(),
            max_cost: None,
            max_fee: None,
        }
    }

    /// Returns the invoice, whose signature holds. It has an amount.
    ///
    /// # Errors
    /// [`Error::Refused`] if it cannot be read, is signed by nobody, or has no amount.
    pub fn invoice(&self) -> Result<Invoice, Error> {
        let invoice = Invoice::decode(&self.bolt11).map_err(Fault::from)?;
        invoice.required_amount().map_err(Fault::from)?;
        Ok(invoice)
    }

    /// Sets the most that it may cost, fee included. It lowers the limit of a request and raises none.
    #[must_use]
    pub const fn max_cost(mut self, most: Msat) -> Self {
        self.max_cost = Some(most);
        self
    }

    /// Sets the most that routing may cost. It lowers what the client allows and raises nothing.
    #[must_use]
    pub const fn max_fee(mut self, most: Msat) -> Self {
        self.max_fee = Some(most);
        self
    }
}

/// An invoice that is paid. Its `Debug` does not show the preimage.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PaidInvoice {
    /// The payment hash, which names the payment in the journal.
    pub payment_hash: PaymentHash,
    /// The public key of the node that was paid, in hexadecimal.
    pub payee: String,
    /// The amount of the invoice.
    pub amount: Msat,
    /// The amount that the payee got, as the wallet says.
    pub paid: Msat,
    /// The cost of routing.
    pub fee: Msat,
    /// The time of the payment, if the journal knows it.
    pub paid_at: Option<UnixTime>,
    /// True if an earlier call has paid it, and this one nothing.
    pub paid_before: bool,
    /// The preimage, which proves the payment. `None` if it was paid from another budget, and the client
    /// uses [its own purchases only](crate::ClientBuilder::own_purchases_only).
    pub preimage: Option<Preimage>,
}

impl PaidInvoice {
    fn of(row: &Purchase, invoice: &Invoice, paid_before: bool) -> Self {
        Self {
            payment_hash: row.payment_hash,
            payee: hex::encode(invoice.payee),
            amount: row.amount,
            paid: row.paid,
            fee: row.fee,
            paid_at: Some(row.paid_at),
            paid_before,
            preimage: row.preimage().cloned(),
        }
    }
}

impl Buyer {
    /// Pays an invoice, or tells what became of an earlier payment of it.
    pub(crate) async fn pay_invoice(
        self: &Arc<Self>,
        payment: InvoicePayment,
    ) -> Result<PaidInvoice, Error> {
        let invoice = payment.invoice()?;
        let hash = invoice.payment_hash;
        let checked = match self.check_invoice(&invoice) {
            // One that has expired may have been paid while it was good, so it is looked for first.
            Err(error) if !is_expired(&error) => return Err(error),
            sound_or_expired => sound_or_expired,
        };
        let flight = self.turn(&place(&invoice).of_one_payment(&hash)).await;
        let flight = flight.map_err(|error| being_paid(hash, error))?;
        if let Some(known) = self.known_payment(&invoice).await? {
            return Ok(known);
        }
        match checked {
            Ok(amount) => {
                let buyer = self.narrowed_for(&payment, amount);
                buyer.begin(payment.bolt11, &invoice, amount, flight).await
            }
            Err(expired) => self.paid_elsewhere(&invoice, expired).await,
        }
    }

    /// Pays an invoice that the journal does not know, or whose payment has failed for certain.
    async fn begin(
        self: Arc<Self>,
        bolt11: String,
        invoice: &Invoice,
        amount: Msat,
        flight: Flight,
    ) -> Result<PaidInvoice, Error> {
        let place = place(invoice);
        let quote = quote(invoice, bolt11, amount, place.origin.clone(), &self.limits);
        let Some(wallet) = self.wallet.clone() else {
            return Err(Error::PaymentRequired(Box::new(quote)));
        };
        self.notify(&Event::Challenged(quote.clone()));
        let draft = self.invoice_draft(place, quote, invoice, wallet.name());
        let wanted = Wanted::of_invoice(&draft);
        let Some(recorded) = self.reserve_invoice(draft).await? else {
            // A purchase at some server has taken the same invoice just now.
            let known = self.known_payment(invoice).await?;
            return known.ok_or_else(|| unknown(invoice.payment_hash, UNDER_WAY));
        };
        let kept = self.pay(wallet, recorded, wanted, flight).await?;
        Ok(PaidInvoice::of(kept.paid.row(), invoice, false))
    }

    /// Returns the amount of an invoice that may be paid now.
    fn check_invoice(&self, invoice: &Invoice) -> Result<Msat, Error> {
        let case = InvoiceCase {
            invoice,
            // Without a wallet any network will do, since nothing is paid.
            network: self.wallet.as_ref().map(|wallet| wallet.network()),
            now: self.clock.wall(),
        };
        Ok(case.check()?)
    }

    /// Returns the same buyer with the limits of one payment beside its own.
    fn narrowed_for(self: &Arc<Self>, payment: &InvoicePayment, amount: Msat) -> Arc<Self> {
        let mut limits = self.limits;
        if let Some(most) = payment.max_cost {
            let ceiling = BudgetLimits::default().with(BudgetLimit::PerRequest, Some(most));
            limits = limits.with_ceiling(&ceiling);
        }
        if let Some(most) = payment.max_fee {
            limits = limits.with_max_fee(0, most.min(limits.max_fee(amount)));
        }
        Arc::new(Self {
            limits,
            ..Self::clone(self)
        })
    }

    fn invoice_draft(
        &self,
        scope: Scope,
        quote: Quote,
        invoice: &Invoice,
        wallet: String,
    ) -> Draft {
        Draft {
            scope,
            quote,
            network: invoice.network,
            scheme: INVOICE,
            token: String::new(),
            valid_until: None,
            wallet,
            budget: self.budget.clone(),
            request: None,
            despite_stop: false,
        }
    }

    /// Limits and intent. `None` if the journal has a payment of this invoice.
    ///
    /// As for a purchase, payments that were cut short are looked up before the limit of a day says no.
    async fn reserve_invoice(&self, draft: Draft) -> Result<Option<Recorded>, Error> {
        let mut outcome = self.reserve_or_taken(draft.clone()).await?;
        if let ReserveOutcome::Denied(error) = &outcome
            && is_over_the_day(error)
            && self.has_open_purchases().await?
            && self.reconcile().await.is_ok()
        {
            outcome = self.reserve_or_taken(draft).await?;
        }
        match outcome {
            ReserveOutcome::Made(recorded) => Ok(Some(recorded)),
            ReserveOutcome::Denied(error) => Err(error),
            ReserveOutcome::Taken(_) => Ok(None),
        }
    }

    /// Returns the payment of an invoice as the journal has it, looked up first if it is open. `None` if
    /// it may be begun. The caller has the flight lock of this payment.
    ///
    /// # Errors
    /// [`Error::PaymentFailed`] if a look-up says so: the caller of an earlier run asks what became of
    /// it, and is told before anything is begun anew.
    async fn known_payment(&self, invoice: &Invoice) -> Result<Option<PaidInvoice>, Error> {
        let hash = invoice.payment_hash;
        let Some(before) = self.row(hash).await? else {
            return Ok(None);
        };
        if before.state.is_open() {
            self.look_up_again(&before).await?;
        }
        let Some(row) = self.row(hash).await? else {
            return Ok(None);
        };
        match row.state {
            // Learned just now, of a payment that was under way: that is what the caller asks about.
            State::Failed if before.state == State::Unknown => {
                let entry = self.journal.run(move |store| store.entry(&hash)).await?;
                let reason = entry.map(|entry| entry.note).unwrap_or_default();
                Err(Error::PaymentFailed { reason })
            }
            State::Failed => Ok(None),
            State::Intent | State::Unknown => Err(unknown(hash, UNDER_WAY)),
            State::PaidNoProof => Err(Error::PaidWithoutProof { payment_hash: hash }),
            State::Paid | State::Refused | State::Served => {
                let mut paid = PaidInvoice::of(&row, invoice, true);
                paid.preimage.take_if(|_| !self.may_use(&row));
                Ok(Some(paid))
            }
        }
    }

    async fn row(&self, hash: PaymentHash) -> Result<Option<Purchase>, Error> {
        self.journal.run(move |store| store.purchase(&hash)).await
    }

    /// Finds out what became of a payment that is open, unless a purchase is making it at this moment.
    async fn look_up_again(&self, row: &Purchase) -> Result<(), Error> {
        // That of an invoice is the one that the caller has.
        let flight = if row.is_invoice() {
            None
        } else {
            let flight = self.journal.locks().try_flight(&row.scope)?;
            let flight = flight.ok_or_else(|| unknown(row.payment_hash, UNDER_WAY))?;
            Some(flight)
        };
        let found = self.find_out(row.payment_hash).await;
        drop(flight);
        found
    }

    /// Asks the wallet whether it has paid an invoice that the journal does not know, and that has
    /// expired. Other programs may use the same wallet.
    async fn paid_elsewhere(
        &self,
        invoice: &Invoice,
        expired: Error,
    ) -> Result<PaidInvoice, Error> {
        let hash = invoice.payment_hash;
        // Nobody knows from which budget that was.
        let Some(wallet) = self.wallet.as_ref().filter(|_| !self.own_only) else {
            return Err(expired);
        };
        match wallet.lookup(hash).await {
            Ok(None) => Err(expired),
            Ok(Some(PaymentOutcome::Failed(failure))) => Err(Error::PaymentFailed {
                reason: failure.error.to_string(),
            }),
            Ok(Some(PaymentOutcome::Unknown(open))) => Err(unknown(hash, open.error)),
            Ok(Some(PaymentOutcome::Settled {
                preimage,
                paid,
                fee,
            })) if preimage.proves(&hash) => Ok(PaidInvoice {
                payment_hash: hash,
                payee: hex::encode(invoice.payee),
                amount: invoice.amount.unwrap_or(paid),
                paid,
                fee,
                paid_at: None,
                paid_before: true,
                preimage: Some(preimage),
            }),
            Ok(Some(PaymentOutcome::Settled { .. })) => {
                Err(Error::PaidWithoutProof { payment_hash: hash })
            }
            Err(error) => {
                let text = "the invoice has expired, and the wallet cannot say whether it was paid \
                            before";
                Err(unknown(hash, format!("{text}: {error}")))
            }
        }
    }
}

/// Returns the place of an invoice in the journal.
fn place(invoice: &Invoice) -> Scope {
    Scope::of_payee(&hex::encode(invoice.payee))
}

const UNDER_WAY: &str = "another call is paying this invoice";

fn is_expired(error: &Error) -> bool {
    matches!(
        error,
        Error::Refused {
            reason: Refused::InvoiceExpired,
            ..
        }
    )
}

fn unknown(payment_hash: PaymentHash, reason: impl ToString) -> Error {
    Error::PaymentUnknown {
        payment_hash,
        reason: reason.to_string(),
    }
}

/// Turns the end of a long wait into what it means here: the invoice is being paid by somebody else.
fn being_paid(hash: PaymentHash, error: Error) -> Error {
    match error {
        Error::Busy { .. } => unknown(hash, UNDER_WAY),
        error => error,
    }
}
