//! Forms of a challenge that other servers send, and what is paid of them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use l402::{Msat, PaymentHash};
use l402_client::examine::{Payer, Report, UnpaidAnswer, Verdict, examine};
use l402_client::{Client, Refused};
use l402_testkit::hostile::Draft;
use serde_json::{Value, json};

use crate::refusing::{draft, line, payment_beside};
use crate::server::{Answer402, Made};
use crate::world::{START, World};

/// Another invoice of the same server, as servers make one for each scheme.
fn invoice_over(msat: u64) -> String {
    let hash = PaymentHash::from_bytes([77; 32]);
    Draft {
        msat: Some(msat),
        ..draft(hash)
    }
    .sign()
}

/// What the doctor says of the server's answer.
async fn report(world: &World, payer: Payer) -> Report {
    let url = world.server.url("/joke");
    let answer = reqwest::get(url.clone()).await.expect("an answer");
    let (status, headers) = (answer.status(), answer.headers().clone());
    let body = answer.bytes().await.expect("a body");
    let answer = UnpaidAnswer {
        url: &url,
        status,
        headers: &headers,
        body: &body,
    };
    examine(&answer, &payer, START)
}

fn verdict(report: &Report, rule: &str) -> Verdict {
    let found = report.findings.iter().find(|one| one.rule == rule);
    found.unwrap_or_else(|| panic!("no {rule}")).verdict
}

/// Fetches, and returns what was spent, or the reason of the refusal.
async fn spent(world: &World, client: &Client) -> Result<u64, Refused> {
    let before = world.spent().await;
    match world.fetch(client, "/joke").await {
        Ok(fetched) => assert_eq!(fetched.body, "a joke"),
        Err(l402_client::Error::Refused { reason, .. }) => {
            assert_eq!(world.spent().await, before);
            return Err(reason);
        }
        Err(error) => panic!("{error}"),
    }
    let spent = world.spent().await.checked_sub(before);
    Ok(spent.expect("nobody fills it").msat())
}

// FAULTS D1: challenges are alternatives (RFC 9110, section 11.6.1), and each may have an invoice of its
// own. The kind: whatever belongs to another scheme is not held against ours (a hash, an invoice, an
// amount in another currency or network, a body that names the other payment).
#[tokio::test]
async fn a_payment_challenge_with_an_invoice_of_its_own_is_no_contradiction() {
    type Request = fn(&str) -> Value;
    let world = World::new().await;
    let hash = PaymentHash::from_bytes([77; 32]).to_string();
    let cases: [(u64, Verdict, Request); 7] = [
        (50_000, Verdict::Sound, |invoice| {
            json!({ "amount": "50", "currency": "sat", "methodDetails": { "invoice": invoice,
                "paymentHash": "4d".repeat(32), "network": "regtest" } })
        }),
        (
            60_000,
            Verdict::Remark,
            |invoice| json!({ "amount": "60", "methodDetails": { "invoice": invoice } }),
        ),
        (
            50_000,
            Verdict::Sound,
            |_| json!({ "amount": "50", "methodDetails": { "paymentHash": "4d".repeat(32) } }),
        ),
        (50_000, Verdict::Remark, |_| json!({ "amount": "51" })),
        (
            50_000,
            Verdict::Sound,
            |_| json!({ "amount": "2", "currency": "usd" }),
        ),
        (
            50_000,
            Verdict::Sound,
            |_| json!({ "amount": "2", "methodDetails": { "network": "signet" } }),
        ),
        (
            50_000,
            Verdict::Sound,
            |_| json!({ "amount": "dear", "methodDetails": 5 }),
        ),
    ];
    for (msat, expected, request) in cases {
        let request = request(&invoice_over(msat));
        let (name, hash) = (request.to_string(), hash.clone());
        world.server.alter(move |made, answer| {
            let value = request.clone();
            payment_beside(move |_| value.clone())(made, answer);
            if request["methodDetails"]["invoice"].is_string() {
                answer.body["payment_hash"] = json!(hash);
            }
        });
        let report = report(&world, Payer::default()).await;
        assert!(report.is_sound(), "{name}");
        assert_eq!(verdict(&report, "payment challenge"), expected, "{name}");
        assert_eq!(spent(&world, &world.client()).await, Ok(50_000), "{name}");
    }
}

