//! Our requests and the answers of the fake node, read by the types of Core Lightning's own crate.

use cln_rpc::{Request, Response};
use l402::Msat;
use serde_json::{Value, json};

use super::setup::{Setup, WAYS};
use crate::contract::{Bench, keeps_every_promise};

/// Returns the names of the fields in `ours` that `theirs` lacks, at any depth.
fn missing(ours: &Value, theirs: &Value, at: &str) -> Vec<String> {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            let fields = ours.iter().flat_map(|(name, value)| {
                let at = format!("{at}.{name}");
                match theirs.get(name) {
                    Some(other) => missing(value, other, &at),
                    None => vec![at],
                }
            });
            fields.collect()
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            let both = ours.iter().zip(theirs);
            both.flat_map(|(ours, theirs)| missing(ours, theirs, at))
                .collect()
        }
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn requests_and_answers_are_those_of_core_lightning() {
    for way in WAYS {
        let setup = Setup::new(way).await;
        setup.fake.cln.home.sandbox.set_fee(setup.fee()).unwrap();
        keeps_every_promise(&setup).await;
        let balance = setup.pay.balance().await.unwrap();
        assert!(balance > Msat::ZERO);
        let calls = setup.fake.cln.calls.lock().unwrap().clone();
        let mut methods: Vec<_> = calls.iter().map(|call| call.method.as_str()).collect();
        methods.sort_unstable();
        methods.dedup();
        assert_eq!(
            methods,
            [
                "getinfo",
                "invoice",
                "listinvoices",
                "listpays",
                "listpeerchannels",
                "waitanyinvoice",
                "xpay",
            ]
        );
        for call in &calls {
            let request = json!({ "method": call.method, "params": call.params });
            let read: Request = serde_json::from_value(request.clone()).expect(&call.method);
            let again = serde_json::to_value(read).unwrap();
            assert_eq!(
                missing(&request, &again, ""),
                Vec::<String>::new(),
                "{request}"
            );
            let answer = json!({ "method": call.method, "result": call.result });
            let read: Response = serde_json::from_value(answer.clone()).expect(&call.method);
            let again = serde_json::to_value(read).unwrap();
            assert_eq!(
                missing(&answer, &again, ""),
                Vec::<String>::new(),
                "{answer}"
            );
        }
    }
}
