//! `receipts`: what this agent has paid.

use std::sync::Arc;

use l402_client::{Entry, EntryQuery, Error};
use l402_host::BoxFuture;
use serde_json::{Value, json};

use super::answer::ToolAnswer;
use super::argument::Arguments;
use super::card::Card;
use super::interface::{Call, Tool};
use super::result::{argument_fault, client_fault, plain};
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

/// The receipts of one page, unless the call says how many.
const PAGE_DEFAULT: u64 = 20;

/// The most receipts of one page.
const PAGE_MAX: u64 = 100;

/// The furthest that a page may begin.
const OFFSET_MAX: u64 = 10_000;

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
                "limit": { "type": "integer", "minimum": 1, "maximum": PAGE_MAX, "default": PAGE_DEFAULT },
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

    fn call(&self, call: Call) -> BoxFuture<'_, ToolAnswer> {
        Box::pin(async move { self.list(call).await })
    }
}

impl Receipts {
    async fn list(&self, call: Call) -> ToolAnswer {
        let arguments = match Arguments::of(&self.card, call.arguments) {
            Ok(arguments) => arguments,
            Err(message) => {
                let error = argument_fault(&message);
                return none(&error, message, Vec::new());
            }
        };
        let limit = arguments.number("limit").unwrap_or(PAGE_DEFAULT);
        let offset = arguments.number("offset").unwrap_or(0);
        match self.read(limit, offset) {
            Ok((fields, line)) => plain(fields, line, arguments.notes),
            Err(error) => none(&client_fault(&error), error.to_string(), arguments.notes),
        }
    }

    fn read(&self, limit: u64, offset: u64) -> Result<(Value, String), Error> {
        let journal = self.purse.journal();
        let own = EntryQuery::default().of_budget(self.purse.agent().clone());
        // The journal has no offset, so the rows before the page are read as well.
        let end = u32::try_from(limit + offset).unwrap_or(u32::MAX);
        let entries = journal.page(&own, end, None)?.entries;
        let count = journal.count(&own)?;
        let (paid, sum) = journal.total(&own)?;
        let first = usize::try_from(offset).unwrap_or(usize::MAX);
        let shown: Vec<_> = entries.iter().skip(first).map(receipt).collect();
        let line = format!("{count} payments, {paid} of them paid, {sum} in all with fees");
        let fields = json!({
            "has_more": offset + (shown.len() as u64) < count,
            "receipts": shown,
            "count": count,
            "paid_msat": sum.msat(),
        });
        Ok((fields, line))
    }
}

fn receipt(entry: &Entry) -> Value {
    // `paid` is zero before the wallet has paid, and then the amount of the invoice is shown.
    let amount = entry.amount.max(entry.paid);
    json!({
        "payment_hash": entry.payment_hash.to_string(),
        "url": format!("{}{}", entry.origin, entry.path),
        "state": entry.state.name(),
        "amount_msat": amount.msat(),
        "amount_sat": amount.ceil_sat(),
        "fee_msat": entry.fee.msat(),
        "created": entry.created.to_rfc3339(),
        "updated": entry.updated.to_rfc3339(),
    })
}

fn none(error: &Value, line: String, notes: Vec<String>) -> ToolAnswer {
    let fields = json!({
        "receipts": [], "count": 0, "paid_msat": 0, "has_more": false, "error": error,
    });
    plain(fields, line, notes)
}
