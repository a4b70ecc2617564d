//! Noticing that all buyers come from one address.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::Caller;

/// The time that is looked at as a whole, and the time between two remarks.
const WINDOW: Duration = Duration::from_secs(60);

/// The smallest number of requests that says something.
const ENOUGH: u32 = 100;

/// The requests for challenges in the present window.
#[derive(Debug, Default)]
pub(crate) struct Crowd(Mutex<Window>);

#[derive(Debug, Default)]
struct Window {
    begun: Duration,
    asked: u32,
    refused: u32,
    /// The caller that most requests come from, if one has more than all others together.
    most: Option<Caller>,
    /// The requests of `most`.
    own: u32,
    /// The requests of `most` less those of others: at zero another one takes its place.
    lead: u32,
    told: bool,
}

impl Crowd {
    /// Notes a request for a challenge, and whether it was refused. Returns true at most once a
    /// minute, if nine of ten requests come from one caller and most of them are refused.
    pub(crate) fn note(&self, peer: IpAddr, refused: bool, now: Duration) -> bool {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_sub(window.begun) >= WINDOW {
            *window = Window {
                begun: now,
                ..Window::default()
            };
        }
        window.count(Caller::from(peer), refused);
        let tell = !window.told && window.is_one_caller_refused();
        window.told |= tell;
        tell
    }
}

impl Window {
    fn count(&mut self, caller: Caller, refused: bool) {
        self.asked = self.asked.saturating_add(1);
        self.refused = self.refused.saturating_add(refused.into());
        // The majority vote of Boyer and Moore: the one with most of all is in `most` at the end.
        if self.lead == 0 {
            (self.most, self.own) = (Some(caller), 0);
        }
        if self.most == Some(caller) {
            self.own = self.own.saturating_add(1);
            self.lead = self.lead.saturating_add(1);
        } else {
            self.lead -= 1;
        }
    }

    fn is_one_caller_refused(&self) -> bool {
        let tenths = |part: u32| u64::from(part) * 10;
        let asked = u64::from(self.asked);
        self.asked >= ENOUGH && tenths(self.own) >= asked * 9 && tenths(self.refused) >= asked * 5
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Notes so many requests of each address, in turn, and returns the number of remarks.
    fn remarks(crowd: &Crowd, of: &[(u8, u32)], refused: bool, now: u64) -> usize {
        let requests = (0..1000).flat_map(|turn| of.iter().filter(move |(_, n)| turn < *n));
        let noted = requests.map(|(last, _)| {
            crowd.note([192, 0, 2, *last].into(), refused, Duration::from_secs(now))
        });
        noted.filter(|told| *told).count()
    }

    // FAULTS G7: 500 buyers behind one proxy.
    #[test]
    fn one_address_that_is_refused_is_told_once_a_minute() {
        let crowd = Crowd::default();
        assert_eq!(remarks(&crowd, &[(1, 90)], false, 1), 0);
        assert_eq!(remarks(&crowd, &[(1, 410)], true, 2), 1);
        assert_eq!(remarks(&crowd, &[(1, 500)], true, 59), 0);
        assert_eq!(remarks(&crowd, &[(1, 500)], true, 61), 1);
    }

    #[test]
    fn many_addresses_and_buyers_who_are_served_are_no_remark() {
        let crowd = Crowd::default();
        assert_eq!(remarks(&crowd, &[(1, 500)], false, 1), 0);
        let many: Vec<_> = (0..20).map(|last| (last, 50)).collect();
        assert_eq!(remarks(&crowd, &many, true, 100), 0);
        assert_eq!(remarks(&crowd, &[(1, 800), (2, 200)], true, 200), 0);
        assert_eq!(remarks(&crowd, &[(1, 900), (2, 20)], true, 300), 1);
    }
}
