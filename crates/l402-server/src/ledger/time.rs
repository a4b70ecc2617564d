//! The time by which a ledger forgets, which cannot jump.
//!
//! A ledger forgets a payment when its last token has ended. If it believed a wall clock that runs
//! ahead for an hour, spent tokens would be fresh as soon as the clock is right again. So the wall
//! clock is read once, at the first use, and the monotonic clock from then on.

use std::time::Duration;

use l402::UnixTime;

use super::{GRACE_SECS, ReserveError};

/// Seconds that the wall clock may be behind the stored time. Below [`GRACE_SECS`], so that no token
/// whose payment is forgotten can seem alive: it had ended `GRACE_SECS` before the stored time.
const BEHIND_SECS: u64 = GRACE_SECS / 2;

/// The time of a ledger.
#[derive(Debug)]
pub(super) struct LedgerTime {
    /// The latest time that the ledger has stored. It forgets by no later one.
    stored: UnixTime,
    /// Ledger time and monotonic time of one moment.
    began: Option<(UnixTime, Duration)>,
}

impl Default for LedgerTime {
    /// Nothing is stored, and nobody else is there.
    fn default() -> Self {
        Self::new(UnixTime::from_secs(0))
    }
}

impl LedgerTime {
    /// Begins with the stored time; 0 means that none is stored yet.
    pub(super) const fn new(stored: UnixTime) -> Self {
        Self {
            stored,
            began: None,
        }
    }

    /// Refuses a use whose wall-clock time is behind the stored time.
    pub(super) const fn check(&self, wall: UnixTime) -> Result<(), ReserveError> {
        let stored = self.stored;
        if wall.secs().saturating_add(BEHIND_SECS) < stored.secs() {
            return Err(ReserveError::ClockBehind { stored });
        }
        Ok(())
    }

    /// Returns true once the wall clock was read.
    pub(super) const fn has_begun(&self) -> bool {
        self.began.is_some()
    }

    /// Begins with a use, from the wall clock if no other process has the ledger open.
    pub(super) fn begin(&mut self, wall: UnixTime, monotonic: Duration, alone: bool) {
        // Beside another process the wall clock of this one proves nothing: it may be far ahead, and
        // the other one needs what it would forget.
        let leaps = alone || self.stored == UnixTime::from_secs(0);
        let begin = if leaps {
            wall.max(self.stored)
        } else {
            self.stored
        };
        self.began = Some((begin, monotonic));
    }

    /// Returns the time at a use of a ledger that nobody else has open. The first call reads the
    /// wall clock, later ones ignore it.
    pub(super) fn at_use(&mut self, wall: UnixTime, monotonic: Duration) -> UnixTime {
        if !self.has_begun() {
            self.begin(wall, monotonic, true);
        }
        self.at(monotonic)
    }

    /// Returns the time without a use: the stored time before the first one.
    pub(super) fn at(&self, monotonic: Duration) -> UnixTime {
        let Some((begin, at)) = self.began else {
            return self.stored;
        };
        begin
            .saturating_add(monotonic.saturating_sub(at))
            .max(self.stored)
    }

    /// Takes note of the time that is stored now, by this process or another one.
    pub(super) fn store(&mut self, stored: UnixTime) {
        self.stored = self.stored.max(stored);
    }

    /// The latest time that is stored.
    pub(super) const fn stored(&self) -> UnixTime {
        self.stored
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400;
    const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);

    const fn wall(days: u64) -> UnixTime {
        UnixTime::from_secs(NOW.secs() + days * DAY)
    }

    const fn mono(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    /// FAULTS S8: a clock that runs ahead moves nothing. Also: set to 1970, and a day of uptime.
    #[test]
    fn goes_on_by_the_monotonic_clock() {
        let mut time = LedgerTime::new(UnixTime::from_secs(0));
        assert_eq!(time.at_use(NOW, mono(100)), NOW);
        let later = UnixTime::from_secs(NOW.secs() + 60);
        assert_eq!(time.at_use(wall(400), mono(160)), later);
        assert_eq!(time.at_use(UnixTime::from_secs(0), mono(160)), later);
        assert_eq!(time.at(mono(100 + DAY)), wall(1));
    }

    /// FAULTS S8: what another process needs stays.
    #[test]
    fn leaps_at_its_first_use_only_if_it_is_alone() {
        let begun = |stored, wall, alone| {
            let mut time = LedgerTime::new(stored);
            time.begin(wall, mono(0), alone);
            time
        };
        assert_eq!(begun(NOW, wall(3), true).at(mono(0)), wall(3));
        let mut beside = begun(NOW, wall(400), false);
        assert_eq!(beside.at(mono(0)), NOW);
        assert_eq!(beside.at_use(wall(400), mono(DAY)), wall(1));
        beside.store(wall(2));
        assert_eq!((beside.at(mono(DAY)), beside.stored()), (wall(2), wall(2)));
        assert_eq!(begun(wall(3), wall(2), true).at(mono(0)), wall(3));
        let first = begun(UnixTime::from_secs(0), NOW, false);
        assert_eq!(first.at(mono(0)), NOW);
    }

    /// FAULTS S8: a small step back stops no shop, and a large one is refused.
    #[test]
    fn an_hour_behind_is_the_most() {
        let time = LedgerTime::new(NOW);
        let back = |secs| time.check(UnixTime::from_secs(NOW.secs() - secs));
        assert_eq!(back(BEHIND_SECS), Ok(()));
        assert_eq!(back(0), Ok(()));
        assert_eq!(
            back(BEHIND_SECS + 1),
            Err(ReserveError::ClockBehind { stored: NOW })
        );
        assert_eq!(BEHIND_SECS, 3600);
    }
}
