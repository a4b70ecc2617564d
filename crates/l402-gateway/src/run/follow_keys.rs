//! The keys of a running gateway, kept as the ledger says.
//!
//! ```text
//!   ledger: a number waits ─▶ its file is here ─▶ good in the ring ─▶ reported ─▶ all have: it mints
//! ```
//!
//! The ring comes before the report: once all have reported, any of them may mint, and all the others
//! take its tokens.

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};

use l402::{KeyNumber, UnixTime};
use l402_host::Clock;
use l402_server::Ledger;
use l402_server::ledger::LedgerError;
use l402_server::ledger::register::{KeyBook, KeyReport, Register};

use super::keys::{Keys, hex};
use super::ring::{missing, ring, sells, stands_in};
use super::served_keys::ServedKeys;
use super::spread::Follow;
use super::{Home, ledger};
use crate::config::Fixed;
use crate::{GatewayError, GatewayErrorKind};

/// Exchanges the keys that are served with, and reports those that are here.
#[derive(Debug)]
pub(super) struct FollowKeys {
    home: Home,
    deployment: String,
    keys: Keys,
    clock: Arc<dyn Clock>,
    served: Arc<ServedKeys>,
    /// Says the number of this gateway, which is another one after a lease has run out.
    ledger: Weak<dyn Ledger>,
    name: String,
    /// The states that the ring was made from.
    seen: KeyBook,
    /// The numbers whose missing key the log was told of.
    told: BTreeSet<KeyNumber>,
    /// True while a number waits, or its key is not here.
    waits: bool,
}

impl FollowKeys {
    /// Reads the states for the first time, and returns the follower with the keys to serve with.
    ///
    /// # Errors
    /// [`GatewayErrorKind::MasterKey`] if the key that sells is not here,
    /// [`GatewayErrorKind::Configuration`] if it has an end, and those of the ledger.
    pub(super) fn start(
        register: &dyn Register,
        home: &Home,
        fixed: &Fixed,
        keys: Keys,
        of: (&Arc<dyn Ledger>, Arc<dyn Clock>),
    ) -> Result<(Self, Arc<ServedKeys>), GatewayError> {
        let (ledger, clock) = of;
        let book = note_ends(register, &keys).map_err(ledger::unusable)?;
        let ring = match (book.current, sells(&keys, &book)) {
            (Some(current), Some(sells)) if current == sells => {
                check_end(&keys, &book, current)?;
                ring(&fixed.deployment, &keys, &book, current)
            }
            _ => None,
        };
        let served = Arc::new(ServedKeys::new(ring.ok_or_else(|| not_here(&book))?));
        let follow = Self {
            home: home.clone(),
            deployment: fixed.deployment.clone(),
            keys,
            clock,
            served: Arc::clone(&served),
            ledger: Arc::downgrade(ledger),
            name: name(fixed),
            seen: KeyBook::default(),
            told: BTreeSet::new(),
            waits: false,
        };
        Ok((follow, served))
    }

    /// Looks for the files of keys that are not here, and tells the log once of each that stays away.
    fn look_for_files(&mut self, book: &KeyBook, now: UnixTime) -> bool {
        let lacks: Vec<_> = missing(&self.keys, book, now)
            .map(|(number, state)| (number, state.fingerprint))
            .collect();
        let mut found = false;
        for (number, fingerprint) in lacks {
            if self.keys.find(&self.home, number, &fingerprint) {
                tracing::info!(number = number.0, "the key of this number is here now");
                found = true;
            } else if self.told.insert(number) {
                tracing::warn!(
                    number = number.0,
                    fingerprint = hex(&fingerprint),
                    "THE KEY OF A NUMBER IS NOT HERE: its tokens are answered 503; copy its file into \
                     the home folder, or end the number with `keys retire`"
                );
            }
        }
        found
    }

