//! The keys of a seller, for commands beside a running gateway and without one.

use std::path::{Path, PathBuf};

use l402::{KeyNumber, UnixTime};
use l402_server::ledger::register::{KeyBook, KeyRefused, KeyReport, KeyState};

use super::keys::{self, Keys, hex};
use super::{Home, Stores, begin, ledger};
use crate::config::KeyEntry;
use crate::{Config, GatewayError, GatewayErrorKind};

/// The keys of the gateways of one configuration and home.
///
/// ```
/// use l402_gateway::{Config, Home, SellerKeys};
///
/// let folder = tempfile::tempdir()?;
/// let home = Home::at(folder.path().join("l402"))?;
/// let keys = SellerKeys::of(&Config::default(), &home);
/// assert!(keys.list().is_err(), "no gateway was started here yet");
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SellerKeys {
    stores: Stores,
    entries: Vec<KeyEntry>,
}

/// One key number.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KeyLine {
    /// The number in its tokens.
    pub number: KeyNumber,
    /// The fingerprint of its master key, 32 hexadecimal digits. It says nothing about the key.
    pub fingerprint: String,
    /// The time since which it mints; while it waits, the time since which it does.
    pub began: UnixTime,
    /// The time from which its tokens are refused, if it has one.
    pub until: Option<UnixTime>,
    /// True if it mints.
    pub mints: bool,
    /// True if it will mint once every gateway has its key.
    pub waits: bool,
    /// True if its key is in this home, or where the configuration says.
    pub is_here: bool,
    /// The names of the running gateways that have its key.
    pub held_by: Vec<String>,
    /// The names of the running gateways that lack its key.
    pub lacked_by: Vec<String>,
}

impl KeyLine {
    /// Returns the state in one word: `ended`, `waits`, `mints` or `good`.
    #[must_use]
    pub fn state(&self, now: UnixTime) -> &'static str {
        if self.until.is_some_and(|until| until <= now) {
            "ended"
        } else if self.waits {
            "waits"
        } else if self.mints {
            "mints"
        } else {
            "good"
        }
    }
}

impl SellerKeys {
    /// The keys of a running gateway.
    pub(super) fn at(stores: &Stores, entries: &[KeyEntry]) -> Self {
        Self {
            stores: stores.clone(),
            entries: entries.to_vec(),
        }
    }

    /// Finds out which keys they are. Touches nothing.
    #[must_use]
    pub fn of(config: &Config, home: &Home) -> Self {
        Self {
            stores: Stores::of(config, home),
            entries: config.fixed.keys.clone(),
        }
    }

    /// Returns every number, the lowest first.
    ///
    /// # Errors
    /// [`GatewayError`] if ledger or keys cannot be read.
    pub fn list(&self) -> Result<Vec<KeyLine>, GatewayError> {
        self.lines(&self.book()?)
    }

    /// Begins the next number with the master key of the one that mints. It mints once every running
    /// gateway has heard of it, at once if none runs.
    ///
    /// # Errors
    /// [`GatewayError`] if another number waits, if none is left, or if the ledger cannot be written.
    pub fn rotate(&self, now: UnixTime) -> Result<KeyLine, GatewayError> {
        let _lock = begin::lock(self.home())?;
        let above = self.read_keys()?.highest_here();
        let begun = self.change(|book| {
            let current = book.current.ok_or(KeyRefused::NotStarted)?;
            let state = book.keys.get(&current).ok_or(KeyRefused::NotStarted)?;
            let (fingerprint, number) = (state.fingerprint, free(book, above)?);
            book.begin(number, fingerprint, now)?;
            book.advance(now);
            Ok(number)
        });
        self.line(begun?)
    }

    /// Begins the next number with a master key of its own, in a new file in the home. It mints once every
    /// running gateway has reported that it has the key. Returns the file too.
    ///
    /// # Errors
    /// As [`SellerKeys::rotate`], and if the file cannot be written.
    pub fn rotate_master(&self, now: UnixTime) -> Result<(KeyLine, PathBuf), GatewayError> {
        let _lock = begin::lock(self.home())?;
        let above = self.read_keys()?.highest_here();
        // Asked first, so that no file is made in vain.
        let book = self.book()?;
        let waits = book.waiting().map(KeyRefused::Waits);
        let number = waits
            .map_or_else(|| free(&book, above), Err)
            .map_err(refused)?;
        let path = self.home().key(number);
        let key = keys::make(&path)?;
        // The file before the number: a number whose key was lost could never be made good again.
        keys::write(&path, &key)?;
        let begun = self.change(|book| {
            book.begin(number, key.fingerprint(), now)?;
            book.advance(now);
            Ok(number)
        });
        Ok((self.line(begun?)?, path))
    }

