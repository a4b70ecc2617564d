//! The JSON document of a listing.

use l402::{Msat, Network, PaymentHash, UnixTime};
use l402_registry::{
    ClaimedPrice, Evidence, Form, Health, Listing, ListingId, Observed, Owner, OwnerProof, Reason,
    RequestSchema, ReviewCount, ServiceJson, State, Uptime, Words, WordsFrom, health_status,
};
use serde_json::{Value, json};
use utoipa::PartialSchema as _;

/// The fields of 402index's service, as its API document lists them.
const OF_402INDEX: [&str; 28] = [
    "id",
    "name",
    "description",
    "url",
    "protocol",
    "price_sats",
    "price_usd",
    "payment_asset",
    "payment_network",
    "category",
    "provider",
    "source",
    "featured",
    "health_status",
    "uptime_30d",
    "latency_p50_ms",
    "last_checked",
    "registered_at",
    "http_method",
    "reliability_score",
    "x402_payment_valid",
    "domain_verified",
    "x402_facilitator_reachable",
    "x402_asset_known",
    "l402_format",
    "lnget_compatible",
    "related_protocols",
    "state",
];

fn at(secs: u64) -> UnixTime {
    UnixTime::from_secs(1_790_000_000 + secs)
}

fn listing() -> Listing {
    let url = "https://api.example.com/v1/joke".parse().expect("a URL");
    Listing {
        id: ListingId::of(&url),
        url,
        method: "GET".to_owned(),
        words: Words {
            name: "Jokes".to_owned(),
            price: ClaimedPrice::of_msat(2000),
            request_schema: Some(RequestSchema(json!({"type": "object"}))),
            ..Words::default()
        },
        words_from: WordsFrom::Document,
        owner: None,
        added: at(0),
        changed: at(0),
        hidden: None,
        no_probe: false,
        health: Health {
            state: State::Unknown,
            reason: None,
            since: at(0),
            failures: 0,
            last_probe: None,
            next_probe: None,
        },
        observed: None,
        uptime: Uptime::default(),
        paid: None,
        reviews: ReviewCount::default(),
    }
}

fn seen() -> Listing {
    let observed = Observed {
        at: at(60),
        price: Some(Msat::new(1500)),
        network: Some(Network::Bitcoin),
        expiry_secs: Some(3600),
        node: Some([2; 33]),
        payment_hash: Some(PaymentHash::from_bytes([7; 32])),
        hash_matches: Some(true),
        forms: vec![Form::Payment, Form::L402],
        clients: vec!["lnget".to_owned()],
        latency_ms: 120,
        tls_until: None,
        evidence: Evidence {
            method: "GET".to_owned(),
            url: "https://api.example.com/v1/joke".to_owned(),
            status: 402,
            challenges: vec!["L402 …".to_owned()],
            invoice: None,
            findings: vec![("hash".to_owned(), "sound".to_owned(), "equal".to_owned())],
        },
    };
    Listing {
        observed: Some(observed),
        owner: Some(Owner {
            proof: OwnerProof::Dns,
            key_hash: "5ec7e7".to_owned(),
            node: None,
            since: at(1),
            checked: at(2),
            failed: 0,
        }),
        health: Health {
            state: State::Degraded,
            reason: Some(Reason {
                code: "price".to_owned(),
                text: "t".to_owned(),
            }),
            last_probe: Some(at(60)),
            ..listing().health
        },
        uptime: Uptime {
            day: Some(1000),
            week: None,
            month: Some(985),
        },
        reviews: ReviewCount { count: 2, stars: 9 },
        ..listing()
    }
}

fn document(service: &ServiceJson) -> Value {
    serde_json::to_value(service).expect("JSON")
}

#[test]
fn has_every_field_of_402index_with_null_for_what_is_unknown() {
    let service = document(&ServiceJson::of(&listing()));
    for field in OF_402INDEX {
        assert!(service.get(field).is_some(), "{field}");
    }
    assert_eq!(service["id"], listing().id.to_string());
    assert_eq!(service["price_sats"], 2);
    assert_eq!(service["health_status"], "unknown");
    assert_eq!(service["last_checked"], Value::Null);
    assert_eq!(service["observed"], Value::Null);
    assert_eq!(service["owner"], Value::Null);
    assert_eq!(service["price_differs"], false);
    assert!(service.get("evidence").is_none());
}

#[test]
fn shows_what_was_seen_apart_from_what_is_said() {
    let service = document(&ServiceJson::with_evidence(&seen()));
    // 1,500 msat are two satoshi to a buyer.
    assert_eq!(service["price_sats"], 2);
    assert_eq!(service["observed"]["price_msat"], 1500);
    assert_eq!(service["claimed_price_msat"], 2000);
    assert_eq!(service["price_differs"], true);
    assert_eq!(service["protocol"], "L402");
    assert_eq!(service["related_protocols"], json!(["MPP"]));
    assert_eq!(service["lnget_compatible"], true);
    assert_eq!(service["domain_verified"], true);
    assert_eq!(service["state"], "degraded");
    assert_eq!(service["reason"]["code"], "price");
    assert_eq!(service["uptime_30d"], 98.5);
    assert_eq!(
        service["uptime"],
        json!({"day": 100.0, "week": null, "month": 98.5})
    );
    assert_eq!(service["reviews"], json!({"count": 2, "average": 4.5}));
    assert_eq!(service["observed"]["node"], "02".repeat(33));
    assert_eq!(service["evidence"]["status"], 402);
    assert_eq!(service["evidence"]["findings"][0]["verdict"], "sound");
    assert_eq!(service["request_schema"]["type"], "object");
}

// ATTACKS G-08: what names the owner in the store opens nothing, and is shown nowhere.
#[test]
fn shows_no_hash_of_the_owners_key() {
    let text = document(&ServiceJson::with_evidence(&seen())).to_string();
    assert!(!text.contains("5ec7e7"), "{text}");
}

#[test]
fn its_schema_names_every_field() {
    let schema = serde_json::to_value(ServiceJson::schema()).expect("JSON");
    let properties = schema["properties"].as_object().expect("properties");
    let service = document(&ServiceJson::with_evidence(&seen()));
    for field in service.as_object().expect("an object").keys() {
        assert!(properties.contains_key(field), "{field}");
    }
    let read: ServiceJson = serde_json::from_value(service).expect("read again");
    assert_eq!(read, ServiceJson::with_evidence(&seen()));
}

#[test]
fn each_state_has_a_word_of_402index() {
    let words = State::ALL.map(health_status);
    assert_eq!(words, ["healthy", "degraded", "down", "unknown", "down"]);
}