    /// Serves with other keys, if the ledger says otherwise than before or a key was found.
    fn exchange(&mut self, book: &KeyBook, found: bool) {
        // Without the reports of the gateways, on which the ring does not depend.
        let states = KeyBook {
            gateways: Vec::new(),
            ..book.clone()
        };
        if states == self.seen && !found {
            return;
        }
        let sells = sells(&self.keys, book);
        // Without a key that may mint, what was retired elsewhere has to end here all the same.
        let number = sells.or_else(|| stands_in(&self.keys, book));
        let ring = number.and_then(|number| ring(&self.deployment, &self.keys, book, number));
        match (ring, sells) {
            (Some(ring), Some(_)) => {
                tracing::info!(number = ring.current().0, "this key number mints");
                self.served.exchange(ring);
            }
            (Some(ring), None) => {
                tracing::error!("NO KEY THAT MAY MINT IS HERE: nothing is sold until its file is");
                self.served.exchange(ring);
            }
            (None, _) => tracing::error!("no key is here; the keys so far stay"),
        }
        self.seen = states;
    }

    /// Reports the keys that are here, if the ledger does not say so yet. Returns what it says then.
    fn report(&self, register: &dyn Register, book: KeyBook) -> Result<KeyBook, LedgerError> {
        let ledger = self.ledger.upgrade();
        let Some(holder) = ledger.and_then(|ledger| ledger.holder()) else {
            return Ok(book);
        };
        let here = book
            .keys
            .iter()
            .filter(|(_, state)| !state.retired && self.keys.holding(&state.fingerprint).is_some());
        let report = KeyReport {
            holder,
            name: self.name.clone(),
            keys: here
                .map(|(number, state)| (*number, state.fingerprint))
                .collect(),
        };
        if book.gateways.contains(&report) {
            return Ok(book);
        }
        register.report_keys(&report, self.clock.wall())?;
        register.key_book()
    }
}

impl Follow for FollowKeys {
    fn follow(&mut self, register: &dyn Register) -> Result<(), LedgerError> {
        let now = self.clock.wall();
        let book = register.key_book()?;
        let found = self.look_for_files(&book, now);
        self.exchange(&book, found);
        let mut book = self.report(register, book)?;
        // Tried on a copy, so that no change of the ledger begins for nothing.
        if book.clone().advance(now) {
            book = register.change_keys(&mut |book| book.advance(now))?;
            self.exchange(&book, false);
        }
        let lacks = missing(&self.keys, &book, now).next().is_some();
        self.waits = book.waiting().is_some() || lacks;
        Ok(())
    }

    fn waits(&self) -> bool {
        self.waits
    }
}

/// Returns the name of this gateway for people: the machine if the system says its name, the addresses,
/// and the process.
fn name(fixed: &Fixed) -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname");
    let mut words: Vec<String> = host.iter().map(|host| host.trim().to_owned()).collect();
    words.extend(fixed.listen.iter().map(ToString::to_string));
    format!("{} (process {})", words.join(" "), std::process::id())
}

/// Notes in the ledger the ends that the configuration names, for a time when it no longer does.
fn note_ends(register: &dyn Register, keys: &Keys) -> Result<KeyBook, LedgerError> {
    register.change_keys(&mut |book| {
        let mut has_changed = false;
        for (number, state) in book.keys.iter_mut().filter(|(_, state)| !state.retired) {
            let named = keys.until(*number, &state.fingerprint);
            if named.is_some() && named != state.until {
                state.until = named;
                has_changed = true;
            }
        }
        has_changed
    })
}

/// Refuses a key that sells and has an end.
fn check_end(keys: &Keys, book: &KeyBook, number: KeyNumber) -> Result<(), GatewayError> {
    let state = book.keys.get(&number);
    let end = state.and_then(|state| keys.until(number, &state.fingerprint));
    if end.is_none() {
        return Ok(());
    }
    let text = format!(
        "keys: number {} sells with the key of number {}, so that can have no end; name a higher \
         number with a file, or remove until",
        number.0,
        keys.named_for(number).0
    );
    Err(GatewayError::new(GatewayErrorKind::Configuration, text))
}

/// The error of a start without the key that sells.
fn not_here(book: &KeyBook) -> GatewayError {
    let number = book.current.unwrap_or(KeyNumber(1));
    let fingerprint = book.keys.get(&number).map(|state| hex(&state.fingerprint));
    let text = format!(
        "keys: number {0} sells, and its key (fingerprint {1}) is not here; copy its file from where \
         it was made, such as master-{0}.key, into the home folder",
        number.0,
        fingerprint.unwrap_or_else(|| "unknown".to_owned())
    );
    GatewayError::new(GatewayErrorKind::MasterKey, text)
}
