//! The state of a service, as the registry found it.

use l402::UnixTime;
use serde::{Deserialize, Serialize};

/// The state of a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum State {
    /// The 402 came, and a client can pay it.
    Up,
    /// An answer came, but something is wrong with it; the reason says what.
    Degraded,
    /// Three probes in a row got no answer, or one of 5xx.
    Down,
    /// The service has not been probed yet, or may not be.
    #[default]
    Unknown,
    /// The service answers without asking for money.
    Not402,
}

impl State {
    /// Every state, for lists and tests.
    pub const ALL: [Self; 5] = [
        Self::Up,
        Self::Degraded,
        Self::Down,
        Self::Unknown,
        Self::Not402,
    ];

    /// Returns the word of the API and the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Down => "down",
            Self::Unknown => "unknown",
            Self::Not402 => "not_402",
        }
    }

    /// Returns the state with this word.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// The reason for a state other than `up`: a stable code, and a sentence for people. The sentence may
/// hold a stranger's text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// A word such as `wrong_hash`, `timeout`, `private_address`.
    pub code: String,
    /// A sentence, at most 300 characters.
    pub text: String,
}

/// The state of a service and what the schedule has to know.
#[derive(Clone, Debug, PartialEq)]
pub struct Health {
    /// The state.
    pub state: State,
    /// The reason, if the state is not `up`.
    pub reason: Option<Reason>,
    /// The time since when it is so.
    pub since: UnixTime,
    /// The failures in a row.
    pub failures: u32,
    /// The time of the last probe; `None` before the first.
    pub last_probe: Option<UnixTime>,
    /// The time of the next probe; `None` if there is none.
    pub next_probe: Option<UnixTime>,
}

/// The part of the probes that found a service `up` or `degraded`, in permille. `None` without probes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uptime {
    /// Of the last 24 hours.
    pub day: Option<u16>,
    /// Of the last 7 days.
    pub week: Option<u16>,
    /// Of the last 30 days.
    pub month: Option<u16>,
}
