//! The traffic and the notices of late, noted in the background by the thread for operators.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::layout::Grade;
use super::live::Live;
use super::overview::Event;
use crate::Gateway;
use crate::notice::{Kinds, Notice, NoticeKind};

/// The time between two samples, and those that are kept: five minutes of them.
const EVERY: Duration = Duration::from_secs(2);
const SAMPLES: usize = 151;

/// The samples between which the rate is taken.
const RATE: usize = 5;

/// The notices that are kept, and those that a page shows.
const EVENTS: usize = 100;
const SHOWN: usize = 8;

/// The traffic and the notices of late.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// The time on the monotonic clock, and the requests up to then.
    samples: Mutex<VecDeque<(Duration, u64)>>,
    /// The newest first.
    events: Mutex<VecDeque<Event>>,
}

impl Watch {
    /// Notes what happens, until this is dropped.
    pub(super) async fn run(gateway: &Gateway, watch: &Self) {
        let mut notices = gateway.notices().listen_for(news());
        let mut ticks = interval(EVERY);
        // A thread that was busy must not take two samples of one moment.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => watch.sample(gateway.clock().monotonic(), gateway.counters().requests),
                notice = notices.recv() => match notice {
                    Some(notice) => watch.note(gateway, &notice),
                    // Who tells lives as long as the gateway.
                    None => std::future::pending().await,
                },
            }
        }
    }

    fn sample(&self, now: Duration, requests: u64) {
        let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        samples.push_back((now, requests));
        if samples.len() > SAMPLES {
            samples.pop_front();
        }
    }

    fn note(&self, gateway: &Gateway, notice: &Notice) {
        if let Some((grade, text)) = sentence(notice) {
            let time = gateway.clock().wall();
            let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
            events.push_front(Event { time, grade, text });
            events.truncate(EVENTS);
        }
    }

    /// Returns the newest notices, the newest first.
    pub(super) fn events(&self) -> Vec<Event> {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.iter().take(SHOWN).cloned().collect()
    }

    /// Returns the traffic up to now, beside the counters.
    pub(super) fn live(&self, gateway: &Arc<Gateway>) -> Live {
        let samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        let samples = samples.iter().copied().collect::<Vec<_>>();
        let newest = samples.last().copied();
        let earlier = samples.get(samples.len().saturating_sub(RATE + 1)).copied();
        let rate = newest
            .zip(earlier)
            .and_then(|(newest, earlier)| rate(earlier, newest));
        let pairs = samples.windows(2);
        Live {
            rate,
            rates: pairs.filter_map(rate_of).collect(),
            counters: gateway.counters(),
            ..Live::default()
        }
    }
}

fn rate_of(pair: &[(Duration, u64)]) -> Option<f64> {
    match pair {
        [earlier, later] => rate(*earlier, *later),
        _ => None,
    }
}

/// Returns the requests a second between two samples; `None` if no time has passed.
fn rate((before, from): (Duration, u64), (after, to): (Duration, u64)) -> Option<f64> {
    let secs = after.saturating_sub(before).as_secs_f64();
    // Far below 2^53, and a drawing.
    #[expect(clippy::cast_precision_loss, reason = "requests of some seconds")]
    let requests = to.saturating_sub(from) as f64;
    (secs > 0.0).then(|| requests / secs)
}

/// Returns the kinds that a page shows. Sales and payments are no news, for it counts them; and each would
/// cost the request that is sold a message to this thread.
fn news() -> Kinds {
    let kinds = Kinds::default();
    let is_news = |kind: &NoticeKind| !matches!(kind, NoticeKind::Sale | NoticeKind::Settled);
    kinds.set(NoticeKind::ALL.into_iter().filter(is_news));
    kinds
}

/// Says what a notice means.
fn sentence(notice: &Notice) -> Option<(Grade, String)> {
    Some(match notice {
        Notice::Sale { .. } | Notice::Settled { .. } => return None,
        Notice::ConfigurationRejected { file, why } => (
            Grade::Bad,
            format!("Configuration {file} was refused: {why}"),
        ),
        Notice::KeyEnds { number, until } => {
            let until = until.to_rfc3339();
            (
                Grade::Fair,
                format!("Key number {} ends at {until}", number.0),
            )
        }
        Notice::LowLiquidity { receivable, least } => (
            Grade::Fair,
            format!("The node can receive {receivable} alone, and {least} are wanted"),
        ),
        Notice::UpstreamDown { upstream, why } => {
            (Grade::Bad, format!("Upstream {upstream} is down: {why}"))
        }
        Notice::UpstreamUp { upstream } => (Grade::Good, format!("Upstream {upstream} is back")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_needs_time() {
        let at = Duration::from_secs;
        assert_eq!(rate((at(1), 10), (at(1), 20)), None);
        assert_eq!(rate((at(1), 10), (at(3), 20)), Some(5.0));
        assert_eq!(rate((at(1), 20), (at(3), 10)), Some(0.0));
    }

    #[test]
    fn a_dashboard_makes_no_sale_tell_of_itself() {
        let notices = crate::notice::Notices::default();
        let _listening = notices.listen_for(news());
        for kind in NoticeKind::ALL {
            let is_counted = matches!(kind, NoticeKind::Sale | NoticeKind::Settled);
            assert_eq!(notices.wants(kind), !is_counted, "{kind:?}");
        }
    }

    #[test]
    fn samples_have_a_bound() {
        let watch = Watch::default();
        (0..1000).for_each(|at| watch.sample(EVERY * at, u64::from(at)));
        assert_eq!(watch.samples.lock().unwrap().len(), SAMPLES);
    }
}
