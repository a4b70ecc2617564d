//! The beginning of a start: keys, ledger and `ledger.id` are read, compared, or made.
//!
//! ```text
//!   lock ─▶ keys, ledger.id ─▶ ledger: one transaction ─▶ master.key ─▶ epoch 1 ─▶ ledger.id
//!                                │  judge: goes with them       (only at a first start)
//!                                └─ refused, or --new-ledger: the next number
//! ```
//!
//! The order holds through a crash: `docs/design/keys.md` walks through each point.

use std::io;
use std::path::Path;
use std::time::Duration;

use l402::{KeyNumber, UnixTime};
use l402_host::{Clock, FileLock, SystemClock};
use l402_server::ledger::register::{Register, identify};
use l402_server::ledger::{LedgerId, LedgerIdentity, LedgerMark};

use super::judge::{Mismatch, judge, without_ledger};
use super::keys::Keys;
use super::{Home, ledger, ledger_id};
use crate::config::{Fixed, LedgerPlace};
use crate::{Config, GatewayError, GatewayErrorKind};

/// The longest wait for another start in the same home, and the pause between two looks.
const LOCK_WAIT: Duration = Duration::from_secs(30);
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// The numbers that one is drawn from if `ledger.id` does not tell which were used: above those that a
/// program gives out one after another, and far enough from the last.
const UNKNOWN_FROM: u16 = 1024;
const UNKNOWN_LAST: u16 = 65_279;

/// Returns the keys that are here, after it has made sure that the ledger goes with
/// them. Makes all that is missing at a first start. The caller holds the lock of the home.
///
/// # Errors
/// [`GatewayErrorKind::OtherLedger`] if the ledger does not go with the keys, and the errors of
/// reading and writing keys and ledger.
pub(super) fn begin(
    _: &FileLock,
    home: &Home,
    fixed: &Fixed,
    register: &dyn Register,
    clock: &dyn Clock,
) -> Result<Keys, GatewayError> {
    let mut start = Start {
        home,
        place: &fixed.ledger,
        register,
        keys: Keys::read(home, &fixed.keys)?,
        now: clock.wall(),
        anew: fixed.new_ledger,
        mark: None,
        mark_is_damaged: false,
    };
    start.read_mark()?;
    start.look_for_ledger()?;
    let mut ledger = start.identify(|ledger| start.settle(ledger))?;
    if start.keys.is_fresh() {
        // Only now: a key without a ledger that knows it looks like a ledger that is lost.
        start.keys.store(home)?;
        ledger = start.identify(|ledger| {
            ledger.epoch = ledger.epoch.saturating_add(1);
            Ok(())
        })?;
    }
    let Some(mark) = ledger.mark() else {
        return Err(GatewayError::new(
            GatewayErrorKind::Ledger,
            "the ledger has no id",
        ));
    };
    // After the ledger: a mark that is ahead of it would refuse the next start.
    ledger_id::write(home, mark).map_err(|error| {
        let text = format!("cannot write {error}");
        GatewayError::new(GatewayErrorKind::Ledger, text).with_source(error)
    })?;
    start.warn_if_behind(&ledger);
    Ok(start.keys)
}

/// Begins the next key number of a home that was put back from a backup: what was sold and spent since then
/// nobody knows. Counted tokens of all earlier numbers are refused from then on, others work to their end.
/// The number is drawn, because the backup does not tell which were used since. Blocks for a moment.
///
/// A ledger in a database is in no backup of a home. Its next number begins only if `ledger_restored` says
/// that it was put back, too; all gateways on it then sell under that number.
///
/// Returns `None` if no ledger was put back: it is in a database that went on, or the home has none.
///
/// # Errors
/// Those of reading the keys and of writing the ledger. [`GatewayErrorKind::Ledger`] with `ledger_restored`
/// if the configuration names no database, or one that no gateway has sold with.
pub fn begin_restored(
    config: &Config,
    home: &Home,
    clock: &dyn Clock,
    ledger_restored: bool,
) -> Result<Option<KeyNumber>, GatewayError> {
    let place = &config.fixed.ledger;
    let is_here = *place == LedgerPlace::Home;
    let refused = |text: &str| GatewayError::new(GatewayErrorKind::Ledger, text);
    if is_here && ledger_restored {
        return Err(refused(
            "the configuration has no [ledger] url, so no ledger outside the home was put back",
        ));
    }
    if !ledger_restored && (!is_here || !home.ledger().exists()) {
        return Ok(None);
    }
    let _lock = lock(home)?;
    let register = ledger::register(home, place)?;
    let keys = Keys::read(home, &config.fixed.keys)?;
    if keys.is_fresh() {
        let text = "the key of the ledger is not in the home: name the gateway's --config";
        return Err(GatewayError::new(GatewayErrorKind::MasterKey, text));
    }
    let start = Start {
        home,
        place,
        register: &*register,
        keys,
        now: clock.wall(),
        anew: true,
        mark: None,
        // A copy from earlier, whatever it says of itself.
        mark_is_damaged: true,
    };
    let ledger = start.identify(|ledger| {
        if !is_here && ledger.is_new() {
            return Err(refused(
                "the database holds no ledger: put it back first, then the home",
            ));
        }
        match judge(&start.keys, None, ledger) {
            // Another seller's, whose tokens must not end by a wrong address.
            Err(mismatch @ Mismatch::Other) if !is_here => return Err(start.refused(mismatch)),
            _ => {}
        }
        start.settle(ledger)
    })?;
    if let Some(mark) = ledger.mark() {
        ledger_id::write(home, mark).map_err(|error| {
            let text = format!("cannot write {error}");
            GatewayError::new(GatewayErrorKind::Ledger, text).with_source(error)
        })?;
    }
    Ok(ledger.number)
}

