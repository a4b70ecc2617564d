//! The invoices and payments that the fake node has recorded, and how they are written.

use l402::{Msat, PaymentHash, Preimage};
use serde_json::{Value, json};

/// An invoice that was made here.
#[derive(Clone, Debug)]
pub(super) struct InvoiceRecord {
    pub(super) hash: PaymentHash,
    pub(super) bolt11: String,
    pub(super) label: String,
    pub(super) description: String,
    pub(super) amount: Msat,
    pub(super) expires: u64,
}

/// The state of a payment.
#[derive(Clone, Debug)]
pub(super) enum PayState {
    Complete(Preimage),
    Failed,
    Pending,
}

/// A payment that was begun here.
#[derive(Clone, Debug)]
pub(super) struct PayRecord {
    pub(super) hash: PaymentHash,
    pub(super) bolt11: String,
    pub(super) state: PayState,
    pub(super) created: u64,
    pub(super) amount: Msat,
    pub(super) sent: Msat,
}

impl InvoiceRecord {
    /// Writes the invoice; `paid` is the index and the amount of its settlement.
    pub(super) fn wire(&self, index: usize, now: u64, paid: Option<(u64, Msat)>) -> Value {
        let mut wire = json!({
            "label": self.label,
            "bolt11": self.bolt11,
            "payment_hash": self.hash.to_string(),
            "amount_msat": self.amount.msat(),
            "status": if now < self.expires { "unpaid" } else { "expired" },
            "description": self.description,
            "expires_at": self.expires,
            "created_index": index,
        });
        if let Some((pay_index, amount)) = paid {
            wire["status"] = json!("paid");
            wire["pay_index"] = json!(pay_index);
            wire["amount_received_msat"] = json!(amount.msat());
            wire["paid_at"] = json!(now);
            wire["payment_preimage"] = json!("00".repeat(32));
        }
        wire
    }
}

impl PayRecord {
    /// Writes the payment as `listpays` does.
    pub(super) fn wire(&self, index: usize) -> Value {
        let mut wire = json!({
            "bolt11": self.bolt11,
            "destination": super::node::ID,
            "payment_hash": self.hash.to_string(),
            "status": "pending",
            "created_at": self.created,
            "created_index": index,
            "amount_msat": self.amount.msat(),
            "amount_sent_msat": self.sent.msat(),
        });
        match &self.state {
            PayState::Complete(preimage) => {
                wire["status"] = json!("complete");
                wire["preimage"] = json!(preimage.to_hex());
                wire["completed_at"] = json!(self.created);
            }
            PayState::Failed => wire["status"] = json!("failed"),
            PayState::Pending => {}
        }
        wire
    }
}
