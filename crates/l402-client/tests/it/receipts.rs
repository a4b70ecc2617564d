//! Receipts in files: what they prove, and what they find.

use std::time::Duration;

use l402_client::{AnswerDigest, ReceiptDocument, ReceiptFault, Request};
use serde_json::Value;

use crate::server::Trouble;
use crate::world::World;

/// The receipt of a first purchase, and the world that it was made in.
async fn bought(path: &str) -> (World, ReceiptDocument) {
    let world = World::new().await;
    let document = fetch(&world, path).await;
    (world, document)
}

/// Reads an answer to its end, or until it breaks off, and returns its receipt.
async fn fetch(world: &World, path: &str) -> ReceiptDocument {
    let request = Request::get(world.server.url(path));
    let mut answer = world.client().send(request).await.expect("an answer");
    let recording = answer.record().await.expect("it was paid for");
    while let Ok(Some(_)) = answer.chunk().await {}
    world.clock.advance(Duration::from_secs(1));
    let now = l402_host::Clock::wall(&*world.clock);
    let document = recording.document(&world.journal(), now);
    let document = document.expect("a receipt");
    assert!(!format!("{recording:?} {document:?}").contains(&preimage(&document)));
    document
}

fn fields(document: &ReceiptDocument) -> Value {
    serde_json::from_str(&document.to_text()).expect("JSON")
}

fn preimage(document: &ReceiptDocument) -> String {
    fields(document)["preimage"]
        .as_str()
        .expect("a preimage")
        .to_owned()
}

#[tokio::test]
async fn a_receipt_says_what_was_asked_paid_and_answered() {
    let (world, first) = bought("/joke?key=mysecret").await;
    let text = first.to_text();
    assert_eq!(ReceiptDocument::verify(text.as_bytes()), Ok(first.clone()));
    assert!(!text.contains("mysecret"), "{text}");
    let (summary, fields) = (first.summary(), fields(&first));
    assert!(!summary.to_string().contains(&preimage(&first)));
    assert_eq!(summary["price_msat"], 50_000);
    assert_eq!(summary["url"], world.server.url("/joke").as_str());
    assert_eq!(
        (&summary["method"], &summary["status"]),
        (&"GET".into(), &200.into())
    );
    assert_eq!(
        (&summary["reused"], &fields["version"]),
        (&false.into(), &1.into())
    );
    assert_eq!(fields["paid_at"], l402_testkit::START.to_rfc3339());
    // As anybody can make it: `printf 'GET\n?key=mysecret\n' | sha256sum`.
    let mut digest = AnswerDigest::default();
    digest.add(b"GET\n?key=mysecret\n");
    assert_eq!(fields["request_sha256"], hex::encode(digest.sha256()));
    for (body, is_it) in [(&b"a joke"[..], true), (b"a joke ", false), (b"", false)] {
        let mut digest = AnswerDigest::default();
        digest.add(body);
        assert_eq!(first.is_of_answer(&digest), is_it);
    }
}

/// Every byte, in every bit.
#[tokio::test]
async fn no_changed_byte_is_overlooked() {
    let (_world, document) = bought("/joke").await;
    let text = document.to_text().into_bytes();
    for at in 0..text.len() {
        for bit in 0..8 {
            let mut changed = text.clone();
            changed[at] ^= 1 << bit;
            let verdict = ReceiptDocument::verify(&changed);
            assert!(verdict.is_err(), "byte {at}, bit {bit}");
        }
        let cut = ReceiptDocument::verify(&text[..at]);
        assert!(cut.is_err(), "cut at {at}");
    }
    let longer = [&text[..], b"\n"].concat();
    assert_eq!(ReceiptDocument::verify(&longer), Err(ReceiptFault::Form));
}

/// A forger who makes the digest anew meets the invoice.
#[tokio::test]
async fn what_the_invoice_says_cannot_be_said_otherwise() {
    let (_world, document) = bought("/joke").await;
    let (_other_world, other) = bought("/joke").await;
    let (fields, other) = (fields(&document), fields(&other));
    for (name, value, fault) in [
        ("price_msat", 1.into(), ReceiptFault::Amount),
        ("payee", "00".into(), ReceiptFault::Payee),
        ("network", "mainnet".into(), ReceiptFault::Network),
        (
            "payment_hash",
            other["payment_hash"].clone(),
            ReceiptFault::Hash,
        ),
        (
            "preimage",
            other["preimage"].clone(),
            ReceiptFault::Preimage,
        ),
        ("preimage", "".into(), ReceiptFault::Preimage),
        ("invoice", "lnbc1".into(), ReceiptFault::Invoice),
        (
            "invoice_created",
            "2020-01-01T00:00:00Z".into(),
            ReceiptFault::Time,
        ),
        ("paid_at", "2020-01-01T00:00:00Z".into(), ReceiptFault::Time),
        ("paid_at", "now".into(), ReceiptFault::Time),
        ("version", 2.into(), ReceiptFault::Version),
    ] {
        let text = forged(&document.to_text(), &fields[name], (name, &value));
        assert_eq!(
            ReceiptDocument::verify(text.as_bytes()),
            Err(fault),
            "{name}"
        );
    }
}

/// The text with another value and the digest that goes with it.
fn forged(text: &str, old: &Value, (name, new): (&str, &Value)) -> String {
    let text = text.replacen(
        &format!("\"{name}\": {old}"),
        &format!("\"{name}\": {new}"),
        1,
    );
    let (rest, _) = text.split_once("\"digest\": \"").expect("a digest");
    let mut digest = AnswerDigest::default();
    digest.add(format!("{rest}\"digest\": \"\"\n}}\n").as_bytes());
    format!(
        "{rest}\"digest\": \"{}\"\n}}\n",
        hex::encode(digest.sha256())
    )
}

#[tokio::test]
async fn an_answer_that_broke_off_has_a_receipt_without_its_digest() {
    let world = World::new().await;
    world.server.plan().troubles = vec![Trouble::Reset];
    let broken = fetch(&world, "/joke").await;
    assert!(!broken.names_an_answer());
    assert_eq!(fields(&broken)["answer_bytes"], Value::Null);
    let whole = fetch(&world, "/joke").await;
    assert_eq!(
        (&whole.summary()["reused"], whole.names_an_answer()),
        (&true.into(), true)
    );
}
