//! The hours of a listing's day.

use l402::UnixTime;

/// The hours of a day.
const HOURS: usize = 24;

/// Two bytes each, the highest first: probes, probes that found it up, and the median latency in
/// milliseconds plus one, 0 if there is none.
const SLOT_BYTES: usize = 6;

/// The latencies that are kept of the newest hour, for its median. A later one takes the place of the
/// oldest.
const SAMPLES_MAX: u16 = 32;

/// The probes of one hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) probes: u16,
    pub(super) up: u16,
    pub(super) latency_ms: Option<u16>,
}

/// A day, with the latencies of its newest hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Day {
    pub(super) slots: [u8; HOURS * SLOT_BYTES],
    /// The hour of `samples`, 0 to 23.
    pub(super) hour: i64,
    /// Two bytes each.
    pub(super) samples: Vec<u8>,
}

impl Default for Day {
    fn default() -> Self {
        Self {
            slots: [0; HOURS * SLOT_BYTES],
            hour: 0,
            samples: Vec::new(),
        }
    }
}

impl Day {
    /// Counts a probe in this hour of the day.
    pub(super) fn count(&mut self, hour: i64, up: bool, latency_ms: Option<u32>) {
        let mut slot = self.slot(hour);
        // Both stop together, so that the part that was up stays true.
        if slot.probes < u16::MAX {
            slot.probes += 1;
            slot.up += u16::from(up);
        }
        if let Some(latency_ms) = latency_ms {
            self.sample(hour, slot.probes, latency_ms);
            if self.hour == hour {
                slot.latency_ms = self.median();
            }
        }
        self.set(hour, slot);
    }

    /// Returns the probes of this hour of the day.
    pub(super) fn slot(&self, hour: i64) -> Slot {
        let Some(bytes) = self.slots.get(range(hour)) else {
            return Slot::default();
        };
        let number = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        Slot {
            probes: number(0),
            up: number(2),
            latency_ms: number(4).checked_sub(1),
        }
    }

    fn set(&mut self, hour: i64, slot: Slot) {
        let latency = slot.latency_ms.map_or(0, |ms| ms.saturating_add(1));
        let Some(bytes) = self.slots.get_mut(range(hour)) else {
            return;
        };
        bytes[..2].copy_from_slice(&slot.probes.to_be_bytes());
        bytes[2..4].copy_from_slice(&slot.up.to_be_bytes());
        bytes[4..].copy_from_slice(&latency.to_be_bytes());
    }

    fn sample(&mut self, hour: i64, number: u16, latency_ms: u32) {
        if hour > self.hour {
            self.hour = hour;
            self.samples.clear();
        }
        if hour < self.hour {
            return;
        }
        let latency = u16::try_from(latency_ms).map_or(u16::MAX - 1, |ms| ms.min(u16::MAX - 1));
        if self.samples.len() < usize::from(SAMPLES_MAX) * 2 {
            self.samples.extend(latency.to_be_bytes());
        } else {
            let at = usize::from(number % SAMPLES_MAX) * 2;
            self.samples[at..at + 2].copy_from_slice(&latency.to_be_bytes());
        }
    }

    fn median(&self) -> Option<u16> {
        let pairs = self.samples.chunks_exact(2);
        let mut sorted: Vec<u16> = pairs.map(|it| u16::from_be_bytes([it[0], it[1]])).collect();
        sorted.sort_unstable();
        sorted.get(sorted.len().checked_sub(1)? / 2).copied()
    }
}

fn range(hour: i64) -> std::ops::Range<usize> {
    // For a negative hour the range lies behind the last slot, where nothing is read or written.
    let at = usize::try_from(hour).unwrap_or(HOURS) * SLOT_BYTES;
    at..at + SLOT_BYTES
}

/// Returns the number of the hour since 1970.
pub(super) fn hour_of(time: UnixTime) -> i64 {
    i64::try_from(time.secs() / 3600).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_has_its_probes_and_the_median_of_its_latencies() {
        let mut day = Day::default();
        for (up, latency) in [
            (true, Some(90)),
            (true, Some(10)),
            (false, None),
            (true, Some(20)),
        ] {
            day.count(7, up, latency);
        }
        let expected = Slot {
            probes: 4,
            up: 3,
            latency_ms: Some(20),
        };
        assert_eq!(day.slot(7), expected);
        // Another hour begins with latencies of its own, and the one before stays.
        day.count(8, true, Some(1_000_000));
        assert_eq!(day.slot(8).latency_ms, Some(u16::MAX - 1));
        assert_eq!(day.slot(7), expected);
        // A late word of an earlier hour is counted, and leaves the medians alone.
        day.count(7, false, Some(5));
        assert_eq!(day.slot(7).probes, 5);
        assert_eq!(day.slot(7).latency_ms, Some(20));
        assert_eq!(day.slot(23), Slot::default());
        assert_eq!(day.slot(24), Slot::default());
    }

    #[test]
    fn an_hour_of_very_many_probes_stays_bounded() {
        let mut day = Day::default();
        for _ in 0..70_000 {
            day.count(0, true, Some(3));
        }
        assert_eq!(day.slot(0).probes, u16::MAX);
        assert_eq!(day.slot(0).up, u16::MAX);
        assert_eq!(day.samples.len(), usize::from(SAMPLES_MAX) * 2);
    }
}
