//! `create_invoice`: an invoice that somebody else pays.

use std::sync::Arc;

use l402_host::BoxFuture;
use serde_json::json;

use super::answer::Answer;
use super::card::{Card, Hints};
use super::interface::{Call, Tool};
use super::schema::{self, amount_or_null, object, sat, text_or_null, time_or_null};
use crate::mcp::purse::Purse;

/// The tool `create_invoice`.
pub(super) struct CreateInvoice {
    purse: Arc<Purse>,
    card: Card,
}

impl CreateInvoice {
    pub(super) fn of(purse: &Arc<Purse>) -> Self {
        let purse = Arc::clone(purse);
        let card = card();
        Self { purse, card }
    }
}

/// The lengths of life of an invoice, in seconds: the default, and the longest.
pub(super) const EXPIRY: (u64, u64) = (3600, 604_800);

const DESCRIPTION: &str = "Make a Lightning invoice that somebody else pays to this wallet. Costs \
    nothing. Give the text `invoice` to the payer, and call lookup_payment with the payment_hash to \
    learn whether it was paid. What comes in does not raise what you may spend. The memo is public: put \
    no secret into it.";

fn card() -> Card {
    Card {
        name: "create_invoice",
        title: "Make an invoice",
        description: DESCRIPTION,
        input: object(
            json!({
                "amount_sat": sat("The amount to receive, in satoshi."),
                "memo": {
                    "type": "string", "maxLength": 639,
                    "description": "Shown to the payer, and public.",
                },
                "expiry_secs": {
                    "type": "integer", "minimum": 60, "maximum": EXPIRY.1, "default": EXPIRY.0,
                },
            }),
            &["amount_sat"],
        ),
        output: object(
            json!({
                "invoice": text_or_null(),
                "payment_hash": text_or_null(),
                "amount_msat": amount_or_null(),
                "expires": time_or_null(),
                "error": schema::error(),
                "notes": schema::notes(),
            }),
            &[
                "invoice",
                "payment_hash",
                "amount_msat",
                "expires",
                "error",
                "notes",
            ],
        ),
        hints: Hints {
            read_only: false,
            destructive: false,
            idempotent: false,
            open_world: true,
        },
    }
}

impl Tool for CreateInvoice {
    fn card(&self) -> &Card {
        &self.card
    }

    fn call(&self, _call: Call) -> BoxFuture<'_, Answer> {
        Box::pin(async move { Answer::unbuilt(&self.purse) })
    }
}
