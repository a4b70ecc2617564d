//! The books beside the ledger, and the place in the node's settlements that they keep.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use l402::UnixTime;
use l402_host::Clock;
use l402_lightning::{Receive, Settlement, SettlementIndex};
#[cfg(feature = "postgres")]
use l402_server::books::PostgresBooks;
use l402_server::books::{Books, BooksError, BooksObserver, SqliteBooks, begin_at, recover};

use super::control::Control;
use super::late_books::LateBooks;
use super::{Home, begin, ledger};
use crate::config::{Fixed, LedgerPlace};
use crate::{GatewayError, GatewayErrorKind};

/// The longest wait for a node that is asked where its settlements stand, at the first start alone.
const ASKED: Duration = Duration::from_secs(5);

/// The time between two looks after the books, and after one that failed.
const A_DAY: Duration = Duration::from_secs(24 * 3600);
const AGAIN: Duration = Duration::from_secs(60);

/// The longest wait for the writer at a stop.
const FLUSH: Duration = Duration::from_secs(2);

/// The books that a gateway keeps, and the node whose payments they hold.
#[derive(Clone, Debug)]
pub(super) struct OpenBooks {
    pub(super) observer: Arc<BooksObserver>,
    node: Arc<str>,
    clock: Arc<dyn Clock>,
}

/// Opens the books that the configuration places. Blocks for a moment.
///
/// # Errors
/// [`GatewayError`], naming the books and what is wrong with them.
pub(super) fn open(home: &Home, place: &LedgerPlace) -> Result<Arc<dyn Books>, GatewayError> {
    match place {
        LedgerPlace::Home => {
            let books = SqliteBooks::open(&home.books()).map_err(|error| unusable(&error))?;
            Ok(Arc::new(books))
        }
        #[cfg(feature = "postgres")]
        LedgerPlace::Postgres(url) => {
            let books = PostgresBooks::open(url).map_err(|error| unusable(&error))?;
            Ok(Arc::new(books))
        }
        #[cfg(not(feature = "postgres"))]
        LedgerPlace::Postgres(_) => Err(ledger::not_built()),
    }
}

/// Opens books that are there, and makes none. Blocks for a moment.
///
/// # Errors
/// As [`open`], and if there are none.
pub(super) fn find(home: &Home, place: &LedgerPlace) -> Result<Arc<dyn Books>, GatewayError> {
    match place {
        LedgerPlace::Home if home.books().exists() => open(home, place),
        LedgerPlace::Home => Err(none_at(&home.books().display())),
        #[cfg(feature = "postgres")]
        LedgerPlace::Postgres(url) => {
            let books = PostgresBooks::find(url).map_err(|error| unusable(&error))?;
            Ok(Arc::new(books.ok_or_else(|| none_at(url))?))
        }
        #[cfg(not(feature = "postgres"))]
        LedgerPlace::Postgres(_) => Err(ledger::not_built()),
    }
}

fn none_at(place: &dyn Display) -> GatewayError {
    let text = format!(
        "no books at {place}: name the gateway's own --config and L402_HOME; a gateway begins them \
         at its start, unless books.enabled is false"
    );
    GatewayError::new(GatewayErrorKind::Ledger, text)
}

/// Returns the error of books that cannot be used.
pub(super) fn unusable(error: &BooksError) -> GatewayError {
    GatewayError::new(GatewayErrorKind::Ledger, format!("cannot use the {error}"))
}

impl OpenBooks {
    /// Opens the books of a gateway and starts their writer. Books that cannot be opened stop no sale:
    /// they are opened later, and payments are read again until they are written.
    pub(super) fn start(home: &Home, fixed: &Fixed, clock: &Arc<dyn Clock>) -> Option<Self> {
        if !fixed.books.enabled {
            return None;
        }
        let books = LateBooks::new(home, &fixed.ledger);
        if let Err(error) = books.open() {
            tracing::error!(%error, "sales are not written down yet; trying again");
        }
        match BooksObserver::start(Arc::new(books), Arc::clone(clock)) {
            Ok(observer) => Some(Self {
                observer: Arc::new(observer),
                node: fixed.node.to_string().into(),
                clock: Arc::clone(clock),
            }),
            Err(error) => {
                tracing::error!(%error, "no thread for the books: sales are not written down");
                None
            }
        }
    }

