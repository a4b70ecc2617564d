//! Numbers that many workers add to without waiting for one another.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// The number of shards. More workers than this share some, which costs time and no count.
const SHARDS: usize = 8;

/// The next shard to be given to a thread.
static NEXT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// The shard that this thread adds to.
    static OWN: usize = NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS;
}

/// A value in cache lines of its own: two lines, because processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Padded<T>(T);

/// One value for each worker, read by summing up.
#[derive(Debug)]
pub(crate) struct Sharded<T>(Box<[Padded<T>]>);

impl<T: Default> Default for Sharded<T> {
    fn default() -> Self {
        Self((0..SHARDS).map(|_| Padded::default()).collect())
    }
}

impl<T> Sharded<T> {
    /// Returns the value that this thread adds to.
    pub(crate) fn own(&self) -> &T {
        // A thread that ends has no number any more.
        let own = OWN.try_with(|own| *own).unwrap_or(0);
        &self.0[own % SHARDS].0
    }

    /// Returns the values of all workers.
    pub(crate) fn all(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|padded| &padded.0)
    }
}

/// A number that only grows. Nothing is ordered by it, so every access is relaxed.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, number: u64) {
        self.0.fetch_add(number, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_many_threads_add_is_summed_up() {
        let numbers = Sharded::<Counter>::default();
        std::thread::scope(|scope| {
            for _ in 0..3 * SHARDS {
                scope.spawn(|| (0..1000).for_each(|_| numbers.own().add(2)));
            }
        });
        let sum: u64 = numbers.all().map(Counter::read).sum();
        assert_eq!(sum, 3 * SHARDS as u64 * 2000);
    }
}
