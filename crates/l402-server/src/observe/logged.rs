//! The payments whose first use was told already.

use std::sync::atomic::{AtomicU64, Ordering};

use l402::PaymentHash;

/// The places of the table, a power of two: 128 KiB.
const PLACES: usize = 16 * 1024;

/// A table of payments, without a lock and with a bound.
///
/// A later payment may take the place of an earlier one. Then the earlier one is told once more,
/// and none is ever left out: a place names its payment by the first 8 bytes of the hash, which its
/// buyer cannot choose.
#[derive(Debug)]
pub struct LoggedSales(Box<[AtomicU64]>);

impl Default for LoggedSales {
    fn default() -> Self {
        Self((0..PLACES).map(|_| AtomicU64::new(0)).collect())
    }
}

impl LoggedSales {
    /// Notes a payment, and returns true if it is not known to be told.
    #[must_use]
    pub fn is_new(&self, payment: PaymentHash) -> bool {
        let [a, b, c, d, e, f, g, h, i, j, ..] = *payment.as_bytes();
        let name = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
        let place = usize::from(u16::from_be_bytes([i, j])) % PLACES;
        let Some(place) = self.0.get(place) else {
            return true;
        };
        // Read first: a place that every request wrote to would wander between the cores.
        place.load(Ordering::Relaxed) != name && place.swap(name, Ordering::Relaxed) != name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payment(first: u8, ninth: u8) -> PaymentHash {
        let mut bytes = [0; 32];
        (bytes[0], bytes[8]) = (first, ninth);
        PaymentHash::from_bytes(bytes)
    }

    #[test]
    fn a_payment_is_told_once_until_another_takes_its_place() {
        let logged = LoggedSales::default();
        assert!(logged.is_new(payment(1, 0)));
        assert!(!logged.is_new(payment(1, 0)));
        assert!(logged.is_new(payment(2, 1)), "another place");
        assert!(!logged.is_new(payment(1, 0)));
        assert!(logged.is_new(payment(3, 0)), "the same place");
        assert!(logged.is_new(payment(1, 0)), "told once more, not left out");
    }
}
