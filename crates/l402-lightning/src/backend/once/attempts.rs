//! The attempts at one wallet: turns, notes, and the rule by which an outcome counts.

use core::time::Duration;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use l402::{Msat, PaymentHash, UnixTime};
use l402_host::{Clock, FileLock};
use sha2::{Digest as _, Sha256};
use tokio::sync::OwnedMutexGuard;

use super::note::Note;
use super::notes::Notes;
use super::turns::Turns;
use crate::{Error, ErrorKind, Open, Payment};

/// The pause between two tries to take the lock that another process has.
const PAUSE: Duration = Duration::from_millis(50);

/// The attempts of this home folder at one wallet. Clones share them.
#[derive(Clone, Debug)]
pub(in crate::backend) struct Attempts {
    pub(in crate::backend) clock: Arc<dyn Clock>,
    notes: Notes,
    turns: Arc<Turns>,
}

/// The turn of one attempt. No other attempt at this payment runs in any process of this home
/// folder until it is dropped.
#[derive(Debug)]
pub(in crate::backend) struct Turn {
    attempts: Attempts,
    hash: PaymentHash,
    /// The note of an earlier attempt whose end is not known.
    earlier: Option<Note>,
    /// The note of this attempt.
    own: Option<Note>,
    trace: Arc<Trace>,
    _here: OwnedMutexGuard<()>,
    lock: Arc<FileLock>,
}

/// The facts that decide if the note of an attempt goes when its caller does.
#[derive(Debug, Default)]
struct Trace {
    has_left: AtomicBool,
    is_written: AtomicBool,
}

impl Attempts {
    /// Opens the attempts at the wallet of this name, which is the same at every start.
    pub(in crate::backend) async fn open(open: &Open, name: &str) -> Result<Self, Error> {
        // A name has characters that no file can have.
        let digest = Sha256::digest(name.as_bytes());
        let folder = hex::encode(digest.first_chunk::<8>().unwrap_or(&[0; 8]));
        Self::open_in(&open.home().join("attempts"), &folder, open.clock()).await
    }

    /// Opens the attempts whose notes are in `above/name`.
    pub(in crate::backend) async fn open_in(
        above: &Path,
        name: &str,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let (above, name, now) = (above.to_owned(), name.to_owned(), clock.wall());
        let notes = blocking(move || Ok(Notes::open(&above, &name, now))).await?;
        Ok(Self {
            clock,
            notes,
            turns: Arc::default(),
        })
    }

    /// Waits until no other caller pays the invoice with this hash, in this process or another one of
    /// this home folder.
    ///
    /// # Errors
    /// `Local` if lock or note cannot be read: then nobody knows of an earlier attempt.
    pub(in crate::backend) async fn turn(&self, hash: PaymentHash) -> Result<Turn, Error> {
        // First among the callers of this process, so that only one of them tries the lock file.
        let here = self.turns.turn(hash).await;
        loop {
            let notes = self.notes.clone();
            let Some((lock, earlier)) = blocking(move || notes.take(&hash)).await? else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            return Ok(Turn {
                attempts: self.clone(),
                hash,
                earlier,
                own: None,
                trace: Arc::default(),
                _here: here,
                lock: Arc::new(lock),
            });
        }
    }

    /// Returns the note of a payment, if a wallet was asked for it and its end is not known.
    pub(in crate::backend) async fn note(&self, hash: PaymentHash) -> Result<Option<Note>, Error> {
        let notes = self.notes.clone();
        blocking(move || notes.read(&hash)).await
    }

    /// Returns the outcome that the wallet's record stands for: *unknown* while an attempt that the
    /// record does not hold may still begin.
    pub(in crate::backend) fn judge(
        &self,
        record: Option<Payment>,
        note: Option<Note>,
    ) -> Option<Payment> {
        let now = self.clock.wall();
        match (record, note) {
            (None, Some(note)) if !note.is_over(now) => Some(Payment::unknown(may_come())),
            (Some(Payment::Failed(_)), Some(note)) if note.outlives_failure(now) => {
                Some(Payment::unknown(may_come()))
            }
            (record, _) => record,
        }
    }
}

impl Turn {
    /// Returns the note of an earlier attempt.
    pub(in crate::backend) fn earlier(&self) -> Option<Note> {
        self.earlier
    }

