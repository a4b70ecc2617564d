//! `get_balance`: what this agent can spend.

use std::sync::Arc;

use l402_host::BoxFuture;
use serde_json::json;

use super::answer::Answer;
use super::card::Card;
use super::interface::{Call, Tool};
use super::schema::{self, ASKS, amount_or_null, object, text_or_null};
use crate::mcp::purse::Purse;

/// The tool `get_balance`.
pub(super) struct GetBalance {
    purse: Arc<Purse>,
    card: Card,
}

impl GetBalance {
    pub(super) fn of(purse: &Arc<Purse>) -> Self {
        let purse = Arc::clone(purse);
        let card = card();
        Self { purse, card }
    }
}

const DESCRIPTION: &str = "Ask how much you can spend now: the balance of the wallet, and not more than \
    what your budget leaves. Costs nothing. A single payment may be limited further; see budget_status.";

fn card() -> Card {
    Card {
        name: "get_balance",
        title: "Ask the balance",
        description: DESCRIPTION,
        input: object(json!({}), &[]),
        output: object(
            json!({
                "balance_msat": amount_or_null(),
                "balance_sat": {
                    "type": ["integer", "null"], "minimum": 0, "description": "Rounded down.",
                },
                "capped_by_budget": {
                    "type": ["boolean", "null"],
                    "description": "True if the budget leaves less than the wallet holds.",
                },
                "network": text_or_null(),
                "error": schema::error(),
                "notes": schema::notes(),
            }),
            &[
                "balance_msat",
                "balance_sat",
                "capped_by_budget",
                "network",
                "error",
                "notes",
            ],
        ),
        hints: ASKS,
    }
}

impl Tool for GetBalance {
    fn card(&self) -> &Card {
        &self.card
    }

    fn call(&self, _call: Call) -> BoxFuture<'_, Answer> {
        Box::pin(async move { Answer::unbuilt(&self.purse) })
    }
}
