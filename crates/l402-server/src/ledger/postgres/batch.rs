//! The requests that one statement carries.

use std::collections::HashMap;

use l402::PaymentHash;

use crate::ledger::ReserveRequest;
use crate::ledger::ops::Reply;

/// The most requests in a statement.
const MOST: usize = 256;

/// A request with the number of the reservation that it may become, and the way back to its caller.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) number: i64,
    pub(super) request: ReserveRequest,
    pub(super) reply: Reply,
}

impl Queued {
    pub(super) fn payment(&self) -> PaymentHash {
        self.request.allowance().payment_hash()
    }

    /// The units of the payment, and those that are asked for: the same for all of a payment in one
    /// statement, so that it grants the first ones.
    fn kind(&self) -> (u64, u64) {
        let units = self.request.units().get();
        (self.request.allowance().units().get(), units)
    }
}

/// Takes out of `waiting` what goes into the next statement, in its order. What asks for another number of
/// units of a payment than an earlier request waits for its turn.
pub(super) fn next(waiting: &mut Vec<Queued>) -> Vec<Queued> {
    // The first request of a payment decides which of its requests go along.
    let mut kinds = HashMap::new();
    let mut taken = 0;
    let fits = |asked: &mut Queued| {
        let kind = *kinds.entry(asked.payment()).or_insert_with(|| asked.kind());
        let fits = taken < MOST && kind == asked.kind();
        taken += usize::from(fits);
        fits
    };
    waiting.extract_if(.., fits).collect()
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use l402::UnixTime;
    use tokio::sync::oneshot;

    use super::*;
    use crate::ledger::Allowance;

    fn asked(number: i64, payment: u8, units: u64) -> Queued {
        let ten = NonZeroU64::new(10).expect("not zero");
        let units = NonZeroU64::new(units).expect("not zero");
        let end = UnixTime::from_secs(9);
        let allowance = Allowance::new(PaymentHash::from_bytes([payment; 32]), ten, end);
        Queued {
            number,
            request: ReserveRequest::new(allowance, units, end),
            reply: oneshot::channel().0,
        }
    }

    #[test]
    fn other_numbers_of_units_wait_for_their_turn() {
        let mut waiting = vec![
            asked(1, 7, 1),
            asked(2, 7, 2),
            asked(3, 7, 1),
            asked(4, 8, 2),
        ];
        let numbers = |batch: Vec<Queued>| batch.iter().map(|one| one.number).collect::<Vec<_>>();
        assert_eq!(numbers(next(&mut waiting)), [1, 3, 4]);
        assert_eq!(numbers(next(&mut waiting)), [2]);
        waiting.extend((0..300).map(|number| asked(number, 7, 1)));
        assert_eq!(next(&mut waiting).len(), MOST);
        assert_eq!(numbers(next(&mut waiting)).first(), Some(&256));
    }
}
