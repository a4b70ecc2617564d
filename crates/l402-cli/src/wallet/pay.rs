//! One invoice, paid by hand.

use std::time::Duration;

use l402::text::escape;
use l402::{Invoice, InvoiceError};
use l402_client::{Limits, Refused};
use l402_lightning::{Node, Pay, PayRequest, Payment};
use serde_json::{Value, json};

use crate::buyer::{open_default, open_noting, wrong_network_hint};
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::text::money::MaxFee;
use crate::text::output::style;

/// An invoice to be paid, with the limits for its payment.
pub(crate) struct Bill<'a> {
    /// The invoice, as it was given.
    pub(crate) bolt11: &'a str,
    /// The most that routing may cost, if it is given.
    pub(crate) max_fee: Option<MaxFee>,
    /// The longest time to wait for the outcome.
    pub(crate) deadline: Duration,
}

/// The outcome of the payment.
pub(crate) struct Report {
    /// The report for machines.
    pub(crate) value: Value,
    /// The report for people.
    pub(crate) text: String,
    /// The exit status.
    pub(crate) code: ExitCode,
}

/// Pays the bill with this wallet, else with those that the home folder prefers, else with the
/// sandbox. If its invoice has expired, returns the outcome of an earlier payment.
pub(crate) async fn pay(
    bill: &Bill<'_>,
    wallet: Option<&Node>,
    context: &Context,
) -> Result<Report, CliError> {
    let invoice = Invoice::decode(bill.bolt11).map_err(refuse_invoice)?;
    let amount = invoice.required_amount().map_err(refuse_invoice)?;
    let preferred = match wallet {
        Some(_) => None,
        None => open_default(context).await?,
    };
    let wallet = match preferred {
        Some(wallet) => wallet,
        None => open_noting(wallet.unwrap_or(&Node::Sandbox), context).await?,
    };
    // Before the wallet is asked, so that the error can promise that no money moved.
    if wallet.network() != invoice.network {
        let text = format!(
            "the invoice is for {}, the wallet for {}",
            invoice.network,
            wallet.network()
        );
        return Err(refuse(Refused::WrongNetwork, &text).with_hint(wrong_network_hint(context)));
    }
    let outcome = if invoice.expires <= context.clock.wall() {
        paid_before(&*wallet, &invoice).await?
    } else {
        let limits = bill
            .max_fee
            .map_or(Limits::default(), |fee| fee.apply(Limits::default()));
        let request = PayRequest::new(
            bill.bolt11.to_owned(),
            limits.max_fee(amount),
            bill.deadline,
        );
        wallet.pay(request).await
    };
    let (mut value, text, code) = report(&outcome, &invoice);
    if let Value::Object(fields) = &mut value {
        fields.insert(
            "payment_hash".to_owned(),
            invoice.payment_hash.to_string().into(),
        );
    }
    Ok(Report { value, text, code })
}

/// Looks an expired invoice up. It cannot be paid any more, but an earlier call may have paid it.
async fn paid_before(wallet: &dyn Pay, invoice: &Invoice) -> Result<Payment, CliError> {
    match wallet.lookup(invoice.payment_hash).await {
        Ok(Some(outcome)) => Ok(outcome),
        Ok(None) => Err(refuse(Refused::InvoiceExpired, "the invoice has expired")),
        Err(error) => {
            let text = format!(
                "the invoice has expired, and the wallet cannot say whether it was paid before: {}",
                escape(&error.to_string())
            );
            Err(
                CliError::new(exit_code::PAYMENT_UNKNOWN, "payment_unknown", text)
                    .after_money_moved()
                    .with_hint("ask again later with the same command: it pays nothing"),
            )
        }
    }
}

/// Returns the outcome for machines and for people, and the exit status.
fn report(outcome: &Payment, invoice: &Invoice) -> (Value, String, ExitCode) {
    match outcome {
        // The preimage is printed even if it proves nothing, for a claim to the wallet's maker; the exit
        // status tells the two apart. An unknown outcome is never reported as failed: a reader of `failed`
        // may pay by other means.
        Payment::Settled {
            preimage,
            paid,
            fee,
        } => {
            let proven = preimage.proves(&invoice.payment_hash);
            let value = json!({
                "status": if proven { "settled" } else { "settled_without_proof" },
                "preimage": preimage.to_hex(),
                "paid_msat": paid.msat(),
                "fee_msat": fee.msat(),
            });
            let paid = style::paint(style::MONEY, &format!("paid {paid}"));
            let text = format!("{paid}, fee {fee}\npreimage {}\n", preimage.to_hex());
            if proven {
                (value, text, exit_code::OK)
            } else {
                (
                    value,
                    text + "the preimage does not prove it\n",
                    exit_code::PAID_WITHOUT_PROOF,
                )
            }
        }
        Payment::Failed(failure) => {
            let reason = escape(&failure.error.to_string());
            let text = format!("failed: {reason}; no money moved\n");
            (
                unsettled("failed", &reason),
                text,
                exit_code::PAYMENT_FAILED,
            )
        }
        Payment::Unknown(unknown) => {
            let reason = escape(&unknown.error.to_string());
            let text = format!("unknown: {reason}\nask again later with the same command\n");
            (
                unsettled("unknown", &reason),
                text,
                exit_code::PAYMENT_UNKNOWN,
            )
        }
    }
}

fn unsettled(status: &str, reason: &str) -> Value {
    json!({
        "status": status,
        "preimage": null,
        "paid_msat": 0,
        "fee_msat": 0,
        "reason": reason,
    })
}

fn refuse(reason: Refused, text: &str) -> CliError {
    let text = format!("{text}; no money moved");
    CliError::new(exit_code::of_refusal(reason), reason.code(), text)
}

fn refuse_invoice(error: InvoiceError) -> CliError {
    let reason = match error {
        InvoiceError::Amountless => Refused::Amountless,
        InvoiceError::Signature => Refused::InvoiceSignature,
        _ => Refused::InvoiceMalformed,
    };
    refuse(reason, &error.to_string())
}
