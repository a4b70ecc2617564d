//! Books that are opened when they can be: a file that is missing its disk stops no sale.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use l402::UnixTime;
use l402_server::books::{Books, BooksError, Entry, View};

use super::{Home, books};
use crate::config::LedgerPlace;

/// The books of a home, opened at the first call that can. Until then every call is an error, so that
/// whoever writes tries again and nothing counts as written.
pub(super) struct LateBooks {
    home: Home,
    place: LedgerPlace,
    opened: Mutex<Option<Arc<dyn Books>>>,
}

impl LateBooks {
    /// Makes books that nobody has opened yet.
    pub(super) fn new(home: &Home, place: &LedgerPlace) -> Self {
        Self {
            home: home.clone(),
            place: place.clone(),
            opened: Mutex::default(),
        }
    }

    /// Opens them, if they are not open. Blocks for a moment.
    pub(super) fn open(&self) -> Result<Arc<dyn Books>, BooksError> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(books) = &*opened {
            return Ok(Arc::clone(books));
        }
        let books = books::open(&self.home, &self.place)
            .map_err(|error| BooksError::other(Path::new("of sales"), &error))?;
        *opened = Some(Arc::clone(&books));
        Ok(books)
    }
}

impl fmt::Debug for LateBooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LateBooks").finish_non_exhaustive()
    }
}

impl Books for LateBooks {
    fn append(&self, entries: &[Entry]) -> Result<(), BooksError> {
        self.open()?.append(entries)
    }

    fn view(
        &self,
        look: &mut dyn FnMut(&dyn View) -> Result<(), BooksError>,
    ) -> Result<(), BooksError> {
        self.open()?.view(look)
    }

    fn prune(&self, before: UnixTime, now: UnixTime) -> Result<u64, BooksError> {
        self.open()?.prune(before, now)
    }
}
