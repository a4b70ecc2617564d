//! The JSON of LNbits. Amounts and fees are millisatoshi, below zero for what was paid out.

use l402::{Msat, PaymentHash, UnixTime};
use serde::Deserialize;

use super::peer::CALLED;
use crate::Error;
use crate::backend::http_wallet::{Paid, garbled};

/// `GET /api/v1/wallet`.
#[derive(Deserialize)]
#[cfg_attr(not(feature = "pay"), expect(dead_code, reason = "only a payer asks"))]
pub(super) struct WalletInfo {
    pub(super) balance: i64,
    /// Told to the admin key alone.
    pub(super) id: Option<String>,
}

/// A payment of the wallet, in or out.
#[derive(Deserialize)]
pub(super) struct WirePayment {
    pub(super) payment_hash: String,
    pub(super) amount: i64,
    #[cfg_attr(not(feature = "pay"), expect(dead_code, reason = "only a payer asks"))]
    pub(super) fee: Option<i64>,
    pub(super) status: String,
    #[cfg_attr(not(feature = "pay"), expect(dead_code, reason = "only a payer asks"))]
    pub(super) preimage: Option<String>,
    #[serde(default)]
    pub(super) bolt11: Option<String>,
    #[serde(default)]
    updated_at: String,
}

/// `GET /api/v1/payments/{hash}`. Without the key of a wallet that has the payment, only the state
/// is told, and not whose it is.
#[derive(Deserialize)]
pub(super) struct Found {
    pub(super) details: Option<WirePayment>,
}

/// `GET /api/v1/payments/paginated`.
#[derive(Deserialize)]
pub(super) struct Page {
    pub(super) data: Vec<WirePayment>,
}

/// The answer to the request for an invoice.
#[derive(Deserialize)]
pub(super) struct Created {
    pub(super) payment_hash: String,
    pub(super) bolt11: String,
}

impl WirePayment {
    pub(super) fn hash(&self) -> Result<PaymentHash, Error> {
        let hash = self.payment_hash.parse();
        hash.map_err(|_| garbled(CALLED, "a payment hash"))
    }

    pub(super) fn is_incoming(&self) -> bool {
        self.amount > 0
    }

    /// Returns the amount that moved, in either direction.
    pub(super) fn msat(&self) -> Msat {
        Msat::new(self.amount.unsigned_abs())
    }

    /// Returns the settlement of an invoice of this wallet; `None` if it is not settled.
    pub(super) fn settlement(&self) -> Result<Option<Paid>, Error> {
        if !self.is_incoming() || self.status != "success" {
            return Ok(None);
        }
        Ok(Some(Paid {
            at: micros(&self.updated_at).ok_or_else(|| garbled(CALLED, "a time"))?,
            payment_hash: self.hash()?,
            paid: self.msat(),
        }))
    }
}

/// Reads a time such as `2026-11-29T23:59:07.525242+00:00`, in microseconds since 1970.
fn micros(text: &str) -> Option<u64> {
    let has_zone = text.ends_with('Z') || text.get(19..).is_some_and(|it| it.contains(['+', '-']));
    let zoned = if has_zone {
        text.to_owned()
    } else {
        format!("{text}Z")
    };
    let seconds = UnixTime::from_rfc3339(&zoned).ok()?.secs();
    let fraction = text.get(19..)?.strip_prefix('.').unwrap_or_default();
    let digits = fraction.bytes().take_while(u8::is_ascii_digit).take(6);
    let fraction =
        digits
            .chain(core::iter::repeat(b'0'))
            .take(6)
            .try_fold(0_u64, |sum, digit| {
                sum.checked_mul(10)?
                    .checked_add(u64::from(digit.checked_sub(b'0')?))
            })?;
    seconds.checked_mul(1_000_000)?.checked_add(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_to_the_microsecond() {
        let second = 1_795_996_747_000_000;
        for (text, fraction) in [
            ("2026-11-29T23:59:07.525242+00:00", 525_242),
            ("2026-11-29T23:59:07.5", 500_000),
            ("2026-11-29T23:59:07+00:00", 0),
            ("2026-11-29T23:59:07Z", 0),
            ("2026-11-30T01:59:07.000001+02:00", 1),
        ] {
            assert_eq!(micros(text), Some(second + fraction), "{text}");
        }
        for wrong in ["", "yesterday", "2026-11-29", "1795996747"] {
            assert_eq!(micros(wrong), None, "{wrong}");
        }
    }
}
