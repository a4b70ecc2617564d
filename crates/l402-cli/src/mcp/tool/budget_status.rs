//! `budget_status`: the limits of this agent, and what is left of them.

use std::sync::Arc;

use l402_host::BoxFuture;
use serde_json::json;

use super::answer::Answer;
use super::card::Card;
use super::interface::{Call, Tool};
use super::schema::{self, READS, amount, amount_or_null, object, text_or_null, time_or_null};
use crate::mcp::purse::Purse;

/// The tool `budget_status`.
pub(super) struct BudgetStatus {
    purse: Arc<Purse>,
    card: Card,
}

impl BudgetStatus {
    pub(super) fn of(purse: &Arc<Purse>) -> Self {
        let purse = Arc::clone(purse);
        let card = card();
        Self { purse, card }
    }
}

const DESCRIPTION: &str = "Show the limits that a person has set for you, what is spent of them, and when \
    it frees again; the amount above which a person must approve a payment; the hosts that you may fetch \
    from; and payments that wait for approval. Costs nothing and changes nothing: no tool raises a limit.";

fn card() -> Card {
    let hosts = json!({ "type": ["array", "null"], "items": { "type": "string" } });
    let limit = object(
        json!({
            "which": { "type": "string" },
            "limit_msat": amount(),
            "spent_msat": amount(),
            "left_msat": amount(),
            "frees": time_or_null(),
            "about": text_or_null(),
        }),
        &[
            "which",
            "limit_msat",
            "spent_msat",
            "left_msat",
            "frees",
            "about",
        ],
    );
    let mandate = object(
        json!({ "up_to_msat": amount(), "hosts": hosts, "until": time_or_null() }),
        &["up_to_msat", "hosts", "until"],
    );
    let approval = object(
        json!({
            "id": { "type": "integer" },
            "tool": { "type": "string" },
            "amount_msat": amount(),
            "fee_limit_msat": amount(),
            "payee": { "type": "string" },
            "origin": text_or_null(),
            "expires": { "type": "string" },
        }),
        &[
            "id",
            "tool",
            "amount_msat",
            "fee_limit_msat",
            "payee",
            "origin",
            "expires",
        ],
    );
    let list = |items| json!({ "type": "array", "items": items });
    Card {
        name: "budget_status",
        title: "Show the limits",
        description: DESCRIPTION,
        input: object(json!({}), &[]),
        output: object(
            json!({
                "agent": { "type": "string" },
                "stopped": { "type": "boolean", "description": "True if nothing is paid at all." },
                "limits": list(limit),
                "approve_above_msat": amount_or_null(),
                "hosts": hosts,
                "invoices_without_url": {
                    "type": "boolean",
                    "description": "False if each payment without a URL needs approval.",
                },
                "mandates": list(mandate),
                "waiting": list(approval),
                "error": schema::error(),
                "notes": schema::notes(),
            }),
            &[
                "agent",
                "stopped",
                "limits",
                "approve_above_msat",
                "hosts",
                "invoices_without_url",
                "mandates",
                "waiting",
                "error",
                "notes",
            ],
        ),
        hints: READS,
    }
}

impl Tool for BudgetStatus {
    fn card(&self) -> &Card {
        &self.card
    }

    fn call(&self, _call: Call) -> BoxFuture<'_, Answer> {
        Box::pin(async move { Answer::unbuilt(&self.purse) })
    }
}