// FAULTS D1: another price is refused if ours is the dearer.
#[tokio::test]
async fn a_payment_challenge_that_asks_less_is_told_and_stops_the_purchase() {
    let world = World::new().await;
    for request in [
        json!({ "methodDetails": { "invoice": invoice_over(49_999) } }),
        json!({ "amount": "49", "methodDetails": { "paymentHash": "4d".repeat(32) } }),
        // The invoice decides, for it is what a buyer of that challenge would pay.
        json!({ "amount": "90", "methodDetails": { "invoice": invoice_over(1) } }),
    ] {
        let name = request.to_string();
        world.server.alter(move |made, answer| {
            let request = request.clone();
            payment_beside(move |_| request.clone())(made, answer);
        });
        let report = report(&world, Payer::default()).await;
        assert_eq!(
            verdict(&report, "payment challenge"),
            Verdict::Unsound,
            "{name}"
        );
        let refused = spent(&world, &world.client()).await;
        assert_eq!(refused, Err(Refused::WrongAmount), "{name}");
    }
    assert_eq!(world.spent().await, Msat::ZERO);
}

/// The 402 of Aperture v0.5.0 with `enablempp: true`: two names of L402 with one invoice, a charge and
/// a session with invoices of their own, and a problem document of another vocabulary.
fn like_aperture(made: &Made, answer: &mut Answer402) {
    let pair = format!("macaroon=\"{}\", invoice=\"{}\"", made.token, made.invoice);
    let request = |request: Value| URL_SAFE_NO_PAD.encode(request.to_string());
    let charge = request(
        json!({ "amount": "50", "currency": "sat", "methodDetails": {
        "invoice": invoice_over(50_000), "paymentHash": "4d".repeat(32), "network": "regtest" } }),
    );
    let session = request(
        json!({ "amount": "50", "currency": "sat", "unitType": "request",
        "depositInvoice": invoice_over(1_000_000), "paymentHash": "4d".repeat(32),
        "depositAmount": "1000", "idleTimeout": "300" }),
    );
    let payment = |id: &str, intent: &str, request: &str| {
        format!(
            "Payment id=\"{id}\", realm=\"127.0.0.1:8081\", method=\"lightning\", \
             intent=\"{intent}\", request=\"{request}\", expires=\"2030-01-01T00:00:00Z\""
        )
    };
    answer.lines = [
        format!("LSAT {pair}"),
        format!("L402 {pair}"),
        payment("a", "charge", &charge),
        payment("b", "session", &session),
    ]
    .map(String::into_bytes)
    .to_vec();
    answer.body = json!({ "type": "https://paymentauth.org/problems/payment-required",
        "title": "Payment Required", "status": 402, "detail": "Payment required for access." });
    let kind = HeaderValue::from_static("application/problem+json");
    answer.headers.insert(CONTENT_TYPE, kind);
}

// FAULTS D1: a replica of Aperture with two schemes and an invoice for each; the real one is in
// tests/interop/lnd/it/aperture.rs.
#[tokio::test]
async fn a_server_with_two_schemes_is_paid_by_l402() {
    let world = World::new().await;
    world.server.alter(like_aperture);
    let report = report(&world, Payer::default()).await;
    assert!(report.is_sound());
    assert_eq!(verdict(&report, "payment challenge"), Verdict::Sound);
    assert_eq!(spent(&world, &world.client()).await, Ok(50_000));
}