    /// Returns true if an earlier attempt may still begin.
    pub(in crate::backend) fn may_begin(&self) -> bool {
        let now = self.now();
        self.earlier.is_some_and(|note| !note.is_over(now))
    }

    /// Returns true if the wallet's record of a failure may be that of an attempt before the earlier
    /// one, which can still begin.
    pub(in crate::backend) fn outlives_failure(&self) -> bool {
        let now = self.now();
        self.earlier.is_some_and(|note| note.outlives_failure(now))
    }

    /// Takes the earlier attempt as ended, on the word of the wallet's record.
    pub(in crate::backend) fn close_earlier(&mut self) {
        self.earlier = None;
    }

    /// Writes the note of this attempt, durably. Call this before the wallet is asked, and
    /// [`Turn::sends`] when it is.
    ///
    /// # Errors
    /// `Local` if the note cannot be written: the wallet must not be asked.
    pub(in crate::backend) async fn begin(&mut self, note: Note) -> Result<(), Error> {
        let earlier = self.earlier.filter(|_| self.may_begin());
        let note = earlier.map_or(note, |earlier| note.with_earlier(earlier));
        let (notes, hash, lock) = (self.attempts.notes.clone(), self.hash, self.lock.clone());
        let trace = Arc::clone(&self.trace);
        blocking(move || {
            // The caller may leave while this is written, and the lock must outlive the writing.
            let _lock = lock;
            notes.write(&hash, note)?;
            trace.is_written.store(true, Ordering::SeqCst);
            if trace.has_left.load(Ordering::SeqCst) && earlier.is_none() {
                notes.remove(&hash);
            }
            Ok(())
        })
        .await?;
        self.own = Some(note);
        Ok(())
    }

    /// Marks the request as sent: from here on the note stays if the caller leaves.
    pub(in crate::backend) fn sends(&mut self) {
        // An empty trace says that no note was written, so that `drop` removes none.
        self.trace = Arc::default();
    }

    /// Ends the attempt. *Failed* is *unknown* while an earlier attempt may still begin. The note
    /// goes with a certain outcome.
    pub(in crate::backend) async fn end(self, outcome: Payment) -> Payment {
        let is_certain = match &outcome {
            Payment::Failed(failure) if self.may_begin() => {
                return Payment::unknown(failure.error.clone());
            }
            Payment::Failed(_) => true,
            // A fee as high as the limit may be one that the wallet did not tell, and the note is
            // what a later look-up has instead.
            Payment::Settled { fee, .. } => {
                let note = self.own.or(self.earlier);
                note.is_some_and(|note| *fee < note.max_fee || note.max_fee == Msat::ZERO)
            }
            Payment::Unknown(_) => false,
        };
        if is_certain {
            let (notes, hash, lock) = (self.attempts.notes.clone(), self.hash, self.lock.clone());
            // A note that stays delays an answer, and costs nothing.
            let _ = blocking(move || {
                let _lock = lock;
                notes.remove(&hash);
                Ok(())
            })
            .await;
        }
        outcome
    }

    fn now(&self) -> UnixTime {
        self.attempts.clock.wall()
    }
}

impl Drop for Turn {
    /// Removes the note of an attempt whose caller left before anything was sent.
    fn drop(&mut self) {
        self.trace.has_left.store(true, Ordering::SeqCst);
        let is_written = self.trace.is_written.load(Ordering::SeqCst);
        if is_written && !self.may_begin() {
            self.attempts.notes.remove(&self.hash);
        }
    }
}

/// Returns the error of a payment that the wallet may still make.
pub(in crate::backend) fn may_come() -> Error {
    let text = "the wallet knows nothing of the payment yet, and may still make it";
    Error::new(ErrorKind::Timeout, text)
}

/// Does `work` on files on another thread.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::new(ErrorKind::Local, error.to_string()))?
}

