//! Reads the books for the pages, one look at a time, and keeps what is dear for some seconds.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use l402::UnixTime;
use l402_server::books::{Books, By, SalesRow, View, sales};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::income::Income;
use super::overview::{Earned, Known, Span};
use crate::Gateway;
use crate::run::Stores;

/// The time for which a look at the books is good.
const GOOD: Duration = Duration::from_secs(10);

/// The longest that a page waits for the books.
const WAIT: Duration = Duration::from_secs(4);

const BUSY: &str =
    "The books are being read, which takes longer than usual. Load the page again in a moment.";
const OFF: &str = "No books are kept: books.enabled is false. The ledger counts uses all the same.";

/// The books as the pages have read them. One look at a time: more would only wait for each other, and take the
/// threads of other requests.
#[derive(Debug, Default)]
pub(super) struct Reader(Arc<Mutex<Read>>);

#[derive(Debug, Default)]
struct Read {
    books: Option<Arc<dyn Books>>,
    income: Income,
    /// The time of the last look, on the monotonic clock.
    looked: Option<Duration>,
    sales: HashMap<(Span, By), (Duration, Vec<SalesRow>)>,
}

/// The moment of a look.
#[derive(Clone, Copy, Debug)]
struct Moment {
    wall: UnixTime,
    monotonic: Duration,
}

impl Moment {
    fn is_good(self, since: Duration) -> bool {
        self.monotonic.saturating_sub(since) < GOOD
    }
}

impl Read {
    /// Opens the books, once.
    fn books(&mut self, stores: &Stores) -> Result<Arc<dyn Books>, String> {
        if let Some(books) = &self.books {
            return Ok(Arc::clone(books));
        }
        let books = stores.books().map_err(|error| error.to_string())?;
        self.books = Some(Arc::clone(&books));
        Ok(books)
    }

    /// Takes in what is new.
    fn refresh(&mut self, books: &dyn Books, moment: Moment) -> Result<(), String> {
        if self.looked.is_some_and(|looked| moment.is_good(looked)) {
            return Ok(());
        }
        self.income
            .read(books, moment.wall)
            .map_err(|error| error.to_string())?;
        self.looked = Some(moment.monotonic);
        self.sales.retain(|_, (looked, _)| moment.is_good(*looked));
        Ok(())
    }
}

impl Reader {
    /// Sums up the income of a span.
    pub(super) async fn earned(&self, gateway: &Gateway, span: Span) -> Known {
        self.look(gateway, move |read, books, moment| {
            read.refresh(books, moment)?;
            Ok(Earned::of(&read.income, span, moment.wall))
        })
        .await
    }

    /// Returns the sums of a span by a key.
    pub(super) async fn sales(
        &self,
        gateway: &Gateway,
        span: Span,
        key: By,
    ) -> Result<Vec<SalesRow>, String> {
        self.look(gateway, move |read, books, moment| {
            if let Some((looked, rows)) = read.sales.get(&(span, key))
                && moment.is_good(*looked)
            {
                return Ok(rows.clone());
            }
            // The second that runs counts, too.
            let end = UnixTime::from_secs(moment.wall.secs().saturating_add(1));
            let arrived = span.from(moment.wall)..end;
            let rows = sales(books, &arrived, key, moment.wall);
            let mut rows = rows.map_err(|error| error.to_string())?;
            if matches!(key, By::Day | By::Hour) {
                rows.reverse();
            } else {
                rows.sort_by_key(|row| u64::MAX - row.totals.sold);
            }
            read.sales
                .insert((span, key), (moment.monotonic, rows.clone()));
            Ok(rows)
        })
        .await
    }

    /// Looks at the books as they are now.
    pub(super) async fn view<T: Send + 'static>(
        &self,
        gateway: &Gateway,
        look: impl FnOnce(&dyn View, UnixTime) -> Result<T, l402_server::books::BooksError>
        + Send
        + 'static,
    ) -> Result<T, String> {
        self.look(gateway, move |_, books, moment| {
            let (mut look, mut result) = (Some(look), None);
            let viewed = books.view(&mut |view| {
                if let Some(look) = look.take() {
                    result = Some(look(view, moment.wall)?);
                }
                Ok(())
            });
            viewed.map_err(|error| error.to_string())?;
            result.ok_or_else(|| BUSY.to_owned())
        })
        .await
    }

    /// Hands the books over, on a thread that may block.
    pub(super) async fn books<T: Send + 'static>(
        &self,
        gateway: &Gateway,
        look: impl FnOnce(&dyn Books) -> Result<T, l402_server::books::BooksError> + Send + 'static,
    ) -> Result<T, String> {
        self.look(gateway, move |_, books, _| {
            look(books).map_err(|error| error.to_string())
        })
        .await
    }

    async fn look<T: Send + 'static>(
        &self,
        gateway: &Gateway,
        look: impl FnOnce(&mut Read, &dyn Books, Moment) -> Result<T, String> + Send + 'static,
    ) -> Result<T, String> {
        if !gateway.fixed().books.enabled {
            return Err(OFF.to_owned());
        }
        let stores = gateway.stores().clone();
        let clock = gateway.clock();
        let moment = Moment {
            wall: clock.wall(),
            monotonic: clock.monotonic(),
        };
        let read = timeout(WAIT, Arc::clone(&self.0).lock_owned());
        let mut read = read.await.map_err(|_| BUSY.to_owned())?;
        let looked = tokio::task::spawn_blocking(move || {
            let books = read.books(&stores)?;
            look(&mut read, &*books, moment)
        });
        // A look that takes longer goes on, and the next page finds what it has read.
        match timeout(WAIT, looked).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) | Err(_) => Err(BUSY.to_owned()),
        }
    }
}
