//! `l402 token inspect`, on the vectors of the specification.

use serde_json::Value;

use crate::program::Home;

fn vectors(text: &str) -> Value {
    serde_json::from_str(text).expect("vectors are JSON")
}

#[test]
fn every_macaroon_of_the_vectors_is_read() {
    let home = Home::new();
    let all = vectors(include_str!(
        "../../../../spec/vectors/macaroon_vectors.json"
    ));
    for vector in all["vectors"].as_array().expect("vectors") {
        let token = vector["serialized_base64"]["std_padded"]
            .as_str()
            .expect("a token");
        let report = home.run(&["token", "inspect", token]).expect(0).json();
        assert_eq!(report["kind"], "token");
        assert_eq!(report["verified"], false);
        let caveats = vector["caveats"].as_array().expect("caveats").len();
        assert_eq!(
            report["token"]["caveats"]
                .as_array()
                .expect("caveats")
                .len(),
            caveats
        );
        let signature = vector["signature_hex"].as_str().expect("a signature");
        assert!(
            !report.to_string().contains(signature),
            "{}",
            vector["name"]
        );
    }
}

#[test]
fn a_challenge_is_decoded_with_its_invoice() {
    let home = Home::new();
    let flow = vectors(include_str!("../../../../spec/vectors/flow_vectors.json"));
    for name in [
        "challenge_legacy",
        "challenge_spec2026",
        "challenge_superset",
    ] {
        let line = format!(
            "WWW-Authenticate: {}",
            flow["l402"][name].as_str().expect("a line")
        );
        let report = home.run(&["token", "inspect", &line]).expect(0).json();
        assert_eq!(report["kind"], "challenge");
        assert_eq!(report["invoice"]["amount_msat"], 10_000);
        assert_eq!(report["hashes_match"], true);
        let piped = home.run_with_stdin(&["token", "inspect", "-"], &format!("{line}\r\n"));
        assert_eq!(piped.expect(0).json(), report);
    }
}

#[test]
fn a_credential_shows_neither_preimage_nor_signature() {
    let home = Home::new();
    let preimage = "2f466aea907bfa80883ece0c453f7ad6b358149e531dc7b7b2e30397e921fb50";
    let flow = vectors(include_str!("../../../../spec/vectors/flow_vectors.json"));
    let challenge = flow["l402"]["challenge_legacy"].as_str().expect("a line");
    let token = challenge.split('"').nth(1).expect("a token");
    let line = format!("Authorization: L402 {token}:{preimage}");
    let ran = home.run(&["token", "inspect", &line]).expect(0);
    assert_eq!(ran.json()["kind"], "credential");
    assert_eq!(ran.json()["preimage_proves"], true);
    assert!(!ran.stdout.contains(preimage) && !ran.stdout.contains(token));
}

#[test]
fn text_of_no_known_format_is_usage() {
    let home = Home::new();
    for text in ["%%%", "", "L402 macaroon=\"x\""] {
        home.run(&["token", "inspect", text]).expect(64);
    }
}
