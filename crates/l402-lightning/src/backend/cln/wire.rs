//! The JSON of Core Lightning, which is the same over the socket and over clnrest.

use l402::{Msat, Network, PaymentHash};
use serde::{Deserialize, Deserializer};

use crate::transport::{Proof, plain};
use crate::{Error, ErrorKind, Liquidity};

/// The maximum length of an answer; a page of payments is the longest.
pub(super) const MAX_ANSWER: usize = 8 * 1024 * 1024;

/// `getinfo`, as far as it is read.
#[derive(Deserialize)]
pub(super) struct Info {
    #[cfg_attr(
        not(feature = "pay"),
        expect(dead_code, reason = "names a wallet, and only a buyer has one")
    )]
    pub(super) id: String,
    network: String,
}

impl Info {
    /// Returns the network that the node reports.
    pub(super) fn network(&self) -> Result<Network, Error> {
        let named = match self.network.as_str() {
            "bitcoin" => Ok(Network::Bitcoin),
            other => other.parse(),
        };
        named.map_err(|_| {
            let network = plain(&self.network);
            let text = format!("Core Lightning is on {network}, a network that is not known here");
            Error::new(ErrorKind::Protocol, text)
        })
    }
}

/// `invoice`, as far as it is read.
#[derive(Deserialize)]
pub(super) struct MadeInvoice {
    pub(super) bolt11: String,
    pub(super) payment_hash: String,
}

/// `listinvoices`.
#[derive(Deserialize)]
pub(super) struct Invoices {
    pub(super) invoices: Vec<WireInvoice>,
}

/// An invoice of `listinvoices`, or the answer of `waitanyinvoice`.
#[derive(Deserialize)]
pub(super) struct WireInvoice {
    pub(super) payment_hash: String,
    pub(super) status: String,
    #[serde(default)]
    pub(super) pay_index: Option<u64>,
    #[serde(default)]
    pub(super) amount_received_msat: Option<WireMsat>,
}

/// `listpeerchannels`, as far as it is read.
#[derive(Deserialize)]
pub(super) struct Channels {
    channels: Vec<Channel>,
}

#[derive(Deserialize)]
struct Channel {
    state: String,
    #[serde(default)]
    spendable_msat: Option<WireMsat>,
    #[serde(default)]
    receivable_msat: Option<WireMsat>,
}

impl Channels {
    /// Returns the amount that the usable channels can pay.
    pub(super) fn spendable(&self) -> Msat {
        self.sum(|channel| channel.spendable_msat)
    }

    pub(super) fn liquidity(&self) -> Liquidity {
        let receivable = self.sum(|channel| channel.receivable_msat);
        Liquidity::new(receivable).with_spendable(self.spendable())
    }

    fn sum(&self, amount: impl Fn(&Channel) -> Option<WireMsat>) -> Msat {
        let usable = self.channels.iter().filter(|channel| channel.is_usable());
        let amounts = usable.filter_map(amount);
        amounts.fold(Msat::ZERO, |sum, one| sum.saturating_add(one.0))
    }
}

impl Channel {
    fn is_usable(&self) -> bool {
        matches!(
            self.state.as_str(),
            "CHANNELD_NORMAL" | "CHANNELD_AWAITING_SPLICE"
        )
    }
}

/// An amount: a number of millisatoshis, or the same as text that ends in `msat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WireMsat(pub(super) Msat);

impl<'de> Deserialize<'de> for WireMsat {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(u64),
            Text(String),
        }
        let number = match Written::deserialize(deserializer)? {
            Written::Number(number) => Some(number),
            Written::Text(text) => text
                .strip_suffix("msat")
                .and_then(|number| number.parse().ok()),
        };
        let number = number.ok_or_else(|| serde::de::Error::custom("no amount in msat"))?;
        Ok(Self(Msat::new(number)))
    }
}

/// Returns the amount as Core Lightning takes it.
pub(super) fn msat(amount: Msat) -> String {
    format!("{}msat", amount.msat())
}

/// An error in Core Lightning's own form.
#[derive(Debug, Deserialize)]
pub(super) struct Refusal {
    /// The code; `None` if clnrest says that it could not ask.
    #[serde(default)]
    code: Option<i64>,
    message: String,
}

impl Refusal {
    /// Returns the proof in this error. Codes that a proxy might write, such as 404 and 504, are no
    /// words of Core Lightning.
    pub(super) fn proof(&self) -> Proof {
        match self.code {
            // Waiting for an invoice ended without one.
            Some(904) => Proof::NotFound,
            // JSON-RPC's own errors, those without a code of their own, those of payments, and
            // those of runes: the call is over.
            Some(-32_768..=-32_000 | -4..=-1 | 200..=219 | 900..=903 | 1500..=1599) => {
                Proof::NotBegun
            }
            _ => Proof::None,
        }
    }

    pub(super) fn error(&self) -> Error {
        let kind = match self.code {
            Some(1500..=1599) => ErrorKind::Unauthorized,
            // clnrest is there, and the node behind it is not.
            None => ErrorKind::Unavailable,
            _ => ErrorKind::Rejected,
        };
        let code = self
            .code
            .map_or_else(String::new, |code| format!(" {code}"));
        let text = format!("Core Lightning said{code}: {}", plain(&self.message));
        Error::new(kind, text)
    }
}

/// Returns true if the node wrote this payment hash.
pub(super) fn is_hash(written: &str, payment_hash: &PaymentHash) -> bool {
    written.parse() == Ok(*payment_hash)
}

/// Returns the error of an answer that Core Lightning's interface does not allow.
pub(super) fn garbled(what: &str) -> Error {
    Error::new(
        ErrorKind::Protocol,
        format!("Core Lightning's answer could not be read ({what})"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_numbers_and_as_text() {
        for (json, expected) in [
            ("2500", Some(2500)),
            ("\"2500msat\"", Some(2500)),
            ("\"2500\"", None),
            ("\"2sat\"", None),
            ("-1", None),
            ("2.5", None),
            ("\"99999999999999999999msat\"", None),
        ] {
            let read = serde_json::from_str::<WireMsat>(json).ok();
            assert_eq!(read.map(|amount| amount.0.msat()), expected, "{json}");
        }
    }

    #[test]
    fn only_codes_of_the_node_prove_anything() {
        let proof = |code| {
            let message = String::new();
            Refusal { code, message }.proof()
        };
        for code in [-32601, -32602, -1, 200, 203, 205, 207, 209, 219, 1502] {
            assert_eq!(proof(Some(code)), Proof::NotBegun, "{code}");
        }
        assert_eq!(proof(Some(904)), Proof::NotFound);
        for code in [None, Some(0), Some(401), Some(404), Some(502), Some(504)] {
            assert_eq!(proof(code), Proof::None, "{code:?}");
        }
    }

    #[test]
    fn networks_have_the_names_of_core_lightning() {
        for (name, network) in [
            ("bitcoin", Some(Network::Bitcoin)),
            ("regtest", Some(Network::Regtest)),
            ("signet", Some(Network::Signet)),
            ("testnet", Some(Network::Testnet)),
            ("liquid", None),
        ] {
            let (id, network_name) = (String::new(), name.to_owned());
            let info = Info {
                id,
                network: network_name,
            };
            assert_eq!(info.network().ok(), network, "{name}");
        }
    }
}