// FAULTS D2: `lightning:` before the invoice, in the header, in a body and in a Payment challenge.
#[tokio::test]
async fn an_invoice_written_as_a_link_is_paid() {
    let world = World::new().await;
    for before in ["lightning:", "LIGHTNING:"] {
        world.server.alter(move |made, answer| {
            let link = format!("{before}{}", made.invoice);
            answer.lines = vec![line(&made.token, &link)];
            payment_beside(move |made| {
                let link = format!("{before}{}", made.invoice);
                json!({ "amount": "50", "methodDetails": { "invoice": link } })
            })(made, answer);
        });
        let offer = report(&world, Payer::default())
            .await
            .offer
            .expect("an offer");
        assert!(offer.bolt11.starts_with("lnbcrt"), "{}", offer.bolt11);
        assert_eq!(spent(&world, &world.client()).await, Ok(50_000));
    }
}

/// Moves the challenge into the body, as the named fields of an object.
fn into_body(
    kind: &'static str,
    body: impl Fn(&Made) -> Value + Send + Sync + 'static,
) -> impl Fn(&Made, &mut Answer402) + Send + Sync + 'static {
    move |made, answer| {
        answer.lines.clear();
        answer.body = body(made);
        let kind = HeaderValue::from_static(kind);
        answer.headers.insert(CONTENT_TYPE, kind);
    }
}

const JSON: &str = "application/json; charset=utf-8";

fn accepting(world: &World) -> Client {
    let builder = world.builder().accept_body_challenge(true);
    builder.build().expect("a client")
}

// FAULTS D4: a challenge in the body alone is paid by who asked for that. The kind: token under either
// name, nested one level down, invoice as a link, any JSON content type.
#[tokio::test]
async fn a_challenge_in_the_body_is_paid_where_that_was_asked_for() {
    type Body = fn(&Made) -> Value;
    let forms: [(&str, Body); 5] = [
        (
            JSON,
            |made| json!({ "macaroon": made.token, "invoice": made.invoice }),
        ),
        (
            JSON,
            |made| json!({ "token": made.token, "invoice": made.invoice, "price_sats": 50.0 }),
        ),
        ("application/problem+json", |made| {
            json!({ "token": made.token, "macaroon": made.token,
                "invoice": format!("lightning:{}", made.invoice) })
        }),
        (
            JSON,
            |made| json!({ "l402": { "macaroon": made.token, "invoice": made.invoice } }),
        ),
        (JSON, |made| {
            json!({ "macaroon": made.token, "invoice": made.invoice,
                "l402": { "token": made.token, "invoice": made.invoice } })
        }),
    ];
    let asked = Payer {
        body_challenge: true,
        ..Payer::default()
    };
    for (at, (kind, body)) in forms.into_iter().enumerate() {
        let world = World::new().await;
        world.server.alter(into_body(kind, body));
        let refused = spent(&world, &world.client()).await;
        assert_eq!(refused, Err(Refused::NothingPayable), "{at}");
        // The doctor explains why, and what would be paid.
        let found = report(&world, Payer::default()).await;
        let said = found.findings.iter().find(|one| one.rule == "challenge");
        assert!(
            said.expect("a finding").text.contains("in the body only"),
            "{at}"
        );
        let found = report(&world, asked).await;
        assert!(found.is_sound(), "{at}");
        assert_eq!(verdict(&found, "header"), Verdict::Remark, "{at}");
        assert_eq!(spent(&world, &accepting(&world)).await, Ok(50_000), "{at}");
    }
}

