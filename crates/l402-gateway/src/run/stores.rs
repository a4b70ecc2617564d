//! The stores of a configuration, for commands beside a running gateway and without one.

use std::sync::Arc;

use l402::UnixTime;
use l402_host::FileLock;
use l402_server::books::{Books, BooksError, Counts};
use l402_server::ledger::register::{Register, identify};
use l402_server::ledger::{LedgerError, LedgerMark};

use super::{Home, begin, books, ledger, ledger_id};
use crate::config::LedgerPlace;
use crate::{Config, GatewayError, GatewayErrorKind};

/// The stores that the gateway of one configuration and home uses.
///
/// Commands open them as the gateway does, at the same time as running gateways or without any.
///
/// ```
/// use l402_gateway::{Config, Home, Stores};
///
/// let folder = tempfile::tempdir()?;
/// let home = Home::at(folder.path().join("l402"))?;
/// let config = Config::quick("http://127.0.0.1:3000", "50 sat".parse()?, "request".parse()?)
///     .map_err(|mistakes| mistakes[0].to_string())?;
/// let stores = Stores::of(&config, &home);
/// assert!(stores.place().ends_with("gateway.db"));
/// assert!(stores.register().is_err(), "no gateway was started here yet");
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Stores {
    home: Home,
    place: LedgerPlace,
}

impl Stores {
    /// Finds out which stores they are. Touches nothing.
    #[must_use]
    pub fn of(config: &Config, home: &Home) -> Self {
        Self::at(home, &config.fixed.ledger)
    }

    /// The stores of a ledger at this place.
    pub(super) fn at(home: &Home, place: &LedgerPlace) -> Self {
        Self {
            home: home.clone(),
            place: place.clone(),
        }
    }

    /// Opens the register of the ledger. Blocks for a moment.
    ///
    /// # Errors
    /// [`GatewayError`] if there is no ledger yet, or if it cannot be used. A command must not make
    /// one: in the wrong folder it would seem to have done what it was told.
    pub fn register(&self) -> Result<Arc<dyn Register>, GatewayError> {
        if self.place == LedgerPlace::Home && !self.home.ledger().exists() {
            return Err(self.no_ledger());
        }
        let register = ledger::register(&self.home, &self.place)?;
        // A database without a ledger is not yet one of a gateway.
        let known = identify(&*register, UnixTime::from_secs(0), |known| {
            Err::<(), _>(known.mark())
        });
        match known.map_err(ledger::unusable)? {
            Err(Some(mark)) => self.refuse_older(mark).map(|()| register),
            _ => Err(self.no_ledger()),
        }
    }

    /// Refuses a ledger that no gateway would start with any more: what is written there would reach nobody.
    fn refuse_older(&self, own: LedgerMark) -> Result<(), GatewayError> {
        let beside = ledger_id::read(&self.home)?;
        if beside.is_some_and(|mark| mark.id == own.id && mark.epoch > own.epoch) {
            let text = format!(
                "{}: it is older than the ledger of this home; if it was copied into a database, name the \
                 gateway's --config",
                self.place()
            );
            return Err(GatewayError::new(GatewayErrorKind::OtherLedger, text));
        }
        Ok(())
    }

    fn no_ledger(&self) -> GatewayError {
        let text = format!(
            "no ledger at {}: name the gateway's own --config and L402_HOME, or start the gateway \
             once",
            self.place()
        );
        GatewayError::new(GatewayErrorKind::Ledger, text)
    }

    /// Does something with the register of the ledger. Blocks for a moment.
    ///
    /// # Errors
    /// As [`Stores::register`], and those of `work`.
    pub fn with_register<T>(
        &self,
        work: impl FnOnce(&dyn Register) -> Result<T, LedgerError>,
    ) -> Result<T, GatewayError> {
        work(&*self.register()?).map_err(ledger::unusable)
    }

    /// Opens the books of sales. Blocks for a moment.
    ///
    /// # Errors
    /// [`GatewayError`] if there are none yet, or if they cannot be used. A command makes none.
    pub fn books(&self) -> Result<Arc<dyn Books>, GatewayError> {
        books::find(&self.home, &self.place)
    }

    /// Does something with the books. Blocks for a moment.
    ///
    /// # Errors
    /// As [`Stores::books`], and those of `work`.
    pub fn with_books<T>(
        &self,
        work: impl FnOnce(&dyn Books) -> Result<T, BooksError>,
    ) -> Result<T, GatewayError> {
        work(&*self.books()?).map_err(|error| books::unusable(&error))
    }

    /// Keeps every other process from writing corrections into the books, until it is dropped. For
    /// verifications. Waits for a gateway that is at it.
    ///
    /// # Errors
    /// If the lock cannot be had within some seconds.
    pub fn lock_books(&self) -> Result<FileLock, GatewayError> {
        begin::lock_at(&self.home.books_lock())
    }

    /// Opens the counts of the ledger for reading alone. Blocks for a moment.
    ///
    /// # Errors
    /// If there is no ledger yet, or if it cannot be used.
    pub fn counts(&self) -> Result<Box<dyn Counts>, GatewayError> {
        ledger::counts(&self.home, &self.place)
    }

    /// Names the ledger for people: its file, or the address of its database without a password.
    #[must_use]
    pub fn place(&self) -> String {
        ledger::place(&self.home, &self.place)
    }

    /// The home folder, which holds keys, and the ledger if it is a file.
    #[must_use]
    pub fn home(&self) -> &Home {
        &self.home
    }
}
