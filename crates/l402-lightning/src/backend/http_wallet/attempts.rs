//! The attempts of this process whose end nobody knows.

use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use l402::{PaymentHash, UnixTime};

/// The time after an invoice's end from which an attempt that left no record can no longer begin.
const GRACE: Duration = Duration::from_secs(600);

/// Remembers each attempt until its outcome is certain. A wallet that has no record of such a payment
/// proves nothing: the request may still wait in front of it.
///
/// In memory only: a buyer whose program was restarted has its own journal, which waits as long.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    open: Mutex<HashMap<PaymentHash, Attempt>>,
}

#[derive(Clone, Copy, Debug)]
struct Attempt {
    until: UnixTime,
    /// True if the wallet had the record of a failure before, which therefore says nothing of this
    /// attempt.
    failed_before: bool,
}

impl Attempts {
    /// Notes that the wallet is about to be asked.
    pub(super) fn begin(&self, hash: PaymentHash, expires: UnixTime, failed_before: bool) {
        let until = expires.saturating_add(GRACE);
        let attempt = Attempt {
            until,
            failed_before,
        };
        self.lock().insert(hash, attempt);
    }

    /// Notes that the outcome is certain.
    pub(super) fn end(&self, hash: &PaymentHash) {
        self.lock().remove(hash);
    }

    /// Returns true if an attempt may still be under way that the wallet has no record of.
    pub(super) fn is_open(&self, hash: &PaymentHash, now: UnixTime) -> bool {
        let mut open = self.lock();
        open.retain(|_, attempt| attempt.until > now);
        open.contains_key(hash)
    }

    /// Returns true if the record of a failure may be that of an earlier attempt.
    pub(super) fn failed_before(&self, hash: &PaymentHash, now: UnixTime) -> bool {
        self.is_open(hash, now) && self.lock().get(hash).is_some_and(|it| it.failed_before)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PaymentHash, Attempt>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
