//! The flags of a command that may pay.

use clap::Args;
use l402::Msat;
use l402_client::{BudgetName, Client, ClientBuilder, Journal, Limits, Outgoing};
use l402_lightning::Node;

use super::config::ClientConfig;
use super::hook::with_hook;
use crate::error::CliError;
use crate::outgoing;
use crate::text::money::MaxFee;
use crate::text::node_form;

/// The flag that names a wallet.
#[derive(Args, Clone, Debug)]
pub(crate) struct WalletArg {
    #[arg(
        long,
        help = node_form::pay_with_help(),
        env = "L402_WALLET",
        hide_env_values = true,
        value_parser = node_form::wallet,
        value_name = "WALLET"
    )]
    wallet: Option<Node>,
}

impl WalletArg {
    /// Returns the wallet, or `None` for those that the home folder prefers.
    pub(crate) fn as_ref(&self) -> Option<&Node> {
        self.wallet.as_ref()
    }
}

/// The wallet that pays, and its limits.
#[derive(Args, Clone, Debug)]
pub(crate) struct SpendingArgs {
    #[command(flatten)]
    pub(crate) wallet: WalletArg,

    /// Refuse a request that would cost more, fee included [default: "1000 sat", or what is stored]
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) max_price: Option<Msat>,

    /// Refuse to spend more in 24 hours, fees included [default: "10000 sat", or what is stored]
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) max_per_day: Option<Msat>,

    /// Pay from this budget of `l402 budget`, and from its parents [default: default]
    #[arg(long, value_name = "NAME", env = "L402_BUDGET", hide_env_values = true)]
    pub(crate) budget: Option<BudgetName>,

    /// Refuse a dearer route: "10 sat" or "1%" [default: 1%, at least 10 sat]
    #[arg(long, value_name = "FEE")]
    pub(crate) max_fee: Option<MaxFee>,
}

impl SpendingArgs {
    /// Returns the budget to pay from.
    ///
    /// # Errors
    /// If it is not there, with those that are: before anything is asked or paid.
    fn budget(&self, journal: &Journal) -> Result<BudgetName, CliError> {
        let Some(name) = &self.budget else {
            return Ok(BudgetName::default());
        };
        journal.budget(name)?;
        Ok(name.clone())
    }

    /// Returns a client with limits, budget and hook, and the most that one request may cost.
    ///
    /// # Errors
    /// If the journal cannot be read, the hook cannot be used, or the budget is not there.
    pub(crate) fn client(
        &self,
        journal: Journal,
        outgoing: Outgoing,
        config: &ClientConfig,
    ) -> Result<(ClientBuilder, Msat), CliError> {
        let budget = self.budget(&journal)?;
        let limits = self.limits(config);
        let most = journal.request_limit(&budget, &limits)?;
        let client = Client::builder(journal)
            .limits(limits)
            .budget(budget)
            .outgoing(outgoing);
        // The way to the hook is the system's: flags such as -k are about the URL.
        let client = with_hook(client, config, |url| outgoing::to(url, false))?;
        Ok((client, most))
    }

    /// Returns the limits that the flags and `client.toml` add to the stored ones.
    fn limits(&self, config: &ClientConfig) -> Limits {
        let mut limits = Limits::default().with_ceiling(&config.limits);
        if let Some(most) = self.max_price {
            limits = limits.with_per_request(most);
        }
        if let Some(most) = self.max_per_day {
            limits = limits.with_per_day(most);
        }
        self.max_fee.map_or(limits, |fee| fee.apply(limits))
    }
}
