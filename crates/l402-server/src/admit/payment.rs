//! The payment behind a credential: its arrival at the node, and its row in the ledger.

use std::num::NonZeroU32;
use std::sync::Arc;

use l402::{Condition, Msat, Problem, RetryWith, UnixTime};

use super::paywall::NotGranted;
use crate::answer::{Refusal, UseReport};
use crate::decide::Proof;
use crate::ledger::{Allowance, ReserveRequest};
use crate::request::CanonicalRequest;
use crate::settled::{Arrival, SettledCheck, Sold};
use crate::table::{MAX_INVOICE_EXPIRY, Matched};

/// Returns the request to the ledger for one use of what was proven.
pub(super) fn reserve_request(proof: &Proof, now: UnixTime) -> ReserveRequest {
    let authorized = &proof.authorized;
    let uses = authorized.policy().uses().unwrap_or(NonZeroU32::MIN);
    let end = row_expires(proof, now);
    let allowance = Allowance::new(authorized.payment_hash(), uses.into(), end);
    ReserveRequest::one_use(allowance, now)
}

/// Refuses a credential whose payment has not arrived, as far as the node knows.
pub(super) async fn has_arrived(
    check: &Arc<SettledCheck>,
    request: &CanonicalRequest,
    matched: &Matched,
    sold: Sold,
) -> Result<(), NotGranted> {
    let refusal = match check.arrival(sold, request.peer).await {
        Arrival::Settled => return Ok(()),
        // Nothing will arrive for this token any more, so a new one is offered.
        Arrival::Cancelled => {
            let matched = matched.clone();
            return Err(NotGranted::Challenge(matched, Problem::Revoked, None));
        }
        arrival => not_arrived(arrival),
    };
    Err(refusal.on(matched, request).into())
}

/// Returns the refusal of a credential whose payment has not arrived, without an invoice.
pub(super) fn not_arrived(arrival: Arrival) -> Refusal {
    let refusal = match arrival {
        Arrival::TooLittle => Refusal::new(Problem::NotSettled)
            .with_detail("Less than the price has arrived; ask the one who made it"),
        Arrival::Wait(wait) => Refusal::new(Problem::NotSettled).with_retry_after(wait),
        Arrival::Cancelled => Refusal::new(Problem::Revoked),
        Arrival::Unknown => Refusal::new(Problem::NodeUnavailable)
            .with_detail(
                "Nobody can say at the moment if the payment has arrived; send the same \
                 credential again later, and do not pay again",
            )
            .with_retry_with(RetryWith::SameToken),
        Arrival::NotYet | Arrival::Settled => Refusal::new(Problem::NotSettled),
    };
    // Kept, and not `paid`: that is what nobody knows.
    refusal.with_use(UseReport::of_unused())
}

/// Returns what was sold by a token, as the mint wrote it.
pub(super) fn sold(proof: &Proof, now: UnixTime) -> Sold {
    let service = proof.authorized.service();
    Sold {
        payment: proof.authorized.payment_hash(),
        // Every token of ours names one. Without a price no amount suffices.
        price: proof.proven.minted_price(service).unwrap_or(Msat::MAX),
        end: row_expires(proof, now),
        lookup: proof.proven.minted_lookup(service).map(str::to_owned),
    }
}

/// Returns the time at which every token of this payment has ended, so that its row may go.
///
/// The end of *this* token is not enough: its holder may have appended an earlier one, and a row
/// that went with it would let the token as it was bought be used once more. The first end in a
/// token is the mint's own. If there is none, the longest invoice and the policy together bound the
/// life of every token sold here.
fn row_expires(proof: &Proof, now: UnixTime) -> UnixTime {
    let Proof {
        proven, authorized, ..
    } = proof;
    let latest = now.saturating_add(MAX_INVOICE_EXPIRY + authorized.policy().lifetime());
    // If the route did not require an end, the first one in the token may be a holder's.
    proven
        .minted_end(authorized.service())
        .filter(|_| authorized.checked().has(Condition::ValidUntil))
        .unwrap_or(latest)
}
