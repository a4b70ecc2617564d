//! The queue of uses, and the thread that writes them in batches.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use l402::{Msat, PaymentHash, UnixTime};
use l402_host::Clock;

use super::{Books, BooksError, Entry, Kind, Terms};
use crate::table::Route;

/// The most uses that wait to be written, about 10 MB. Further ones are missed, and come back from
/// the ledger's counts.
const QUEUE: usize = 65_536;

/// The most uses of one transaction.
const BATCH: usize = 4096;

/// The time in which a batch gathers.
const GATHER: Duration = Duration::from_millis(25);

/// The time between the last use of a batch and its transaction. The ledger has the use on disk
/// within 5 ms, so that after a crash the books do not know more than the ledger does.
const BEHIND_LEDGER: Duration = Duration::from_millis(10);

/// The pause after an error.
const PAUSE: Duration = Duration::from_secs(1);

/// The facts of a use, copied without an allocation.
#[derive(Debug)]
pub(super) struct Fact {
    pub(super) time: UnixTime,
    pub(super) payment_hash: PaymentHash,
    pub(super) token_id: [u8; 32],
    pub(super) route: Arc<Route>,
    pub(super) price: Msat,
    pub(super) units: u64,
    pub(super) ends: UnixTime,
    pub(super) spent: bool,
    pub(super) fault: i64,
}

#[derive(Debug)]
enum Message {
    Close,
    Flush(Sender<()>),
    Use(Fact),
}

/// The workers' end of the queue.
#[derive(Debug)]
pub(super) struct Queue {
    /// Unbounded, so that a flush always passes; `waiting` bounds the uses.
    messages: Sender<Message>,
    backlog: Arc<Backlog>,
    writer: Option<JoinHandle<()>>,
}

/// The uses between the workers and the writer.
#[derive(Debug, Default)]
struct Backlog {
    waiting: AtomicUsize,
    /// All that were ever missed.
    missed: AtomicU64,
    /// True when the program ends, so that nobody waits for a disk that fails.
    is_closing: AtomicBool,
}

