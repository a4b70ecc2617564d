//! Amounts in millisatoshi, and the forms in which people write prices.

use core::fmt;
use core::str::FromStr;

/// An amount of bitcoin in millisatoshi, the unit of Lightning (BOLT 2). Never negative.
///
/// ```
/// use l402::{AmountError, Msat};
///
/// let price: Msat = "50 sat".parse()?;
/// assert_eq!(price, Msat::new(50_000));
/// assert_eq!(price.checked_add(Msat::new(500)), Some(Msat::new(50_500)));
/// assert_eq!(Msat::new(50_500).to_string(), "50500 msat");
///
/// // A number without a unit could mean satoshi or millisatoshi.
/// assert_eq!("50".parse::<Msat>(), Err(AmountError::UnitMissing));
/// # Ok::<(), AmountError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Msat(u64);

/// The number of millisatoshi in 21 million BTC, all the bitcoin that can exist.
const SUPPLY_MSAT: u64 = 2_100_000_000_000_000_000;

impl Msat {
    /// Zero millisatoshi.
    pub const ZERO: Self = Self(0);
    /// 21 million BTC, all the bitcoin that can exist. Parsing never returns more.
    pub const MAX: Self = Self(SUPPLY_MSAT);

    /// Makes an amount from a number of millisatoshi. Not limited to [`Msat::MAX`].
    #[must_use]
    pub const fn new(msat: u64) -> Self {
        Self(msat)
    }

    /// Makes an amount from a number of satoshi. Saturates at [`Msat::MAX`].
    #[must_use]
    pub const fn from_sat(sat: u64) -> Self {
        let msat = sat.saturating_mul(1000);
        Self(if msat > SUPPLY_MSAT {
            SUPPLY_MSAT
        } else {
            msat
        })
    }

    /// Returns the number of millisatoshi.
    #[must_use]
    pub const fn msat(self) -> u64 {
        self.0
    }

    /// Returns the number of satoshi, rounded up: the most that a buyer can lose.
    #[must_use]
    pub const fn ceil_sat(self) -> u64 {
        self.0.div_ceil(1000)
    }

    /// Returns the sum, or `None` if it exceeds [`u64::MAX`] millisatoshi.
    #[must_use]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// Returns the difference, or `None` if it would be negative.
    #[must_use]
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(rest) => Some(Self(rest)),
            None => None,
        }
    }

    /// Returns the sum, or [`u64::MAX`] millisatoshi if the sum is larger.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

/// Writes whole satoshi as `50 sat` and any other amount as `2500 msat`.
impl fmt::Display for Msat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_multiple_of(1000) {
            write!(f, "{} sat", self.0.div_ceil(1000))
        } else {
            write!(f, "{} msat", self.0)
        }
    }
}

/// The reason why a text is not a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AmountError {
    /// The amount exceeds 21 million BTC.
    TooLarge,
    /// The number is empty, negative, or not plain decimal digits.
    NotANumber,
    /// The amount is not a whole number of millisatoshi.
    TooFine,
    /// A number without a unit, which could mean satoshi or millisatoshi.
    UnitMissing,
    /// A unit other than `sat`, `msat` or `BTC`.
    UnitUnknown,
}

impl fmt::Display for AmountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => {
                "more than 21 million BTC; write a smaller amount, such as \"50 sat\""
            }
            Self::NotANumber => {
                "not an amount; write plain digits and a unit, such as \"50 sat\" (never negative)"
            }
            Self::TooFine => "finer than a millisatoshi; write \"2500 msat\" or \"0.00000050 BTC\"",
            Self::UnitMissing => {
                "the unit is missing; write \"50 sat\", \"2500 msat\" or \"0.00000050 BTC\""
            }
            Self::UnitUnknown => {
                "unknown unit; write \"50 sat\", \"2500 msat\" or \"0.00000050 BTC\""
            }
        })
    }
}

impl std::error::Error for AmountError {}

