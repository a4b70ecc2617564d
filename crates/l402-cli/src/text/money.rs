//! Amounts and shares as people write them on the command line.

use core::fmt;
use core::str::FromStr;

use l402::Msat;
use l402_client::Limits;

/// The most that routing may cost: `10 sat` or `1%`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MaxFee {
    Amount(Msat),
    /// Parts per million of the amount.
    Share(u32),
}

impl MaxFee {
    /// Returns these limits with this fee limit: a fixed amount whatever the price is, or a share.
    pub(crate) fn apply(self, limits: Limits) -> Limits {
        match self {
            Self::Amount(amount) => limits.with_max_fee(0, amount),
            Self::Share(ppm) => limits.with_max_fee(ppm, Msat::ZERO),
        }
    }
}

/// The error for a text that is neither an amount with a unit nor a percentage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MaxFeeError;

impl fmt::Display for MaxFeeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("write an amount such as \"10 sat\", or a share such as \"1%\" (up to 100%)")
    }
}

impl std::error::Error for MaxFeeError {}

impl FromStr for MaxFee {
    type Err = MaxFeeError;

    fn from_str(text: &str) -> Result<Self, MaxFeeError> {
        let Some(percent) = text.trim().strip_suffix('%') else {
            return text.parse().map(Self::Amount).map_err(|_| MaxFeeError);
        };
        let (whole, fraction) = percent
            .trim_end()
            .split_once('.')
            .unwrap_or((percent.trim(), "0"));
        // By hand and in whole numbers: a parsed float would also take `1e1` and `inf`, and round.
        let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || whole.len() > 3 || fraction.len() > 4 {
            return Err(MaxFeeError);
        }
        // One per cent is 10,000 parts per million, so a fraction has four places.
        let ppm: u32 = format!("{whole}{fraction:0<4}")
            .parse()
            .map_err(|_| MaxFeeError)?;
        if ppm <= 1_000_000 {
            Ok(Self::Share(ppm))
        } else {
            Err(MaxFeeError)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fee_is_an_amount_or_a_share() {
        for (text, fee) in [
            ("10 sat", MaxFee::Amount(Msat::from_sat(10))),
            ("1%", MaxFee::Share(10_000)),
            ("0.5 %", MaxFee::Share(5000)),
            ("0.0001%", MaxFee::Share(1)),
            ("100%", MaxFee::Share(1_000_000)),
        ] {
            assert_eq!(text.parse(), Ok(fee), "{text}");
        }
        for bad in [
            "10", "", "%", "-1%", "101%", "1e1%", "1.%", ".5%", "0.00001%", "sat",
        ] {
            assert_eq!(bad.parse::<MaxFee>(), Err(MaxFeeError), "{bad}");
        }
    }

    #[test]
    fn a_share_is_not_raised_to_the_default_allowance() {
        let limits = MaxFee::Share(10_000).apply(Limits::default());
        assert_eq!(limits.max_fee(Msat::from_sat(100)), Msat::from_sat(1));
        let limits = MaxFee::Amount(Msat::from_sat(3)).apply(Limits::default());
        assert_eq!(limits.max_fee(Msat::from_sat(100_000)), Msat::from_sat(3));
    }
}
