//! The turn of an invoice, and the wallets that are asked to pay it, one after the other.

use std::time::Duration;

use l402::text::escape;
use l402::{Invoice, PaymentHash};
use l402_host::{FileError, FileLock};
use l402_lightning::{Error, ErrorKind, Pay, PayRequest, Payment};
use tokio::time::Instant;

use super::Preference;
use super::order::{is_elsewhere, refused};
use crate::text::output;

/// The pause between two looks at a payment that another call is making.
const PAUSE: Duration = Duration::from_millis(100);

/// The least time in which it makes sense to ask one more wallet.
const LEAST: Duration = Duration::from_secs(1);

/// The wallet that is to be asked first.
enum First {
    /// The one at this place, which an earlier call has asked.
    Begun(usize),
    /// The first of all: no call has asked any of them.
    Fresh,
}

impl Preference {
    /// Pays, once nobody else pays the same invoice.
    pub(super) async fn pay_in_turn(&self, request: PayRequest) -> Payment {
        let invoice = match Invoice::decode(&request.bolt11) {
            Ok(invoice) => invoice,
            Err(error) => return refused(&error.to_string()),
        };
        let end = Instant::now() + request.deadline;
        let _turn = match self.turn(invoice.payment_hash, end).await {
            Ok(Some(turn)) => turn,
            Ok(None) => {
                let text = "another call is paying this invoice";
                return Payment::unknown(Error::new(ErrorKind::Timeout, text));
            }
            // Before any wallet was asked by this call; but an earlier one may have asked.
            Err(error) => return Payment::unknown(error.into()),
        };
        match self.first_for(&invoice).await {
            Ok(first) => self.pay_from(first, &invoice, &request, end).await,
            Err(outcome) => outcome,
        }
    }

    /// Waits until no other call pays an invoice with this hash; `None` if that takes too long.
    async fn turn(&self, hash: PaymentHash, end: Instant) -> Result<Option<FileLock>, FileError> {
        loop {
            let turn = self.asked.turn(hash)?;
            if turn.is_some() || Instant::now() >= end {
                return Ok(turn);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Returns the wallet that is to be asked first, or the outcome of an earlier call.
    async fn first_for(&self, invoice: &Invoice) -> Result<First, Payment> {
        let hash = invoice.payment_hash;
        let noted = self.asked.wallet(hash);
        match noted.map_err(|error| Payment::unknown(error.into()))? {
            Some(name) => {
                let begun = self.place(&name).map(First::Begun);
                begun.ok_or_else(|| Payment::unknown(is_elsewhere(&name)))
            }
            None if invoice.expires > self.clock.wall() => Ok(First::Fresh),
            // Its note may have been removed since: every wallet is asked what it knows.
            None => Err(match self.lookup_all(hash).await {
                Ok(Some(outcome)) => outcome,
                Ok(None) => refused("the invoice has expired"),
                Err(error) => Payment::unknown(error),
            }),
        }
    }

    /// Asks one wallet after the other, from the first one on, until one has not failed for certain.
    async fn pay_from(
        &self,
        first: First,
        invoice: &Invoice,
        request: &PayRequest,
        end: Instant,
    ) -> Payment {
        let (first, mut was_asked) = match first {
            First::Begun(place) => (place, true),
            First::Fresh => (0, false),
        };
        let mut failed: Option<Payment> = None;
        let last = self.wallets.len().saturating_sub(1);
        for (place, wallet) in self.wallets.iter().enumerate().skip(first) {
            let left = end.saturating_duration_since(Instant::now());
            if left < LEAST && failed.is_some() {
                break;
            }
            // Before it is asked, and durable: a crash in between must not lead to another wallet.
            let noted = self
                .asked
                .note(invoice.payment_hash, &wallet.name(), invoice.expires);
            if let Err(error) = noted {
                return failed.unwrap_or_else(|| Payment::unknown(error.into()));
            }
            let request = PayRequest::new(request.bolt11.clone(), request.max_fee, left);
            let outcome = if core::mem::take(&mut was_asked) {
                pay_again(&**wallet, request, invoice.payment_hash).await
            } else {
                wallet.pay(request).await
            };
            let Payment::Failed(failure) = &outcome else {
                self.asked.prune(self.clock.wall());
                return outcome;
            };
            if place < last {
                let reason = escape(&failure.error.to_string());
                output::tell(&format!("{} could not pay: {reason}", wallet.name()));
            }
            failed = Some(outcome);
        }
        // All that were asked have failed for certain, so the next call may begin anew.
        self.asked.forget(invoice.payment_hash);
        failed.unwrap_or_else(|| refused("there is no wallet to ask"))
    }
}

/// Asks a wallet again that an earlier call has asked. A *failed* counts only if the wallet has it on
/// record, too: the earlier attempt may be under way while this one was never sent.
async fn pay_again(wallet: &dyn Pay, request: PayRequest, hash: PaymentHash) -> Payment {
    let outcome = wallet.pay(request).await;
    let Payment::Failed(failure) = outcome else {
        return outcome;
    };
    match wallet.lookup(hash).await {
        Ok(Some(known)) => known,
        Ok(None) | Err(_) => Payment::unknown(failure.error),
    }
}
