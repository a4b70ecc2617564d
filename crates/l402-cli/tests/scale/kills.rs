//! Gateways and the database are killed under load, and every paid use is had.
//!
//! An answer that ended just before a kill may be had again, since its commit may not be durable yet. Counts
//! decide which ones those are: the last answers of a gateway before a kill that it felt.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};

use serde_json::json;

use crate::exchange::Connection;
use crate::fleet::{Fleet, GATEWAYS, Store, Ticket};
use crate::run::{PRICE_MSAT, alone, number, report, seed, wait_until};
use crate::upstream::answer;

/// Requests at once.
const BUYERS: usize = 8;

/// The answers of a gateway before a kill that may be had again: two for each request at once. The ledger
/// may make the next reservation of the same buyer durable before the commit of the last one.
const NOT_DUE: usize = 2 * BUYERS;

/// Tokens that wait for each life.
const STOCK: usize = 60;

/// An answer that was had in full: at which gateway, in which life of it, and as which answer of that life.
#[derive(Clone, Copy, Debug)]
struct Had {
    gateway: usize,
    life: usize,
    place: usize,
}

#[derive(Default)]
struct Book {
    tickets: Vec<Ticket>,
    had: Vec<Vec<Had>>,
    consumed: Vec<bool>,
    queue: VecDeque<usize>,
    /// The answers of each gateway, by its lives. A kill that it feels begins the next life.
    lives: [Vec<usize>; GATEWAYS],
    is_over: bool,
}

struct Load {
    addresses: Vec<SocketAddr>,
    book: Mutex<Book>,
    turn: AtomicUsize,
}

impl Load {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().expect("no panic")
    }

    fn answers(&self) -> usize {
        self.book().lives.iter().flatten().sum()
    }

    /// Begins the next life of these gateways.
    fn kill(&self, gateways: impl IntoIterator<Item = usize>) {
        let mut book = self.book();
        for gateway in gateways {
            book.lives[gateway].push(0);
        }
    }

    /// One buyer: shows what waits to one gateway after another.
    fn buy_on(&self) {
        let mut connections: Vec<Option<Connection>> =
            self.addresses.iter().map(|_| None).collect();
        loop {
            let (next, is_over) = {
                let mut book = self.book();
                let next = book.queue.pop_front();
                (
                    next.map(|number| (number, book.tickets[number].clone())),
                    book.is_over,
                )
            };
            let Some((number, ticket)) = next else {
                if is_over {
                    return;
                }
                std::thread::yield_now();
                continue;
            };
            let gateway = self.turn.fetch_add(1, Ordering::SeqCst) % GATEWAYS;
            let open = &mut connections[gateway];
            *open = open
                .take()
                .or_else(|| Connection::open(self.addresses[gateway]).ok());
            let got = open
                .as_mut()
                .and_then(|open| open.get(&ticket.path, Some(&ticket.authorization)).ok());
            let Some(got) = got else {
                *open = None;
                self.book().queue.push_back(number);
                continue;
            };
            self.note(number, gateway, got.status, &got.body);
        }
    }

    fn note(&self, number: usize, gateway: usize, status: u16, body: &str) {
        let mut book = self.book();
        match status {
            200 => {
                assert_eq!(body, answer(&book.tickets[number].path), "another's answer");
                let life = book.lives[gateway].len() - 1;
                book.lives[gateway][life] += 1;
                let place = book.lives[gateway][life];
                book.had[number].push(Had {
                    gateway,
                    life,
                    place,
                });
                // Shown again until it is refused.
                book.queue.push_back(number);
            }
            402 => {
                assert!(body.contains("consumed"), "{body}");
                book.consumed[number] = true;
            }
            // In use still, or refused for now.
            409 | 503 => book.queue.push_back(number),
            _ => panic!("{status}: {body}"),
        }
    }
}

/// What the kills did.
#[derive(Debug, Default)]
struct Sum {
    lost: usize,
    again: usize,
    /// Answers beyond the first although the one before was due.
    again_due: usize,
}

impl Sum {
    fn of(book: &Book) -> Self {
        let mut sum = Self::default();
        for had in &book.had {
            sum.lost += usize::from(had.is_empty());
            let again = had.len().saturating_sub(1);
            sum.again += again;
            let not_due = had.iter().filter(|had| {
                let lives = &book.lives[had.gateway];
                let was_killed = had.life + 1 < lives.len();
                was_killed && had.place + NOT_DUE > lives[had.life]
            });
            sum.again_due += again.saturating_sub(not_due.count());
        }
        sum
    }
}

fn killed_under_load(store: Store, usual: usize) {
    let _alone = alone();
    let mut rng = fastrand::Rng::with_seed(seed("scale"));
    let cycles = number("L402_SCALE_CYCLES", usual);
    let mut fleet = Fleet::start(store);
    let mut book = Book {
        lives: std::array::from_fn(|_| vec![0]),
        ..Book::default()
    };
    for number in 0..STOCK * cycles {
        book.tickets.push(fleet.buy("one"));
        book.had.push(Vec::new());
        book.consumed.push(false);
        book.queue.push_back(number);
    }
    let load = Load {
        addresses: fleet.addresses.clone(),
        book: Mutex::new(book),
        turn: AtomicUsize::new(0),
    };
    std::thread::scope(|scope| {
        for _ in 0..BUYERS {
            scope.spawn(|| load.buy_on());
        }
        for _ in 0..cycles {
            let enough = load.answers() + rng.usize(5..STOCK / 2);
            wait_until("the load is served", || {
                load.answers() >= enough || load.book().queue.is_empty()
            });
            kill_one(&mut fleet, &load, &mut rng);
        }
        wait_until("every token is used up", || {
            load.book().consumed.iter().all(|&all| all)
        });
        load.book().is_over = true;
    });
    let book = load.book();
    let sum = Sum::of(&book);
    report(&json!({
        "machine": "scale", "store": format!("{store:?}"), "kills": cycles, "tokens": book.tickets.len(),
        "lost": sum.lost, "served_again": sum.again, "served_again_due": sum.again_due,
        "delivered": fleet.upstream.delivered(),
    }));
    assert_eq!((sum.lost, sum.again_due), (0, 0), "{sum:?}");
    assert!(
        sum.again <= cycles * NOT_DUE,
        "more than the kills explain: {sum:?}"
    );
    let msat = PRICE_MSAT * u64::try_from(book.tickets.len()).expect("a number");
    // The reader of payments may be behind, and each verification is exact all the same.
    wait_until("the books have every payment", || {
        let sums = fleet.books();
        sums["received_msat"] == msat && sums["unspent_msat"] == 0
    });
}

/// Kills a gateway, or one time in five the database, and starts it again.
fn kill_one(fleet: &mut Fleet, load: &Load, rng: &mut fastrand::Rng) {
    let place = rng.usize(0..=GATEWAYS);
    match &mut fleet.database {
        Some(database) if place == GATEWAYS => {
            database.kill();
            load.kill(0..GATEWAYS);
            database.restart();
        }
        _ => {
            let gateway = place % GATEWAYS;
            fleet.gateways[gateway].end();
            load.kill([gateway]);
            fleet.restart(gateway);
        }
    }
}

#[test]
fn gateways_on_one_file_are_killed_and_each_use_is_had() {
    killed_under_load(Store::File, 5);
}

#[test]
fn gateways_and_their_database_are_killed_and_each_use_is_had() {
    killed_under_load(Store::Postgres, 20);
}
