//! `l402 wallet pay`, killed at each step of a payment; then the same command again.

use std::os::unix::process::ExitStatusExt;
use std::process::{Output, Stdio};
use std::time::Duration;

use l402_lightning::sandbox::Fault;
use serde_json::{Value, json};

use crate::buyer::seller::Seller;
use crate::run::{PRICE_MSAT, alone, number, report};

/// The way in which a run is brought to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Death {
    /// At the step of this name in `l402_client::failpoint`.
    At(&'static str),
    /// The same, while the payment is held on its way, as only the wallet knows.
    Held,
    /// Once the money has moved, while the wallet keeps its answer back.
    InFlight,
}

/// A step, the statuses of the runs behind it, and the number of payments in the end.
struct Step(Death, &'static [i32], u64);

const STEPS: [Step; 7] = [
    Step(Death::At("intent-written"), &[0, 0], 1),
    Step(Death::At("intent-durable"), &[0, 0], 1),
    // Only the wallet could tell, and it has never heard of it.
    Step(Death::At("asked-durable"), &[14, 14], 0),
    Step(Death::InFlight, &[0, 0], 1),
    Step(Death::Held, &[14, 0, 0], 1),
    Step(Death::At("asked"), &[0, 0], 1),
    Step(Death::At("paid-durable"), &[0, 0], 1),
];

/// ATTACKS C-18, for an invoice.
#[test]
fn a_killed_payer_of_an_invoice_pays_it_once() {
    let _alone = alone();
    let rounds = number("CRASH_ROUNDS", 5_u32);
    let mut double = 0;
    for Step(death, then, sum) in &STEPS {
        let seller = Seller::open();
        for round in 0..rounds {
            let bill = Bill::of(&seller, round);
            bill.kill(*death);
            for status in *then {
                let ran = bill.run(None);
                assert_eq!(ran.status.code(), Some(*status), "{death:?}: {ran:?}");
                let outcome: Value = serde_json::from_slice(&ran.stdout).expect("JSON");
                let settled = outcome["preimage"].is_string();
                assert_eq!(settled, *status == 0, "{death:?}: {outcome}");
                // What was held has arrived by the next time.
                seller.set_fault(Fault::None);
            }
            double += bill.paid().saturating_sub(1);
            assert_eq!(bill.paid(), *sum, "{death:?}");
        }
    }
    report(&json!({
        "machine": "invoice",
        "steps": STEPS.len(),
        "rounds": rounds,
        "double_payments": double,
    }));
    assert_eq!(double, 0, "paid twice");
}

/// An invoice of its own.
struct Bill<'a> {
    seller: &'a Seller,
    bolt11: String,
    income_before: u64,
}

impl<'a> Bill<'a> {
    fn of(seller: &'a Seller, round: u32) -> Self {
        let url = seller.url(&format!("/{round}"));
        let report = seller.home.run(&["doctor", &url]).expect(0).json();
        Self {
            seller,
            bolt11: report["bolt11"].as_str().expect("an invoice").to_owned(),
            income_before: seller.income(),
        }
    }

    fn run(&self, failpoint: Option<&str>) -> Output {
        let mut command = self.command();
        command.envs(failpoint.map(|name| ("L402_FAILPOINT", name)));
        command.output().expect("the program starts")
    }

    fn command(&self) -> std::process::Command {
        let args = ["wallet", "pay", &self.bolt11, "--wallet", "sandbox"];
        let mut command = self.seller.home.command(&args);
        command.env_remove("L402_FAILPOINT");
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Begins the payment and kills its process.
    fn kill(&self, death: Death) {
        let ended = match death {
            Death::At(failpoint) => self.run(Some(failpoint)).status,
            Death::Held => {
                self.seller.set_fault(Fault::Held);
                self.run(Some("asked")).status
            }
            Death::InFlight => {
                let slow = Fault::Slow(Duration::from_secs(50));
                self.seller.set_fault(slow);
                let balance = self.seller.balance();
                let mut payer = self.command().spawn().expect("the program starts");
                self.seller.wait_for_less_than(balance);
                payer.kill().expect("it is there");
                let ended = payer.wait().expect("it ends");
                self.seller.set_fault(Fault::None);
                ended
            }
        };
        assert_eq!(ended.signal(), Some(9), "{death:?}: {ended:?}");
    }

    /// Returns the number of times that the invoice was paid.
    fn paid(&self) -> u64 {
        (self.seller.income() - self.income_before) / PRICE_MSAT
    }
}
