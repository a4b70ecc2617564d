//! `l402 mcp`, killed at each step of a purchase; then the same call again, to the next one.

use std::os::unix::process::ExitStatusExt as _;

use serde_json::{Value, json};

use crate::buyer::seller::Seller;
use crate::mcp_session::{Generation, Session, structured};
use crate::run::{PRICE_MSAT, alone};
use crate::upstream::answer;

/// A step at which the server dies, and what must come of it.
struct Step {
    name: &'static str,
    /// Outcomes of the same call to the servers that follow, one after the other.
    then: &'static [&'static str],
    /// Payments, when those are over.
    payments: u64,
}

/// A step behind which the next call is served, paid for once.
const fn goes_on(name: &'static str) -> Step {
    Step {
        name,
        then: &["served"],
        payments: 1,
    }
}

const STEPS: [Step; 6] = [
    goes_on("intent-written"),
    goes_on("intent-durable"),
    // Only the wallet could tell, and it has never heard of it: nothing is bought meanwhile.
    Step {
        name: "asked-durable",
        then: &["pending", "pending"],
        payments: 0,
    },
    goes_on("asked"),
    goes_on("paid-durable"),
    // The answer had come and is kept, and nobody has told the model: the next call gives it.
    goes_on("answered"),
];

/// ATTACKS A-15, C-18: the call is lost in the middle, and the money never is.
#[test]
fn a_killed_agents_wallet_pays_once_and_its_successor_gives_the_answer() {
    let _alone = alone();
    let mut double = 0;
    for (number, step) in STEPS.iter().enumerate() {
        let generation = [Generation::Modern, Generation::Legacy][number % 2];
        let seller = Seller::open();
        let before = seller.income();
        let path = format!("/{}", step.name);
        let call = json!({ "url": seller.url(&path) });

        let mut dying = start(&seller, generation, Some(step.name));
        dying.begin("l402_fetch", call.clone());
        let status = dying.wait();
        assert_eq!(status.signal(), Some(9), "{}: {status:?}", step.name);

        let mut last = Value::Null;
        for (round, outcome) in step.then.iter().enumerate() {
            let mut next = start(&seller, generation, None);
            // What is not served at once is asked for as the first answer says.
            let hash = json!({ "payment_hash": last["structuredContent"]["payment_hash"] });
            last = match round {
                0 => next.call("l402_fetch", call.clone()),
                _ => next.call("l402_resume", hash),
            };
            assert_eq!(
                last["structuredContent"]["outcome"], *outcome,
                "{}: {last}",
                step.name
            );
            assert_eq!(next.end().status, Some(0), "{}", step.name);
        }
        let payments = (seller.income() - before) / PRICE_MSAT;
        assert_eq!(payments, step.payments, "{}: {last}", step.name);
        double += payments.saturating_sub(1);
        if step.payments == 1 {
            has_its_answer(&seller, &path, &last);
        }
    }
    assert_eq!(double, 0);
}

/// The answer is in the result, and the person who closed the agent finds it with `l402 replay`.
fn has_its_answer(seller: &Seller, path: &str, result: &Value) {
    let said = structured(result);
    let body = said["answer"]["body"]["text"].as_str().expect("a body");
    assert_eq!(body, answer(path), "{result}");
    let hash = said["payment_hash"].as_str().expect("a hash");
    let replayed = seller.home.run(&["replay", hash]).expect(0);
    assert_eq!(replayed.stdout, answer(path));
}

/// The money has moved and the person closes the agent: its stdin ends, and a kill comes right after.
#[test]
fn an_agents_wallet_closed_in_mid_payment_leaves_the_answer_to_be_had() {
    let _alone = alone();
    let seller = Seller::open();
    let before = seller.income();
    let call = json!({ "url": seller.url("/closed") });
    let mut closed = start(&seller, Generation::Modern, None);
    let balance = seller.balance();
    closed.begin("l402_fetch", call.clone());
    seller.wait_for_less_than(balance);
    drop(closed);
    let mut next = start(&seller, Generation::Modern, None);
    let result = next.call("l402_fetch", call);
    assert_eq!((seller.income() - before) / PRICE_MSAT, 1, "{result}");
    has_its_answer(&seller, "/closed", &result);
}

fn start(seller: &Seller, generation: Generation, failpoint: Option<&str>) -> Session {
    let mut command = seller.home.command(&["mcp", "--wallet", "sandbox"]);
    command.env_remove("L402_FAILPOINT");
    command.envs(failpoint.map(|name| ("L402_FAILPOINT", name)));
    Session::open(command, generation)
}
