//! The state of a service, from what a look found and what was known before.
//!
//! ```text
//!              402, sound ─▶ up          402, unsound; 401, 403, 405, 429 ─▶ degraded
//!   any state ─ 2xx, 3xx, other 4xx ─▶ not 402
//!              no answer, 5xx ─▶ as before, until the third in a row ─▶ down
//!              robots.txt ─▶ unknown
//! ```

use std::time::Duration;

use l402::UnixTime;

use crate::listing::{Health, Reason, State};

/// The failures in a row after which a service is down.
const FAILURES: u32 = 3;

/// The longest time between two probes of a service that does not answer.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// What one look found, as far as the state depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// A 402 that a client can pay.
    Sound,
    /// An answer with a fault. The server may have named a time to wait.
    Faulty(Reason, Option<Duration>),
    /// An answer that asks for no money.
    Free(Reason),
    /// No answer, or one of 5xx.
    Failed(Reason),
    /// The host does not want to be asked; its rules are read again after this time.
    Unwanted(Reason, Duration),
}

/// The times of the schedule.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rhythm {
    /// The time between two probes of a service that answers.
    pub(crate) interval: Duration,
    /// The part by which a wait is longer or shorter, in permille: -100 to 100.
    pub(crate) jitter: i64,
}

/// Returns the state after a look.
pub(crate) fn judge(before: &Health, sight: Sight, now: UnixTime, rhythm: Rhythm) -> Health {
    let failures = match sight {
        Sight::Failed(_) => before.failures.saturating_add(1),
        _ => 0,
    };
    let named_wait = match &sight {
        Sight::Faulty(_, wait) => wait.unwrap_or_default(),
        Sight::Unwanted(_, wait) => *wait,
        _ => Duration::ZERO,
    };
    let (state, reason) = match sight {
        Sight::Sound => (State::Up, None),
        Sight::Faulty(reason, _) => (State::Degraded, Some(reason)),
        Sight::Free(reason) => (State::Not402, Some(reason)),
        Sight::Failed(reason) if failures >= FAILURES => (State::Down, Some(reason)),
        Sight::Failed(reason) => failing(before, reason),
        Sight::Unwanted(reason, _) => (State::Unknown, Some(reason)),
    };
    // A listing that was never looked at has no state that could have lasted.
    let since = if state == before.state && before.last_probe.is_some() {
        before.since
    } else {
        now
    };
    let wait = wait(state, failures, now.since(since), rhythm.interval).max(named_wait);
    Health {
        state,
        reason,
        since,
        failures,
        last_probe: Some(now),
        next_probe: Some(now.saturating_add(jittered(wait.min(LONGEST), rhythm.jitter))),
    }
}

/// Returns state and reason of a service that has failed once or twice: those before, and for one of which
/// nothing is known, the reason of the failure.
fn failing(before: &Health, reason: Reason) -> (State, Option<Reason>) {
    match before.state {
        State::Unknown => (State::Unknown, Some(reason)),
        // It was down already, and its failures were not counted on: a restored copy, say.
        State::Down => (State::Down, Some(reason)),
        state => (state, before.reason.clone()),
    }
}

/// Returns the time to the next probe, before jitter.
fn wait(state: State, failures: u32, lasts: Duration, interval: Duration) -> Duration {
    match state {
        // So that the third failure is not an hour away.
        _ if (1..FAILURES).contains(&failures) => (interval / 4).max(Duration::from_secs(1)),
        // As long as it has lasted already: each wait is twice the one before.
        State::Down | State::Not402 => interval.max(lasts),
        _ => interval,
    }
}

