//! The reader of settlements: it tells the observer of each payment that reaches the node.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use l402_lightning::{Error, Receive, SettlementIndex};
use l402_server::Observe;
use l402_server::books::BooksError;
use tokio::time::Instant;

use super::books::OpenBooks;
use super::node_watch::NodeWatch;

/// The pause after the first failure, and the longest one. It doubles with each failure in a row.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// The time between two warnings about a node that goes on failing.
const WARN_AGAIN: Duration = Duration::from_secs(300);

/// Reads for ever, from the place that the books keep. Without books from the newest settlement on: then
/// what arrives while no gateway runs is never told.
///
/// A payment counts as read once the books have it durably. If they cannot be written, it is read again.
pub(super) async fn read(node: NodeWatch, observer: Arc<dyn Observe>, books: Option<OpenBooks>) {
    let mut from = None;
    let mut pause = FIRST_PAUSE;
    let mut recoveries = node.recoveries();
    let mut warned: Option<Instant> = None;
    loop {
        let before = from;
        let ended = tokio::select! {
            ended = read_on(&node, &*observer, books.as_ref(), &mut from) => ended,
            // The node was away, and may have forgotten this stream without a word.
            _ = recoveries.changed() => continue,
        };
        // A stream that has told something has worked: the failure after it is the first one.
        if from != before {
            pause = FIRST_PAUSE;
            warned = None;
        }
        if let Err(Failed::Node(error)) = &ended {
            node.stream_failed(error);
        }
        if warned.is_none_or(|warned| warned.elapsed() >= WARN_AGAIN) {
            warn(&ended);
            warned = Some(Instant::now());
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = recoveries.changed() => {}
        }
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}

/// Says why payments are not read at present.
fn warn(ended: &Result<(), Failed>) {
    match ended {
        Ok(()) => tracing::warn!("the node tells of no more payments; trying again"),
        Err(Failed::Node(error)) => {
            tracing::warn!(%error, "the node tells of no payments; trying again");
        }
        Err(Failed::Books(error)) => {
            tracing::error!(%error, "payments are not written down; trying again");
        }
    }
}

/// The reason why a stream was not read on.
enum Failed {
    Node(Error),
    Books(String),
}

/// Reads one stream to its end, and moves `from` with it.
async fn read_on(
    node: &dyn Receive,
    observer: &dyn Observe,
    books: Option<&OpenBooks>,
    from: &mut Option<SettlementIndex>,
) -> Result<(), Failed> {
    let start = match (*from, books) {
        (Some(from), _) => from,
        (None, None) => SettlementIndex::NEWEST,
        // Books without a place could not be begun: then everything is read.
        (None, Some(books)) => on_books(books, OpenBooks::index).await?.unwrap_or_default(),
    };
    let mut stream = node.settlements(start);
    while let Some(told) = poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
        let settlement = told.map_err(Failed::Node)?;
        let (payment, paid, index) = (settlement.payment_hash, settlement.paid, settlement.index);
        if let Some(books) = books {
            on_books(books, move |books| books.note(&settlement)).await?;
        }
        // After the books: a payment that could not be written down is read again.
        *from = Some(index);
        observer.settlement(payment, paid);
    }
    Ok(())
}

/// Does something with the books, on a thread that may block.
async fn on_books<T: Send + 'static>(
    books: &OpenBooks,
    work: impl FnOnce(&OpenBooks) -> Result<T, BooksError> + Send + 'static,
) -> Result<T, Failed> {
    let books = books.clone();
    let done = tokio::task::spawn_blocking(move || work(&books)).await;
    done.map_err(|error| Failed::Books(error.to_string()))?
        .map_err(|error| Failed::Books(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use l402::{Msat, Network, PaymentHash, UnixTime};
    use l402_host::{BoxFuture, BoxStream, ManualClock};
    use l402_lightning::{ErrorKind, InvoiceRequest, InvoiceState, NewInvoice, Settlement};

    use super::*;

    /// A node whose stream tells one settlement and breaks, every third time; else it breaks.
    #[derive(Debug, Default)]
    struct Breaking(Mutex<Vec<(SettlementIndex, Instant)>>);

    impl Receive for Breaking {
        fn network(&self) -> Network {
            Network::Regtest
        }

        fn preimage_is_proof(&self) -> bool {
            true
        }

        fn create_invoice(&self, _: InvoiceRequest) -> BoxFuture<'_, Result<NewInvoice, Error>> {
            unreachable!("nobody asks")
        }

        fn lookup(&self, _: PaymentHash) -> BoxFuture<'_, Result<InvoiceState, Error>> {
            unreachable!("nobody asks")
        }

        fn settlements(&self, from: SettlementIndex) -> BoxStream<'_, Result<Settlement, Error>> {
            let mut asked = self.0.lock().unwrap();
            asked.push((from, Instant::now()));
            let number = asked.len() as u64;
            let told = number.is_multiple_of(3).then_some(Ok(Settlement {
                payment_hash: PaymentHash::from_bytes([7; 32]),
                paid: Msat::new(1500),
                index: SettlementIndex(number),
            }));
            let broken = Err(Error::new(ErrorKind::Unavailable, "away"));
            Box::pin(futures_util::stream::iter(told.into_iter().chain([broken])))
        }
    }

    #[derive(Debug, Default)]
    struct Told(Mutex<Vec<(PaymentHash, u64)>>);

    impl Observe for Told {
        fn settlement(&self, payment_hash: PaymentHash, amount: Msat) {
            self.0.lock().unwrap().push((payment_hash, amount.msat()));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn begins_at_the_newest_goes_on_after_the_last_and_pauses_longer_each_time() {
        let (node, told) = (Arc::new(Breaking::default()), Arc::new(Told::default()));
        let start = Instant::now();
        let clock = Arc::new(ManualClock::new(UnixTime::from_secs(0)));
        let watch = NodeWatch::new(node.clone(), clock, Arc::default());
        let reading = read(watch, told.clone(), None);
        let _ = tokio::time::timeout(Duration::from_millis(8500), reading).await;
        let asked = node.0.lock().unwrap();
        let asked: Vec<_> = asked
            .iter()
            .map(|(from, at)| (from.0, (*at - start).as_secs()))
            .collect();
        let newest = SettlementIndex::NEWEST.0;
        // After the settlement of the third stream the pause is a second again.
        let expected = [(newest, 0), (newest, 1), (newest, 3), (3, 4), (3, 6)];
        assert_eq!(asked, expected);
        let hash = PaymentHash::from_bytes([7; 32]);
        assert_eq!(*told.0.lock().unwrap(), [(hash, 1500)]);
    }
}
