//! The payment that a hook is asked about, and its form in JSON.

use l402::{Msat, PaymentHash, UnixTime};
use serde_json::{Value, json};

use super::SpentTotals;

/// A payment that is about to be made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Proposal {
    /// A random name of this proposal, in hexadecimal. Each attempt has its own.
    pub id: String,
    /// The name of the budget that the payment counts against.
    pub budget: String,
    /// The protocol of the challenge: `l402`, or `mpp` for a `Payment` challenge. `invoice` for an invoice
    /// that no challenge brought.
    pub protocol: &'static str,
    /// The URL without its query, which may hold the caller's secrets. Of an invoice, `lightning:` and
    /// the payee.
    pub url: String,
    /// The method of the request. `pay` of an invoice.
    pub method: String,
    /// The amount of the signature-checked invoice.
    pub amount: Msat,
    /// The most that routing may cost on top.
    pub max_fee: Msat,
    /// The most that one request may cost by all limits, fee included.
    /// `None` without such a limit.
    pub per_request: Option<Msat>,
    /// The public key of the node that will be paid, in hexadecimal.
    pub payee: String,
    /// The payment hash of the invoice.
    pub payment_hash: PaymentHash,
    /// The time at which the invoice expires.
    pub expires: UnixTime,
    /// The sums that count already, without this payment.
    pub totals: SpentTotals,
    /// The time of the proposal.
    pub now: UnixTime,
}

impl Proposal {
    /// Returns the most that the payment may cost, fee included.
    #[must_use]
    pub const fn cost(&self) -> Msat {
        self.amount.saturating_add(self.max_fee)
    }

    /// Returns the proposal as hooks get it. Whole satoshi are rounded up.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "proposal_id": self.id,
            "agent_id": self.budget,
            "protocol": self.protocol,
            "destination_or_url": self.url,
            "amount_sats": self.amount.ceil_sat(),
            "max_payment_sats": self.per_request.map(Msat::ceil_sat),
            "method": self.method,
            "ts": self.now.to_rfc3339(),
            "amount_msat": self.amount.msat(),
            "fee_limit_msat": self.max_fee.msat(),
            "payee": self.payee,
            "payment_hash": self.payment_hash.to_string(),
            "expires_at": self.expires.to_rfc3339(),
            "totals": {
                "hour_msat": self.totals.hour.msat(),
                "day_msat": self.totals.day.msat(),
                "origin_day_msat": self.totals.origin_day.msat(),
                "payee_day_msat": self.totals.payee_day.msat(),
                "30_days_msat": self.totals.month.msat(),
                "in_all_msat": self.totals.in_all.msat(),
            },
        })
    }
}
