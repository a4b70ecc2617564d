//! `budget_status`: the limits of this agent, and what is left of them.

use std::sync::Arc;

use l402::UnixTime;
use l402_client::{Approval, Error, Mandate};
use l402_host::BoxFuture;
use serde_json::{Value, json};

use super::answer::ToolAnswer;
use super::argument::Arguments;
use super::card::Card;
use super::interface::{Call, Tool};
use super::result::{argument_fault, client_fault, plain};
use super::schema::{self, READS, amount, amount_or_null, object, text_or_null, time_or_null};
use crate::mcp::purse::{Limit, Purse};

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
                "limits": list(limit_schema()),
                "approve_above_msat": amount_or_null(),
                "hosts": hosts_schema(),
                "invoices_without_url": {
                    "type": "boolean",
                    "description": "False if each payment without a URL needs approval.",
                },
                "mandates": list(mandate_schema()),
                "waiting": list(approval_schema()),
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

fn hosts_schema() -> Value {
    json!({ "type": ["array", "null"], "items": { "type": "string" } })
}

fn limit_schema() -> Value {
    object(
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
    )
}

fn mandate_schema() -> Value {
    object(
        json!({ "up_to_msat": amount(), "hosts": hosts_schema(), "until": time_or_null() }),
        &["up_to_msat", "hosts", "until"],
    )
}

fn approval_schema() -> Value {
    object(
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
    )
}

impl Tool for BudgetStatus {
    fn card(&self) -> &Card {
        &self.card
    }

    fn call(&self, call: Call) -> BoxFuture<'_, ToolAnswer> {
        Box::pin(async move { self.status(call).await })
    }
}

impl BudgetStatus {
    async fn status(&self, call: Call) -> ToolAnswer {
        let arguments = match Arguments::of(&self.card, call.arguments) {
            Ok(arguments) => arguments,
            Err(message) => {
                let error = argument_fault(&message);
                return self.unread(&error, message, Vec::new());
            }
        };
        match self.read() {
            Ok((fields, line)) => plain(fields, line, arguments.notes),
            Err(error) => self.unread(&client_fault(&error), error.to_string(), arguments.notes),
        }
    }

    fn read(&self) -> Result<(Value, String), Error> {
        let (purse, now) = (&self.purse, self.purse.now());
        let (agent, status) = (purse.row()?, purse.status()?);
        let journal = purse.journal();
        let mandates = journal.mandates(purse.agent())?.into_iter();
        // The journal still returns those that are past their time, and they allow nothing.
        let mandates = mandates.filter(|it| it.until.is_none_or(|until| until > now));
        let waiting = journal.waiting_approvals(now)?.into_iter();
        // The journal holds the approvals of all agents, and one must not read those of another.
        let waiting = waiting.filter(|approval| approval.agent == *purse.agent());
        let left = status.left().map(|left| format!("{left} left in all; "));
        let threshold = agent.threshold();
        let line = if status.is_stopped {
            "stopped: a person has stopped all payments of this agent".to_owned()
        } else {
            let left = left.unwrap_or_default();
            format!("{left}a payment above {threshold}, fee included, needs a person")
        };
        let fields = json!({
            "agent": purse.agent().as_str(),
            "stopped": status.is_stopped,
            "limits": status.limits.iter().map(limit).collect::<Vec<_>>(),
            "approve_above_msat": threshold.msat(),
            "hosts": agent.hosts,
            "invoices_without_url": !agent.asks_for_invoices(),
            "mandates": mandates.map(|it| mandate(&it)).collect::<Vec<_>>(),
            "waiting": waiting.map(|it| approval(&it)).collect::<Vec<_>>(),
        });
        Ok((fields, line))
    }

    fn unread(&self, error: &Value, line: String, notes: Vec<String>) -> ToolAnswer {
        let fields = json!({
            "agent": self.purse.agent().as_str(), "stopped": false, "limits": [],
            "approve_above_msat": null, "hosts": null, "invoices_without_url": false,
            "mandates": [], "waiting": [], "error": error,
        });
        plain(fields, line, notes)
    }
}

fn limit(limit: &Limit) -> Value {
    json!({
        "which": limit.which.name(),
        "limit_msat": limit.limit.msat(),
        "spent_msat": limit.spent.msat(),
        "left_msat": limit.left.msat(),
        "frees": limit.frees.map(UnixTime::to_rfc3339),
        "about": limit.about,
    })
}

fn mandate(mandate: &Mandate) -> Value {
    json!({
        "up_to_msat": mandate.up_to.msat(),
        "hosts": mandate.hosts,
        "until": mandate.until.map(UnixTime::to_rfc3339),
    })
}

fn approval(approval: &Approval) -> Value {
    json!({
        "id": approval.id,
        "tool": approval.tool,
        "amount_msat": approval.amount.msat(),
        "fee_limit_msat": approval.fee_limit.msat(),
        "payee": approval.payee,
        "origin": approval.origin,
        "expires": approval.expires.to_rfc3339(),
    })
}
