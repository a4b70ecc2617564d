//! The advice about each kind of node, in one place, so that errors, `wallet add` and pages use the
//! same words: its credential, the least rights to ask for, and the first look if it fails.

#[cfg(feature = "pay")]
use super::least::CLN_PAYING;
use super::least::{CLN_RECEIVING, rune_recipe};
use super::lnd::LndNode;
use super::table::NodeForm;

impl NodeForm {
    /// Returns the name of the credential, as the makers of the node call it; `None` if a node of
    /// this kind has none.
    #[must_use]
    pub fn credential(&self) -> Option<&'static str> {
        match self.feature {
            "lnd" => Some("macaroon"),
            "cln" if self.kind != Self::CLN.kind => Some("rune"),
            "nwc" => Some("connection"),
            "phoenixd" => Some("password"),
            "lnbits" => Some("key"),
            _ => None,
        }
    }

    /// Returns true if a call that pays can state the most that routing may cost.
    #[must_use]
    pub fn limits_fee(&self) -> bool {
        !matches!(self.feature, "nwc" | "phoenixd" | "lnbits")
    }

    /// Returns how to get a credential that can be paid to and cannot spend; empty if the kind has
    /// none.
    #[must_use]
    pub fn least_to_receive(&self) -> String {
        let advice = match self.feature {
            "lnd" => {
                let command = LndNode::least_macaroon_to_sell();
                return format!("lnd's own invoice.macaroon; or: {command}");
            }
            "cln" if self.kind == Self::CLN.kind => {
                "the socket can always spend; to sell use clnrest with a rune (cln+https)"
            }
            "cln" => return rune_recipe(&CLN_RECEIVING),
            "nwc" => {
                "in the wallet a new connection with \"receive\" alone (make_invoice, \
                 lookup_invoice), without the right to send payments"
            }
            "phoenixd" => "http-password-limited-access in ~/.phoenix/phoenix.conf",
            "lnbits" => "the wallet's \"Invoice/read key\", under API info",
            _ => "",
        };
        advice.to_owned()
    }

    /// Returns how to get a credential that pays and can do no more; empty if the kind has none.
    #[cfg(feature = "pay")]
    #[must_use]
    pub fn least_to_pay(&self) -> String {
        let advice = match self.feature {
            "lnd" => return LndNode::least_macaroon_to_pay(),
            "cln" if self.kind == Self::CLN.kind => "the socket can do everything",
            "cln" => return rune_recipe(&CLN_PAYING),
            "nwc" => {
                "in the wallet a new connection with a budget of its own (pay_invoice, \
                 lookup_invoice, get_balance)"
            }
            "phoenixd" => {
                "http-password in ~/.phoenix/phoenix.conf, for a wallet with little in it"
            }
            "lnbits" => "the \"Admin key\" of a wallet made for this alone, under API info",
            _ => "",
        };
        advice.to_owned()
    }

    /// Returns the first thing to look at if the node cannot be reached.
    #[must_use]
    pub fn if_unreachable(&self) -> &'static str {
        match self.feature {
            "lnd" => "is lnd running and unlocked (`lncli getinfo`), and is this its REST address?",
            "cln" if self.kind == Self::CLN.kind => {
                "is Core Lightning running (`lightning-cli getinfo`), and may this user open its \
                 socket?"
            }
            "cln" => {
                "is Core Lightning running with clnrest-port set (`lightning-cli getinfo`), and is \
                 this its address?"
            }
            "nwc" => "is the wallet open and online, and does the connection still exist in it?",
            "phoenixd" => "is phoenixd running (`phoenix-cli getinfo`), and is this its address?",
            "lnbits" => "does this address open LNbits in a browser?",
            "lnurl" => "does the address take payments from another wallet?",
            "ldk" => "is `l402 node run` running, or has the node been made (`l402 node init`)?",
            "pay" => "is `l402 sandbox` or `l402 demo` running there?",
            _ => "check that the node is running, and its address",
        }
    }

    /// Returns the next step if the node refuses the credential, or the credential allows too much
    /// or too little; `pays` says if it was to pay.
    #[must_use]
    pub fn if_unauthorized(&self, pays: bool) -> String {
        let Some(credential) = self.credential() else {
            let advice = self.least_to_receive();
            return match advice.as_str() {
                "" => "check what the wallet names".to_owned(),
                _ if !pays => advice,
                _ => self.if_unreachable().to_owned(),
            };
        };
        #[cfg(feature = "pay")]
        let least = if pays {
            self.least_to_pay()
        } else {
            self.least_to_receive()
        };
        #[cfg(not(feature = "pay"))]
        let least = self.least_to_receive();
        let to = if pays { "pays" } else { "is paid" };
        format!("the least {credential} that {to}: {least}")
    }

    /// Returns what to know of this kind before it pays; empty if nothing is special.
    #[cfg(feature = "pay")]
    #[must_use]
    pub fn caution_to_pay(&self) -> &'static str {
        if self.limits_fee() {
            ""
        } else {
            "this kind of wallet takes no fee limit: it chooses the fee of a payment itself, and the \
             budget reserves the share of --max-fee for it"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_credential_has_a_recipe() {
        for form in NodeForm::ALL {
            let told = form.if_unauthorized(false);
            assert!(!told.is_empty() && !form.if_unreachable().is_empty());
            if let Some(credential) = form.credential() {
                assert!(told.contains(credential), "{told}");
                assert!(!form.least_to_receive().is_empty(), "{}", form.kind);
                #[cfg(feature = "pay")]
                assert!(!form.least_to_pay().is_empty(), "{}", form.kind);
            }
        }
    }

    #[cfg(feature = "pay")]
    #[test]
    fn a_wallet_without_a_fee_limit_says_so() {
        for form in NodeForm::ALL {
            let is_told = form.caution_to_pay().contains("no fee limit");
            assert_eq!(is_told, !form.limits_fee(), "{}", form.kind);
        }
        assert!(NodeForm::LND.limits_fee() && !NodeForm::NWC.limits_fee());
    }
}