// FAULTS D4: all checks of a challenge in a header hold for one in a body.
#[tokio::test]
async fn a_challenge_in_the_body_is_checked_like_any_other() {
    type Body = fn(&Made) -> Value;
    let forms: [(&str, Refused, Body); 10] = [
        (
            "text/html",
            Refused::NothingPayable,
            |made| json!({ "macaroon": made.token, "invoice": made.invoice }),
        ),
        (
            JSON,
            Refused::NothingPayable,
            |made| json!({ "macaroon": made.token, "l402": { "invoice": made.invoice } }),
        ),
        (
            JSON,
            Refused::NothingPayable,
            |made| json!({ "offers": [{ "macaroon": made.token, "invoice": made.invoice }] }),
        ),
        (JSON, Refused::NothingPayable, |made| {
            let long = "x".repeat(64 * 1024);
            json!({ "macaroon": made.token, "invoice": made.invoice, "long": long })
        }),
        (
            JSON,
            Refused::Ambiguous,
            |made| json!({ "macaroon": made.token, "token": "other", "invoice": made.invoice }),
        ),
        (JSON, Refused::Ambiguous, |made| {
            json!({ "macaroon": made.token, "invoice": made.invoice,
                "l402": { "macaroon": made.token, "invoice": invoice_over(1) } })
        }),
        (
            JSON,
            Refused::ChallengeMalformed,
            |made| json!({ "macaroon": "a\r\nb", "invoice": made.invoice }),
        ),
        (
            JSON,
            Refused::WrongHash,
            |made| json!({ "macaroon": made.token, "invoice": invoice_over(50_000) }),
        ),
        (
            JSON,
            Refused::WrongAmount,
            |made| json!({ "macaroon": made.token, "invoice": made.invoice, "price_sats": 49 }),
        ),
        (
            JSON,
            Refused::InvoiceMalformed,
            |made| json!({ "macaroon": made.token, "invoice": "lnbcrt1" }),
        ),
    ];
    let world = World::new().await;
    let client = accepting(&world);
    for (at, (kind, reason, body)) in forms.into_iter().enumerate() {
        world.server.alter(into_body(kind, body));
        assert_eq!(spent(&world, &client).await, Err(reason), "{at}");
    }
}

// FAULTS D4: a header line that speaks of L402 is the challenge, however broken.
#[tokio::test]
async fn a_broken_header_is_no_reason_to_read_the_body() {
    let world = World::new().await;
    world.server.alter(|made, answer| {
        let body = |made: &Made| json!({ "macaroon": made.token, "invoice": made.invoice });
        into_body(JSON, body)(made, answer);
        answer.lines = vec![b"L402 macaroon=\"a".to_vec()];
    });
    let refused = spent(&world, &accepting(&world)).await;
    assert_eq!(refused, Err(Refused::ChallengeMalformed));
}

// FAULTS D4: over plain HTTP to another host no body is believed, also by who pays headers there.
#[tokio::test]
async fn a_challenge_in_the_body_must_come_in_private() {
    let world = World::new().await;
    let body = |made: &Made| json!({ "macaroon": made.token, "invoice": made.invoice });
    world.server.alter(into_body(JSON, body));
    let builder = world.builder().accept_body_challenge(true);
    let client = builder.danger_allow_plain_http(true).build().unwrap();
    let mut url = world.server.url("/joke");
    url.set_host(Some("0.0.0.0")).unwrap();
    let error = crate::world::fetch(&client, url).await.unwrap_err();
    assert_eq!(error.code(), "insecure_origin", "{error}");
    assert_eq!(world.spent().await, Msat::ZERO);
}

// FAULTS D5: the body of a 402 is waited for 3 s at most.
#[tokio::test]
async fn a_402_whose_body_never_ends_is_paid_by_its_head() {
    let world = World::new().await;
    world.server.plan().endless_402 = true;
    let client = world.client();
    let call = spent(&world, &client);
    let spent = tokio::time::timeout(std::time::Duration::from_secs(10), call).await;
    assert_eq!(spent.expect("in time"), Ok(50_000));
}

// FAULTS D6: a whole number may be written as a float.
#[tokio::test]
async fn a_price_in_the_body_may_be_a_float() {
    let world = World::new().await;
    for (price, expected) in [
        (json!(50.0), Ok(50_000)),
        (json!(5e1), Ok(50_000)),
        (json!(50.5), Err(Refused::WrongAmount)),
        (json!(49.0), Err(Refused::WrongAmount)),
    ] {
        let name = price.to_string();
        world
            .server
            .alter(move |_, answer| answer.body = json!({ "price_sats": price }));
        assert_eq!(spent(&world, &world.client()).await, expected, "{name}");
    }
}
