//! Whatever is wrong with a challenge stops the client before money moves, each with its code.

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use l402::{Msat, PaymentHash};
use l402_client::{Error, Refused, Request};
use l402_testkit::hostile::Draft;
use lightning_invoice::Currency;
use serde_json::json;

use crate::server::{Answer402, Made};
use crate::world::{START, World};

pub(crate) type Alter = Box<dyn Fn(&Made, &mut Answer402) + Send + Sync>;

pub(crate) fn line(token: &str, invoice: &str) -> Vec<u8> {
    format!("L402 macaroon=\"{token}\", invoice=\"{invoice}\"").into_bytes()
}

pub(crate) fn draft(hash: PaymentHash) -> Draft {
    Draft {
        currency: Currency::Regtest,
        msat: Some(50_000),
        created: START,
        expiry: 600,
        hash,
    }
}

/// Another invoice for the same hash.
fn invoice(change: fn(&mut Draft)) -> Alter {
    Box::new(move |made, answer| {
        let mut draft = draft(made.payment_hash);
        change(&mut draft);
        answer.body = json!({});
        answer.lines = vec![line(&made.token, &draft.sign())];
    })
}

fn body(value: serde_json::Value) -> Alter {
    Box::new(move |_, answer| answer.body = value.clone())
}

fn lines(make: fn(&Made) -> Vec<Vec<u8>>) -> Alter {
    Box::new(move |made, answer| {
        answer.body = json!({});
        answer.lines = make(made);
    })
}

fn payment(request: serde_json::Value) -> Alter {
    payment_beside(move |_| request.clone())
}

/// Adds a `Payment` challenge to the honest one.
pub(crate) fn payment_beside(
    request: impl Fn(&Made) -> serde_json::Value + Send + Sync + 'static,
) -> Alter {
    Box::new(move |made, answer| {
        let request = URL_SAFE_NO_PAD.encode(request(made).to_string());
        let line = format!(
            "Payment id=\"x\", realm=\"x\", method=\"lightning\", intent=\"charge\", request=\"{request}\""
        );
        answer.lines.push(line.into_bytes());
    })
}

#[expect(clippy::too_many_lines, reason = "one table of every fault")]
pub(crate) fn faults() -> Vec<(Refused, Alter)> {
    let zeros = "0".repeat(64);
    let cheaper = Draft {
        msat: Some(49_999),
        ..draft(PaymentHash::from_bytes([6; 32]))
    };
    vec![
        (Refused::Amountless, invoice(|draft| draft.msat = None)),
        (
            Refused::WrongNetwork,
            invoice(|draft| draft.currency = Currency::Bitcoin),
        ),
        (Refused::InvoiceExpired, invoice(|draft| draft.expiry = 9)),
        (
            Refused::InvoiceFromFuture,
            invoice(|draft| draft.created = l402::UnixTime::from_secs(START.secs() + 301)),
        ),
        (
            Refused::WrongAmount,
            invoice(|draft| draft.msat = Some(50_001)),
        ),
        (
            Refused::WrongHash,
            invoice(|draft| draft.hash = PaymentHash::from_bytes([5; 32])),
        ),
        (
            Refused::InvoiceMalformed,
            lines(|made| vec![line(&made.token, "lnbcrt500n1broken")]),
        ),
        (
            Refused::InvoiceMalformed,
            lines(|made| vec![line(&made.token, "lni1qqqq")]),
        ),
        (
            Refused::InvoiceSignature,
            lines(|made| vec![line(&made.token, &draft(made.payment_hash).forge())]),
        ),
        (Refused::WrongAmount, body(json!({ "price_msat": 49_999 }))),
        (Refused::WrongAmount, body(json!({ "price_sats": 49 }))),
        (Refused::WrongAmount, body(json!({ "priceSats": "5e1" }))),
        (
            Refused::WrongAmount,
            body(json!({ "l402": { "amount_sats": 51 } })),
        ),
        (Refused::WrongHash, body(json!({ "payment_hash": zeros }))),
        (
            Refused::WrongAmount,
            payment(json!({ "amount": "10", "currency": "sat" })),
        ),
        (
            Refused::WrongHash,
            payment_beside(|made| {
                json!({ "amount": "50", "methodDetails": {
                "invoice": made.invoice, "paymentHash": "0".repeat(64) } })
            }),
        ),
        (
            Refused::WrongAmount,
            payment_beside(|made| {
                json!({ "amount": "51", "methodDetails": {
                "paymentHash": made.payment_hash.to_string() } })
            }),
        ),
        (
            Refused::WrongNetwork,
            payment_beside(|made| {
                json!({ "methodDetails": {
                "invoice": made.invoice, "network": "mainnet" } })
            }),
        ),
        (
            Refused::WrongAmount,
            payment(json!({ "methodDetails": { "invoice": cheaper.sign() } })),
        ),
        (Refused::NothingPayable, lines(|_| Vec::new())),
        (
            Refused::NothingPayable,
            lines(|_| vec![b"Bearer realm=\"x\"".to_vec()]),
        ),
        (
            Refused::NothingPayable,
            Box::new(|_, answer| {
                answer.lines.clear();
                answer.body = json!({ "payment_request_url": "https://a.example" });
            }),
        ),
        (
            Refused::ChallengeMalformed,
            lines(|_| vec![b"L402".to_vec()]),
        ),
        (
            Refused::ChallengeMalformed,
            lines(|made| vec![line("a b", &made.invoice)]),
        ),
        // FAULTS D6: a challenge that cannot be read is not called absent.
        (
            Refused::ChallengeMalformed,
            lines(|made| vec![format!("L402 macaroon=\"{}", made.token).into_bytes()]),
        ),
        (
            Refused::Ambiguous,
            lines(|made| {
                let text = format!(
                    "L402 macaroon=\"{}\", invoice=\"{}\", invoice=\"lnbcrt1\"",
                    made.token, made.invoice
                );
                vec![text.into_bytes()]
            }),
        ),
        (
            Refused::ChallengeTooLarge,
            lines(|made| vec![line(&made.token, &"l".repeat(70 * 1024))]),
        ),
    ]
}

