//! One invoice, paid by hand.

use std::sync::Arc;
use std::time::Duration;

use l402::text::escape;
use l402::{Msat, PaymentHash, Preimage};
use l402_client::{BudgetLimit, Error, InvoicePayment, Journal, Outgoing, PaidInvoice, Refused};
use l402_lightning::{Node, Pay, Payment};
use serde_json::{Value, json};

use crate::buyer::{ClientConfig, SpendingArgs, open_default, open_noting, wrong_network_hint};
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::text::output::{style, tell};

/// An invoice to be paid, with the limits for its payment.
pub(crate) struct Bill<'a> {
    /// The invoice, as it was given.
    pub(crate) bolt11: &'a str,
    /// The wallet and the limits.
    pub(crate) spending: &'a SpendingArgs,
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

/// Pays the bill with the wallet that is named, else with those that the home folder prefers, else with
/// the sandbox. If it was paid before, returns the outcome of that payment.
pub(crate) async fn pay(bill: &Bill<'_>, context: &Context) -> Result<Report, CliError> {
    let payment = InvoicePayment::new(bill.bolt11);
    // Before a wallet is opened, which may be slow or away.
    let hash = match payment.invoice() {
        Ok(invoice) => invoice.payment_hash,
        Err(error) => return Err(not_paid(error, None, context)),
    };
    let config = ClientConfig::read(context)?;
    let journal = Journal::open(&context.home.client()?)?;
    let (client, _) = bill
        .spending
        .client(journal, Outgoing::default(), &config)?;
    let wallet = open(bill.spending.wallet.as_ref(), context).await?;
    let client = client
        .wallet(wallet.clone())
        .clock(context.clock.clone())
        .payment_deadline(bill.deadline)
        .build()?;
    let (mut value, text, code) = match client.pay_invoice(payment).await {
        Ok(paid) => settled(&paid),
        Err(Error::PaidWithoutProof { .. }) => unproven(&*wallet, hash).await,
        Err(Error::PaymentFailed { reason }) => failed(&escape(&reason)),
        Err(Error::PaymentUnknown { reason, .. }) => unknown(&escape(&reason)),
        Err(error) => return Err(not_paid(error, Some(&config), context)),
    };
    if let Value::Object(fields) = &mut value {
        fields.insert("payment_hash".to_owned(), hash.to_string().into());
    }
    Ok(Report { value, text, code })
}

async fn open(named: Option<&Node>, context: &Context) -> Result<Arc<dyn Pay>, CliError> {
    let preferred = match named {
        Some(_) => None,
        None => open_default(context).await?,
    };
    match preferred {
        Some(wallet) => Ok(wallet),
        None => open_noting(named.unwrap_or(&Node::Sandbox), context).await,
    }
}

/// An outcome for machines and for people, and the exit status.
type Outcome = (Value, String, ExitCode);

fn settled(paid: &PaidInvoice) -> Outcome {
    if paid.paid_before {
        tell("it was paid before; nothing is paid again");
    }
    let money = (paid.paid, paid.fee);
    let (value, text) = paid_report("settled", paid.preimage.as_ref(), money);
    (value, text, exit_code::OK)
}

/// Returns the report of a payment whose preimage proves nothing. It is printed nevertheless, for a
/// claim to the wallet's maker; the exit status tells the two apart.
async fn unproven(wallet: &dyn Pay, hash: PaymentHash) -> Outcome {
    const STATUS: &str = "settled_without_proof";
    // The journal keeps no such preimage: it may be that of another payment.
    let (value, text) = match wallet.lookup(hash).await {
        Ok(Some(Payment::Settled {
            preimage,
            paid,
            fee,
        })) => paid_report(STATUS, Some(&preimage), (paid, fee)),
        _ => paid_report(STATUS, None, (Msat::ZERO, Msat::ZERO)),
    };
    let text = text + "the preimage does not prove it\n";
    (value, text, exit_code::PAID_WITHOUT_PROOF)
}

fn paid_report(
    status: &str,
    preimage: Option<&Preimage>,
    (paid, fee): (Msat, Msat),
) -> (Value, String) {
    let preimage = preimage.map(Preimage::to_hex);
    let value = json!({
        "status": status,
        "preimage": preimage,
        "paid_msat": paid.msat(),
        "fee_msat": fee.msat(),
    });
    let paid = style::paint(style::MONEY, &format!("paid {paid}"));
    let preimage = preimage.map_or_else(String::new, |hex| format!("preimage {hex}\n"));
    (value, format!("{paid}, fee {fee}\n{preimage}"))
}

fn failed(reason: &str) -> Outcome {
    let text = format!("failed: {reason}; no money moved\n");
    (unsettled("failed", reason), text, exit_code::PAYMENT_FAILED)
}

/// An unknown outcome is never reported as failed: a reader of `failed` may pay by other means.
fn unknown(reason: &str) -> Outcome {
    let text = format!("unknown: {reason}\nask again later with the same command\n");
    (
        unsettled("unknown", reason),
        text,
        exit_code::PAYMENT_UNKNOWN,
    )
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

/// Returns the error of an invoice that is not paid.
fn not_paid(error: Error, config: Option<&ClientConfig>, context: &Context) -> CliError {
    let hint = config.and_then(|config| config.hint(&error));
    let told = match &error {
        Error::Refused {
            reason: Refused::BudgetStopped | Refused::DeniedByHook | Refused::InvoiceFromFuture,
            ..
        } => CliError::from(error),
        Error::Refused {
            reason: reason @ Refused::WrongNetwork,
            detail,
        } => refuse(*reason, detail).with_hint(wrong_network_hint(context)),
        Error::Refused { reason, detail } => refuse(*reason, detail),
        Error::OverBudget {
            which: BudgetLimit::PerRequest,
            budget: None,
            ..
        } => CliError::from(error).with_hint(
            "raise the limit of one payment with --max-price \"AMOUNT sat\" (fees count)",
        ),
        _ => CliError::from(error),
    };
    hint.into_iter().fold(told, CliError::with_hint)
}

/// Returns the error of an invoice that is not sound. What the client advises is about servers.
fn refuse(reason: Refused, text: &str) -> CliError {
    let text = format!("{}; no money moved", escape(text));
    CliError::new(exit_code::of_refusal(reason), reason.code(), text)
}
