//! Budgets of many callers in bounded memory.
//!
//! Each budget is a generic cell rate algorithm (GCRA): one number for each caller, the moment at
//! which the caller has a full burst again. The numbers are in a table of fixed size, found by a
//! keyed hash, so that no flood of addresses makes it grow (ATTACKS D-01, D-11). Two callers with
//! the same slot share its budget. An attacker cannot choose such a caller, since the key of the
//! hash is random.

use std::hash::{BuildHasher, Hash, RandomState};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A rate in the long run, and the burst that is allowed at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Challenges per second in the long run.
    pub per_second: NonZeroU32,
    /// Challenges at once, if there were none for a while.
    pub burst: NonZeroU32,
}

impl Rate {
    pub(super) const fn new(per_second: u32, burst: u32) -> Option<Self> {
        match (NonZeroU32::new(per_second), NonZeroU32::new(burst)) {
            (Some(per_second), Some(burst)) => Some(Self { per_second, burst }),
            _ => None,
        }
    }
}

/// The size of every caller's budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    /// The nanoseconds by which one piece moves a slot forward.
    cost: u64,
    /// The nanoseconds that a slot may be ahead of now, the next piece included.
    max_lead: u64,
}

impl Size {
    /// A burst of so many, of which one comes back in each `interval`.
    pub(super) fn new(interval: Duration, burst: u32) -> Self {
        let cost = nanos(interval);
        Self {
            cost,
            max_lead: cost.saturating_mul(burst.into()),
        }
    }

    /// A part of a rate, in percent, with this burst.
    pub(super) fn percent(rate: Rate, percent: u32, burst: u32) -> Self {
        let interval = Duration::from_secs(100) / rate.per_second.get() / percent;
        Self::new(interval, burst)
    }
}

impl From<Rate> for Size {
    fn from(rate: Rate) -> Self {
        Self::new(
            Duration::from_secs(1) / rate.per_second.get(),
            rate.burst.get(),
        )
    }
}

/// The budgets of all callers. Each slot holds the moment, in nanoseconds of monotonic time, at
/// which its burst is whole again.
#[derive(Debug)]
pub(super) struct Budgets {
    size: Size,
    hasher: RandomState,
    slots: Box<[AtomicU64]>,
}

impl Budgets {
    pub(super) fn new(size: impl Into<Size>, slots: usize) -> Self {
        Self {
            size: size.into(),
            hasher: RandomState::new(),
            slots: (0..slots).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Changes the size. A slot waits at most as long as an empty budget of the new size does.
    pub(super) fn set_size(&mut self, size: impl Into<Size>, now: Duration) {
        self.size = size.into();
        let latest = nanos(now).saturating_add(self.size.max_lead);
        for slot in &mut self.slots {
            *slot.get_mut() = latest.min(*slot.get_mut());
        }
    }

    /// Takes one piece out of the budget of a key.
    ///
    /// # Errors
    /// The time to wait, if the budget is spent.
    pub(super) fn take(&self, key: impl Hash, now: Duration) -> Result<(), Duration> {
        let now = nanos(now);
        let Size { max_lead, .. } = self.size;
        let fits = |full| Some(self.after(full, now)).filter(|next| next - now <= max_lead);
        // One atomic step, without a lock: threads that meet on a slot cannot both take the last.
        self.slot(key)
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits)
            .map(drop)
            .map_err(|full| Duration::from_nanos(self.after(full, now) - now - max_lead))
    }

    /// Returns true if the budget of a key is not spent.
    pub(super) fn has(&self, key: impl Hash, now: Duration) -> bool {
        let (full, now) = (self.slot(key).load(Ordering::Relaxed), nanos(now));
        self.after(full, now) - now <= self.size.max_lead
    }

    /// Returns the moment at which a slot is full again after one more piece.
    fn after(&self, full: u64, now: u64) -> u64 {
        // `max(now)`: a budget that nobody used for long does not grow beyond one burst.
        full.max(now).saturating_add(self.size.cost)
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "the remainder is below the length"
    )]
    fn slot(&self, key: impl Hash) -> &AtomicU64 {
        &self.slots[(self.hasher.hash_one(key) % self.slots.len() as u64) as usize]
    }
}

fn nanos(moment: Duration) -> u64 {
    u64::try_from(moment.as_nanos()).unwrap_or(u64::MAX)
}