/// What a start has found, the ledger aside.
struct Start<'a> {
    home: &'a Home,
    place: &'a LedgerPlace,
    register: &'a dyn Register,
    keys: Keys,
    now: UnixTime,
    /// `--new-ledger` was given.
    anew: bool,
    mark: Option<LedgerMark>,
    mark_is_damaged: bool,
}

impl Start<'_> {
    /// Changes what the ledger says of itself, in one transaction.
    fn identify(
        &self,
        decide: impl FnOnce(&mut LedgerIdentity) -> Result<(), GatewayError>,
    ) -> Result<LedgerIdentity, GatewayError> {
        identify(self.register, self.now, decide).map_err(ledger::unusable)?
    }

    /// Reads `ledger.id`. One that is damaged ends a start, unless a new ledger may begin.
    fn read_mark(&mut self) -> Result<(), GatewayError> {
        match ledger_id::read(self.home) {
            Err(error) if error.kind() == GatewayErrorKind::OtherLedger && self.anew => {
                self.mark_is_damaged = true;
            }
            read => self.mark = read?,
        }
        Ok(())
    }

    /// Refuses a ledger that is missing or empty, unless it may be. Before it is opened, which would
    /// make one.
    fn look_for_ledger(&self) -> Result<(), GatewayError> {
        // A database that is not there cannot be connected to.
        if *self.place != LedgerPlace::Home {
            return Ok(());
        }
        let path = self.home.ledger();
        let found = path.symlink_metadata();
        let is_empty = found
            .as_ref()
            .is_ok_and(|found| found.is_file() && found.len() == 0);
        let is_missing = found.is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
        if !is_empty && !is_missing {
            return Ok(());
        }
        let mismatch = without_ledger(&self.keys, self.mark.as_ref());
        match mismatch {
            Some(mismatch) if !self.anew => Err(self.refused(mismatch)),
            // An empty ledger is left to be refused by name, unless the operator has given it up.
            Some(_) if is_empty => remove(&path),
            _ => Ok(()),
        }
    }

    /// Decides what the ledger says of itself from now on.
    fn settle(&self, ledger: &mut LedgerIdentity) -> Result<(), GatewayError> {
        match judge(&self.keys, self.mark.as_ref(), ledger) {
            Err(mismatch) if !self.anew => return Err(self.refused(mismatch)),
            Err(mismatch) => self.begin_anew(ledger, &mismatch.to_string())?,
            // Nothing tells that the ledger is no copy from earlier.
            Ok(()) if self.mark_is_damaged => self.begin_anew(ledger, "ledger.id is damaged")?,
            Ok(()) if self.anew && ledger.is_ahead_of(self.now) => {
                self.begin_anew(
                    ledger,
                    "the ledger has counted uses at a later time than now",
                )?;
            }
            Ok(()) => {
                if self.anew {
                    tracing::warn!("--new-ledger was not needed: the ledger goes with the keys");
                }
                let number = ledger.number.unwrap_or(KeyNumber(1));
                // One that the ledger knows above it waits, and mints once every gateway has its key.
                let waits =
                    |named: &KeyNumber| number < *named && ledger.fingerprints.contains_key(named);
                let named = self.keys.numbers().filter(|named| !waits(named)).max();
                ledger.number = Some(named.map_or(number, |named| number.max(named)));
            }
        }
        if ledger.id.is_none() {
            ledger.id = Some(LedgerId::from_bytes(random()?));
        }
        self.note_keys(ledger);
        // A first start counts from 0, until its key is written.
        if !(self.keys.is_fresh() && ledger.epoch == 0) {
            ledger.epoch = ledger.epoch.saturating_add(1);
        }
        Ok(())
    }

    /// Begins the next number. Counted tokens of all numbers before it are refused from then on.
    fn begin_anew(&self, ledger: &mut LedgerIdentity, why: &str) -> Result<(), GatewayError> {
        let (named, marked) = (self.keys.highest(), self.mark.map(|mark| mark.number));
        let key = self.key_of_new(named, marked);
        // Numbers that wait, and files that were made for one, are used too.
        let known = ledger.fingerprints.keys().max().copied();
        let found = Some(self.keys.highest_here()).filter(|here| *here > named);
        let used = marked.max(ledger.number).max(known).max(found);
        let next = used.map_or(Some(1), |used| used.0.checked_add(1));
        let number = match marked {
            Some(_) => next.map(|next| named.0.max(next)),
            // The ledger may be a copy from before its last number, or another's. A number that is
            // named may have been used.
            None => named
                .0
                .checked_add(1)
                .max(next)
                .map(unknown_number)
                .transpose()?,
        };
        let number = KeyNumber(number.ok_or_else(|| {
            let text = "no number is left for the master key; name a new key in [[keys]], and move \
                        ledger and ledger.id away";
            GatewayError::new(GatewayErrorKind::OtherLedger, text)
        })?);
        tracing::warn!(
            number = number.0,
            "a new ledger begins: counted tokens of lower numbers are refused ({why})"
        );
        ledger.number = Some(number);
        ledger.uses_from = number;
        ledger.latest = UnixTime::from_secs(0);
        // The id of the home stays, so that a crash before `ledger.id` is written does no harm: the
        // epoch tells this ledger from every earlier one.
        if let Some(mark) = self.mark {
            ledger.id = Some(mark.id);
            ledger.epoch = ledger.epoch.max(mark.epoch);
        }
        for (number, known) in &mut ledger.fingerprints {
            if self.keys.holding(known).is_none() {
                *known = self.keys.fingerprint(*number).unwrap_or(*known);
            }
        }
        if let Some(key) = self.keys.named(number).or(key) {
            ledger.fingerprints.insert(number, key);
        }
        Ok(())
    }

    /// Returns the fingerprint of the key with which a new ledger sells: the one that has sold, or that
    /// the configuration says. A file beside it may be for a number that waits.
    fn key_of_new(&self, named: KeyNumber, marked: Option<KeyNumber>) -> Option<[u8; 16]> {
        let sold = marked.unwrap_or_else(|| self.keys.highest_here());
        self.keys.fingerprint(sold.max(named))
    }

    /// Notes the fingerprint of each number that is new, and of all that are named if the key was made
    /// just now.
    fn note_keys(&self, ledger: &mut LedgerIdentity) {
        for number in self.keys.numbers().chain(ledger.number) {
            let Some(fingerprint) = self.keys.fingerprint(number) else {
                continue;
            };
            let known = ledger.fingerprints.entry(number).or_insert(fingerprint);
            if self.keys.is_fresh() {
                *known = fingerprint;
            }
        }
    }

    fn refused(&self, mismatch: Mismatch) -> GatewayError {
        let text = format!(
            "{}: {mismatch}, or start once with --new-ledger: it begins the next key number, and \
             ends the counted tokens that were sold before (a first start with a key of your own \
             needs it too)",
            ledger::place(self.home, self.place)
        );
        GatewayError::new(GatewayErrorKind::OtherLedger, text)
    }

    fn warn_if_behind(&self, ledger: &LedgerIdentity) {
        if ledger.is_ahead_of(self.now) {
            tracing::error!(
                now = %self.now.to_rfc3339(),
                counted = %ledger.latest.to_rfc3339(),
                "THE CLOCK IS BEHIND THE LEDGER: counted tokens are refused until it is set right; \
                 if it is right, start once with --new-ledger"
            );
        }
    }
}

