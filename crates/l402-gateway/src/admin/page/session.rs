//! Sessions of people who have shown the admin token, in memory alone.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// The time after which a session ends, whatever is done in it.
pub(super) const LIFETIME: Duration = Duration::from_secs(12 * 3600);

/// The sessions that are open at once. A further one ends the oldest.
const MOST: usize = 64;

/// The secret of a session, which stands in the cookie.
pub(super) struct SessionId([u8; 32]);

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(..)")
    }
}

impl SessionId {
    /// Reads the secret from 64 hex digits.
    pub(super) fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// Returns the value of the cookie.
    pub(super) fn to_hex(&self) -> String {
        hex::encode(self.0)
    }

    /// Returns the secret that the forms of the session carry. It tells nothing of the cookie.
    pub(super) fn csrf(&self) -> String {
        hex::encode(self.hash(b"l402 dashboard form"))
    }

    /// Returns true if a form has carried the secret of this session. Takes the same time for every text of
    /// its length.
    pub(super) fn is_csrf(&self, shown: &str) -> bool {
        self.csrf().as_bytes().ct_eq(shown.as_bytes()).into()
    }

    fn hash(&self, purpose: &[u8]) -> [u8; 32] {
        Sha256::new()
            .chain_update(purpose)
            .chain_update(self.0)
            .finalize()
            .into()
    }

    /// Returns the mark by which a session is found: a search in memory must not tell of the secret by its
    /// time.
    fn mark(&self) -> [u8; 32] {
        self.hash(b"l402 dashboard session")
    }
}

/// The sessions that are open.
#[derive(Default)]
pub(super) struct Sessions(Mutex<Vec<Session>>);

struct Session {
    mark: [u8; 32],
    /// On the monotonic clock of the gateway.
    ends: Duration,
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sessions").field(&self.lock().len()).finish()
    }
}

impl Sessions {
    /// Begins a session.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub(super) fn begin(&self, now: Duration) -> Result<SessionId, getrandom::Error> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret)?;
        let id = SessionId(secret);
        let mut sessions = self.lock();
        sessions.retain(|session| session.ends > now);
        if sessions.len() >= MOST {
            sessions.remove(0);
        }
        let (mark, ends) = (id.mark(), now.saturating_add(LIFETIME));
        sessions.push(Session { mark, ends });
        Ok(id)
    }

    /// Returns true if this session is open.
    pub(super) fn is_open(&self, id: &SessionId, now: Duration) -> bool {
        let mark = id.mark();
        let sessions = self.lock();
        sessions
            .iter()
            .any(|session| session.mark == mark && session.ends > now)
    }

    /// Ends a session.
    pub(super) fn end(&self, id: &SessionId) {
        let mark = id.mark();
        self.lock().retain(|session| session.mark != mark);
    }

    /// Ends all sessions.
    pub(super) fn end_all(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(5);

    #[test]
    fn a_session_ends_by_itself_and_by_its_holder() {
        let sessions = Sessions::default();
        let one = sessions.begin(START).unwrap();
        let other = sessions.begin(START).unwrap();
        let read = SessionId::from_hex(&one.to_hex()).unwrap();
        assert!(sessions.is_open(&read, START));
        sessions.end(&one);
        assert!(!sessions.is_open(&read, START));
        let last = START + LIFETIME - Duration::from_secs(1);
        assert!(sessions.is_open(&other, last));
        assert!(!sessions.is_open(&other, START + LIFETIME));
    }

    #[test]
    fn the_number_of_sessions_has_a_bound() {
        let sessions = Sessions::default();
        let first = sessions.begin(START).unwrap();
        let all: Vec<_> = (0..MOST).map(|_| sessions.begin(START).unwrap()).collect();
        assert!(!sessions.is_open(&first, START));
        assert!(all.iter().all(|id| sessions.is_open(id, START)));
    }

    #[test]
    fn a_form_shows_the_secret_of_its_session() {
        let sessions = Sessions::default();
        let (one, other) = (
            sessions.begin(START).unwrap(),
            sessions.begin(START).unwrap(),
        );
        assert!(one.is_csrf(&one.csrf()));
        assert!(!one.is_csrf(&other.csrf()) && !one.is_csrf("") && !one.is_csrf(&one.to_hex()));
        assert!(!format!("{one:?} {sessions:?}").contains(&one.to_hex()[..8]));
        for wrong in ["", "00", &"0".repeat(63), &"g".repeat(64)] {
            assert!(SessionId::from_hex(wrong).is_none());
        }
    }
}
