//! The least macaroons: for the calls that a seller or a payer makes, and for no others.

use crate::LndNode;

/// The single calls (`uri:` permissions) that a receiver makes.
pub(super) const RECEIVING_CALLS: [&str; 5] = [
    "/lnrpc.Lightning/AddInvoice",
    "/lnrpc.Lightning/GetInfo",
    "/lnrpc.Lightning/ListInvoices",
    "/lnrpc.Lightning/LookupInvoice",
    "/lnrpc.Lightning/SubscribeInvoices",
];

/// The single calls that a payer makes: it pays, follows a payment, and asks for balance and network.
#[cfg(feature = "pay")]
pub(super) const PAYING_CALLS: [&str; 4] = [
    "/routerrpc.Router/SendPaymentV2",
    "/routerrpc.Router/TrackPaymentV2",
    "/lnrpc.Lightning/ChannelBalance",
    "/lnrpc.Lightning/GetInfo",
];

impl LndNode {
    /// Returns the command with which lnd makes the least macaroon that sells.
    ///
    /// ```
    /// use l402_lightning::LndNode;
    ///
    /// let command = LndNode::least_macaroon_to_sell();
    /// assert!(command.starts_with("lncli bakemacaroon --save_to sell.macaroon uri:/lnrpc."));
    /// ```
    #[must_use]
    pub fn least_macaroon_to_sell() -> String {
        bake("sell.macaroon", &RECEIVING_CALLS)
    }

    /// Returns the command with which lnd makes the least macaroon that pays.
    #[cfg(feature = "pay")]
    #[must_use]
    pub fn least_macaroon_to_pay() -> String {
        bake("pay.macaroon", &PAYING_CALLS)
    }
}

/// Returns the command that makes a macaroon for these calls alone.
fn bake(file: &str, calls: &[&str]) -> String {
    let mut command = format!("lncli bakemacaroon --save_to {file}");
    for call in calls {
        command.push_str(" uri:");
        command.push_str(call);
    }
    command
}
