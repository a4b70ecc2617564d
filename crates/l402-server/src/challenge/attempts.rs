//! The budget of credentials that do not hold.
//!
//! Guesses are hopeless, and each costs the gateway next to nothing. The budget is there so that
//! somebody who guesses, or a program that is broken, is told to stop, and so that no log fills with
//! one 401 after the other (ATTACKS P-01).
//!
//! It is asked only after a credential was found not to hold. So it refuses no genuine one, neither
//! at an address that others use for guessing nor of a token that others guess at.

use std::net::IpAddr;
use std::time::Duration;

use l402::Identifier;

use super::Caller;
use super::budget::{Budgets, Size};

/// The number of slots in the table of one budget: 64 KiB. Callers that share a slot are told a
/// little too early to stop.
const SLOTS: usize = 8192;

/// The budgets of all callers and of all tokens.
#[derive(Debug)]
pub(crate) struct Attempts {
    callers: Budgets,
    networks: Budgets,
    tokens: Budgets,
}

impl Default for Attempts {
    /// 200 at once and 10 a second for an address, 400 and 20 for its network, 100 and one for a
    /// token.
    fn default() -> Self {
        let budgets = |per_second, burst| {
            let size = Size::new(Duration::from_secs(1) / per_second, burst);
            Budgets::new(size, SLOTS)
        };
        Self {
            callers: budgets(10, 200),
            networks: budgets(20, 400),
            tokens: budgets(1, 100),
        }
    }
}

impl Attempts {
    /// Counts a credential that does not hold, and that names this token if it can be read.
    ///
    /// # Errors
    /// The time to wait, if there were too many.
    pub(crate) fn take(
        &self,
        peer: IpAddr,
        token: Option<Identifier>,
        now: Duration,
    ) -> Result<(), Duration> {
        let caller = Caller::from(peer);
        // The narrowest first: a caller beyond its own budget must take nothing from others.
        self.callers.take(caller.key(), now)?;
        self.networks.take(caller.network(), now)?;
        match token {
            Some(token) => self.tokens.take(token.to_bytes(), now),
            None => Ok(()),
        }
    }
}