    /// Ends a number at `until`, or calls one off that waits. An earlier end that it has stays.
    ///
    /// # Errors
    /// [`GatewayError`] if the number mints or is unknown, or if the ledger cannot be written.
    pub fn retire(&self, number: KeyNumber, until: UnixTime) -> Result<KeyLine, GatewayError> {
        self.change(|book| book.retire(number, until))?;
        self.line(number)
    }

    /// Returns one number.
    ///
    /// # Errors
    /// [`GatewayError`] if the ledger does not know it, or cannot be read.
    pub fn line(&self, number: KeyNumber) -> Result<KeyLine, GatewayError> {
        let mut lines = self.list()?.into_iter();
        let line = lines.find(|line| line.number == number);
        line.ok_or_else(|| refused(KeyRefused::Unknown(number)))
    }

    /// Writes the master key of a number into a new file that only its owner can read.
    ///
    /// # Errors
    /// [`GatewayError`] if the key is not here, or the file is there already. The text holds no secret.
    pub fn write_secret(&self, number: KeyNumber, path: &Path) -> Result<(), GatewayError> {
        let book = self.book()?;
        let state = book.keys.get(&number);
        let state = state.ok_or_else(|| refused(KeyRefused::Unknown(number)))?;
        let keys = self.read_keys()?;
        let key = keys.holding(&state.fingerprint).ok_or_else(|| {
            let text = format!("the key of number {} is not here", number.0);
            GatewayError::new(GatewayErrorKind::MasterKey, text)
        })?;
        keys::write(path, key)
    }

    fn home(&self) -> &Home {
        self.stores.home()
    }

    fn read_keys(&self) -> Result<Keys, GatewayError> {
        Keys::read(self.home(), &self.entries)
    }

    fn book(&self) -> Result<KeyBook, GatewayError> {
        self.stores.with_register(|register| register.key_book())
    }

    /// Changes the states, in one transaction.
    fn change<T>(
        &self,
        decide: impl FnOnce(&mut KeyBook) -> Result<T, KeyRefused>,
    ) -> Result<T, GatewayError> {
        // The register calls its closure at most once, but the type of the closure does not say so.
        let (mut decide, mut decided) = (Some(decide), Err(KeyRefused::NotStarted));
        let register = self.stores.register()?;
        let changed = register.change_keys(&mut |book| {
            if let Some(decide) = decide.take() {
                decided = decide(book);
            }
            decided.is_ok()
        });
        changed.map_err(ledger::unusable)?;
        decided.map_err(refused)
    }

    fn lines(&self, book: &KeyBook) -> Result<Vec<KeyLine>, GatewayError> {
        let keys = self.read_keys()?;
        let known = book.keys.iter();
        Ok(known
            .map(|(number, state)| line(&keys, book, *number, state))
            .collect())
    }
}

fn line(keys: &Keys, book: &KeyBook, number: KeyNumber, state: &KeyState) -> KeyLine {
    let (held, lacked): (Vec<_>, Vec<_>) = book
        .gateways
        .iter()
        .partition(|gateway| gateway.holds(number, &state.fingerprint));
    let names = |gateways: Vec<&KeyReport>| {
        let name = |name: &str| match name {
            "" => "a gateway that starts".to_owned(),
            name => name.to_owned(),
        };
        gateways.iter().map(|gateway| name(&gateway.name)).collect()
    };
    // Unless the number is retired, its end in the ledger is a copy from a configuration, perhaps
    // from an earlier one.
    let set = state.until.filter(|_| state.retired);
    let named = keys.until(number, &state.fingerprint);
    KeyLine {
        number,
        fingerprint: hex(&state.fingerprint),
        began: state.began,
        until: set.into_iter().chain(named).min(),
        mints: book.current == Some(number),
        waits: state.waits,
        is_here: keys.holding(&state.fingerprint).is_some(),
        held_by: names(held),
        lacked_by: names(lacked),
    }
}

/// Returns the next number, above those that a file was made for and that never began.
fn free(book: &KeyBook, above: KeyNumber) -> Result<KeyNumber, KeyRefused> {
    let after = above.0.checked_add(1).map(KeyNumber);
    Ok(book.next()?.max(after.ok_or(KeyRefused::NoneLeft)?))
}

fn refused(why: KeyRefused) -> GatewayError {
    let next = match why {
        KeyRefused::NotStarted => "; start the gateway once",
        KeyRefused::Mints(_) => "; rotate first, and retire it once the next one mints",
        KeyRefused::Waits(_) => "; `keys list` says which, and `keys retire` calls it off",
        KeyRefused::Taken(_) => "; try again",
        KeyRefused::Unknown(_) => "; `keys list` shows all that there are",
        _ => "",
    };
    GatewayError::new(GatewayErrorKind::Configuration, format!("{why}{next}"))
}
