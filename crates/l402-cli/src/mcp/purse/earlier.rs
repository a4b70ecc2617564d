//! The payment that the same call has made before.

use std::time::Duration;

use l402::{PaymentHash, UnixTime};
use l402_client::{Entry, Error, State, ToolCall};

use super::agent::Purse;
use super::progress::CallId;

/// The time in which the same arguments are the same call, if no key tells two calls apart.
pub(crate) const SAME_CALL: Duration = Duration::from_secs(10 * 60);

/// The payment that the same call has made before, if there is one.
#[derive(Clone, Debug)]
pub(crate) enum Earlier {
    /// Nothing, or a payment that has failed for certain.
    Nothing,
    /// The key belongs to a call with other arguments.
    OtherArguments,
    /// A payment whose outcome is open, or whose answer was not had yet. The client finishes it, and
    /// pays nothing for it again.
    Open(Box<Entry>),
    /// A payment with which the call is over: served, or never to be.
    Over(Box<Entry>),
}

impl Purse {
    /// Returns what the same call has paid for before.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub(crate) fn earlier(&self, id: &CallId) -> Result<Earlier, Error> {
        let call = self
            .journal
            .tool_call(&self.agent, id.tool, &id.stored_key())?;
        let Some(call) = call else {
            return Ok(Earlier::Nothing);
        };
        if call.arguments != id.arguments {
            return Ok(Earlier::OtherArguments);
        }
        let Some(hash) = call.payment_hash else {
            return Ok(Earlier::Nothing);
        };
        let Some(entry) = self.entry(&hash)? else {
            return Ok(Earlier::Nothing);
        };
        // What may still go through is the same payment however long it takes.
        let is_open = matches!(entry.state, State::Intent | State::Unknown);
        if id.key.is_none() && !is_open && !is_recent(call.created, self.now()) {
            return Ok(Earlier::Nothing);
        }
        Ok(match entry.state {
            State::Failed => Earlier::Nothing,
            State::Intent | State::Paid | State::Unknown => Earlier::Open(Box::new(entry)),
            // Any further state: paid, as far as anybody knows.
            _ => Earlier::Over(Box::new(entry)),
        })
    }
}

impl Purse {
    /// Notes what a call is about to pay for. Returns false if its key belongs to another call.
    ///
    /// # Errors
    /// If the journal cannot be written.
    pub(crate) fn note_call(&self, id: &CallId, hash: PaymentHash) -> Result<bool, Error> {
        self.journal.note_tool_call(&ToolCall {
            agent: self.agent.clone(),
            tool: id.tool.to_owned(),
            key: id.stored_key(),
            arguments: id.arguments,
            created: self.now(),
            payment_hash: Some(hash),
        })
    }
}

/// Returns true for a call of the last ten minutes, also if the clock was set back meanwhile.
fn is_recent(call: UnixTime, now: UnixTime) -> bool {
    now < call.saturating_add(SAME_CALL) && call < now.saturating_add(SAME_CALL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_minutes_are_recent_to_either_side() {
        let at = UnixTime::from_secs;
        for (call, now, recent) in [
            (1000, 1000, true),
            (1000, 1599, true),
            (1000, 1600, false),
            (1000, 401, true),
            (1000, 400, false),
        ] {
            assert_eq!(is_recent(at(call), at(now)), recent, "{call} {now}");
        }
    }
}