/// Reads `50 sat`, `2500 msat` or `0.00000050 BTC`. The space is optional, the unit is not.
impl FromStr for Msat {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        let text = text.trim();
        let split = text
            .find(|c: char| c.is_ascii_alphabetic())
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(split);
        let number = number.trim_end();
        if number.is_empty() || number.starts_with(['-', '+']) {
            return Err(AmountError::NotANumber);
        }
        let decimals = match unit {
            "msat" => 0,
            "sat" | "sats" => 3,
            "BTC" | "btc" => 11,
            "" => {
                // Text that is no number gets the error about the number: adding a unit would not
                // help. Any number that some unit allows fits into eleven decimals.
                decimal(number, 11)?;
                return Err(AmountError::UnitMissing);
            }
            _ => return Err(AmountError::UnitUnknown),
        };
        let msat = decimal(number, decimals)?;
        if msat > SUPPLY_MSAT {
            Err(AmountError::TooLarge)
        } else {
            Ok(Self(msat))
        }
    }
}

/// Reads a decimal number and returns it times ten to the power of `decimals`.
fn decimal(number: &str, decimals: usize) -> Result<u64, AmountError> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    // `1.` is refused: the digits after the point may have been lost.
    let dangling = number.contains('.') && fraction.is_empty();
    if whole.is_empty() || dangling || !digits(whole) || !digits(fraction) {
        return Err(AmountError::NotANumber);
    }
    // Digits beyond the last place are never rounded away: the price would be another one.
    let (kept, rest) = fraction.split_at(fraction.len().min(decimals));
    if rest.bytes().any(|b| b != b'0') {
        return Err(AmountError::TooFine);
    }
    let zeros = core::iter::repeat_n(b'0', decimals.saturating_sub(kept.len()));
    whole
        .bytes()
        .chain(kept.bytes())
        .chain(zeros)
        .try_fold(0_u64, |sum, digit| {
            let digit = u64::from(digit.saturating_sub(b'0'));
            sum.checked_mul(10)
                .and_then(|s| s.checked_add(digit))
                .ok_or(AmountError::TooLarge)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_each_unit_that_people_write() {
        for (text, msat) in [
            ("50 sat", 50_000),
            ("50sats", 50_000),
            ("2500 msat", 2500),
            ("0.00000050 BTC", 50_000),
            ("1 BTC", 100_000_000_000),
            ("1.5 sat", 1500),
            ("0 sat", 0),
        ] {
            assert_eq!(text.parse(), Ok(Msat::new(msat)), "{text}");
        }
    }

    /// ATTACKS C-22.
    #[test]
    fn refuses_what_could_mean_two_things() {
        for (text, error) in [
            ("50", AmountError::UnitMissing),
            ("-1 sat", AmountError::NotANumber),
            ("+1 sat", AmountError::NotANumber),
            ("", AmountError::NotANumber),
            ("sat", AmountError::NotANumber),
            ("1e3 sat", AmountError::UnitUnknown),
            ("1,000 sat", AmountError::NotANumber),
            ("1. sat", AmountError::NotANumber),
            (".5 sat", AmountError::NotANumber),
            ("0.5 msat", AmountError::TooFine),
            ("1 USD", AmountError::UnitUnknown),
            ("21000001 BTC", AmountError::TooLarge),
            ("99999999999999999999 sat", AmountError::TooLarge),
            ("٣ sat", AmountError::NotANumber),
        ] {
            assert_eq!(text.parse::<Msat>(), Err(error), "{text}");
        }
    }

    #[test]
    fn every_error_shows_an_amount_as_it_is_written() {
        let all = ["22000000 BTC", "", "0.5 msat", "50", "50 eur"].map(|text| text.parse::<Msat>());
        for error in all.map(|read| read.unwrap_err()) {
            // Without a wildcard: each new reason is to be read above.
            match error {
                AmountError::TooLarge
                | AmountError::NotANumber
                | AmountError::TooFine
                | AmountError::UnitMissing
                | AmountError::UnitUnknown => {}
            }
            let text = error.to_string();
            assert!(
                text.contains(" sat\"") || text.contains(" msat\""),
                "{text}"
            );
        }
    }

    /// ATTACKS C-08.
    #[test]
    fn a_buyer_rounds_up() {
        assert_eq!(Msat::new(1500).ceil_sat(), 2);
        assert_eq!(Msat::new(999).ceil_sat(), 1);
        assert_eq!(Msat::from_sat(50).to_string(), "50 sat");
        assert_eq!(Msat::new(2500).to_string(), "2500 msat");
    }

    proptest::proptest! {
        #[test]
        fn printing_and_reading_agree(msat in 0..=SUPPLY_MSAT) {
            proptest::prop_assert_eq!(Msat::new(msat).to_string().parse(), Ok(Msat::new(msat)));
        }
    }
}
