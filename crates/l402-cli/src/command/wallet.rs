//! `l402 wallet`: stored wallets, balances, play money, and an invoice paid by hand.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use l402::Msat;
use l402_lightning::{Node, NodeForm, WalletName};
use serde_json::json;

use crate::buyer::{SpendingArgs, WalletArg};
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::text::node_form;
use crate::text::output::OutputArgs;
use crate::text::span::duration;
use crate::wallet::{self, Bill, NewWallet, SecretFrom};

/// Store wallets under a name, and use the one that pays
///
/// A stored wallet is named in place of its address: --wallet NAME, --node NAME, L402_WALLET, and
/// `node = "NAME"` in the gateway's file. Without any, `wallet` uses the sandbox: play money in the
/// home folder, 100,000 sat to begin with.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 wallet add alby --kind nwc
  l402 wallet add main --from-env
  l402 wallet use alby
  l402 wallet balance
  l402 wallet fund \"5000 sat\"
  l402 wallet pay lnbcrt500n1...")]
pub(crate) struct Wallet {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Add(AddArgs),
    List(ListArgs),
    Use(UseArgs),
    Remove(RemoveArgs),
    Test(TestArgs),
    /// Show what can be spent: of one wallet, or of all
    ///
    /// Without --wallet: every stored wallet and the sandbox, the default one first, and what to do
    /// about one that cannot be asked.
    #[command(
        after_help = "Examples:\n  l402 wallet balance\n  l402 wallet balance --wallet alby\n  l402 \
                            wallet balance --wallet sandbox+http://127.0.0.1:8403"
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

/// Store a wallet or node under a name
///
/// Asks for the kind, the address and the credential; what is typed as a credential is not shown. A
/// wallet is stored only if it answers. Its credential is copied to L402_HOME/wallets/, for this user
/// alone.
#[derive(Args, Debug)]
#[command(after_help = "\
--from-env reads the variables of other programs: NWC_URL; LNBITS_URL and
LNBITS_ADMIN_KEY; PHOENIXD_URL and PHOENIXD_PASSWORD; LND_REST_ENDPOINT,
LND_REST_CERT and LND_REST_MACAROON; CLNREST_URL and CLNREST_PAY_RUNE. No other
command reads them.

Examples:
  l402 wallet add alby
  l402 wallet add alby --kind nwc --secret-file connection.nwc
  l402 wallet add main --from-env --default
  l402 wallet add shop --kind phoenixd --secret-stdin < limited.password")]
struct AddArgs {
    /// The name: 1 to 32 of the characters a-z, 0-9 and -
    name: WalletName,

    #[arg(long, value_name = "KIND", value_parser = wallet::kind, help = kind_help())]
    kind: Option<NodeForm>,

    /// Host and port, a URL, the path of a socket, or you@host
    #[arg(long, value_name = "ADDRESS")]
    address: Option<String>,

    /// The certificate of lnd, or the authority of clnrest's (PEM)
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,

    /// Copy the credential from this file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["secret_stdin", "from_env"])]
    secret_file: Option<PathBuf>,

    /// Read the credential from stdin
    #[arg(long, conflicts_with = "from_env")]
    secret_stdin: bool,

    /// Take address and credential from the variables of other programs
    #[arg(long)]
    from_env: bool,

    /// Store it without asking it anything
    #[arg(long)]
    no_check: bool,

    /// Pay with it from now on, if no --wallet is given
    #[arg(long)]
    default: bool,

    #[command(flatten)]
    output: OutputArgs,
}

/// List the stored wallets
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  l402 wallet list")]
struct ListArgs {
    #[command(flatten)]
    output: OutputArgs,
}

/// Choose the wallets that pay if none is named
///
/// Several are an order of preference: if a payment has failed for certain, the next one is asked. A
/// payment whose outcome is unknown is never begun again.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  l402 wallet use alby
  l402 wallet use alby spare
  l402 wallet use --none            pay with no wallet that is not named")]
struct UseArgs {
    /// Names of stored wallets, `sandbox` or `ldk`, the first choice first
    #[arg(value_name = "NAME", required_unless_present = "none", value_parser = node_form::wallet)]
    wallets: Vec<Node>,

    /// Forget the choice
    #[arg(long, conflicts_with = "wallets")]
    none: bool,

    #[command(flatten)]
    output: OutputArgs,
}

/// Remove a stored wallet and its credential from this machine
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  l402 wallet remove alby\n  l402 wallet remove alby --yes")]
struct RemoveArgs {
    /// The name
    name: WalletName,

    /// Do not ask
    #[arg(long)]
    yes: bool,

    #[command(flatten)]
    output: OutputArgs,
}

/// Ask a wallet for its balance and for a payment, and say what is wrong
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  l402 wallet test alby")]
struct TestArgs {
    /// The name, or another written form of a wallet
    #[arg(value_parser = node_form::wallet)]
    wallet: Node,

    #[command(flatten)]
    output: OutputArgs,
}

fn kind_help() -> String {
    format!("The kind: {}", wallet::all_words())
}

/// Pay an invoice
///
/// Prints the preimage, which is the proof of payment: who has it can use what was bought. An
/// invoice is paid once, however often it is asked for. It counts against the same limits as `get`,
/// is asked of the same hook, and stands in `l402 payments`.
#[derive(Args, Debug)]
#[command(after_help = "\
Exit codes: 0 settled, 11 over a limit (no money moved), 13 failed (no money
moved), 14 unknown (ask again later: the same command reports what became of the
payment and does not pay twice).

Examples:
  l402 wallet pay lnbcrt500n1...
  l402 wallet pay lnbc20u1... --max-price 2100sat
  l402 wallet pay lnbcrt500n1... --json | jq -r .preimage")]
struct PayArgs {
    /// The invoice (BOLT 11, with an amount)
    invoice: String,

