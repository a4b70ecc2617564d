//! The pauses between connections that were of no use or did not last.

use core::time::Duration;

/// The shortest and the longest pause between two rounds.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));

/// The number of connections in a row that were of no use, and of those that did not last.
#[derive(Default)]
pub(super) struct Health {
    pub(super) useless: usize,
    brief: usize,
}

impl Health {
    pub(super) fn note(&mut self, is_of_use: bool, is_steady: bool) {
        self.useless = if is_of_use {
            0
        } else {
            self.useless.saturating_add(1)
        };
        self.brief = if is_steady {
            0
        } else {
            self.brief.saturating_add(1)
        };
    }

    /// Returns the pause after a round of all relays; between those of one round nobody waits.
    pub(super) fn pause(&self, relays: usize) -> Option<Duration> {
        if self.brief == 0 || !self.brief.is_multiple_of(relays) {
            return None;
        }
        let rounds = self.brief.checked_div(relays)?.saturating_sub(1);
        let doubled = u32::try_from(rounds)
            .ok()
            .and_then(|rounds| 2_u32.checked_pow(rounds));
        let pause = doubled.and_then(|times| PAUSES.0.checked_mul(times));
        Some(pause.unwrap_or(PAUSES.1).min(PAUSES.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_from_round_to_round_up_to_a_limit() {
        let mut health = Health::default();
        assert_eq!(health.pause(2), None);
        let pauses: Vec<_> = (0..8)
            .map(|_| {
                health.note(false, false);
                health.pause(2).map(|pause| pause.as_millis())
            })
            .collect();
        let some = [250, 500, 1000, 2000].map(Some);
        assert_eq!(
            pauses,
            [None, some[0], None, some[1], None, some[2], None, some[3]]
        );
        for _ in 0..200 {
            health.note(false, false);
        }
        assert_eq!(health.pause(1), Some(PAUSES.1));
        health.note(true, true);
        assert_eq!((health.pause(1), health.useless), (None, 0));
    }
}
