//! `create_invoice`: an invoice that somebody else pays.

use std::sync::Arc;

use l402_host::BoxFuture;
use std::time::Duration;

use l402_client::ToolCall;
use l402_lightning::{InvoiceRequest, NewInvoice};
use serde_json::{Value, json};

use super::answer::ToolAnswer;
use super::argument::Arguments;
use super::card::{Card, Hints};
use super::interface::{Call, Tool};
use super::result::{argument_fault, cli_fault, message_of, plain, wallet_fault};
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

/// The life of an invoice in seconds, unless the call says how long.
const EXPIRY_DEFAULT: u64 = 3600;

/// The longest life of an invoice, in seconds: a week.
const EXPIRY_MAX: u64 = 604_800;

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
                    "type": "integer", "minimum": 60, "maximum": EXPIRY_MAX, "default": EXPIRY_DEFAULT,
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

    fn call(&self, call: Call) -> BoxFuture<'_, ToolAnswer> {
        Box::pin(async move { self.create(call).await })
    }
}

impl CreateInvoice {
    async fn create(&self, call: Call) -> ToolAnswer {
        let arguments = match Arguments::of(&self.card, call.arguments) {
            Ok(arguments) => arguments,
            Err(message) => return not_made(argument_fault(&message), message, Vec::new()),
        };
        let memo = arguments.text("memo").unwrap_or_default();
        // The schema counts characters, and the room in an invoice is counted in bytes.
        if memo.len() > MEMO_MAX {
            let message = format!(
                "memo has {} bytes; at most {MEMO_MAX} are taken",
                memo.len()
            );
            return not_made(argument_fault(&message), message, Vec::new());
        }
        let amount = arguments.sat("amount_sat").unwrap_or_default();
        let expiry = Duration::from_secs(arguments.number("expiry_secs").unwrap_or(EXPIRY_DEFAULT));
        let request = InvoiceRequest::new(amount, expiry, memo);
        let receiver = match self.purse.receiver().await {
            Ok(receiver) => receiver,
            Err(error) => return not_made(cli_fault(&error), error.to_string(), arguments.notes),
        };
        match receiver.create_invoice(request).await {
            Ok(invoice) => self.made(invoice, &arguments),
            Err(error) => {
                let hint = "ask your user whether the wallet can be paid";
                let fault = wallet_fault(&error, Some(hint));
                let line = message_of(&fault);
                not_made(fault, line, arguments.notes)
            }
        }
    }

    fn made(&self, invoice: NewInvoice, arguments: &Arguments) -> ToolAnswer {
        let hash = invoice.payment_hash();
        let noted = self.purse.journal().note_tool_call(&ToolCall {
            agent: self.purse.agent().clone(),
            tool: self.card.name.to_owned(),
            key: hash.to_string(),
            arguments: arguments.digest,
            created: self.purse.now(),
            payment_hash: Some(hash),
        });
        if let Err(error) = noted {
            // An invoice that nobody could look up afterwards is not handed out.
            let fault = super::result::client_fault(&error);
            return not_made(fault, error.to_string(), arguments.notes.clone());
        }
        let amount = invoice.terms().amount;
        let fields = json!({
            "invoice": invoice.bolt11(),
            "payment_hash": hash.to_string(),
            "amount_msat": amount.map(l402::Msat::msat),
            "expires": invoice.expires().to_rfc3339(),
        });
        let shown = amount.map_or_else(String::new, |amount| format!(" for {amount}"));
        let line = format!(
            "an invoice{shown}, payment hash {hash}: {}",
            invoice.bolt11()
        );
        // For lookup_payment: the journal holds neither the amount of an invoice nor its end.
        self.purse.remember_invoice(invoice);
        plain(fields, line, arguments.notes.clone())
    }
}

/// The longest memo, in bytes: BOLT 11 has room for no longer one.
const MEMO_MAX: usize = 639;

fn not_made(error: Value, line: String, notes: Vec<String>) -> ToolAnswer {
    let fields = json!({
        "invoice": null, "payment_hash": null, "amount_msat": null, "expires": null, "error": error,
    });
    plain(fields, line, notes)
}
