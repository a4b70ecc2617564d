//! The time for which a buyer holds an answer up, and whose failure its break is after that.

use std::time::Duration;

/// The time for which a buyer may hold an answer up before a break counts as its failure.
const LIMIT: Duration = Duration::from_secs(1);

/// The bytes after a stall that may have been on their way before it: more than the buffers of two
/// sockets hold. If more have come, the upstream has survived the stall.
const ON_THE_WAY: u64 = 16 * 1024 * 1024;

/// The stalls of one answer.
///
/// A buyer that takes nothing keeps its host from reading on. In the end the upstream's time-out
/// cuts the connection, and what the host sees is an upstream that broke off. So the time for which
/// the buyer was waited for is added up from one read of the upstream to the next. From
/// one second on, a break is the buyer's failure.
///
/// That is not forgotten with the next byte: when the upstream cuts the connection, the buffers
/// between it and its host are full, and their bytes are read after the stall and before the break.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stall {
    /// The time since the last read from the upstream.
    held: Duration,
    /// The bytes that were read from the upstream so far.
    received: u64,
    /// The value of `received` at the last stall of [`LIMIT`] or more.
    stalled_at: Option<u64>,
}

impl Stall {
    /// Adds a time for which the buyer did not take what was ready.
    pub(crate) fn held_up(&mut self, time: Duration) {
        self.held = self.held.saturating_add(time);
        if self.held >= LIMIT {
            self.stalled_at = Some(self.received);
        }
    }

    /// Notes that so many bytes have been read from the upstream since the answer began.
    pub(crate) fn received(&mut self, bytes: u64) {
        if bytes == self.received {
            return;
        }
        self.received = bytes;
        self.held = Duration::ZERO;
        let since = |at| bytes.saturating_sub(at);
        self.stalled_at = self.stalled_at.filter(|at| since(*at) <= ON_THE_WAY);
    }

    /// Notes that a byte came for which the upstream was waited for so long. It was sent after the
    /// stall, if the wait was not one for the network alone.
    pub(crate) fn waited(&mut self, time: Duration) {
        if time >= LIMIT {
            self.stalled_at = None;
        }
    }

    /// Returns true if a break now is the buyer's failure.
    pub(crate) fn is_buyers(&self) -> bool {
        self.stalled_at.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    fn after(steps: &[(u64, u64)]) -> Stall {
        let mut stall = Stall::default();
        for (received, held_ms) in steps {
            stall.received(*received);
            stall.held_up(Duration::from_millis(*held_ms));
        }
        stall
    }

    #[test]
    fn a_second_between_two_reads_makes_a_break_the_buyers() {
        assert!(!after(&[(1, 999)]).is_buyers());
        assert!(after(&[(1, 1000)]).is_buyers());
        // In total, however many pieces one read brings.
        assert!(after(&[(1, 400), (1, 400), (1, 400)]).is_buyers());
        // A slow reader that is always a little late.
        assert!(!after(&[(1, 900), (2, 900), (3, 900)]).is_buyers());
        // Before the first byte, too.
        assert!(after(&[(0, 1000)]).is_buyers());
    }

    #[test]
    fn a_stall_is_forgotten_when_the_upstream_has_survived_it() {
        let full_buffers = after(&[(1, 60_000), (10 * MIB, 0), (16 * MIB, 0)]);
        assert!(full_buffers.is_buyers());
        assert!(!after(&[(1, 60_000), (16 * MIB + 2, 0)]).is_buyers());
        let mut stall = after(&[(1, 60_000)]);
        stall.waited(Duration::from_millis(300));
        assert!(stall.is_buyers());
        stall.waited(Duration::from_secs(1));
        assert!(!stall.is_buyers());
    }
}
