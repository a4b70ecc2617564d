//! `l402 get`, killed at each step of a purchase; then the same command again.

mod purchase;
pub(crate) mod seller;

use std::time::Duration;

use l402_host::{Clock, SystemClock};
use l402_lightning::sandbox::Fault;
use serde_json::json;

use crate::run::{alone, millis, number, report, seed};
use crate::upstream::HALTING;
use purchase::{Ended, Purchase};
use seller::Seller;

/// The way in which a run is brought to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Death {
    /// By itself, at the step of this name in `l402_client::failpoint`.
    At(&'static str),
    /// Once the money has moved, while the wallet keeps its answer back.
    InFlight,
    /// While the payment is held on its way, as only the wallet knows.
    Held,
    /// Once the first piece of the answer was had.
    MidBody,
    /// At a moment of the seed, from the start of the process to some time after its usual end.
    Anywhere,
}

/// A step, how often a run dies there, and what must come of it.
struct Step {
    name: &'static str,
    death: Death,
    /// The statuses of the runs that follow.
    then: &'static [i32],
    /// Payments, and answers had, when those are over.
    sum: (u64, u64),
}

const OK: i32 = 0;
const PAYMENT_UNKNOWN: i32 = 14;
const PAID_REFUSED: i32 = 19;

/// A step behind which the next run ends with the answer, paid for once.
const fn goes_on(name: &'static str, death: Death) -> Step {
    Step {
        name,
        death,
        then: &[OK],
        sum: (1, 1),
    }
}

const STEPS: [Step; 9] = [
    goes_on("before the intent is durable", Death::At("intent-written")),
    goes_on("before the wallet is asked", Death::At("intent-durable")),
    // Only the wallet could tell, and it has never heard of it: nothing is paid, and nothing had,
    // until the invoice is certainly dead.
    Step {
        name: "asking the wallet",
        death: Death::At("asked-durable"),
        then: &[PAYMENT_UNKNOWN, PAYMENT_UNKNOWN],
        sum: (0, 0),
    },
    goes_on("in flight", Death::InFlight),
    Step {
        name: "held in flight",
        death: Death::Held,
        then: &[PAYMENT_UNKNOWN, OK],
        sum: (1, 1),
    },
    goes_on("paid, not recorded", Death::At("asked")),
    goes_on("recorded, not presented", Death::At("paid-durable")),
    goes_on("in mid-body", Death::MidBody),
    // The killed run has given its answer. The next one cannot know, is told that the use is
    // spent, and does not cover that up by paying; the one after it buys.
    Step {
        name: "answered, not recorded",
        death: Death::At("answered"),
        then: &[PAID_REFUSED, OK],
        sum: (2, 2),
    },
];

/// ATTACKS C-18.
#[test]
fn a_killed_buyer_pays_once_and_gets_its_answer() {
    let _alone = alone();
    let mut rng = fastrand::Rng::with_seed(seed("buyer"));
    let clock = SystemClock::default();
    let rounds = number("CRASH_ROUNDS", 20);
    let mut steps = Vec::new();
    let (mut double, mut unanswered) = (0, 0);
    for step in &STEPS {
        let seller = Seller::open();
        for round in 0..rounds {
            let seed = rng.u64(..);
            let purchase = kill_and_go_on(&seller, step, round, seed);
            double += purchase.double();
            unanswered += purchase.unanswered();
            let sum = (purchase.paid(), purchase.answers());
            assert_eq!(sum, step.sum, "payments, answers: {purchase:#?}");
        }
        steps.push(json!({ "step": step.name, "rounds": rounds }));
    }
    let seller = Seller::open();
    let usual = usual_time(&seller);
    let mut anywhere = Anywhere::default();
    for round in 0..rounds {
        let purchase = anywhere.kill_and_go_on(&seller, round, usual, rng.u64(..));
        double += purchase.double();
    }
    steps.push(anywhere.to_json(rounds));
    report(&json!({
        "machine": "buyer",
        "steps": steps,
        "double_payments": double,
        "payments_without_answer": unanswered,
        "seconds": clock.monotonic().as_secs(),
    }));
    assert_eq!((double, unanswered), (0, 0), "paid twice, paid for nothing");
}

