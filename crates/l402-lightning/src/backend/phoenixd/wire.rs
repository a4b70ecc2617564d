//! The JSON of phoenixd. Times are milliseconds since 1970; a field without a value is left out.

use l402::{Msat, Network, PaymentHash};
use serde::Deserialize;

use super::peer::CALLED;
use crate::backend::http_wallet::{Paid, garbled};
use crate::{Error, ErrorKind, InvoiceState, Liquidity};

/// `getinfo`, as far as it is read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Info {
    chain: String,
    #[cfg_attr(
        not(feature = "pay"),
        expect(dead_code, reason = "only a wallet has a name")
    )]
    node_id: String,
    #[serde(default)]
    channels: Vec<Channel>,
}

/// A channel in `getinfo`, as far as it is read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Channel {
    state: String,
    #[serde(default)]
    balance_sat: u64,
    #[serde(default)]
    inbound_liquidity_sat: u64,
}

impl Info {
    pub(super) fn liquidity(&self) -> Liquidity {
        let sum = |amount: fn(&Channel) -> u64| {
            // Other states have other names: Offline, Syncing, Closing, and more.
            let open = self.channels.iter().filter(|one| one.state == "Normal");
            Msat::from_sat(open.map(amount).fold(0, u64::saturating_add))
        };
        Liquidity::new(sum(|one| one.inbound_liquidity_sat))
            .with_spendable(sum(|one| one.balance_sat))
    }

    /// Returns the network that phoenixd reports.
    pub(super) fn network(&self) -> Result<Network, Error> {
        let network = match self.chain.as_str() {
            "testnet3" | "testnet4" => Some(Network::Testnet),
            chain => chain.parse().ok(),
        };
        network.ok_or_else(|| {
            let text = "phoenixd is on a network that is not known here";
            Error::new(ErrorKind::Protocol, text)
        })
    }

    /// Returns the beginning of the node's public key, which is the same at every start.
    #[cfg(feature = "pay")]
    pub(super) fn node(&self) -> Result<&str, Error> {
        let key = self.node_id.as_str();
        let is_key = key.len() == 66 && key.bytes().all(|byte| byte.is_ascii_hexdigit());
        let short = key.get(..16).filter(|_| is_key);
        short.ok_or_else(|| garbled(CALLED, "the node's public key"))
    }
}

/// The answer to `createinvoice`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Created {
    pub(super) payment_hash: String,
    pub(super) serialized: String,
}

/// An incoming payment, paid or not.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Incoming {
    payment_hash: String,
    is_paid: bool,
    #[serde(default)]
    is_expired: bool,
    #[serde(default)]
    requested_sat: u64,
    #[serde(default)]
    received_sat: u64,
    /// Millisatoshi that phoenixd kept of the amount, to open or enlarge a channel.
    #[serde(default)]
    fees: u64,
    #[serde(default)]
    completed_at: Option<u64>,
}

impl Incoming {
    pub(super) fn hash(&self) -> Result<PaymentHash, Error> {
        let hash = self.payment_hash.parse();
        hash.map_err(|_| garbled(CALLED, "a payment hash"))
    }

    /// Returns the amount that the payer paid. phoenixd takes its own fees from it, and keeps the
    /// first receipts as a credit for them.
    fn paid(&self) -> Msat {
        let received = self.received_sat.saturating_mul(1000);
        let requested = self.requested_sat.saturating_mul(1000);
        // Two roundings lie in the sum, and less than was requested is never accepted.
        Msat::new(received.saturating_add(self.fees).max(requested))
    }

    pub(super) fn state(&self) -> InvoiceState {
        if self.is_paid {
            return InvoiceState::Settled { paid: self.paid() };
        }
        if self.is_expired {
            return InvoiceState::Cancelled;
        }
        InvoiceState::Open
    }

    /// Returns the settlement; `None` if it is not paid.
    pub(super) fn settlement(&self) -> Result<Option<Paid>, Error> {
        let Some(at) = self.completed_at.filter(|_| self.is_paid) else {
            return Ok(None);
        };
        Ok(Some(Paid {
            at,
            payment_hash: self.hash()?,
            paid: self.paid(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn incoming(text: &str) -> Incoming {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn fees_and_fee_credit_count_as_paid() {
        let hash = "0".repeat(64);
        let paid = |fields: &str| {
            incoming(&format!(
                r#"{{"paymentHash":"{hash}","isPaid":true,"requestedSat":50,{fields}}}"#
            ))
            .state()
        };
        let settled = |sat| InvoiceState::Settled {
            paid: Msat::from_sat(sat),
        };
        assert_eq!(paid(r#""receivedSat":50,"fees":0"#), settled(50));
        assert_eq!(paid(r#""receivedSat":0,"fees":50000"#), settled(50));
        assert_eq!(paid(r#""receivedSat":49,"fees":500"#), settled(50));
        assert_eq!(paid(r#""receivedSat":60,"fees":1000"#), settled(61));
        let fresh = format!(r#"{{"paymentHash":"{hash}","isPaid":false,"receivedSat":0}}"#);
        assert_eq!(incoming(&fresh).state(), InvoiceState::Open);
        assert!(incoming(&fresh).settlement().unwrap().is_none());
    }
}
