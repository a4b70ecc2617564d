//! A day in the life of a gateway, in minutes: everything is on, buyers of every kind ask, and meanwhile the
//! operator changes prices, revokes tokens and reloads the file, and node and upstreams fail. In the evening
//! everything that the gateway says of the day agrees with what the buyers counted.
//!
//! The test prints one line of JSON with its counts. `L402_DAY_REQUESTS` makes the day longer
//! (`tests/long.sh day`), `CRASH_SEED` draws the same requests again.
#![cfg(unix)]

mod browser;
mod buyer;
mod evening;
#[expect(dead_code, reason = "the other tests of the program use more of it")]
#[path = "../it/program.rs"]
mod program;
mod receiver;
#[expect(dead_code, reason = "the crash machines use more of it")]
#[path = "../crash/run.rs"]
mod run;
mod shop;
mod tally;
mod trouble;
mod upstream;
mod wire;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use l402_host::{Clock as _, SystemClock};
use serde_json::json;

use browser::Browser;
use buyer::{Buyer, Market};
use run::{millis, number, report, seed};
use shop::{Operator, Shop};
use trouble::Trouble;

/// The requests of a day in CI.
const REQUESTS: usize = 20_000;

/// Requests at once.
const BUYERS: u64 = 6;

/// The pause between two looks at the dashboard.
const LOOK: Duration = Duration::from_secs(1);

/// Ends the day also if something panics: else those who ask would never stop.
struct OverAtEnd<'a>(&'a AtomicBool);

impl Drop for OverAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Looks at every page of the dashboard and at the probes, again and again until it is over. Returns the number
/// of looks.
fn watch(mut operator: Operator, is_over: &AtomicBool) -> usize {
    let cookie = operator.sign_in();
    let pages = [
        "/",
        "/sales",
        "/tokens",
        "/payments",
        "/node",
        "/configuration",
        "/live.json",
    ];
    let mut looks = 0;
    while !is_over.load(Ordering::SeqCst) {
        for path in pages {
            let page = operator.page(path, &cookie);
            assert_eq!(page.status, 200, "{path}: {}", page.body);
        }
        assert_eq!(operator.page("/healthz", "").status, 200);
        let ready = operator.page("/readyz", "");
        assert!([200, 503].contains(&ready.status), "{}", ready.body);
        operator.metrics();
        looks += 1;
        std::thread::sleep(LOOK);
    }
    looks
}

#[test]
fn at_the_end_of_a_day_with_everything_on_all_accounts_agree() {
    let (requests, seed) = (number("L402_DAY_REQUESTS", REQUESTS), seed("day"));
    let clock = SystemClock::default();
    let mut shop = Shop::open();
    let market = Market::at(shop.address);
    let mut trouble = Trouble::new(&market, requests);
    let wallet = shop.wallet();
    let browser = Browser::open(&shop);
    let looks = std::thread::scope(|scope| {
        let over = OverAtEnd(&market.is_over);
        for turn in 0..BUYERS {
            let mut buyer = Buyer::new(&market, wallet.clone(), seed.wrapping_add(turn));
            scope.spawn(move || {
                let _over = OverAtEnd(&buyer.market().is_over);
                buyer.ask_on();
            });
        }
        let operator = shop.operator();
        let watching = scope.spawn(|| watch(operator, &market.is_over));
        trouble.make(&mut shop, Buyer::new(&market, wallet.clone(), seed));
        drop(over);
        watching.join().expect("the dashboard answers")
    });
    if let Some(browser) = browser {
        browser.close();
    }
    let asked = clock.monotonic();
    let mut last = Buyer::new(&market, wallet, seed);
    last.let_go();
    last.use_up();
    let counted = market.counted();
    let settled = evening::settle(&mut shop, &counted, &trouble);
    report(&json!({
        "machine": "day", "requests": counted.requests, "payments": counted.payments.len(),
        "failed": counted.failed, "held": counted.held, "sales": counted.sales, "looks": looks,
        "upstream_back_ms": millis(trouble.recovered), "webhooks": settled.webhooks,
        "asked_ms": millis(asked), "took_ms": millis(clock.monotonic()),
    }));
}
