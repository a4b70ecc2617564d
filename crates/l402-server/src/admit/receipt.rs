//! The receipt of a purchase, for the holder of its credential.

use std::sync::Arc;

use l402::{Msat, PaymentHash, Policy, Problem, Proven, Service, TokenId, UnixTime, VerifyError};

use super::Paywall;
use super::payment::not_arrived;
use crate::answer::Refusal;
use crate::request::{CanonicalRequest, Presented};
use crate::settled::{Arrival, Sold};
use crate::table::Snapshot;

/// A purchase as the token itself says it: the seller's own words at the time of the sale, whatever
/// its holder has appended since.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt {
    /// The service that was sold.
    pub service: Service,
    /// The price of the payment. What arrived may be more.
    pub price: Msat,
    /// The goods of the payment.
    pub policy: Policy,
    /// The hash of the payment.
    pub payment_hash: PaymentHash,
    /// The id of the token, the number of its key included.
    pub token_id: TokenId,
    /// The moment from which the token is good for nothing.
    pub expires: UnixTime,
}

impl Paywall {
    /// Makes the receipt for the credential of a request. Counts no use, and writes nothing. A token that
    /// is spent, revoked or has expired has a receipt, too, as long as its key is kept.
    ///
    /// # Errors
    /// A [`Refusal`] without an invoice: 401 if there is no credential or one that does not hold, 429
    /// after too many of these, and 503 if the node has to confirm the payment and does not.
    pub async fn receipt(
        &self,
        snapshot: &Snapshot,
        request: &CanonicalRequest,
    ) -> Result<Receipt, Refusal> {
        let now = self.shared.settings.clock.wall();
        let proven = match &request.presented {
            Presented::Nothing | Presented::Passes(_) => {
                return Err(Refusal::new(Problem::InvalidAuthFormat)
                    .with_detail("Send the credential whose receipt you want"));
            }
            Presented::Malformed(error) => {
                let detail = error.to_string();
                return Err(self.attempted(request, Problem::InvalidAuthFormat, Some(detail)));
            }
            Presented::Credential(credential) => {
                credential.prove(snapshot.keys(), now).map(Arc::new)
            }
            Presented::Proven(proven) => proven
                .holds(snapshot.keys(), now)
                .map(|()| Arc::clone(proven)),
        };
        let proven = proven.map_err(|error| self.refused(request, error))?;
        let (receipt, sold) =
            read(&proven).ok_or_else(|| self.refused(request, VerifyError::Invalid))?;
        // Where a third party made the invoice, a preimage does not say that anything was paid.
        if let Some(check) = &self.shared.settled {
            let arrival = check.arrival(sold, request.peer).await;
            match arrival {
                Arrival::Settled => {}
                arrival => return Err(not_arrived(arrival)),
            }
        }
        Ok(receipt)
    }

    fn refused(&self, request: &CanonicalRequest, error: VerifyError) -> Refusal {
        match error {
            VerifyError::Invalid => self.attempted(request, Problem::InvalidToken, None),
            error => Refusal::new(error.problem()),
        }
    }

    /// Counts a credential that does not hold, as on every route.
    fn attempted(
        &self,
        request: &CanonicalRequest,
        problem: Problem,
        detail: Option<String>,
    ) -> Refusal {
        if let Err(wait) = self.shared.take_attempt(request) {
            return Refusal::new(Problem::TooManyAttempts).with_retry_after(wait);
        }
        match detail {
            Some(detail) => Refusal::new(problem).with_detail(detail),
            None => Refusal::new(problem),
        }
    }
}

/// Reads what the mint wrote. `None` if the token lacks any of it: then it was not minted here, and
/// what stands in it may be a holder's.
fn read(proven: &Proven) -> Option<(Receipt, Sold)> {
    let service = proven.minted_service()?;
    let receipt = Receipt {
        price: proven.minted_price(&service)?,
        policy: proven.minted_policy(&service)?,
        expires: proven.minted_end(&service)?,
        payment_hash: proven.identifier().payment_hash,
        token_id: proven.identifier().token_id,
        service,
    };
    let sold = Sold {
        payment: receipt.payment_hash,
        price: receipt.price,
        end: receipt.expires,
        lookup: proven.minted_lookup(&receipt.service).map(str::to_owned),
    };
    Some((receipt, sold))
}
