//! Histograms with fixed buckets.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The upper bounds of the buckets in microseconds, and as the text writes them in seconds. One more
/// bucket is for what lasts longer.
pub(crate) const BOUNDS: [(u64, &str); 19] = [
    (50, "0.00005"),
    (100, "0.0001"),
    (250, "0.00025"),
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (500_000, "0.5"),
    (1_000_000, "1"),
    (2_500_000, "2.5"),
    (5_000_000, "5"),
    (10_000_000, "10"),
    (30_000_000, "30"),
    (60_000_000, "60"),
];

/// The number of buckets, the last one included.
const BUCKETS: usize = BOUNDS.len() + 1;

/// Times, counted by bucket. Adding one takes no lock.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    buckets: [AtomicU64; BUCKETS],
    sum_nanos: AtomicU64,
}

impl Histogram {
    /// Counts a time.
    pub(crate) fn record(&self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        // Most times are short, so a search from the front ends soon.
        let fits = |(bound, _): &(u64, &str)| nanos <= bound * 1000;
        let bucket = BOUNDS.iter().position(fits).unwrap_or(BOUNDS.len());
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum_nanos.fetch_add(nanos, Ordering::Relaxed);
    }
}

/// The sums of one or several histograms at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HistogramTotals {
    pub(crate) buckets: [u64; BUCKETS],
    pub(crate) sum_nanos: u64,
}

/// The times below which half, 95 and 99 of 100 lie, as the buckets tell. `None` without any time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Quantiles {
    pub(crate) p50: Option<Duration>,
    pub(crate) p95: Option<Duration>,
    pub(crate) p99: Option<Duration>,
}

impl HistogramTotals {
    /// Adds the times of a histogram.
    pub(crate) fn add(&mut self, histogram: &Histogram) {
        for (sum, bucket) in self.buckets.iter_mut().zip(&histogram.buckets) {
            *sum += bucket.load(Ordering::Relaxed);
        }
        let nanos = histogram.sum_nanos.load(Ordering::Relaxed);
        self.sum_nanos = self.sum_nanos.wrapping_add(nanos);
    }

    /// Adds the times of other sums.
    pub(crate) fn join(&mut self, other: &Self) {
        for (sum, bucket) in self.buckets.iter_mut().zip(other.buckets) {
            *sum += bucket;
        }
        self.sum_nanos = self.sum_nanos.wrapping_add(other.sum_nanos);
    }

    /// Returns the number of times.
    pub(crate) fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// Returns what was added since `before`.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let mut since = *self;
        for (bucket, before) in since.buckets.iter_mut().zip(before.buckets) {
            *bucket = bucket.saturating_sub(before);
        }
        since.sum_nanos = self.sum_nanos.wrapping_sub(before.sum_nanos);
        since
    }

    pub(crate) fn quantiles(&self) -> Quantiles {
        Quantiles {
            p50: self.quantile(50),
            p95: self.quantile(95),
            p99: self.quantile(99),
        }
    }

    /// Returns the time below which so many of 100 lie. Inside of a bucket they count as spread
    /// evenly; what is longer than the last bound counts as that bound.
    fn quantile(&self, percent: u64) -> Option<Duration> {
        let wanted = (self.count() * percent).div_ceil(100).max(1);
        let (mut below, mut lower) = (0, 0);
        for (count, (upper, _)) in self.buckets.iter().zip(BOUNDS) {
            if below + count >= wanted {
                let part = (upper - lower) * (wanted - below) / count;
                return Some(Duration::from_micros(lower + part));
            }
            (below, lower) = (below + count, upper);
        }
        (self.count() > 0).then(|| Duration::from_micros(lower))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(times: &[u64]) -> HistogramTotals {
        let histogram = Histogram::default();
        for micros in times {
            histogram.record(Duration::from_micros(*micros));
        }
        let mut totals = HistogramTotals::default();
        totals.add(&histogram);
        totals
    }

    #[test]
    fn a_time_counts_in_the_first_bucket_that_it_fits_into() {
        let totals = totals(&[0, 50, 51, 1_000, 60_000_000, 60_000_001]);
        let filled = |bucket: usize| totals.buckets[bucket];
        assert_eq!((filled(0), filled(1), filled(4)), (2, 1, 1));
        assert_eq!((filled(18), filled(19)), (1, 1));
        assert_eq!(totals.count(), 6);
        assert_eq!(totals.sum_nanos, 120_001_102_000);
    }

    #[test]
    fn quantiles_lie_inside_of_their_buckets() {
        let nothing = HistogramTotals::default().quantiles();
        assert_eq!(nothing, Quantiles::default());
        let mut times = vec![80; 90];
        times.extend([7_000; 8]);
        times.extend([90_000_000; 2]);
        let found = totals(&times).quantiles();
        let micros = |time: Option<Duration>| time.unwrap().as_micros();
        assert!((50..=100).contains(&micros(found.p50)), "{found:?}");
        assert!((5_000..=10_000).contains(&micros(found.p95)), "{found:?}");
        assert_eq!(micros(found.p99), 60_000_000);
        let only = totals(&[80; 5]).since(&totals(&[80; 2]));
        assert_eq!((only.count(), only.sum_nanos), (3, 240_000));
    }
}