#[cfg(test)]
mod tests {
    use l402_host::ManualClock;

    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);

    const HASH: PaymentHash = PaymentHash::from_bytes([1; 32]);

    fn note() -> Note {
        Note {
            request_ends: NOW.saturating_add(Duration::from_secs(60)),
            invoice_ends: NOW.saturating_add(Duration::from_secs(60)),
            had_failed: false,
            max_fee: Msat::from_sat(2),
        }
    }

    fn failed() -> Payment {
        Payment::failed(Error::new(ErrorKind::Unavailable, "not sent"))
    }

    fn settled(fee: Msat) -> Payment {
        Payment::Settled {
            preimage: l402::Preimage::from_bytes([1; 32]),
            paid: Msat::from_sat(1),
            fee,
        }
    }

    /// A home folder, and the clock of all who open attempts in it.
    struct Bench(tempfile::TempDir, Arc<ManualClock>);

    impl Bench {
        fn new() -> Self {
            Self(
                tempfile::tempdir().unwrap(),
                Arc::new(ManualClock::new(NOW)),
            )
        }

        /// As another process opens them.
        async fn open(&self) -> Attempts {
            let open = Open::new(self.0.path(), self.1.clone());
            Attempts::open(&open, "a wallet").await.unwrap()
        }
    }

    #[tokio::test]
    async fn while_an_earlier_attempt_may_begin_failed_is_unknown() {
        let bench = Bench::new();
        let mut turn = bench.open().await.turn(HASH).await.unwrap();
        turn.begin(note()).await.unwrap();
        turn.sends();
        // The process ends here.
        drop(turn);
        for (passed, is_unknown) in [(0, true), (660, true), (1, false)] {
            bench.1.advance(Duration::from_secs(passed));
            let turn = bench.open().await.turn(HASH).await.unwrap();
            let outcome = turn.end(failed()).await;
            let found = matches!(outcome, Payment::Unknown(_));
            assert_eq!(found, is_unknown, "{passed}: {outcome:?}");
        }
        assert_eq!(bench.open().await.note(HASH).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_record_ends_the_earlier_attempt_and_a_certain_end_removes_the_note() {
        let bench = Bench::new();
        let attempts = bench.open().await;
        for (outcome, stays) in [
            (failed(), false),
            (settled(Msat::from_sat(1)), false),
            // Perhaps not told, so a later look-up has to find the limit.
            (settled(Msat::from_sat(2)), true),
            (Payment::unknown(may_come()), true),
        ] {
            let mut turn = attempts.turn(HASH).await.unwrap();
            turn.close_earlier();
            turn.begin(note()).await.unwrap();
            turn.sends();
            turn.end(outcome).await;
            let found = attempts.note(HASH).await.unwrap();
            assert_eq!(found.is_some(), stays);
        }
    }

    #[tokio::test]
    async fn a_caller_who_leaves_before_the_request_leaves_no_note() {
        let bench = Bench::new();
        let attempts = bench.open().await;
        let mut turn = attempts.turn(HASH).await.unwrap();
        turn.begin(note()).await.unwrap();
        drop(turn);
        assert_eq!(attempts.note(HASH).await.unwrap(), None);
        // In the middle of the writing.
        let mut turn = attempts.turn(HASH).await.unwrap();
        let mut writes = Box::pin(turn.begin(note()));
        assert!(futures_util::poll!(&mut writes).is_pending());
        drop(writes);
        drop(turn);
        // The lock outlives the writing, so this turn comes after it.
        let turn = attempts.turn(HASH).await.unwrap();
        assert_eq!(turn.earlier(), None);
    }

    #[tokio::test]
    async fn two_processes_take_turns() {
        let bench = Bench::new();
        let (one, other) = (bench.open().await, bench.open().await);
        let held = one.turn(HASH).await.unwrap();
        let second = tokio::time::timeout(Duration::from_millis(120), other.turn(HASH));
        assert!(second.await.is_err(), "the other process pays");
        drop(held);
        other.turn(HASH).await.unwrap();
    }

    #[tokio::test]
    async fn a_record_counts_by_the_note() {
        let bench = Bench::new();
        let attempts = bench.open().await;
        let again = Note {
            had_failed: true,
            ..note()
        };
        let is_unknown = |record, note| {
            let judged = attempts.judge(record, note);
            matches!(judged, Some(Payment::Unknown(_)))
        };
        assert!(is_unknown(None, Some(note())));
        assert!(is_unknown(Some(failed()), Some(again)));
        assert!(!is_unknown(Some(failed()), Some(note())));
        assert!(!is_unknown(None, None));
        bench.1.advance(Duration::from_secs(661));
        assert!(!is_unknown(None, Some(note())));
        assert!(!is_unknown(Some(failed()), Some(again)));
    }
}
