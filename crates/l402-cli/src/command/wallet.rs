//! `l402 wallet`: balance, play money, and an invoice paid by hand.

use std::time::Duration;

use clap::{Args, Subcommand};
use l402::Msat;
use l402_lightning::Node;
use serde_json::json;

use crate::buyer::{open_wallet, wallet_error};
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::text::money::{MaxFee, duration};
use crate::text::node_form;
use crate::text::output::OutputArgs;
use crate::wallet::{self, Bill};

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
                            sandbox+http://127.0.0.1:8403"
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
Exit codes: 0 settled, 13 failed (no money moved), 14 unknown (ask again later:
the same command reports what became of the payment and does not pay twice).

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
        value_parser = node_form::wallet,
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
            Action::Pay(args) => pay(args, context).await.map_err(CliError::with_promise),
        }
    }
}

async fn balance(args: &WalletArgs, context: &Context) -> Result<ExitCode, CliError> {
    let wallet = open_wallet(&args.wallet, context).await?;
    let balance = wallet
        .balance()
        .await
        .map_err(|error| wallet_error(&error))?;
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
    let balance = wallet::fund(&args.wallet, amount, context).await?;
    let value = json!({ "funded_msat": amount.msat(), "balance_msat": balance.msat() });
    args.output
        .open()
        .result(&value, || format!("added {amount}; now {balance}\n"))?;
    Ok(exit_code::OK)
}

async fn pay(args: &PayArgs, context: &Context) -> Result<ExitCode, CliError> {
    let bill = Bill {
        bolt11: &args.invoice,
        max_fee: args.max_fee,
        deadline: args.payment_timeout,
    };
    let report = wallet::pay(&bill, &args.wallet.wallet, context).await?;
    let out = args.wallet.output.open();
    out.result(&report.value, || report.text)?;
    Ok(report.code)
}