/// Draws a number, not below `lowest`, that was hardly used before.
fn unknown_number(lowest: u16) -> Result<u16, GatewayError> {
    let lowest = lowest.max(UNKNOWN_FROM);
    // Of those that are left, if the numbers that are named go beyond.
    let count = u32::from(UNKNOWN_LAST.max(lowest) - lowest) + 1;
    let drawn = u32::from_be_bytes(random()?) % count;
    Ok(u16::try_from(drawn).map_or(lowest, |drawn| lowest + drawn))
}

/// Takes the lock of the home, and waits for another start that holds it.
pub(super) fn lock(home: &Home) -> Result<FileLock, GatewayError> {
    lock_at(&home.start_lock())
}

/// Takes a lock, and waits for another process that holds it.
pub(super) fn lock_at(path: &Path) -> Result<FileLock, GatewayError> {
    let failed = |text: String| GatewayError::new(GatewayErrorKind::Ledger, text);
    let clock = SystemClock::default();
    loop {
        match FileLock::try_take(path) {
            Ok(Some(lock)) => return Ok(lock),
            Ok(None) if clock.monotonic() < LOCK_WAIT => std::thread::sleep(LOCK_PAUSE),
            Ok(None) => {
                let text = format!("another process holds {} for too long", path.display());
                return Err(failed(text));
            }
            Err(error) => return Err(failed(format!("cannot lock {error}")).with_source(error)),
        }
    }
}

/// Removes an empty database and its logs, which SQLite would not use for it either.
fn remove(path: &Path) -> Result<(), GatewayError> {
    for end in ["", "-wal", "-shm"] {
        let mut file = path.as_os_str().to_owned();
        file.push(end);
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                let text = format!("cannot remove {}: {error}", file.display());
                return Err(GatewayError::new(GatewayErrorKind::Ledger, text));
            }
            _ => {}
        }
    }
    Ok(())
}

fn random<const N: usize>() -> Result<[u8; N], GatewayError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| {
        GatewayError::new(GatewayErrorKind::Runtime, format!("no randomness: {error}"))
    })?;
    Ok(bytes)
}
