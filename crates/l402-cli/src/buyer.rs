//! The paying side of the program: the wallet and the limits of its spending.

use std::sync::Arc;

use clap::Args;
use l402::Msat;
use l402::text::escape;
use l402_client::Limits;
use l402_lightning::sandbox::Sandbox;
use l402_lightning::{Error, ErrorKind, Node, Open, Pay};

use crate::context::Context;
use crate::error::CliError;
use crate::exit_code;
use crate::text::money::MaxFee;
use crate::text::node_form;

/// The wallet that pays, and its limits.
#[derive(Args, Clone, Debug)]
pub(crate) struct SpendingArgs {
    #[arg(
        long,
        help = node_form::pay_with_help(),
        env = "L402_WALLET",
        hide_env_values = true,
        value_parser = node_form::wallet,
        value_name = "WALLET"
    )]
    pub(crate) wallet: Option<Node>,

    /// Refuse a request that would cost more, fee included [default: "1000 sat"]
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) max_price: Option<Msat>,

    /// Refuse to spend more in 24 hours, fees included [default: "10000 sat"]
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) max_per_day: Option<Msat>,

    /// Refuse a dearer route: "10 sat" or "1%" [default: 1%, at least 10 sat]
    #[arg(long, value_name = "FEE")]
    pub(crate) max_fee: Option<MaxFee>,
}

impl SpendingArgs {
    /// Returns the limits, with the defaults of the client for those that are not given.
    pub(crate) fn limits(&self) -> Limits {
        let default = Limits::default();
        let limits = default
            .with_per_request(self.max_price.unwrap_or(default.per_request))
            .with_per_day(self.max_per_day.unwrap_or(default.per_day));
        self.max_fee.map_or(limits, |fee| fee.apply(limits))
    }
}

/// Opens the spending half of a backend.
pub(crate) async fn open_wallet(node: &Node, context: &Context) -> Result<Arc<dyn Pay>, CliError> {
    // Not at the start of the program, so that a command which needs no state leaves no folder.
    let home = context.home.create()?;
    let opened = node.wallet(Open::new(home, context.clock.clone())).await;
    let wallet = opened.map_err(|error| wallet_error(&error))?;
    Ok(wallet.pay)
}

/// Returns the error for a wallet that failed before any money moved.
pub(crate) fn wallet_error(error: &Error) -> CliError {
    // Escaped, for part of the text may come from the node.
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

/// Opens the sandbox of the home folder.
pub(crate) fn open_sandbox(context: &Context) -> Result<Sandbox, CliError> {
    Sandbox::open(context.home.create()?, context.clock.clone()).map_err(sandbox_error)
}

/// Returns the error for a sandbox whose file cannot be used.
pub(crate) fn sandbox_error(error: l402_lightning::Error) -> CliError {
    CliError::local_io(format!("the sandbox: {error}"))
}
