//! The vectors of the `Payment` scheme: every codec of it that stands in the file.

use l402::mpp::{
    BoundParams, PaymentCredential, canonical_json, decode_base64url, decode_object,
    encode_base64url,
};
use serde_json::Value;

use crate::vectors_flow::{list, read, text};

fn is_error(vector: &Value) -> bool {
    vector["error"] == Value::Bool(true)
}

#[test]
fn canonical_json_is_the_one_of_rfc_8785() {
    let vectors = read("mpp_vectors.json");
    for vector in list(&vectors, "canonicalization") {
        let canonical = canonical_json(text(vector, "input"));
        if is_error(vector) {
            assert!(canonical.is_err(), "{vector}");
        } else {
            assert_eq!(
                canonical.as_deref(),
                Ok(text(vector, "canonical")),
                "{vector}"
            );
        }
    }
}

#[test]
fn base64url_has_one_spelling_and_reads_padding() {
    let vectors = read("mpp_vectors.json");
    for vector in list(&vectors, "base64url") {
        let encoded = text(vector, "encoded");
        let decoded = decode_base64url(encoded);
        if is_error(vector) {
            assert!(decoded.is_err(), "{vector}");
            continue;
        }
        let decoded = decoded.expect("base64url");
        assert_eq!(
            hex::encode(&decoded),
            vector["decodedHex"].as_str().unwrap_or_default()
        );
        let is_canonical = vector["canonical"] == Value::Bool(true);
        assert_eq!(
            encode_base64url(&decoded) == encoded,
            is_canonical,
            "{vector}"
        );
    }
}

#[test]
fn a_challenge_is_bound_to_its_id() {
    let vectors = read("mpp_vectors.json");
    let secret = hex::decode(text(&vectors, "hmacSecretHex")).expect("hexadecimal");
    for vector in list(&vectors, "challengeIds") {
        let slot = |name: &str| vector["params"][name].as_str().unwrap_or_default();
        let bound = BoundParams {
            realm: slot("realm"),
            method: slot("method"),
            intent: slot("intent"),
            request: slot("request"),
            expires: slot("expires"),
            digest: slot("digest"),
            opaque: slot("opaque"),
        };
        assert_eq!(bound.id(&secret), slot("id"), "{vector}");
        let other = BoundParams {
            request: "b3RoZXI",
            ..bound
        };
        assert_ne!(other.id(&secret), slot("id"));
    }
}

#[test]
fn credentials_are_read_whole_or_not_at_all() {
    let vectors = read("mpp_vectors.json");
    for vector in list(&vectors, "credentials") {
        let credential = PaymentCredential::from_header(text(vector, "header"));
        if is_error(vector) {
            assert!(credential.is_err(), "{vector}");
            continue;
        }
        let credential = credential.expect("a credential");
        let json: Value = serde_json::from_str(text(vector, "credentialJson")).expect("JSON");
        for (name, value) in json["challenge"].as_object().expect("a challenge") {
            assert_eq!(credential.challenge(name), value.as_str(), "{vector}");
        }
        assert_eq!(credential.payload(), json["payload"].as_object());
        assert_eq!(credential.source(), json["source"].as_str());
        let shown = format!("{credential:?}");
        assert!(!shown.contains("preimage"), "{shown}");
    }
}

#[test]
fn receipts_are_read_with_exact_numbers() {
    let vectors = read("mpp_vectors.json");
    for vector in list(&vectors, "receipts") {
        let json = text(vector, "receiptJson");
        let receipt = decode_object(text(vector, "header")).expect("a receipt");
        let expected: Value = serde_json::from_str(json).expect("JSON");
        assert_eq!(Value::Object(receipt), expected, "{vector}");
        assert_eq!(encode_base64url(json.as_bytes()), text(vector, "header"));
    }
}

#[test]
fn the_flow_of_a_charge_agrees_with_itself() {
    let flow = read("flow_vectors.json");
    let charge = &flow["payment_charge"];
    assert_eq!(
        canonical_json(text(charge, "request_json")).as_deref(),
        Ok(text(charge, "request_json"))
    );
    let credential = PaymentCredential::from_header(text(charge, "authorization"));
    let credential = credential.expect("a credential");
    let echoed = |name: &str| credential.challenge(name).unwrap_or_default();
    assert_eq!(
        echoed("request"),
        encode_base64url(text(charge, "request_json").as_bytes())
    );
    let bound = BoundParams {
        realm: echoed("realm"),
        method: echoed("method"),
        intent: echoed("intent"),
        request: echoed("request"),
        expires: echoed("expires"),
        digest: echoed("digest"),
        opaque: echoed("opaque"),
    };
    let secret = hex::decode(text(charge, "hmac_secret_hex")).expect("hexadecimal");
    assert_eq!(bound.id(&secret), echoed("id"));
    let receipt = decode_object(text(charge, "payment_receipt")).expect("a receipt");
    let expected: Value = serde_json::from_str(text(charge, "receipt_json")).expect("JSON");
    assert_eq!(Value::Object(receipt), expected);
}