    /// How long to wait for the outcome
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "60s")]
    payment_timeout: Duration,

    #[command(flatten)]
    spending: SpendingArgs,

    #[command(flatten)]
    output: OutputArgs,
}

// The wallet is the subject here, not what pays.
#[derive(Args, Clone, Debug)]
#[command(mut_arg("wallet", |wallet| wallet.help(node_form::wallet_help())))]
struct WalletArgs {
    #[command(flatten)]
    wallet: WalletArg,

    #[command(flatten)]
    output: OutputArgs,
}

impl Wallet {
    pub(crate) fn output(&self) -> OutputArgs {
        match &self.action {
            Action::Add(args) => args.output,
            Action::List(args) => args.output,
            Action::Use(args) => args.output,
            Action::Remove(args) => args.output,
            Action::Test(args) => args.output,
            Action::Balance { wallet } | Action::Fund { wallet, .. } => wallet.output,
            Action::Pay(args) => args.output,
        }
    }

    /// Returns true if it changes which money is spent.
    pub(crate) const fn needs_operator(&self) -> bool {
        match self.action {
            Action::Add(_) | Action::Use(_) | Action::Remove(_) => true,
            // Play money, and payments within the stored limits.
            Action::Fund { .. } | Action::Pay(_) => false,
            Action::List(_) | Action::Test(_) | Action::Balance { .. } => false,
        }
    }

    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        let output = self.output();
        match self.action {
            Action::Add(args) => args.run(context).await,
            Action::List(_) => {
                let (value, text) = wallet::list(context)?;
                output.open().result(&value, || text)?;
                Ok(exit_code::OK)
            }
            Action::Use(args) => args.run(context),
            Action::Remove(args) => {
                wallet::remove(&args.name, args.yes, context, output.open()).await?;
                let value = json!({ "removed": args.name.as_str() });
                output
                    .open()
                    .result(&value, || format!("removed {}\n", args.name))?;
                Ok(exit_code::OK)
            }
            Action::Test(args) => {
                let out = output.open();
                let value = wallet::test(&args.wallet, context, out).await?;
                out.result(&value, || "it works\n".to_owned())?;
                Ok(exit_code::OK)
            }
            Action::Balance { wallet } => balance(&wallet, context).await,
            Action::Fund { amount, wallet } => fund(amount, &wallet, context).await,
            // The only one of these that pays, so its errors say whether money has moved.
            Action::Pay(args) => pay(&args, context).await.map_err(CliError::with_promise),
        }
    }
}

impl AddArgs {
    async fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        let secret = match self.secret_file {
            Some(path) => SecretFrom::File(path),
            None if self.secret_stdin => SecretFrom::Stdin,
            None if self.from_env => SecretFrom::Environment,
            None => SecretFrom::Terminal,
        };
        let wanted = NewWallet {
            name: self.name,
            kind: self.kind,
            address: self.address,
            certificate: self.cert,
            secret,
            check: !self.no_check,
            default: self.default,
        };
        let out = self.output.open();
        let value = wallet::add(&wanted, context, out).await?;
        out.result(&value, || format!("stored {}\n", wanted.name))?;
        Ok(exit_code::OK)
    }
}

impl UseArgs {
    fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        wallet::prefer(&self.wallets, context)?;
        let names: Vec<String> = self.wallets.iter().map(ToString::to_string).collect();
        let text = match names.as_slice() {
            [] => "no wallet pays unless it is named\n".to_owned(),
            names => format!("paying with {}\n", names.join(", then ")),
        };
        self.output
            .open()
            .result(&json!({ "default": names }), || text)?;
        Ok(exit_code::OK)
    }
}

async fn balance(args: &WalletArgs, context: &Context) -> Result<ExitCode, CliError> {
    let report = match args.wallet.as_ref() {
        Some(node) => wallet::one_balance(node, context).await?,
        None => wallet::all_balances(context).await?,
    };
    let (value, text, code) = report;
    args.output.open().result(&value, || text)?;
    Ok(code)
}

async fn fund(amount: Msat, args: &WalletArgs, context: &Context) -> Result<ExitCode, CliError> {
    // Not the default wallet: only a sandbox makes money out of nothing.
    let node = args.wallet.as_ref().unwrap_or(&Node::Sandbox);
    let balance = wallet::fund(node, amount, context).await?;
    let value = json!({ "funded_msat": amount.msat(), "balance_msat": balance.msat() });
    args.output
        .open()
        .result(&value, || format!("added {amount}; now {balance}\n"))?;
    Ok(exit_code::OK)
}

async fn pay(args: &PayArgs, context: &Context) -> Result<ExitCode, CliError> {
    let bill = Bill {
        bolt11: &args.invoice,
        spending: &args.spending,
        deadline: args.payment_timeout,
    };
    let report = wallet::pay(&bill, context).await?;
    let out = args.output.open();
    out.result(&report.value, || report.text)?;
    Ok(report.code)
}
