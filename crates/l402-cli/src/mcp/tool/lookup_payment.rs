//! `lookup_payment`: what became of a payment or of an invoice of this agent.

use std::sync::Arc;

use l402::{Msat, PaymentHash, UnixTime};
use l402_client::{Entry, State};
use l402_host::BoxFuture;
use l402_lightning::InvoiceState;
use serde_json::{Value, json};

use super::answer::ToolAnswer;
use super::argument::Arguments;
use super::buying::not_ready;
use super::card::Card;
use super::interface::{Call, Tool};
use super::result::{
    PayingResult, argument_fault, cli_fault, client_fault, fault, message_of, plain, wallet_fault,
};
use super::resuming::settled;
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

    fn call(&self, call: Call) -> BoxFuture<'_, ToolAnswer> {
        Box::pin(async move { self.look_up(call).await })
    }
}

impl LookupPayment {
    async fn look_up(&self, call: Call) -> ToolAnswer {
        let arguments = match Arguments::of(&self.card, call.arguments) {
            Ok(arguments) => arguments,
            Err(message) => {
                let error = argument_fault(&message);
                return answer(
                    "unknown",
                    "",
                    json!({ "error": error }),
                    message,
                    Vec::new(),
                );
            }
        };
        let notes = arguments.notes.clone();
        let Some(hash) = arguments.hash("payment_hash") else {
            let error = fault("invalid_arguments", "payment_hash is no hash", None);
            let line = "payment_hash is no hash".to_owned();
            return answer("unknown", "", json!({ "error": error }), line, notes);
        };
        match settled(&self.purse, &hash).await {
            Ok(Some(entry)) => outgoing(&entry, notes),
            Ok(None) => self.incoming(hash, notes).await,
            Err(why) => {
                let PayingResult { error, line, .. } = not_ready(why);
                let more = json!({ "error": error });
                answer("unknown", &hash.to_string(), more, line, notes)
            }
        }
    }

    /// Looks up an invoice of this agent.
    async fn incoming(&self, hash: PaymentHash, notes: Vec<String>) -> ToolAnswer {
        let text = hash.to_string();
        // The journal is asked before the wallet, which may know invoices of others, too.
        let made = self
            .purse
            .journal()
            .tool_call(self.purse.agent(), "create_invoice", &text);
        let made = match made {
            Ok(Some(made)) => made,
            Ok(None) => {
                let line = "no payment and no invoice of yours has this hash".to_owned();
                return answer("unknown", &text, json!({}), line, notes);
            }
            Err(error) => {
                let more = json!({ "error": client_fault(&error) });
                return answer("unknown", &text, more, error.to_string(), notes);
            }
        };
        let (name, paid) = match self.state_of_invoice(hash).await {
            Ok(state) => state,
            Err(error) => {
                let line = message_of(&error);
                let more = json!({ "direction": "incoming", "error": error });
                return answer("unknown", &text, more, line, notes);
            }
        };
        let more = json!({
            "direction": "incoming",
            "amount_msat": paid.map(Msat::msat),
            "amount_sat": paid.map(Msat::ceil_sat),
            "created": made.created.to_rfc3339(),
        });
        let line = format!("the invoice {text} is {name}");
        answer(name, &text, more, line, notes)
    }

    /// Asks the wallet for the state of an invoice, and returns its name and the amount, if that is known.
    async fn state_of_invoice(
        &self,
        hash: PaymentHash,
    ) -> Result<(&'static str, Option<Msat>), Value> {
        let receiver = self.purse.receiver().await;
        let receiver = receiver.map_err(|error| cli_fault(&error))?;
        let invoice = self.purse.invoice_of(&hash);
        let amount = invoice.as_ref().and_then(|invoice| invoice.terms().amount);
        let reference = invoice.as_ref().and_then(|invoice| invoice.reference());
        // Some wallets need more than the hash. The invoice says it, if this run has made it.
        let state = match (reference, amount) {
            (Some(reference), Some(amount)) => {
                receiver.lookup_by(reference.to_owned(), hash, amount).await
            }
            _ => receiver.lookup(hash).await,
        };
        let state = state.map_err(|error| wallet_fault(&error, Some("call again later")))?;
        let is_over = invoice.is_some_and(|invoice| invoice.expires() <= self.purse.now());
        Ok(match state {
            InvoiceState::Settled { paid } => ("settled", Some(paid)),
            InvoiceState::Held => ("held", amount),
            InvoiceState::Cancelled => ("cancelled", amount),
            _ if is_over => ("expired", amount),
            // Some wallets know an invoice only once it is paid.
            _ => ("open", amount),
        })
    }
}

/// Returns the answer for a payment of this agent.
fn outgoing(entry: &Entry, notes: Vec<String>) -> ToolAnswer {
    let state = match entry.state {
        State::Failed => "failed",
        State::Intent | State::Unknown => "pending",
        // Any further state: paid, as far as anybody knows.
        _ => "settled",
    };
    let amount = entry.amount.max(entry.paid);
    let hash = entry.payment_hash.to_string();
    // An invoice alone buys no answer, so there is nothing to say about one.
    let is_answered = !entry.is_invoice && state == "settled";
    let more = json!({
        "direction": "outgoing",
        "amount_msat": amount.msat(),
        "amount_sat": amount.ceil_sat(),
        "fee_msat": entry.fee.msat(),
        "url": format!("{}{}", entry.origin, entry.path),
        "served": is_answered.then_some(entry.state == State::Served),
        "created": UnixTime::to_rfc3339(entry.created),
        "updated": UnixTime::to_rfc3339(entry.updated),
    });
    let line = match state {
        "pending" => format!("payment {hash} of {amount} is pending: do not pay again"),
        "failed" => format!("payment {hash} failed; nothing was paid"),
        _ => format!("payment {hash} of {amount}, fee {}, is settled", entry.fee),
    };
    answer(state, &hash, more, line, notes)
}

fn answer(state: &str, hash: &str, more: Value, line: String, notes: Vec<String>) -> ToolAnswer {
    let mut fields = json!({
        "direction": null, "state": state, "payment_hash": hash, "amount_msat": null,
        "amount_sat": null, "fee_msat": null, "url": null, "served": null, "created": null,
        "updated": null,
    });
    if let (Value::Object(all), Value::Object(more)) = (&mut fields, more) {
        all.extend(more);
    }
    plain(fields, line, notes)
}
