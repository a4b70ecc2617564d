//! The least credentials: for the calls that a receiver or a payer makes, and for no others. Errors,
//! warnings and `wallet add` all show the commands that are made here.

use super::lnd::LndNode;

/// The single calls of lnd (`uri:` permissions) that a receiver makes.
pub(crate) const LND_RECEIVING: [&str; 5] = [
    "/lnrpc.Lightning/AddInvoice",
    "/lnrpc.Lightning/GetInfo",
    "/lnrpc.Lightning/ListInvoices",
    "/lnrpc.Lightning/LookupInvoice",
    "/lnrpc.Lightning/SubscribeInvoices",
];

/// The single calls of lnd that a payer makes: it pays, follows a payment, and asks for balance and network.
#[cfg(feature = "pay")]
pub(crate) const LND_PAYING: [&str; 4] = [
    "/routerrpc.Router/SendPaymentV2",
    "/routerrpc.Router/TrackPaymentV2",
    "/lnrpc.Lightning/ChannelBalance",
    "/lnrpc.Lightning/GetInfo",
];

/// The single call of lnd that a signer makes.
const LND_SIGNING: [&str; 1] = ["/lnrpc.Lightning/SignMessage"];

/// The methods of Core Lightning that a receiver calls.
pub(crate) const CLN_RECEIVING: [&str; 4] =
    ["invoice", "listinvoices", "waitanyinvoice", "getinfo"];

/// The method of Core Lightning that a signer calls.
#[cfg(feature = "cln")]
pub(crate) const CLN_SIGNING: [&str; 1] = ["signmessage"];

/// The methods of Core Lightning that a payer calls.
#[cfg(feature = "pay")]
pub(crate) const CLN_PAYING: [&str; 4] = ["xpay", "listpays", "listpeerchannels", "getinfo"];

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
        bake("sell.macaroon", &LND_RECEIVING)
    }

    /// Returns the command with which lnd makes the least macaroon that signs messages, and nothing else.
    #[must_use]
    pub fn least_macaroon_to_sign() -> String {
        bake("sign.macaroon", &LND_SIGNING)
    }

    /// Returns the command with which lnd makes the least macaroon that pays.
    #[cfg(feature = "pay")]
    #[must_use]
    pub fn least_macaroon_to_pay() -> String {
        bake("pay.macaroon", &LND_PAYING)
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

/// Returns the command that makes a rune for these methods, at most 600 calls a minute.
pub(crate) fn rune_recipe(methods: &[&str]) -> String {
    let methods: Vec<_> = methods
        .iter()
        .map(|it| format!("\"method={it}\""))
        .collect();
    let methods = methods.join(",");
    format!("lightning-cli createrune restrictions='[[{methods}],[\"rate=600\"]]'")
}
