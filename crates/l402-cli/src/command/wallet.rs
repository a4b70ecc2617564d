//! `l402 wallet`: what can be spent, play money, and paying an invoice by hand.

use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};
use l402::{Invoice, InvoiceError, Msat};
use l402_client::{Limits, Refused};
use l402_lightning::{Error, ErrorKind, Node, Open, Pay, PayRequest, Payment, sandbox};
use serde_json::{Value, json};

use crate::exit_code::{self, ExitCode};
use crate::money::{MaxFee, duration};
use crate::node_form;
use crate::output::{OutputArgs, style};
use crate::plain::escape;
use crate::{CliError, Context};

/// Use the wallet that pays
///
/// The default wallet is the sandbox: play money in the home folder, 100,000 sat to begin with.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 wallet balance
  l402 wallet fund \"5000 sat\"
  l402 wallet pay lnbcrt500n1...")]
pub(crate) struct Wallet {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show what can be spent
    #[command(
        after_help = "Examples:\n  l402 wallet balance\n  l402 wallet balance --wallet \
                            'lnd://127.0.0.1:8080?tls_cert=tls.cert&macaroon=pay.macaroon'"
    )]
    Balance {
        #[command(flatten)]
        wallet: WalletArgs,
    },
    /// Add play money to a sandbox
    #[command(after_help = "Examples:\n  l402 wallet fund \"5000 sat\"")]
    Fund {
        /// How much, at most 1,000,000 sat a call
        amount: Msat,
        #[command(flatten)]
        wallet: WalletArgs,
    },
    Pay(PayArgs),
}

/// Pay an invoice
///
/// Prints the preimage, which is the proof of payment: who has it can use what was bought. An
/// invoice is paid once, however often it is asked for.
#[derive(Args, Debug)]
#[command(after_help = "\
Exit codes: 0 settled, 13 failed (no money moved), 14 unknown (ask again later: the same command
reports what became of the payment and does not pay twice).

Examples:
  l402 wallet pay lnbcrt500n1...
  l402 wallet pay lnbcrt500n1... --json | jq -r .preimage")]
struct PayArgs {
    /// The invoice (BOLT 11, with an amount)
    invoice: String,

    /// The most that routing may cost: "10 sat" or "1%" [default: 1%, at least 10 sat]
    #[arg(long, value_name = "FEE")]
    max_fee: Option<MaxFee>,

    /// How long to wait for the outcome
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "60s")]
    payment_timeout: Duration,

    #[command(flatten)]
    wallet: WalletArgs,
}

#[derive(Args, Clone, Debug)]
struct WalletArgs {
    #[arg(
        long,
        help = node_form::wallet_help(),
        env = "L402_WALLET",
        hide_env_values = true,
        value_name = "WALLET",
        default_value = "sandbox"
    )]
    wallet: Node,

    #[command(flatten)]
    output: OutputArgs,
}

impl Action {
    const fn wallet(&self) -> &WalletArgs {
        match self {
            Self::Balance { wallet } | Self::Fund { wallet, .. } => wallet,
            Self::Pay(args) => &args.wallet,
        }
    }
}

impl Wallet {
    pub(crate) fn output(&self) -> OutputArgs {
        self.action.wallet().output
    }

    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        match &self.action {
            Action::Balance { wallet } => balance(wallet, context).await,
            Action::Fund { amount, wallet } => fund(*amount, wallet, context).await,
            Action::Pay(args) => pay(args, context).await,
        }
    }
}

/// Opens the spending half of a backend.
pub(crate) async fn open(node: &Node, context: &Context) -> Result<Arc<dyn Pay>, CliError> {
    let home = context.home.create()?;
    let opened = node.wallet(Open::new(home, context.clock.clone())).await;
    let wallet = opened.map_err(|error| unavailable(&error))?;
    Ok(wallet.pay)
}

fn unavailable(error: &Error) -> CliError {
    let text = format!("the wallet: {}; no money moved", escape(&error.to_string()));
    let (exit, hint) = match error.kind() {
        ErrorKind::Local => (exit_code::LOCAL_IO, "check the files that the wallet names"),
        ErrorKind::Unauthorized => (
            exit_code::WALLET_UNAVAILABLE,
            "check the macaroon file that the wallet names",
        ),
        ErrorKind::Rejected => (
            exit_code::WALLET_UNAVAILABLE,
            "the wallet understood and said no; mend what it names",
        ),
        _ => (
            exit_code::WALLET_UNAVAILABLE,
            "check that the node is running, and its address",
        ),
    };
    CliError::new(exit, "wallet", text).with_hint(hint)
}