impl Queue {
    /// Queues a use, or counts it as missed if the queue is full. Never waits.
    pub(super) fn add(&self, fact: Fact) {
        // Counted before it is sent, so that the writer never takes away more than was added.
        let full = self.backlog.waiting.fetch_add(1, Ordering::Relaxed) >= QUEUE;
        if full || self.messages.send(Message::Use(fact)).is_err() {
            self.backlog.waiting.fetch_sub(1, Ordering::Relaxed);
            self.backlog.missed.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn missed(&self) -> u64 {
        self.backlog.missed.load(Ordering::Relaxed)
    }

    pub(super) fn flush(&self, most: Duration) -> bool {
        let (done, waiting) = mpsc::channel();
        self.messages.send(Message::Flush(done)).is_ok() && waiting.recv_timeout(most).is_ok()
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.backlog.is_closing.store(true, Ordering::Relaxed);
        // A writer that has ended needs no word.
        let _ = self.messages.send(Message::Close);
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

/// The thread's end of the queue.
pub(super) struct Writer {
    books: Arc<dyn Books>,
    clock: Arc<dyn Clock>,
    messages: Receiver<Message>,
    backlog: Arc<Backlog>,
    /// The missed uses that the books have noted.
    noted: u64,
    batch: Vec<Entry>,
    flushes: Vec<Sender<()>>,
    is_closing: bool,
}

impl Writer {
    pub(super) fn start(books: Arc<dyn Books>, clock: Arc<dyn Clock>) -> std::io::Result<Queue> {
        let (send, messages) = mpsc::channel();
        let backlog = Arc::new(Backlog::default());
        let writer = Self {
            books,
            clock,
            messages,
            backlog: Arc::clone(&backlog),
            noted: 0,
            batch: Vec::new(),
            flushes: Vec::new(),
            is_closing: false,
        };
        let thread = std::thread::Builder::new().name("l402-books".to_owned());
        Ok(Queue {
            messages: send,
            backlog,
            writer: Some(thread.spawn(move || writer.run())?),
        })
    }

    fn run(mut self) {
        while !self.is_closing {
            let Ok(message) = self.messages.recv() else {
                return;
            };
            self.take(message);
            self.gather();
            self.write();
            for flush in self.flushes.drain(..) {
                // Somebody who no longer waits needs no word.
                let _ = flush.send(());
            }
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Close => self.is_closing = true,
            Message::Flush(done) => self.flushes.push(done),
            Message::Use(fact) => {
                self.backlog.waiting.fetch_sub(1, Ordering::Relaxed);
                self.batch.push(entry(fact));
            }
        }
    }

    /// Takes what has queued up, after a moment in which more may come.
    fn gather(&mut self) {
        if !self.is_closing {
            std::thread::sleep(GATHER);
        }
        while self.batch.len() < BATCH
            && let Ok(message) = self.messages.try_recv()
        {
            self.take(message);
        }
        std::thread::sleep(BEHIND_LEDGER);
    }

    /// Writes the batch. After an error it is tried again, until the program ends: meanwhile the queue
    /// fills, and what it cannot take is missed.
    fn write(&mut self) {
        // Read once: what is missed from here on is noted with the next batch.
        let missed = self.backlog.missed.load(Ordering::Relaxed);
        if missed > self.noted {
            let mut entry = Entry::new(Kind::Missed, self.clock.wall());
            entry.spent = i64::try_from(missed - self.noted).unwrap_or(i64::MAX);
            self.batch.push(entry);
            let missed = missed - self.noted;
            tracing::warn!(
                missed,
                "the books could not be written fast enough: run `l402 books verify`"
            );
        }
        let mut is_told = false;
        while let Err(error) = self.append() {
            if !is_told {
                tracing::error!(%error, "uses are not written into the books; trying again");
                is_told = true;
            }
            if self.backlog.is_closing.load(Ordering::Relaxed) {
                break;
            }
            std::thread::sleep(PAUSE);
        }
        self.batch.clear();
        self.noted = missed;
    }

    fn append(&self) -> Result<(), BooksError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        self.books.append(&self.batch)
    }
}

/// Makes the entry of a use.
fn entry(fact: Fact) -> Entry {
    let service = fact
        .route
        .sold()
        .map_or("", |priced| priced.service.as_str());
    let terms = Terms {
        service: service.into(),
        route: fact.route.path.as_str().into(),
        price: fact.price,
        units: fact.units,
        ends: fact.ends,
    };
    let mut entry = Entry::new(Kind::Use, fact.time);
    entry.payment_hash = Some(fact.payment_hash);
    entry.token_id = Some(fact.token_id);
    entry.terms = Some(terms);
    entry.spent = i64::from(fact.spent);
    entry.fault = fact.fault;
    entry
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use l402_host::ManualClock;

    use super::*;
    use crate::books::View;

    /// Books that are held up as long as somebody holds their lock.
    #[derive(Debug, Default)]
    struct Slow(Mutex<Vec<Entry>>);

    impl Books for Slow {
        fn append(&self, entries: &[Entry]) -> Result<(), BooksError> {
            let mut all = self.0.lock().expect("not poisoned");
            all.extend_from_slice(entries);
            Ok(())
        }

        fn view(
            &self,
            _: &mut dyn FnMut(&dyn View) -> Result<(), BooksError>,
        ) -> Result<(), BooksError> {
            Ok(())
        }

        fn prune(&self, _: UnixTime, _: UnixTime) -> Result<u64, BooksError> {
            Ok(0)
        }
    }

    #[test]
    fn a_full_queue_counts_what_it_cannot_take() {
        let books = Arc::new(Slow::default());
        let clock = Arc::new(ManualClock::new(UnixTime::from_secs(1_790_000_000)));
        let queue = Writer::start(books.clone(), clock).expect("a thread");
        let service = "joke".parse().expect("a service");
        let route = Arc::new(Route::priced("/joke", service, Msat::from_sat(1)));
        let fact = || Fact {
            time: UnixTime::from_secs(1_790_000_000),
            payment_hash: PaymentHash::from_bytes([1; 32]),
            token_id: [2; 32],
            route: Arc::clone(&route),
            price: Msat::from_sat(1),
            units: 1,
            ends: UnixTime::from_secs(1_790_000_000),
            spent: true,
            fault: 0,
        };
        let mut added = 0;
        let held = books.0.lock().expect("not poisoned");
        while queue.missed() < 3 {
            queue.add(fact());
            added += 1;
        }
        drop(held);
        let missed = queue.missed();
        drop(queue);
        let all = books.0.lock().expect("not poisoned");
        let uses = all.iter().filter(|entry| entry.kind == Kind::Use).count();
        let noted = all.iter().filter(|entry| entry.kind == Kind::Missed);
        let noted: i64 = noted.map(|entry| entry.spent).sum();
        assert_eq!(uses as u64 + missed, added);
        assert_eq!(noted.unsigned_abs(), missed);
    }
}
