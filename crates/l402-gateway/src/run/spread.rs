//! The thread that takes over what other processes change in the register.
//!
//! ```text
//!   another gateway, a command ──▶ register ── changed? ──▶ each Follow in turn
//!                                             every 100 ms
//! ```
//!
//! What can change while a gateway serves has a [`Follow`]. Each has taken over all there is before the
//! gateway listens, so nothing that was ended is served for a moment after a start.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use l402_server::ledger::LedgerError;
use l402_server::ledger::register::Register;

use super::ledger;
use crate::{GatewayError, GatewayErrorKind};

/// The pause between two looks. A change is known to all processes within 500 ms.
const PAUSE: Duration = Duration::from_millis(100);

/// Takes over something of the register.
pub(super) trait Follow: Send + fmt::Debug {
    /// Takes over what has changed since the last call, all of it at the first call. Called by the start
    /// first, and each time after somebody has written to the ledger; that may have been something else.
    /// After an error it is called again soon; what was known before goes on to hold.
    fn follow(&mut self, register: &dyn Register) -> Result<(), LedgerError>;
    /// Returns true if it has to be called at the next look also if nobody writes: it waits for something
    /// that the ledger does not say, such as the end of another process.
    fn waits(&self) -> bool {
        false
    }
}

/// The running thread. Ends when dropped.
#[derive(Debug)]
pub(super) struct Spread {
    /// `None` once it ends.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Spread {
    /// Has each follower take over all there is, then starts the thread.
    ///
    /// # Errors
    /// [`GatewayError`] if the register cannot be read: a gateway must not serve what it cannot know to
    /// be good.
    pub(super) fn start(
        register: Arc<dyn Register>,
        mut followers: Vec<Box<dyn Follow>>,
    ) -> Result<Self, GatewayError> {
        // Before the first look, so that what is written meanwhile is seen by the next one.
        register.changed().map_err(ledger::unusable)?;
        for follower in &mut followers {
            follower.follow(&*register).map_err(ledger::unusable)?;
        }
        let (stop, stopped) = mpsc::channel();
        let mut watch = Watch {
            register,
            followers,
            behind: false,
            failing: false,
        };
        let thread = std::thread::Builder::new().name("l402-spread".to_owned());
        let thread = thread.spawn(move || {
            while stopped.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
                watch.look();
            }
        });
        let thread = thread.map_err(|error| {
            let text = format!("no thread to follow the ledger: {error}");
            GatewayError::new(GatewayErrorKind::Runtime, text).with_source(error)
        })?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Spread {
    fn drop(&mut self) {
        // Before the join: the thread ends only when the sender is gone.
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The state of the thread.
struct Watch {
    register: Arc<dyn Register>,
    followers: Vec<Box<dyn Follow>>,
    /// True if a change was not taken over by all.
    behind: bool,
    /// True if the last look has failed, which the log was told.
    failing: bool,
}

impl Watch {
    /// Looks once, and tells the log if it fails for the first time, or works again.
    fn look(&mut self) {
        match self.take_over() {
            Err(error) if !self.failing => {
                tracing::error!(
                    %error,
                    "cannot read what was revoked or rotated since; what is known so far holds"
                );
                self.failing = true;
            }
            Ok(()) if self.failing => {
                tracing::info!("the ledger can be read again");
                self.failing = false;
            }
            Err(_) | Ok(()) => {}
        }
    }

    fn take_over(&mut self) -> Result<(), LedgerError> {
        self.behind |= self.register.changed()?;
        self.behind |= self.followers.iter().any(|follower| follower.waits());
        if !self.behind {
            return Ok(());
        }
        // Each of them, whatever became of the others.
        let followed = self.followers.iter_mut();
        let followed = followed.map(|follower| follower.follow(&*self.register));
        let failed = followed.filter_map(Result::err).last();
        self.behind = failed.is_some();
        failed.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use l402::{KeyNumber, TokenId, UnixTime};
    use l402_server::ledger::register::{Revocations as _, SqliteRegister, identify};
    use l402_server::revoked::{Revocation, Revoke, Revoked};

    use super::super::revocations::FollowRevocations;
    use super::*;

    fn token(number: u8) -> Revoke {
        Revoke::Token(TokenId::new(KeyNumber(1), [number; 30]))
    }

    /// Returns true for each of these tokens that is in the set.
    fn known<const N: usize>(set: &Revoked, numbers: [u8; N]) -> [bool; N] {
        numbers.map(|number| {
            let identifier = l402::Identifier {
                payment_hash: l402::PaymentHash::from_bytes([9; 32]),
                token_id: TokenId::new(KeyNumber(1), [number; 30]),
            };
            let service = "any".parse().unwrap();
            set.covers(&identifier, &service, || UnixTime::from_secs(0))
        })
    }

    #[test]
    fn one_look_is_enough_and_what_cannot_be_read_is_read_later() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gateway.db");
        let now = UnixTime::from_secs(1);
        let command = SqliteRegister::at(&path);
        identify(&command, now, |_| Ok::<_, ()>(()))
            .unwrap()
            .unwrap();
        let revoke = |number| {
            let added = command.revoke(&[Revocation::new(token(number), now)]);
            assert_eq!(added.unwrap(), [true]);
        };
        revoke(1);
        let set = Arc::new(Revoked::default());
        let mut watch = Watch {
            register: Arc::new(SqliteRegister::keep_open(&path)),
            followers: vec![Box::new(FollowRevocations::new(Arc::clone(&set)))],
            behind: false,
            failing: false,
        };
        watch.look();
        assert_eq!(known(&set, [1, 2]), [true, false]);
        revoke(2);
        watch.look();
        assert_eq!(known(&set, [1, 2]), [true, true]);

        revoke(3);
        let raw = rusqlite::Connection::open(&path).unwrap();
        let rename = |from: &str, to: &str| {
            let sql = format!("ALTER TABLE {from} RENAME TO {to}");
            raw.execute(&sql, []).unwrap();
        };
        rename("revocations", "away");
        for _ in 0..3 {
            watch.look();
            assert!(watch.failing && watch.behind);
            assert_eq!(known(&set, [1, 2, 3]), [true, true, false]);
        }
        rename("away", "revocations");
        watch.look();
        assert!(!watch.failing && !watch.behind);
        assert_eq!(known(&set, [1, 2, 3]), [true; 3]);
    }

    #[test]
    fn an_earlier_copy_in_the_place_of_the_ledger_is_read_from_the_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gateway.db");
        let now = UnixTime::from_secs(1);
        let command = SqliteRegister::at(&path);
        identify(&command, now, |_| Ok::<_, ()>(()))
            .unwrap()
            .unwrap();
        let revoke = |number| {
            let added = command.revoke(&[Revocation::new(token(number), now)]);
            assert_eq!(added.unwrap(), [true]);
        };
        let raw = rusqlite::Connection::open(&path).unwrap();
        let set = Arc::new(Revoked::default());
        let mut follow = FollowRevocations::new(Arc::clone(&set));
        for number in 1..=3 {
            revoke(number);
        }
        follow.follow(&command).unwrap();
        // As a copy from the time of the first one.
        for (earlier, new) in [(1, 4..=5), (0, 6..=6)] {
            raw.execute("DELETE FROM revocations WHERE number > ?1", [earlier])
                .unwrap();
            let sql = "UPDATE sqlite_sequence SET seq = ?1 WHERE name = 'revocations'";
            raw.execute(sql, [earlier]).unwrap();
            new.for_each(revoke);
            follow.follow(&command).unwrap();
        }
        // Those that were known stay so.
        let numbers = [1, 2, 3, 4, 5, 6, 7];
        let all = [true, true, true, true, true, true, false];
        assert_eq!(known(&set, numbers), all);
        revoke(7);
        follow.follow(&command).unwrap();
        assert_eq!(known(&set, [7]), [true]);
    }
}
