//! The token of the listener for operators.

use core::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use l402_host::{Clock, private};
use subtle::ConstantTimeEq as _;

use crate::run::Home;
use crate::{GatewayError, GatewayErrorKind};

/// The least length of a token, in bytes. The right one is accepted after any number of wrong ones, so it must
/// be none that can be guessed.
const LENGTH_MIN: usize = 32;

/// The wrong tokens that are answered as such in a row. After them it is one in each [`PAUSE`].
const BURST: u32 = 10;

/// The time after which one more wrong token is answered as such.
const PAUSE: Duration = Duration::from_secs(1);

/// The secret that an operator shows. Never shown itself.
pub(crate) struct AdminToken {
    path: PathBuf,
    secret: Mutex<Vec<u8>>,
    clock: Arc<dyn Clock>,
    wrong: Mutex<Wrong>,
}

/// The wrong tokens of late.
#[derive(Debug, Default)]
struct Wrong {
    count: u32,
    /// The time up to which the count has been lowered.
    since: Duration,
}

/// The judgement on a token that somebody shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    Right,
    Wrong,
    /// Too many wrong ones came of late.
    TooMany,
}

impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminToken(..)")
    }
}

impl AdminToken {
    /// Reads the token of the home, and makes a random one first if there is none.
    ///
    /// # Errors
    /// [`GatewayError`] if the file cannot be read or made, is open to others, or holds no token.
    pub(crate) fn open(home: &Home, clock: Arc<dyn Clock>) -> Result<Self, GatewayError> {
        let path = home.admin_token();
        let failed = |error: l402_host::FileError| {
            let text = format!("cannot use the token of [admin]: {error}");
            GatewayError::new(GatewayErrorKind::UnsafeFile, text).with_source(error)
        };
        private::create_hex_key(&path).map_err(failed)?;
        let bytes = private::read(&path).map_err(failed)?;
        let secret = bytes.trim_ascii().to_vec();
        if secret.len() < LENGTH_MIN || !secret.iter().all(u8::is_ascii_graphic) {
            let text = format!(
                "{} holds no token of at least {LENGTH_MIN} visible characters; remove it, and the next \
                 start makes one",
                path.display()
            );
            return Err(GatewayError::new(GatewayErrorKind::UnsafeFile, text));
        }
        Ok(Self {
            path,
            secret: Mutex::new(secret),
            clock,
            wrong: Mutex::default(),
        })
    }

    /// Makes a new token, in the file and at once: the old one is wrong from then on. Blocks.
    ///
    /// # Errors
    /// [`GatewayError`] if the file cannot be written, or if the system has no randomness. Then the old
    /// token stays.
    pub(crate) fn renew(&self) -> Result<(), GatewayError> {
        let failed = |error: &dyn fmt::Display| {
            let text = format!("cannot make a new token of [admin]: {error}");
            GatewayError::new(GatewayErrorKind::UnsafeFile, text)
        };
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|error| failed(&error))?;
        let text = hex::encode(bytes);
        // Held while the file is written, so that the two never differ.
        let mut secret = self.secret();
        private::replace(&self.path, format!("{text}\n").as_bytes())
            .map_err(|error| failed(&error))?;
        *secret = text.into_bytes();
        Ok(())
    }

    /// The file of the token.
    pub(crate) fn path(&self) -> &std::path::Path {
        &self.path
    }

    fn secret(&self) -> MutexGuard<'_, Vec<u8>> {
        self.secret.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Compares a token with the right one, in a time that says nothing of it. The right one is right
    /// whatever came before, so that nobody can lock the operator out.
    pub(crate) fn judge(&self, shown: &[u8]) -> Shown {
        if bool::from(shown.ct_eq(self.secret().as_slice())) {
            return Shown::Right;
        }
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.monotonic();
        let passed = now.saturating_sub(wrong.since).as_secs() / PAUSE.as_secs();
        if passed > 0 {
            let passed = u32::try_from(passed).unwrap_or(u32::MAX);
            wrong.count = wrong.count.saturating_sub(passed);
            wrong.since = now;
        }
        if wrong.count >= BURST {
            return Shown::TooMany;
        }
        wrong.count += 1;
        Shown::Wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ATTACKS O-01.
    #[test]
    fn a_token_that_a_person_has_chosen_is_too_short() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().join("home")).unwrap();
        let open = |text: &str| {
            let _ = std::fs::remove_file(home.admin_token());
            private::create(&home.admin_token(), text.as_bytes()).unwrap();
            AdminToken::open(&home, l402_testkit::clock())
        };
        let short = open(&"a".repeat(LENGTH_MIN - 1)).unwrap_err();
        assert!(short.to_string().contains("at least 32 visible"), "{short}");
        let own = "a".repeat(LENGTH_MIN);
        assert_eq!(
            open(&format!("{own}\n")).unwrap().judge(own.as_bytes()),
            Shown::Right
        );
        std::fs::remove_file(home.admin_token()).unwrap();
        AdminToken::open(&home, l402_testkit::clock()).expect("one that is made is long enough");
    }
}