    /// Notes where the node's settlements stand, at the first start with this node. Before anything is
    /// sold, so that no payment of a buyer lies before it. Blocks, for some seconds at most.
    pub(super) fn begin(&self, node: &Arc<dyn Receive>, control: &Control) {
        match self.index() {
            Ok(None) => {}
            Ok(Some(_)) => return,
            Err(error) => {
                tracing::error!(%error, "the books cannot be read");
                return;
            }
        }
        let node = Arc::clone(node);
        let asked = control.run(async move {
            tokio::time::timeout(ASKED, async move { node.newest_settlement().await }).await
        });
        // Of a node that is away the whole history is read later: too much rather than too little.
        let index = asked.ok().and_then(Result::ok).and_then(Result::ok);
        let index = index.unwrap_or_default();
        let books = self.observer.books();
        if let Err(error) = begin_at(&**books, &self.node, index, self.clock.wall()) {
            tracing::error!(%error, "the books cannot be written");
        }
    }

    /// Returns the place after which the reader goes on. Blocks for a moment.
    pub(super) fn index(&self) -> Result<Option<SettlementIndex>, BooksError> {
        let mut index = None;
        self.observer.books().view(&mut |view| {
            index = view.settlement_index(&self.node)?;
            Ok(())
        })?;
        Ok(index)
    }

    /// Writes a payment, durably and together with its place. Blocks for a moment.
    pub(super) fn note(&self, settlement: &Settlement) -> Result<(), BooksError> {
        self.observer.note_settlement(&self.node, settlement)
    }

    /// Takes over what the ledger has counted and the books lack, then removes what is old. Blocks.
    fn put_in_order(&self, home: &Home, fixed: &Fixed) -> Result<(), GatewayError> {
        let books = &**self.observer.books();
        // Two at once would write the same correction twice.
        let _alone = begin::lock_at(&home.books_lock())?;
        let mut counts = ledger::counts(home, &fixed.ledger)?;
        let corrected = recover(books, &mut *counts, &*self.clock);
        let corrected = corrected.map_err(|error| unusable(&error))?;
        if corrected > 0 {
            tracing::warn!(corrected, "the books have taken over uses from the ledger");
        }
        let now = self.clock.wall();
        let kept = fixed.books.keep_days.saturating_mul(A_DAY.as_secs());
        let before = UnixTime::from_secs(now.secs().saturating_sub(kept));
        // Books that are damaged keep all they have, and sell on.
        if let Err(error) = books.prune(before, now) {
            tracing::warn!(%error, "old entries stay in the books");
        }
        Ok(())
    }

    pub(super) fn now(&self) -> UnixTime {
        self.clock.wall()
    }

    /// Waits until every use so far is written, for two seconds at most.
    pub(super) fn flush(&self) {
        if !self.observer.flush(FLUSH) {
            tracing::error!(
                "the books may lack the last uses; `l402 books verify` takes them over"
            );
        }
    }
}

/// Keeps the books in order for ever: what a crash has lost comes back from the ledger, and what is older
/// than the configuration wants to keep goes. At once, and then once a day.
pub(super) async fn tend(books: OpenBooks, home: Home, fixed: Fixed) {
    loop {
        let (books, home, fixed) = (books.clone(), home.clone(), fixed.clone());
        let work = move || books.put_in_order(&home, &fixed);
        let pause = match tokio::task::spawn_blocking(work).await {
            Ok(Ok(())) => A_DAY,
            Ok(Err(error)) => {
                tracing::error!(%error, "the books are not compared with the ledger; trying again");
                AGAIN
            }
            // The gateway ends.
            Err(_) => return,
        };
        tokio::time::sleep(pause).await;
    }
}
