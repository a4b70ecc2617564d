//! How many uses a ledger counts in a second: a file beside a database, one gateway beside several.
//!
//! ```text
//! cargo run --release -p l402-server --features postgres --example ledger_rate -- postgres://USER@HOST/NAME
//! ```
//!
//! Each use is reserved, then spent, as for a token that is good for one answer. The database is filled
//! with payments: name an empty one. Every figure is a median of rounds that take turns.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use l402::{PaymentHash, UnixTime};
use l402_host::{PostgresUrl, SystemClock};
use l402_server::Ledger;
use l402_server::ledger::{Allowance, PostgresLedger, ReserveRequest, Settle, SqliteLedger};

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(2);
const IN_FLIGHT: [usize; 3] = [1, 64, 512];

/// The payments so far, none used twice.
static NEXT: AtomicU64 = AtomicU64::new(0);

fn request() -> ReserveRequest {
    let mut hash = [0; 32];
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    // Scattered, as hashes are.
    hash[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    hash[8..16].copy_from_slice(&number.to_be_bytes());
    let end = UnixTime::from_secs(2_000_000_000);
    let allowance = Allowance::new(PaymentHash::from_bytes(hash), NonZeroU64::MIN, end);
    ReserveRequest::one_use(allowance, UnixTime::from_secs(1_790_000_000))
}

/// Returns the uses a second of several ledgers together.
async fn rate(ledgers: &[Arc<dyn Ledger>], in_flight: usize) -> f64 {
    #[expect(clippy::disallowed_methods, reason = "a measurement is of real time")]
    let began = Instant::now();
    let tasks = (0..in_flight).map(|n| {
        let ledger = Arc::clone(&ledgers[n % ledgers.len()]);
        tokio::spawn(async move {
            let mut done = 0_u64;
            while began.elapsed() < ROUND {
                let held = ledger.reserve(request()).await.expect("a fresh payment");
                ledger.settle(held, Settle::ONE_USE);
                done += 1;
            }
            done
        })
    });
    let mut done = 0;
    for task in tasks.collect::<Vec<_>>() {
        done += task.await.expect("no panic");
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = done as f64 / began.elapsed().as_secs_f64();
    rate
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "the table is for people")]
async fn main() {
    let url: PostgresUrl = std::env::args()
        .nth(1)
        .expect("the address of an empty database")
        .parse()
        .expect("an address of PostgreSQL");
    let home = tempfile::tempdir().expect("a folder");
    let clock = Arc::new(SystemClock::default());
    let open = |url: &PostgresUrl| -> Arc<dyn Ledger> {
        let clock = clock.clone();
        Arc::new(PostgresLedger::open(url, clock, |_| ()).expect("a ledger"))
    };
    let file: Arc<dyn Ledger> =
        Arc::new(SqliteLedger::open(&home.path().join("ledger.db")).expect("a ledger"));
    let shared: Vec<_> = (0..4).map(|_| open(&url)).collect();
    println!(
        "in flight | PostgreSQL, 1 gateway | 2 gateways | 4 gateways   (SQLite, 1 gateway = 1)"
    );
    for in_flight in IN_FLIGHT {
        let mut ratios = [Vec::new(), Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            let one = rate(std::slice::from_ref(&file), in_flight).await;
            for (ratios, gateways) in ratios.iter_mut().zip([1, 2, 4]) {
                ratios.push(rate(&shared[..gateways], in_flight).await / one);
            }
        }
        let [one, two, four] = ratios.map(median);
        println!("{in_flight:>9} | {one:>21.2} | {two:>10.2} | {four:>10.2}");
    }
}