fn kill_and_go_on<'a>(seller: &'a Seller, step: &Step, round: u32, seed: u64) -> Purchase<'a> {
    let folder = match step.death {
        Death::MidBody => HALTING,
        _ => "/",
    };
    let mut purchase = Purchase::new(seller, format!("{folder}{round}"));
    let killed = kill(
        &mut purchase,
        step.death,
        Duration::from_micros(seed % 4000),
    );
    assert_eq!(killed.signal, Some(9), "{}: {killed:#?}", step.name);
    for status in step.then {
        let ended = purchase.run();
        let told = format!("{}: {ended:#?} after {killed:#?}", step.name);
        assert_eq!(ended.status, Some(*status), "{told}");
        // What was held has arrived by the next time.
        seller.set_fault(Fault::None);
    }
    purchase
}

/// Begins the purchase and kills its process, `late` behind the moment that it is about.
fn kill(purchase: &mut Purchase<'_>, death: Death, late: Duration) -> Ended {
    match death {
        Death::At(failpoint) => return purchase.run_to(failpoint),
        Death::Held => {
            purchase.seller.set_fault(Fault::Held);
            return purchase.run_to("asked");
        }
        Death::InFlight => purchase
            .seller
            .set_fault(Fault::Slow(Duration::from_secs(50))),
        Death::MidBody | Death::Anywhere => {}
    }
    let balance = purchase.seller.balance();
    let mut get = purchase.start();
    match death {
        Death::InFlight => purchase.seller.wait_for_less_than(balance),
        Death::MidBody => get.wait_for_a_piece(),
        Death::At(_) | Death::Held | Death::Anywhere => {}
    }
    std::thread::sleep(late);
    get.kill();
    let ended = purchase.end(get);
    if death == Death::InFlight {
        purchase.seller.set_fault(Fault::None);
    }
    ended
}

/// Returns the time that an undisturbed purchase takes.
fn usual_time(seller: &Seller) -> Duration {
    let clock = SystemClock::default();
    let mut purchase = Purchase::new(seller, "/undisturbed".to_owned());
    let ended = purchase.run();
    assert_eq!(ended.status, Some(OK), "{ended:#?}");
    clock.monotonic()
}

/// The outcomes of purchases that were killed at any moment.
#[derive(Default)]
struct Anywhere {
    killed: u32,
    went_on: u32,
    had_before: u32,
    unknown: u32,
    /// The seller had sent all of the answer, and the buyer died with it unread.
    unread: u32,
    latest: Duration,
}

impl Anywhere {
    fn kill_and_go_on<'a>(
        &mut self,
        seller: &'a Seller,
        round: u32,
        usual: Duration,
        seed: u64,
    ) -> Purchase<'a> {
        let micros = u64::try_from(usual.as_micros()).unwrap_or(u64::MAX);
        let late = Duration::from_micros(seed % (micros + micros / 8).max(1));
        self.latest = self.latest.max(late);
        let mut purchase = Purchase::new(seller, format!("/{round}"));
        // Two kills behind an answer, one after the other, stop the seller, and this is about kills.
        purchase.insists = true;
        let killed = kill(&mut purchase, Death::Anywhere, late);
        self.killed += u32::from(killed.signal.is_some());
        let had = purchase.answers() == 1;
        let ended = purchase.run();
        let told = format!("{late:?} after the start: {ended:#?} after {killed:#?}");
        match (ended.status, had) {
            (Some(OK), false) => self.went_on += 1,
            (Some(OK | PAID_REFUSED), true) => self.had_before += 1,
            (Some(PAID_REFUSED), false) => {
                self.unread += 1;
                assert!(ended.stderr.contains("consumed"), "{told}");
            }
            (Some(PAYMENT_UNKNOWN), false) => {
                self.unknown += 1;
                assert_eq!(purchase.paid(), 0, "{told}");
            }
            _ => panic!("{told}"),
        }
        purchase
    }

    fn to_json(&self, rounds: u32) -> serde_json::Value {
        json!({
            "step": "at any moment",
            "rounds": rounds,
            "killed": self.killed,
            "went_on": self.went_on,
            "had_before": self.had_before,
            "never_asked": self.unknown,
            "sent_and_unread": self.unread,
            "latest_ms": millis(self.latest),
        })
    }
}
