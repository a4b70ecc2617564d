//! The note of a payment that a wallet was asked for.
//!
//! A wallet that knows nothing of a payment may still learn of it: something on the way may deliver
//! the request late, and some wallets record a payment only after it is made. So *not found* is an
//! end only after the request and the invoice have both expired, and after a restart the note alone
//! knows when that is.

use core::time::Duration;

use l402::{Msat, UnixTime};

/// The largest difference between the wallet's clock and ours that is allowed for.
const SKEW: Duration = Duration::from_secs(600);

/// A payment that was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::backend) struct Note {
    /// The time from which the wallet must not begin the request.
    pub(in crate::backend) request_ends: UnixTime,
    /// The time from which the invoice cannot be paid.
    pub(in crate::backend) invoice_ends: UnixTime,
    /// True if the wallet already knew of a payment that had failed, or may have known of one. A
    /// record of a failure then says nothing of this attempt.
    pub(in crate::backend) had_failed: bool,
    /// The highest fee that was allowed. It counts as paid if the wallet tells no fee.
    pub(in crate::backend) max_fee: Msat,
}

impl Note {
    /// Returns true if the wallet cannot begin the request any more.
    pub(in crate::backend) fn is_request_over(&self, now: UnixTime) -> bool {
        now > self.request_ends.saturating_add(SKEW)
    }

    /// Returns true if the payment cannot be made any more.
    pub(in crate::backend) fn is_over(&self, now: UnixTime) -> bool {
        self.is_request_over(now) && now > self.invoice_ends.saturating_add(SKEW)
    }

    /// Returns true if the record of a failure may be that of an earlier attempt, while this one can
    /// still begin.
    pub(in crate::backend) fn outlives_failure(&self, now: UnixTime) -> bool {
        self.had_failed && !self.is_request_over(now)
    }

    /// Returns the note of this attempt and an earlier one that may still begin.
    pub(super) fn with_earlier(self, earlier: Self) -> Self {
        Self {
            request_ends: self.request_ends.max(earlier.request_ends),
            invoice_ends: self.invoice_ends.max(earlier.invoice_ends),
            had_failed: self.had_failed || earlier.had_failed,
            max_fee: self.max_fee.max(earlier.max_fee),
        }
    }

    pub(super) fn to_text(self) -> String {
        let (request, invoice) = (self.request_ends.secs(), self.invoice_ends.secs());
        let (had_failed, fee) = (u8::from(self.had_failed), self.max_fee.msat());
        format!("{request} {invoice} {had_failed} {fee}\n")
    }

    pub(super) fn read(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let mut time = || words.next()?.parse().ok().map(UnixTime::from_secs);
        let (request_ends, invoice_ends) = (time()?, time()?);
        let had_failed = match words.next()? {
            "0" => false,
            "1" => true,
            _ => return None,
        };
        // Notes of before the fee was noted have three words.
        let max_fee = words.next().map_or(Some(0), |word| word.parse().ok())?;
        Some(Self {
            request_ends,
            invoice_ends,
            had_failed,
            max_fee: Msat::new(max_fee),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(secs: u64) -> UnixTime {
        UnixTime::from_secs(secs)
    }

    const NOTE: Note = Note {
        request_ends: at(100),
        invoice_ends: at(5_000),
        had_failed: false,
        max_fee: Msat::new(7),
    };

    #[test]
    fn a_payment_is_over_after_request_and_invoice_and_the_skew_of_the_clocks() {
        assert!(!NOTE.is_request_over(at(700)) && NOTE.is_request_over(at(701)));
        assert!(!NOTE.is_over(at(5_600)) && NOTE.is_over(at(5_601)));
        let long = Note {
            request_ends: at(9_000),
            ..NOTE
        };
        assert!(!long.is_over(at(9_600)) && long.is_over(at(9_601)));
    }

    #[test]
    fn a_note_with_an_earlier_one_is_over_when_both_are() {
        let earlier = Note {
            request_ends: at(300),
            invoice_ends: at(400),
            had_failed: true,
            max_fee: Msat::new(3),
        };
        let both = NOTE.with_earlier(earlier);
        assert_eq!((both.request_ends, both.invoice_ends), (at(300), at(5_000)));
        assert_eq!((both.had_failed, both.max_fee), (true, Msat::new(7)));
    }

    #[test]
    fn a_text_without_a_fee_is_read_and_another_text_is_not() {
        assert_eq!(Note::read(&NOTE.to_text()), Some(NOTE));
        let old = Note {
            max_fee: Msat::ZERO,
            ..NOTE
        };
        assert_eq!(Note::read("100 5000 0\n"), Some(old));
        for wrong in ["", "1 2", "1 2 3", "1 2 0 x", "a 2 0"] {
            assert_eq!(Note::read(wrong), None, "{wrong}");
        }
    }
}
