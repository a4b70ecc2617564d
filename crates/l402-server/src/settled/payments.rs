//! The payments that the node has called settled.

use std::collections::{BTreeSet, HashMap};

use l402::{Msat, PaymentHash, UnixTime};

/// The most payments that are kept, about 10 MB. Beyond it the one that ends first goes: it is
/// looked up again if it is still used.
const MOST: usize = 65_536;

/// The amounts of settled payments, each kept until its token ends.
#[derive(Debug, Default)]
pub(super) struct SettledPayments {
    paid: HashMap<PaymentHash, (Msat, UnixTime)>,
    by_end: BTreeSet<(UnixTime, PaymentHash)>,
}

impl SettledPayments {
    /// Returns the amount that has arrived, if it is known.
    pub(super) fn paid(&self, payment: &PaymentHash) -> Option<Msat> {
        self.paid.get(payment).map(|(paid, _)| *paid)
    }

    /// Keeps a payment until its token ends.
    pub(super) fn insert(
        &mut self,
        payment: PaymentHash,
        paid: Msat,
        end: UnixTime,
        now: UnixTime,
    ) {
        if let Some((_, before)) = self.paid.insert(payment, (paid, end)) {
            self.by_end.remove(&(before, payment));
        }
        self.by_end.insert((end, payment));
        while let Some((end, first)) = self.by_end.first().copied() {
            if end > now && self.by_end.len() <= MOST {
                break;
            }
            self.by_end.remove(&(end, first));
            self.paid.remove(&first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(n: u32) -> PaymentHash {
        let mut bytes = [7; 32];
        bytes[..4].copy_from_slice(&n.to_be_bytes());
        PaymentHash::from_bytes(bytes)
    }

    #[test]
    fn a_payment_is_kept_until_its_token_ends() {
        let (mut payments, at) = (SettledPayments::default(), UnixTime::from_secs);
        payments.insert(hash(1), Msat::new(5), at(10), at(1));
        payments.insert(hash(1), Msat::new(6), at(20), at(2));
        payments.insert(hash(2), Msat::new(7), at(30), at(19));
        assert_eq!(payments.paid(&hash(1)), Some(Msat::new(6)));
        payments.insert(hash(3), Msat::new(8), at(40), at(20));
        assert_eq!(payments.paid(&hash(1)), None);
        assert_eq!(payments.paid(&hash(2)), Some(Msat::new(7)));
        assert_eq!((payments.paid.len(), payments.by_end.len()), (2, 2));
    }

    #[test]
    fn it_never_keeps_more_than_it_may_and_drops_what_ends_first() {
        let (mut payments, at) = (SettledPayments::default(), UnixTime::from_secs);
        let most = u32::try_from(MOST).unwrap();
        for n in 0..most + 10 {
            payments.insert(hash(n), Msat::new(1), at(u64::from(n) + 10), at(1));
        }
        assert_eq!((payments.paid.len(), payments.by_end.len()), (MOST, MOST));
        assert_eq!(payments.paid(&hash(9)), None);
        assert_eq!(payments.paid(&hash(10)), Some(Msat::new(1)));
    }
}
