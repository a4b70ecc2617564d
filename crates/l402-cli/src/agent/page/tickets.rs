//! The tickets of the page: a form that another page has made up holds none.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use l402::UnixTime;

use crate::error::CliError;

/// The time for which a loaded page can be used, in seconds.
const LIFE: u64 = 60 * 60;

/// The most forms that can be used at the same time. The oldest makes way. Enough for a page with all that
/// many agents let wait, and for those who load it again and again meanwhile.
const MOST: usize = 4096;

/// The tickets that were given out and not used yet.
#[derive(Default)]
pub(super) struct Tickets(Mutex<VecDeque<(String, UnixTime)>>);

impl Tickets {
    /// Makes a ticket.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub(super) fn give(&self, now: UnixTime) -> Result<String, CliError> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(CliError::internal)?;
        let ticket = URL_SAFE_NO_PAD.encode(random);
        let mut given = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if given.len() >= MOST {
            given.pop_front();
        }
        given.push_back((ticket.clone(), now));
        Ok(ticket)
    }

    /// Uses a ticket up. Returns false if it was never given, was used, or is too old.
    pub(super) fn take(&self, ticket: &str, now: UnixTime) -> bool {
        let mut given = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = given.iter().position(|(known, _)| known == ticket);
        // Also one that is too old is removed, because nobody can use it any more.
        let taken = at.and_then(|at| given.remove(at));
        taken.is_some_and(|(_, since)| now.since(since).as_secs() < LIFE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_good_once_and_for_an_hour() {
        let (tickets, at) = (Tickets::default(), UnixTime::from_secs);
        let first = tickets.give(at(1000)).unwrap();
        assert_eq!(first.len(), 22);
        assert!(!tickets.take("", at(1000)));
        assert!(tickets.take(&first, at(1000 + LIFE - 1)));
        assert!(!tickets.take(&first, at(1000)));
        let old = tickets.give(at(1000)).unwrap();
        assert!(!tickets.take(&old, at(1000 + LIFE)));
        let first = tickets.give(at(1000)).unwrap();
        for _ in 0..MOST {
            tickets.give(at(1000)).unwrap();
        }
        assert!(!tickets.take(&first, at(1000)));
    }
}
