//! `get_balance`: what this agent can spend.

use std::sync::Arc;

use l402_host::BoxFuture;
use std::time::Duration;

use l402::{Msat, Network};
use serde_json::{Value, json};

use super::answer::ToolAnswer;
use super::argument::Arguments;
use super::card::Card;
use super::interface::{Call, Tool};
use super::result::{argument_fault, cli_fault, fault, message_of, plain, wallet_fault};
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

    fn call(&self, call: Call) -> BoxFuture<'_, ToolAnswer> {
        Box::pin(async move { self.balance(call).await })
    }
}

/// The longest that the wallet is waited for.
const PATIENCE: Duration = Duration::from_secs(15);

impl GetBalance {
    async fn balance(&self, call: Call) -> ToolAnswer {
        let arguments = match Arguments::of(&self.card, call.arguments) {
            Ok(arguments) => arguments,
            Err(message) => {
                let error = argument_fault(&message);
                return unknown(error, message, Vec::new());
            }
        };
        let notes = arguments.notes;
        let wallet = match self.purse.wallet().await {
            Ok(wallet) => wallet,
            Err(error) => return unknown(cli_fault(&error), error.to_string(), notes),
        };
        let asked = tokio::time::timeout(PATIENCE, wallet.balance()).await;
        let balance = match asked {
            Ok(Ok(balance)) => balance,
            Ok(Err(error)) => {
                let fault = wallet_fault(&error, None);
                let line = message_of(&fault);
                return unknown(fault, line, notes);
            }
            Err(_) => {
                let message = format!("the wallet gave no answer within {} s", PATIENCE.as_secs());
                return unknown(fault("wallet", &message, None), message, notes);
            }
        };
        // After the wallet, which may take seconds in which other calls spend.
        match self.purse.status() {
            Ok(status) => capped(balance, status.left(), wallet.network(), notes),
            Err(error) => unknown(
                super::result::client_fault(&error),
                error.to_string(),
                notes,
            ),
        }
    }
}

/// Returns the answer: not more than the budget leaves.
fn capped(balance: Msat, left: Option<Msat>, network: Network, notes: Vec<String>) -> ToolAnswer {
    let lower = left.filter(|left| *left < balance);
    let shown = lower.unwrap_or(balance);
    let fields = json!({
        "balance_msat": shown.msat(),
        "balance_sat": shown.msat() / 1000,
        "capped_by_budget": lower.is_some(),
        "network": network.name(),
    });
    let why = if lower.is_some() {
        ", which is what your budget leaves"
    } else {
        ""
    };
    plain(fields, format!("{shown} on {network}{why}"), notes)
}

fn unknown(error: Value, line: String, notes: Vec<String>) -> ToolAnswer {
    let fields = json!({
        "balance_msat": null, "balance_sat": null, "capped_by_budget": null, "network": null,
        "error": error,
    });
    plain(fields, line, notes)
}
