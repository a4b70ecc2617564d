//! The growth of the epoch while uses are counted, and who is told of it.

use std::fmt;
use std::time::Duration;

use super::{LedgerIdentity, LedgerMark};

/// The time between two growths while uses are counted: what a copy of the file may miss and still
/// be taken for the file itself.
const EVERY: Duration = Duration::from_secs(60);

/// A function that is told of each growth, after it is durable.
pub(super) struct Listener(pub(super) Box<dyn Fn(LedgerMark) + Send>);

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}

/// The epoch as this process knows it.
#[derive(Debug)]
pub(super) struct Growth {
    /// What the file said last, for a file that is opened anew.
    known: LedgerIdentity,
    /// Monotonic time of the last growth by this process.
    last: Option<Duration>,
    /// True if something was written since.
    unmarked: bool,
    listener: Option<Listener>,
}

impl Growth {
    pub(super) const fn new(known: LedgerIdentity, listener: Option<Listener>) -> Self {
        Self {
            known,
            last: None,
            unmarked: false,
            listener,
        }
    }

    /// Returns true if it is time to grow the epoch with the next use.
    pub(super) fn is_due(&self, now: Duration) -> bool {
        self.last
            .is_none_or(|last| now.saturating_sub(last) >= EVERY)
    }

    /// Takes note of a commit: if it wrote something, and the growth that it held.
    pub(super) fn committed(&mut self, wrote: bool, grown: Option<LedgerIdentity>, now: Duration) {
        self.unmarked |= wrote;
        if let Some(grown) = grown {
            self.unmarked = false;
            self.last = Some(now);
            self.known = grown;
        }
    }

    /// Returns true if something was written that no growth has marked.
    pub(super) const fn is_unmarked(&self) -> bool {
        self.unmarked
    }

    /// Tells the listener of the epoch that is durable.
    pub(super) fn tell(&self) {
        if let (Some(listener), Some(mark)) = (&self.listener, self.known.mark()) {
            (listener.0)(mark);
        }
    }

    /// Returns true if a file that was opened anew is the one that was open before.
    pub(super) fn is_same(&self, found: &LedgerIdentity) -> bool {
        found.id == self.known.id && found.epoch >= self.known.epoch
    }
}
