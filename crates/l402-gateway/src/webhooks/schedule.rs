//! The times at which a failure is tried again.

use std::time::Duration;

use l402::UnixTime;

/// The waits after the first failures, in seconds; every further one is the last of them.
const WAITS: [u64; 6] = [5, 30, 2 * 60, 15 * 60, 3600, 6 * 3600];

/// The time from the event after which nothing is tried any more.
pub(super) const GIVE_UP: Duration = Duration::from_secs(3 * 24 * 3600);

/// The longest time that a receiver may ask to be left alone.
const LONGEST_REQUEST: Duration = Duration::from_secs(24 * 3600);

/// Returns the time of the next attempt after `failures` in a row, or `None` if there is none.
/// `asked` is the receiver's own wish (`Retry-After`), and `random` spreads the attempts of many
/// events.
pub(super) fn next(
    created: UnixTime,
    now: UnixTime,
    failures: u32,
    asked: Option<Duration>,
    random: u8,
) -> Option<UnixTime> {
    let index = usize::try_from(failures.saturating_sub(1)).unwrap_or(usize::MAX);
    let wait = WAITS.get(index).or(WAITS.last()).copied().unwrap_or(5);
    // Up to a fifth longer, never shorter: a receiver that is down gets the whole wait.
    let jitter = wait * 1000 * u64::from(random) / (5 * 255);
    let wait = Duration::from_millis(wait * 1000 + jitter);
    let wait = wait.max(asked.unwrap_or_default().min(LONGEST_REQUEST));
    let next = now.saturating_add(Duration::from_secs(wait.as_secs()));
    (next <= created.saturating_add(GIVE_UP)).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: UnixTime = UnixTime::from_secs(1_800_000_000);

    #[test]
    fn waits_grow_to_six_hours_and_end_after_three_days() {
        let (mut now, mut waits) = (BEGIN, Vec::new());
        for failures in 1.. {
            let Some(next) = next(BEGIN, now, failures, None, 0) else {
                break;
            };
            waits.push(next.since(now).as_secs());
            now = next;
        }
        assert_eq!(waits[..7], [5, 30, 120, 900, 3600, 21_600, 21_600]);
        let days = now.since(BEGIN).as_secs() / (24 * 3600);
        assert_eq!(days, 2, "the last attempt is on the third day");
        assert_eq!(
            next(BEGIN, BEGIN, u32::MAX, None, 255),
            next(BEGIN, BEGIN, 9, None, 255)
        );
    }

    #[test]
    fn a_receiver_is_left_alone_as_long_as_it_asks_within_a_day() {
        let wait = |asked, random| {
            let asked = Some(Duration::from_secs(asked));
            next(BEGIN, BEGIN, 1, asked, random).unwrap().since(BEGIN)
        };
        assert_eq!(wait(0, 0).as_secs(), 5);
        assert_eq!(wait(0, 255).as_secs(), 6);
        assert_eq!(wait(120, 0).as_secs(), 120);
        assert_eq!(wait(u64::MAX, 0).as_secs(), 24 * 3600);
    }
}