async fn balance(args: &WalletArgs, context: &Context) -> Result<ExitCode, CliError> {
    let wallet = open(&args.wallet, context).await?;
    let balance = wallet
        .balance()
        .await
        .map_err(|error| unavailable(&error))?;
    let value = json!({
        "wallet": args.wallet.to_string(),
        "network": wallet.network().name(),
        "balance_msat": balance.msat(),
    });
    args.output
        .open()
        .result(&value, || format!("{balance} on {}\n", wallet.network()))?;
    Ok(exit_code::OK)
}

async fn fund(amount: Msat, args: &WalletArgs, context: &Context) -> Result<ExitCode, CliError> {
    let funded = match &args.wallet {
        Node::Sandbox => {
            let sandbox = super::sandbox::open(context)?;
            let wallet =
                sandbox::SandboxWallet::open(&sandbox, "default").map_err(|e| unavailable(&e))?;
            wallet.fund(amount).map_err(|error| unavailable(&error))?;
            wallet.balance().await
        }
        Node::SandboxHttp(node) => {
            faucet(node.url(), amount).await?;
            open(&args.wallet, context).await?.balance().await
        }
        other => {
            return Err(
                CliError::usage(format!("{other} is real: it cannot be funded from here"))
                    .with_hint("only the sandbox makes money out of nothing"),
            );
        }
    };
    let balance = funded.map_err(|error| unavailable(&error))?;
    let value = json!({ "funded_msat": amount.msat(), "balance_msat": balance.msat() });
    args.output
        .open()
        .result(&value, || format!("added {amount}; now {balance}\n"))?;
    Ok(exit_code::OK)
}

/// The faucet of a sandbox in another home.
async fn faucet(url: &url::Url, amount: Msat) -> Result<(), CliError> {
    let address = url.join("/v1/faucet").map_err(CliError::internal)?;
    let failed = |text: String| {
        unavailable(&Error::new(
            ErrorKind::Unavailable,
            format!("the faucet: {text}"),
        ))
    };
    let body = json!({ "amount_msat": amount.msat() }).to_string();
    let answer = reqwest::Client::new()
        .post(address)
        .header(http::header::CONTENT_TYPE, "application/json")
        .timeout(Duration::from_secs(10))
        .body(body)
        .send()
        .await
        .map_err(|error| failed(error.to_string()))?;
    if answer.status().is_success() {
        Ok(())
    } else {
        Err(failed(format!("answered {}", answer.status())))
    }
}

async fn pay(args: &PayArgs, context: &Context) -> Result<ExitCode, CliError> {
    let invoice = Invoice::decode(&args.invoice).map_err(refuse_invoice)?;
    let amount = invoice.required_amount().map_err(refuse_invoice)?;
    let wallet = open(&args.wallet.wallet, context).await?;
    if wallet.network() != invoice.network {
        let text = format!(
            "the invoice is for {}, the wallet for {}",
            invoice.network,
            wallet.network()
        );
        return Err(refuse(Refused::WrongNetwork, &text));
    }
    let outcome = if invoice.expires <= context.clock.wall() {
        paid_before(&*wallet, &invoice).await?
    } else {
        let limits = args
            .max_fee
            .map_or(Limits::default(), |fee| fee.apply(Limits::default()));
        let request = PayRequest {
            bolt11: args.invoice.clone(),
            max_fee: limits.max_fee(amount),
            deadline: args.payment_timeout,
        };
        wallet.pay(request).await
    };
    let (mut value, text, code) = report(&outcome, &invoice);
    if let Value::Object(fields) = &mut value {
        fields.insert(
            "payment_hash".to_owned(),
            invoice.payment_hash.to_string().into(),
        );
    }
    args.wallet.output.open().result(&value, || text)?;
    Ok(code)
}

/// What became of an expired invoice: nothing is paid any more, and an earlier call may have.
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

/// The outcome for machines, for people, and as exit status.
fn report(outcome: &Payment, invoice: &Invoice) -> (Value, String, ExitCode) {
    match outcome {
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