/// Makes a time longer or shorter by a part in permille, and returns whole seconds, at least one.
fn jittered(wait: Duration, jitter: i64) -> Duration {
    let millis = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX / 2000);
    let jitter = jitter.clamp(-100, 100);
    let millis = millis.saturating_add(millis.saturating_mul(jitter) / 1000);
    let secs = u64::try_from(millis).unwrap_or_default().div_ceil(1000);
    Duration::from_secs(secs.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);
    const RHYTHM: Rhythm = Rhythm {
        interval: Duration::from_secs(900),
        jitter: 0,
    };

    fn reason(code: &str) -> Reason {
        Reason {
            code: code.to_owned(),
            text: format!("because of {code}"),
        }
    }

    fn health(state: State, failures: u32) -> Health {
        let unsaid = matches!(state, State::Up | State::Unknown);
        Health {
            state,
            reason: (!unsaid).then(|| reason("before")),
            since: UnixTime::from_secs(NOW.secs() - 5000),
            failures,
            last_probe: Some(UnixTime::from_secs(NOW.secs() - 900)),
            next_probe: Some(NOW),
        }
    }

    fn sights() -> [Sight; 5] {
        [
            Sight::Sound,
            Sight::Faulty(reason("wrong_hash"), None),
            Sight::Free(reason("not_402")),
            Sight::Failed(reason("timeout")),
            Sight::Unwanted(reason("robots"), LONGEST),
        ]
    }

    /// Every state with no, one and two failures before, and every sight: the state, the code of the
    /// reason, the failures, and the seconds to the next probe.
    #[test]
    fn each_state_and_sight_lead_to_one_state() {
        for before in State::ALL {
            for failures in 0..=2 {
                let before = health(before, failures);
                let found = sights().map(|sight| judge(&before, sight, NOW, RHYTHM));
                let told = |health: &Health| health.reason.as_ref().map(|why| why.code.clone());
                let [up, faulty, free, failed, unwanted] = &found;
                assert_eq!((up.state, told(up), up.failures), (State::Up, None, 0));
                assert_eq!(
                    (faulty.state, told(faulty)),
                    (State::Degraded, Some("wrong_hash".into()))
                );
                assert_eq!(
                    (free.state, told(free)),
                    (State::Not402, Some("not_402".into()))
                );
                assert_eq!(
                    (unwanted.state, told(unwanted)),
                    (State::Unknown, Some("robots".into()))
                );
                assert_eq!(failed.failures, failures + 1);
                let (state, told_now) = (failed.state, told(failed));
                match (before.state, failures) {
                    (_, 2) | (State::Down, _) => {
                        assert_eq!((state, told_now), (State::Down, Some("timeout".into())));
                    }
                    (State::Unknown, _) => {
                        assert_eq!((state, told_now), (State::Unknown, Some("timeout".into())));
                    }
                    (kept, _) => assert_eq!((state, told_now), (kept, told(&before))),
                }
                for after in &found {
                    let kept = after.state == before.state;
                    assert_eq!(after.since == before.since, kept, "{before:?} {after:?}");
                    assert_eq!(after.last_probe, Some(NOW));
                }
            }
        }
    }

    #[test]
    fn a_service_that_fails_is_asked_sooner_until_it_is_down_and_then_ever_later() {
        let mut health = health(State::Up, 0);
        let mut now = NOW;
        let mut waits = Vec::new();
        for _ in 0..13 {
            health = judge(&health, Sight::Failed(reason("timeout")), now, RHYTHM);
            let next = health.next_probe.unwrap();
            waits.push(next.since(now).as_secs());
            now = next;
        }
        assert_eq!(waits[..6], [225, 225, 900, 900, 1800, 3600]);
        assert_eq!(waits[12], 24 * 3600);
        // Its first answer puts it back.
        let up = judge(&health, Sight::Sound, now, RHYTHM);
        assert_eq!((up.state, up.failures, up.since), (State::Up, 0, now));
        assert_eq!(up.next_probe.unwrap().since(now).as_secs(), 900);
    }

    #[test]
    fn a_server_that_names_a_time_is_not_asked_before_it() {
        let hour = Some(Duration::from_secs(3600));
        let after = judge(
            &health(State::Up, 0),
            Sight::Faulty(reason("429"), hour),
            NOW,
            RHYTHM,
        );
        assert_eq!(after.next_probe.unwrap().since(NOW).as_secs(), 3600);
        let never = Some(Duration::MAX);
        let after = judge(
            &health(State::Up, 0),
            Sight::Faulty(reason("429"), never),
            NOW,
            RHYTHM,
        );
        assert_eq!(after.next_probe.unwrap().since(NOW), LONGEST);
    }

    #[test]
    fn waits_differ_by_a_tenth_at_most_and_are_never_nothing() {
        let wait = |jitter, interval| {
            let interval = Duration::from_secs(interval);
            let rhythm = Rhythm { interval, jitter };
            let after = judge(&health(State::Up, 0), Sight::Sound, NOW, rhythm);
            after.next_probe.unwrap().since(NOW).as_secs()
        };
        assert_eq!(
            [wait(-100, 900), wait(0, 900), wait(100, 900)],
            [810, 900, 990]
        );
        assert_eq!([wait(-5000, 900), wait(5000, 900)], [810, 990]);
        assert_eq!([wait(-100, 1), wait(-100, 0)], [1, 1]);
    }

    #[test]
    fn a_host_that_forbids_probes_is_asked_again_after_a_day() {
        let after = judge(
            &health(State::Up, 1),
            Sight::Unwanted(reason("robots"), LONGEST),
            NOW,
            RHYTHM,
        );
        assert_eq!(after.next_probe.unwrap().since(NOW).as_secs(), 24 * 3600);
        assert_eq!(after.failures, 0);
    }
}
