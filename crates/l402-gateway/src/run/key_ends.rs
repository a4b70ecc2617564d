//! The look after keys that end soon.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use l402::UnixTime;
use l402_host::Clock;

use super::{KeyLine, SellerKeys};
use crate::notice::{Notice, NoticeKind, Notices};
use crate::webhooks::days_left;

/// The time between two looks.
const LOOK: Duration = Duration::from_secs(3600);

/// The time after the start of the first look, and after one when nobody listened.
const SOON: Duration = Duration::from_secs(5);

/// Tells once of each key that ends within 14, within 7 and within one day. Never ends.
pub(super) async fn watch(keys: SellerKeys, clock: Arc<dyn Clock>, notices: Notices) {
    let (keys, mut told) = (Arc::new(keys), HashSet::new());
    loop {
        tokio::time::sleep(SOON).await;
        if !notices.wants(NoticeKind::KeyEnds) {
            continue;
        }
        let keys = Arc::clone(&keys);
        let listed = tokio::task::spawn_blocking(move || keys.list()).await;
        match listed {
            Ok(Ok(lines)) => {
                for notice in ending(&lines, clock.wall(), &mut told) {
                    notices.tell(&notice);
                }
            }
            Ok(Err(error)) => tracing::debug!(%error, "the ends of keys are not known"),
            Err(error) => tracing::debug!(%error, "the ends of keys are not known"),
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Returns the notices that are due, and remembers them in `told`.
fn ending(
    lines: &[KeyLine],
    now: UnixTime,
    told: &mut HashSet<(u16, UnixTime, u64)>,
) -> Vec<Notice> {
    let due = lines.iter().filter_map(|line| {
        let until = line.until?;
        let days = days_left(until, now)?;
        let number = line.number;
        told.insert((number.0, until, days))
            .then_some(Notice::KeyEnds { number, until })
    });
    due.collect()
}

#[cfg(test)]
mod tests {
    use l402::KeyNumber;

    use super::*;

    fn line(number: u16, until: Option<UnixTime>) -> KeyLine {
        KeyLine {
            number: KeyNumber(number),
            fingerprint: String::new(),
            began: UnixTime::from_secs(0),
            until,
            mints: false,
            waits: false,
            is_here: true,
            held_by: Vec::new(),
            lacked_by: Vec::new(),
        }
    }

    #[test]
    fn each_key_is_told_three_times_before_its_end_and_never_after() {
        let day = 24 * 3600;
        let end = UnixTime::from_secs(100 * day);
        let lines = [line(1, Some(end)), line(2, None)];
        let mut told = HashSet::new();
        let mut days = Vec::new();
        for hour in 80 * 24..105 * 24 {
            let now = UnixTime::from_secs(hour * 3600);
            for notice in ending(&lines, now, &mut told) {
                let number = KeyNumber(1);
                assert_eq!(notice, Notice::KeyEnds { number, until: end });
                days.push(end.since(now).as_secs() / day);
            }
        }
        assert_eq!(days, [14, 7, 1]);
    }
}