/// ATTACKS C-02, C-04, C-05, C-06, C-09, C-11, C-16, C-35.
#[tokio::test]
async fn every_fault_has_its_code_and_moves_no_money() {
    let mut codes = HashSet::new();
    let world = World::new().await;
    let client = world.client();
    for (at, (expected, alter)) in faults().into_iter().enumerate() {
        world.server.alter(alter);
        let error = world.fetch(&client, "/joke").await.unwrap_err();
        assert!(
            matches!(error, Error::Refused { reason, .. } if reason == expected),
            "{at}: {error}"
        );
        assert!(error.to_string().ends_with("no money moved"), "{error}");
        codes.insert(expected);
    }
    assert_eq!(world.spent().await, Msat::ZERO);
    assert_eq!(
        (world.entries().len(), world.server.seen().presented),
        (0, 0)
    );
    // Those of a connection, a redirect, a caller, a stop, a budget, a hook, a pin and an address have
    // tests of their own.
    assert_eq!(codes.len(), Refused::ALL.len() - 11);
}

/// ATTACKS C-27.
#[tokio::test]
async fn a_header_of_any_size_is_called_too_large() {
    let world = World::new().await;
    let client = world.client();
    for len in [100 * 1024, 1024 * 1024] {
        world.server.plan().huge = len;
        let error = world.fetch(&client, "/huge").await.unwrap_err();
        assert_eq!(error.code(), "challenge_too_large", "{error}");
        assert!(error.to_string().ends_with("no money moved"));
    }
}

#[tokio::test]
async fn the_cheapest_of_several_sound_offers_is_taken() {
    let world = World::new().await;
    world.server.alter(|made, answer| {
        let dear = Draft {
            msat: Some(90_000),
            ..draft(PaymentHash::from_bytes([3; 32]))
        };
        answer.body = json!({});
        answer.lines.insert(0, line("opaque", &dear.sign()));
        answer.lines.insert(1, line("opaque", "broken"));
        assert!(made.invoice.starts_with("lnbcrt"));
    });
    let fetched = world.fetch(&world.client(), "/joke").await.unwrap();
    assert_eq!(fetched.body, "a joke");
    assert_eq!(world.spent().await, Msat::from_sat(50));
}

#[tokio::test]
async fn a_payment_challenge_that_agrees_is_no_obstacle() {
    let world = World::new().await;
    world.server.alter(|made, answer| {
        let details = json!({ "invoice": made.invoice, "network": "regtest",
            "paymentHash": made.payment_hash.to_string() });
        payment(json!({ "amount": "50", "methodDetails": details }))(made, answer);
    });
    assert_eq!(
        world.fetch(&world.client(), "/joke").await.unwrap().body,
        "a joke"
    );
}

#[tokio::test]
async fn a_credential_of_the_callers_own_is_refused() {
    let world = World::new().await;
    for (name, value) in [
        ("authorization", "lsat x:y"),
        ("l402-credential", "x"),
        ("macaroon", "x"),
    ] {
        let mut request = Request::get(world.server.url("/joke"));
        request
            .headers
            .insert(name, http::HeaderValue::from_static(value));
        let error = world.client().send(request).await.unwrap_err();
        assert_eq!(error.code(), "credential_given", "{name}");
    }
    assert_eq!(world.server.seen().asked, 0);
}

/// ATTACKS C-13.
#[tokio::test]
async fn no_credential_is_bought_over_plain_http_to_another_host() {
    let world = World::new().await;
    // Reaches this machine, and is none of the names that say so.
    let mut url = world.server.url("/joke");
    url.set_host(Some("0.0.0.0")).unwrap();
    let error = crate::world::fetch(&world.client(), url.clone())
        .await
        .unwrap_err();
    assert_eq!(error.code(), "insecure_origin", "{error}");
    assert_eq!(world.spent().await, Msat::ZERO);
    let careless = world
        .builder()
        .danger_allow_plain_http(true)
        .build()
        .unwrap();
    assert_eq!(
        crate::world::fetch(&careless, url).await.unwrap().body,
        "a joke"
    );
}
