//! Buyers that never rest: threads that use tokens up, whatever becomes of the gateway.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use l402_host::{Clock, SystemClock};

use crate::exchange::{Answer, Connection};
use crate::run::{PATIENCE, wait_until};
use crate::upstream::answer;

/// Requests at once.
pub(crate) const BUYERS: usize = 8;

/// A token that was paid for, as it is presented.
#[derive(Clone)]
pub(crate) struct Ticket {
    pub(crate) path: String,
    pub(crate) authorization: String,
    pub(crate) uses: usize,
}

/// An answer that was had in full.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Served {
    /// Of which life of the gateway.
    pub(crate) life: usize,
    pub(crate) ended: Duration,
}

/// The record of one ticket.
#[derive(Default)]
pub(crate) struct Record {
    pub(crate) served: Vec<Served>,
    /// The gateway has said that every use is spent.
    pub(crate) consumed: bool,
}

#[derive(Default)]
struct Book {
    tickets: Vec<Arc<Ticket>>,
    records: Vec<Record>,
    /// Uses to be had, by the number of their ticket.
    queue: VecDeque<usize>,
    /// Kept for the first request of the next life.
    spare: usize,
    life: usize,
    open: bool,
    over: bool,
    served_in_life: usize,
}

impl Book {
    fn push(&mut self, ticket: Ticket) {
        self.tickets.push(Arc::new(ticket));
        self.records.push(Record::default());
    }
}

/// The state that all buyers share.
pub(crate) struct Load {
    to: SocketAddr,
    pub(crate) clock: SystemClock,
    book: Mutex<Book>,
    changed: Condvar,
    in_flight: AtomicUsize,
    /// Presents what was served before again, and counts no refusal as odd.
    sweeping: AtomicBool,
}

impl Load {
    pub(crate) fn new(to: SocketAddr) -> Arc<Self> {
        Arc::new(Self {
            to,
            clock: SystemClock::default(),
            book: Mutex::default(),
            changed: Condvar::new(),
            in_flight: AtomicUsize::new(0),
            sweeping: AtomicBool::new(false),
        })
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().expect("no panic")
    }

    /// Adds a ticket with all its uses.
    pub(crate) fn add(&self, ticket: Ticket) {
        let mut book = self.book();
        let number = book.tickets.len();
        book.queue.extend(std::iter::repeat_n(number, ticket.uses));
        book.push(ticket);
    }

    /// Keeps a ticket back, to see when the gateway serves again.
    pub(crate) fn keep(&self, ticket: Ticket) {
        let mut book = self.book();
        book.spare = book.tickets.len();
        book.push(ticket);
    }

    /// Returns the number of uses that are still to be taken.
    pub(crate) fn waiting(&self) -> usize {
        self.book().queue.len()
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::SeqCst)
    }

    pub(crate) fn served_in_life(&self) -> usize {
        self.book().served_in_life
    }

    /// The gateway lives again: returns when it has served a use.
    pub(crate) fn open(&self, life: usize) {
        self.begin(life);
        let number = self.book().spare;
        let mut connection = None;
        wait_until("the gateway serves again", || {
            connection = connection.take().or_else(|| Connection::open(self.to).ok());
            self.present(number, life, &mut connection);
            self.served_in_life() > 0
        });
    }

    fn begin(&self, life: usize) {
        let mut book = self.book();
        book.life = life;
        book.served_in_life = 0;
    }

    /// Lets the buyers go.
    pub(crate) fn start(&self) {
        self.book().open = true;
        self.changed.notify_all();
    }

    /// Holds the buyers back: there is no gateway.
    pub(crate) fn close(&self) {
        self.book().open = false;
    }

    /// Every token is presented from here on until it is refused.
    pub(crate) fn sweep(&self) {
        self.sweeping.store(true, Ordering::SeqCst);
        let mut book = self.book();
        book.queue = (0..book.tickets.len()).collect();
    }

    /// Returns true if every token has been refused since.
    pub(crate) fn is_swept(&self) -> bool {
        self.book().records.iter().all(|record| record.consumed)
    }

    pub(crate) fn end(&self) {
        self.book().over = true;
        self.changed.notify_all();
    }

    /// Every ticket, and what became of it.
    pub(crate) fn take(&self) -> Vec<(Arc<Ticket>, Record)> {
        let mut book = self.book();
        let records = std::mem::take(&mut book.records);
        book.tickets.iter().cloned().zip(records).collect()
    }

    pub(crate) fn buyers(self: &Arc<Self>) -> Vec<JoinHandle<()>> {
        let buyer = |_| {
            let load = Arc::clone(self);
            std::thread::spawn(move || load.buy_on())
        };
        (0..BUYERS).map(buyer).collect()
    }

    /// One buyer.
    fn buy_on(&self) {
        let mut connection = None;
        while let Some((number, life)) = self.next() {
            if connection.is_none() {
                connection = Connection::open(self.to).ok();
            }
            self.present(number, life, &mut connection);
        }
    }

    /// A use to be had, or `None` when all is over.
    fn next(&self) -> Option<(usize, usize)> {
        let mut book = self.book();
        loop {
            if book.over {
                return None;
            }
            if let (true, Some(number)) = (book.open, book.queue.front().copied()) {
                book.queue.pop_front();
                return Some((number, book.life));
            }
            let waited = self.changed.wait_timeout(book, PATIENCE);
            book = waited.expect("no panic").0;
        }
    }

    fn present(&self, number: usize, life: usize, connection: &mut Option<Connection>) {
        let ticket = Arc::clone(&self.book().tickets[number]);
        self.in_flight.fetch_add(1, Ordering::SeqCst);
        let got = connection
            .as_mut()
            .and_then(|open| open.get(&ticket.path, Some(&ticket.authorization)).ok());
        let ended = self.clock.monotonic();
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
        if got.is_none() {
            *connection = None;
        }
        self.note(number, &ticket, got, Served { life, ended });
        self.changed.notify_one();
    }

    fn note(&self, number: usize, ticket: &Ticket, got: Option<Answer>, served: Served) {
        let mut book = self.book();
        let again = match got {
            Some(Answer {
                status: 200, body, ..
            }) => {
                assert_eq!(body, answer(&ticket.path), "another's answer");
                book.records[number].served.push(served);
                book.served_in_life += 1;
                self.sweeping.load(Ordering::SeqCst)
            }
            Some(Answer {
                status: 402, body, ..
            }) => {
                assert!(body.contains("consumed"), "{}: {body}", ticket.path);
                book.records[number].consumed = true;
                false
            }
            // In use still, or refused for now: later.
            Some(Answer {
                status: 409 | 503, ..
            })
            | None => true,
            Some(Answer { status, body, .. }) => panic!("{}: {status} {body}", ticket.path),
        };
        if again {
            book.queue.push_back(number);
        }
    }
}
