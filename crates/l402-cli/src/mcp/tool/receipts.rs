//! `receipts`: what this agent has paid.

use std::sync::Arc;

use l402_host::BoxFuture;
use serde_json::json;

use super::answer::Answer;
use super::card::Card;
use super::interface::{Call, Tool};
use super::schema::{self, READS, amount, object};
use crate::mcp::purse::Purse;

/// The tool `receipts`.
pub(super) struct Receipts {
    purse: Arc<Purse>,
    card: Card,
}

impl Receipts {
    pub(super) fn of(purse: &Arc<Purse>) -> Self {
        let purse = Arc::clone(purse);
        let card = card();
        Self { purse, card }
    }
}

/// The receipts of one page: the usual number, and the most.
pub(super) const PAGE: (u64, u64) = (20, 100);

/// The furthest that a page may begin.
pub(super) const OFFSET_MAX: u64 = 10_000;

const DESCRIPTION: &str = "List your own payments, the newest first: price, fee, URL, what became of \
    each, and the sum of all. Costs nothing. `state`: `paid` (its answer was not had yet: call \
    l402_resume), `served`, `refused` (paid, and the seller did not serve), `unknown` (may still go \
    through: do not pay again), `failed` (nothing was paid).";

fn card() -> Card {
    let receipt = object(
        json!({
            "payment_hash": { "type": "string" },
            "url": { "type": "string", "description": "Without its query; `lightning:` and the payee for an invoice." },
            "state": { "type": "string" },
            "amount_msat": amount(),
            "amount_sat": amount(),
            "fee_msat": amount(),
            "created": { "type": "string" },
            "updated": { "type": "string" },
        }),
        &[
            "payment_hash",
            "url",
            "state",
            "amount_msat",
            "amount_sat",
            "fee_msat",
            "created",
            "updated",
        ],
    );
    Card {
        name: "receipts",
        title: "List payments",
        description: DESCRIPTION,
        input: object(
            json!({
                "limit": { "type": "integer", "minimum": 1, "maximum": PAGE.1, "default": PAGE.0 },
                "offset": { "type": "integer", "minimum": 0, "maximum": OFFSET_MAX, "default": 0 },
            }),
            &[],
        ),
        output: object(
            json!({
                "receipts": { "type": "array", "items": receipt },
                "count": { "type": "integer", "minimum": 0, "description": "All payments of yours." },
                "paid_msat": { "type": "integer", "minimum": 0, "description": "The sum, fees included." },
                "has_more": { "type": "boolean" },
                "error": schema::error(),
                "notes": schema::notes(),
            }),
            &[
                "receipts",
                "count",
                "paid_msat",
                "has_more",
                "error",
                "notes",
            ],
        ),
        hints: READS,
    }
}

impl Tool for Receipts {
    fn card(&self) -> &Card {
        &self.card
    }

    fn call(&self, _call: Call) -> BoxFuture<'_, Answer> {
        Box::pin(async move { Answer::unbuilt(&self.purse) })
    }
}
