//! The flags of a command that may pay.

use clap::Args;
use l402::Msat;
use l402_client::Limits;
use l402_lightning::Node;

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
