//! The state that a client carries from the question whether to pay to the same call again.
//!
//! The client can do with it what it likes, so nothing in it is believed: it is signed with a key of this
//! process, good for one agent, tool and set of arguments, for a time, and once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use l402_client::Approval;
use rmcp::model::{RequestStateCodec, RequestStateError, SealOptions};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::error::CliError;

/// The longest that a state can be used: as long as the approval that it names waits.
const STATE_TIME: Duration = Approval::LIFE;

/// The most states that wait to be used. Without room for another one, the client is not asked.
const STATES_MAX: usize = 1024;

/// The call that a state is good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Binding {
    pub(super) agent: String,
    pub(super) tool: String,
    /// The digest of the tool's name and its arguments.
    pub(super) arguments: [u8; 32],
}

impl Binding {
    fn bytes(&self) -> Vec<u8> {
        // Neither name can hold a zero byte.
        let mut bytes = format!("{}\0{}\0", self.agent, self.tool).into_bytes();
        bytes.extend_from_slice(&self.arguments);
        bytes
    }
}

/// The reason why a state opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StateError {
    /// Not of this process, changed, or for another agent, tool or set of arguments.
    Forged,
    /// Older than ten minutes.
    Expired,
    /// Used before.
    Used,
}

impl core::fmt::Display for StateError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Forged => "the requestState is not for this call: call the tool again without it",
            Self::Expired => "the requestState has expired: call the tool again without it",
            Self::Used => "the requestState has been used: call the tool again without it",
        })
    }
}

/// The states that were given out. They live as long as the process: after a restart every older one is
/// refused, since its key is gone.
pub(super) struct SealedStates {
    codec: RequestStateCodec,
    lifetime: Duration,
    /// The number of each state that was not used yet, and its end.
    unused: Mutex<HashMap<u128, Instant>>,
}

#[derive(Serialize, Deserialize)]
struct Payload {
    number: [u8; 16],
    approval: i64,
}

impl SealedStates {
    /// Makes a new key.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub(super) fn new() -> Result<Self, CliError> {
        Self::lasting(STATE_TIME)
    }

    fn lasting(lifetime: Duration) -> Result<Self, CliError> {
        let codec = RequestStateCodec::try_new(random::<32>()?).map_err(CliError::internal)?;
        Ok(Self {
            codec,
            lifetime,
            unused: Mutex::default(),
        })
    }

    /// Seals the number of an approval. Returns `None` if too many states wait.
    pub(super) fn make(&self, binding: &Binding, approval: i64) -> Option<String> {
        let number: [u8; 16] = random().ok()?;
        let now = Instant::now();
        let mut unused = self.unused.lock().unwrap_or_else(PoisonError::into_inner);
        // Clients may go away without an answer, and their states must not take the room for ever.
        unused.retain(|_, end| *end > now);
        if unused.len() >= STATES_MAX {
            return None;
        }
        let bound = binding.bytes();
        let options = SealOptions::new()
            .associated_data(&bound)
            .ttl(self.lifetime);
        let sealed = self
            .codec
            .seal_json_with(&Payload { number, approval }, &options)
            .ok()?;
        unused.insert(u128::from_be_bytes(number), now + self.lifetime);
        Some(sealed)
    }

    /// Returns the number of the approval, and uses the state up.
    ///
    /// # Errors
    /// The reason why the state is not good for this call.
    pub(super) fn open(&self, sealed: &str, binding: &Binding) -> Result<i64, StateError> {
        let opened = self
            .codec
            .open_json_with::<Payload>(sealed, &binding.bytes());
        let payload = opened.map_err(|error| match error {
            RequestStateError::Expired => StateError::Expired,
            _ => StateError::Forged,
        })?;
        let mut unused = self.unused.lock().unwrap_or_else(PoisonError::into_inner);
        // Removed at once under the lock: of two calls with the same state only one goes on.
        let end = unused
            .remove(&u128::from_be_bytes(payload.number))
            .ok_or(StateError::Used)?;
        if end <= Instant::now() {
            return Err(StateError::Expired);
        }
        Ok(payload.approval)
    }
}

/// Returns random bytes of the system.
fn random<const N: usize>() -> Result<[u8; N], CliError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| CliError::internal(format!("no random numbers: {error}")))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding() -> Binding {
        Binding {
            agent: "scout".to_owned(),
            tool: "l402_fetch".to_owned(),
            arguments: [7; 32],
        }
    }

    #[test]
    fn a_state_opens_once_and_only_for_its_call() {
        let states = SealedStates::new().unwrap();
        let sealed = states.make(&binding(), 42).unwrap();
        for other in [
            Binding {
                agent: "other".to_owned(),
                ..binding()
            },
            Binding {
                tool: "pay_invoice".to_owned(),
                ..binding()
            },
            Binding {
                arguments: [8; 32],
                ..binding()
            },
        ] {
            assert_eq!(
                states.open(&sealed, &other),
                Err(StateError::Forged),
                "{other:?}"
            );
        }
        assert_eq!(states.open(&sealed, &binding()), Ok(42));
        assert_eq!(states.open(&sealed, &binding()), Err(StateError::Used));
    }

    #[test]
    fn another_process_and_every_change_are_refused() {
        let states = SealedStates::new().unwrap();
        let sealed = states.make(&binding(), 42).unwrap();
        let restarted = SealedStates::new().unwrap();
        assert_eq!(restarted.open(&sealed, &binding()), Err(StateError::Forged));
        for at in 0..sealed.len() {
            let mut forged = sealed.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap();
            assert_eq!(
                states.open(&forged, &binding()),
                Err(StateError::Forged),
                "{at}"
            );
        }
        for forged in [
            "",
            ".",
            "rs1..",
            &sealed[1..],
            &format!("{sealed}A"),
            &"a".repeat(1 << 20),
        ] {
            assert_eq!(states.open(forged, &binding()), Err(StateError::Forged));
        }
        // None of the attempts has used it up.
        assert_eq!(states.open(&sealed, &binding()), Ok(42));
    }

    #[test]
    fn an_old_state_is_refused() {
        let states = SealedStates::lasting(Duration::from_millis(1)).unwrap();
        let sealed = states.make(&binding(), 42).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(states.open(&sealed, &binding()), Err(StateError::Expired));
    }

    #[test]
    fn states_that_wait_are_bounded() {
        let states = SealedStates::new().unwrap();
        for _ in 0..STATES_MAX {
            assert!(states.make(&binding(), 1).is_some());
        }
        assert_eq!(states.make(&binding(), 1), None);
    }
}
