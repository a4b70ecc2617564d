//! The price that somebody says a service has.

use l402::Msat;
use serde::{Deserialize, Serialize};

use super::text::clean;

/// The price that a seller or another directory says a service has. The invoice is what counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClaimedPrice {
    /// In millisatoshi, if it is fixed and in bitcoin.
    pub price_msat: Option<u64>,
    /// In another currency, as it was written: an amount and a code, e.g. `0.01 USD`.
    pub other: Option<String>,
}

impl ClaimedPrice {
    /// Returns the price in bitcoin, if there is one.
    #[must_use]
    pub fn msat(&self) -> Option<Msat> {
        self.price_msat.map(Msat::new)
    }

    /// Makes a price in millisatoshi. One that is more than all bitcoin is none.
    #[must_use]
    pub fn of_msat(msat: u64) -> Self {
        let price_msat = Some(msat).filter(|&msat| Msat::new(msat) <= Msat::MAX);
        Self {
            price_msat,
            other: None,
        }
    }

    /// Reads an amount with its currency: in satoshi, millisatoshi or BTC exactly, in any other as text. Empty
    /// if the amount is no number.
    #[must_use]
    pub fn read(amount: &str, currency: &str) -> Self {
        let (amount, currency) = (amount.trim(), currency.trim());
        let unit = match currency.to_ascii_lowercase().as_str() {
            "sat" | "sats" | "satoshi" | "satoshis" => "sat",
            "msat" | "msats" | "millisatoshi" | "millisatoshis" => "msat",
            "btc" | "bitcoin" | "xbt" => "BTC",
            _ => return Self::other(amount, currency),
        };
        match format!("{} {unit}", whole(amount)).parse::<Msat>() {
            Ok(price) => Self::of_msat(price.msat()),
            Err(_) => Self::default(),
        }
    }

    fn other(amount: &str, currency: &str) -> Self {
        let is_number = !amount.is_empty() && amount.len() <= 40;
        let is_number = is_number && amount.bytes().all(|it| it.is_ascii_digit() || it == b'.');
        let text = format!("{amount} {}", currency.to_ascii_uppercase());
        Self {
            price_msat: None,
            other: is_number.then_some(text),
        }
        .cleaned()
    }

    /// Returns the price within its bounds: not more than all bitcoin, and at most 60 characters of text.
    #[must_use]
    pub(crate) fn cleaned(self) -> Self {
        let other = self.other.map(|text| clean(&text, 60));
        Self {
            price_msat: self.price_msat.filter(|&msat| Msat::new(msat) <= Msat::MAX),
            other: other.filter(|text| !text.is_empty()),
        }
    }
}

/// Takes the point and the zeros off that some languages write behind a whole number.
fn whole(amount: &str) -> &str {
    match amount.split_once('.') {
        Some((whole, zeros)) if zeros.bytes().all(|it| it == b'0') => whole,
        _ => amount,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_bitcoin_exactly() {
        for (amount, currency, msat) in [
            ("50", "sat", Some(50_000)),
            ("50.0", "sats", Some(50_000)),
            ("1500", "MSAT", Some(1500)),
            ("0.00000050", "BTC", Some(50_000)),
            ("0.0000000005", "btc", Some(50)),
            ("1.5", "sat", Some(1500)),
            ("0.0001", "sat", None),
            ("-1", "sat", None),
            ("NaN", "sat", None),
            ("99999999999999999999", "sat", None),
            ("21000001", "BTC", None),
        ] {
            let price = ClaimedPrice::read(amount, currency);
            assert_eq!(price.price_msat, msat, "{amount} {currency}");
            assert_eq!(price.other, None, "{amount} {currency}");
        }
    }

    #[test]
    fn keeps_other_currencies_as_text() {
        let price = ClaimedPrice::read("0.01", "usd");
        assert_eq!(price.other.as_deref(), Some("0.01 USD"));
        assert_eq!(price.price_msat, None);
        assert_eq!(ClaimedPrice::read("<b>", "usd"), ClaimedPrice::default());
        assert_eq!(ClaimedPrice::of_msat(u64::MAX), ClaimedPrice::default());
    }
}
