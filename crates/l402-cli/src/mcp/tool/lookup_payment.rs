//! `lookup_payment`: what became of a payment or of an invoice of this agent.

use std::sync::Arc;

use l402_host::BoxFuture;
use serde_json::json;

use super::answer::Answer;
use super::card::Card;
use super::interface::{Call, Tool};
use super::schema::{self, ASKS, amount_or_null, object, text_or_null, time_or_null};
use crate::mcp::purse::Purse;

/// The tool `lookup_payment`.
pub(super) struct LookupPayment {
    purse: Arc<Purse>,
    card: Card,
}

impl LookupPayment {
    pub(super) fn of(purse: &Arc<Purse>) -> Self {
        let purse = Arc::clone(purse);
        let card = card();
        Self { purse, card }
    }
}

const DESCRIPTION: &str = "Look up what became of a payment that you made, or of an invoice that you \
    made with create_invoice. Never pays. `state` of a payment: `settled`, `pending` (do not pay again), \
    `failed` (nothing was paid); of an invoice: `open`, `held`, `settled`, `cancelled`, `expired`; \
    `unknown` if no payment and no invoice of yours has this hash.";

fn card() -> Card {
    Card {
        name: "lookup_payment",
        title: "Look up a payment",
        description: DESCRIPTION,
        input: object(
            json!({ "payment_hash": schema::hash("The payment or invoice to look up.") }),
            &["payment_hash"],
        ),
        output: object(
            json!({
                "direction": { "type": ["string", "null"], "enum": ["outgoing", "incoming", null] },
                "state": {
                    "type": "string",
                    "enum": [
                        "settled", "pending", "failed", "open", "held", "cancelled", "expired", "unknown",
                    ],
                },
                "payment_hash": { "type": "string" },
                "amount_msat": amount_or_null(),
                "amount_sat": amount_or_null(),
                "fee_msat": amount_or_null(),
                "url": text_or_null(),
                "served": {
                    "type": ["boolean", "null"],
                    "description": "False if it was paid and its answer was not had yet: call l402_resume.",
                },
                "created": time_or_null(),
                "updated": time_or_null(),
                "error": schema::error(),
                "notes": schema::notes(),
            }),
            &[
                "direction",
                "state",
                "payment_hash",
                "amount_msat",
                "amount_sat",
                "fee_msat",
                "url",
                "served",
                "created",
                "updated",
                "error",
                "notes",
            ],
        ),
        hints: ASKS,
    }
}

impl Tool for LookupPayment {
    fn card(&self) -> &Card {
        &self.card
    }

    fn call(&self, _call: Call) -> BoxFuture<'_, Answer> {
        Box::pin(async move { Answer::unbuilt(&self.purse) })
    }
}
