//! `macaroon_vectors.json`: tokens of all the software that the vectors know, and broken ones.

use l402::inspect::{Format, inspect};
use l402::{
    Capability, Conditions, Credential, Macaroon, MacaroonError, Network, RootKey, Service, Target,
    UnixTime, UnknownCaveats, VerifyError,
};
use serde_json::Value;

use crate::vectors_flow::{list, read, text};

/// The target of a server that sells plain Aperture tokens.
pub(crate) fn target<'a>(service: &'a Service, now: u64) -> Target<'a> {
    {
        let mut target = Target::new(service, Network::Bitcoin, UnixTime::from_secs(now));
        target.capability = Capability::Upstream;
        target.required = Conditions::NONE;
        target
    }
}

fn bytes(vector: &Value, field: &str) -> Vec<u8> {
    hex::decode(text(vector, field)).expect("the vectors' hexadecimal")
}

fn root_key(vector: &Value) -> RootKey {
    RootKey::from_root(&bytes(vector, "root_key_hex"))
}

fn is_third_party(vector: &Value) -> bool {
    vector.get("third_party").is_some()
}

/// Returns the token of a vector in its four spellings of base64, and in hexadecimal.
fn spellings(vector: &Value) -> Vec<Result<Macaroon, MacaroonError>> {
    let base64 = &vector["serialized_base64"];
    let forms = ["std_padded", "std_nopad", "url_padded", "url_nopad"];
    let mut read: Vec<_> = forms
        .iter()
        .map(|form| Macaroon::from_base64(text(base64, form)))
        .collect();
    read.push(Macaroon::from_hex(text(vector, "serialized_hex")));
    read
}

/// ATTACKS T-13, T-18.
#[test]
fn every_v2_token_reads_writes_and_verifies() {
    let vectors = read("macaroon_vectors.json");
    let vectors = list(&vectors, "vectors");
    assert_eq!(vectors.len(), 17);
    for vector in vectors.iter().filter(|vector| vector["format"] == "v2") {
        let name = text(vector, "name");
        for macaroon in spellings(vector) {
            if is_third_party(vector) {
                assert_eq!(macaroon, Err(MacaroonError::ThirdParty), "{name}");
                continue;
            }
            let macaroon = macaroon.unwrap_or_else(|error| panic!("{name}: {error}"));
            let caveats: Vec<_> = list(vector, "caveats")
                .iter()
                .map(|caveat| bytes(caveat, "cid_hex"))
                .collect();
            assert_eq!(
                macaroon.location(),
                text(vector, "location").as_bytes(),
                "{name}"
            );
            assert_eq!(
                macaroon.identifier_bytes(),
                bytes(vector, "identifier_hex"),
                "{name}"
            );
            assert!(
                macaroon.caveats().eq(caveats.iter().map(Vec::as_slice)),
                "{name}"
            );
            assert_eq!(
                macaroon.signature().as_slice(),
                bytes(vector, "signature_hex"),
                "{name}"
            );
            assert!(macaroon.is_signed_by(&root_key(vector)), "{name}");
            assert!(
                !macaroon.is_signed_by(&RootKey::from_root(b"another")),
                "{name}"
            );
            assert_eq!(
                macaroon.to_bytes(),
                bytes(vector, "serialized_hex"),
                "{name}"
            );
            assert_eq!(
                macaroon.to_base64(),
                text(&vector["serialized_base64"], "std_padded")
            );
        }
    }
}

/// The chain is the same in V1, so tokens of that format are rebuilt here too.
#[test]
fn every_step_of_every_chain_has_its_signature() {
    let vectors = read("macaroon_vectors.json");
    let mut steps = 0;
    for vector in list(&vectors, "vectors")
        .iter()
        .filter(|vector| !is_third_party(vector))
    {
        let (name, location) = (text(vector, "name"), text(vector, "location"));
        let identifier = bytes(vector, "identifier_hex");
        let mut macaroon = Macaroon::new(&root_key(vector), location, &identifier);
        let mut caveats = list(vector, "caveats").iter();
        for signature in list(vector, "sig_chain_hex") {
            assert_eq!(
                Some(&*hex::encode(macaroon.signature())),
                signature.as_str(),
                "{name}"
            );
            steps += 1;
            let Some(caveat) = caveats.next() else { break };
            macaroon = macaroon.with_caveat(&bytes(caveat, "cid_hex")).unwrap();
        }
        assert_eq!(
            macaroon.signature().as_slice(),
            bytes(vector, "signature_hex"),
            "{name}"
        );
    }
    assert!(steps > 40, "{steps}");
}

#[test]
fn a_location_of_length_zero_is_read_and_left_out() {
    let vectors = read("macaroon_vectors.json");
    let alternative = "alt_serialized_hex_zero_length_location";
    let has_it = |vector: &&Value| vector.get(alternative).is_some();
    let vector = list(&vectors, "vectors").iter().find(has_it).unwrap();
    let macaroon = Macaroon::from_hex(text(vector, alternative)).unwrap();
    assert_eq!(
        hex::encode(macaroon.to_bytes()),
        text(vector, "serialized_hex")
    );
}

/// ATTACKS T-13: V1 and JSON are shown to people and open nothing.
#[test]
fn every_token_can_be_inspected() {
    let vectors = read("macaroon_vectors.json");
    for vector in list(&vectors, "vectors") {
        let base64 = &vector["serialized_base64"];
        let binary = if vector["format"] == "v1" {
            Format::V1
        } else {
            Format::V2
        };
        let json = ["json_libmacaroons_style", "json_go_macaroon_style"];
        let json = json.iter().filter_map(|style| vector.get(style)?.as_str());
        let forms = ["std_padded", "std_nopad", "url_padded", "url_nopad"];
        let texts = forms.iter().map(|form| (binary, text(base64, form)));
        let texts = texts.chain([(binary, text(vector, "serialized_hex"))]);
        for (format, token) in texts.chain(json.map(|json| (Format::V2Json, json))) {
            shows(vector, token, format);
            if format != Format::V2 {
                assert!(Macaroon::from_base64(token).is_err());
                assert!(Macaroon::from_hex(token).is_err());
            }
        }
    }
}

fn shows(vector: &Value, token: &str, format: Format) {
    let seen = inspect(token).expect("a known format");
    let name = text(vector, "name");
    assert_eq!(seen.format, format, "{name}");
    assert_eq!(seen.location, text(vector, "location"), "{name}");
    assert_eq!(
        seen.identifier_hex,
        text(vector, "identifier_hex"),
        "{name}"
    );
    assert_eq!(
        seen.signature_hex.as_deref(),
        Some(text(vector, "signature_hex")),
        "{name}"
    );
    let hash = vector.get("payment_hash_hex").and_then(Value::as_str);
    assert_eq!(
        seen.payment_hash,
        hash.map(|hash| hash.parse().expect("64 digits")),
        "{name}"
    );
    let caveats = list(vector, "caveats");
    assert_eq!(seen.caveats.len(), caveats.len(), "{name}");
    for (shown, caveat) in seen.caveats.iter().zip(caveats) {
        assert_eq!(shown.text.as_bytes(), bytes(caveat, "cid_hex"), "{name}");
        assert_eq!(shown.third_party, caveat.get("vid_hex").is_some(), "{name}");
    }
}

/// ATTACKS T-03, T-05, T-17, T-26, T-32.
#[test]
fn every_broken_token_is_refused_as_the_vectors_expect() {
    let vectors = read("macaroon_vectors.json");
    let broken = list(&vectors, "negative");
    assert_eq!(broken.len(), 16);
    for vector in broken {
        let (name, expect) = (text(vector, "name"), text(vector, "expect"));
        let read = match vector.get("serialized_hex") {
            Some(hex) => Macaroon::from_hex(hex.as_str().unwrap()),
            None => Macaroon::from_base64(text(vector, "serialized_base64")),
        };
        if expect.contains("decode error") {
            assert_eq!(read, Err(MacaroonError::Malformed), "{name}");
            continue;
        }
        let macaroon = read.unwrap_or_else(|error| panic!("{name}: {error}"));
        let signed = macaroon.is_signed_by(&root_key(vector));
        match expect {
            "VALID" => assert!(signed && macaroon.identifier().is_ok(), "{name}"),
            "signature mismatch" => assert!(!signed, "{name}"),
            _ => assert!(signed && macaroon.identifier().is_err(), "{name}: {expect}"),
        }
    }
}

/// ATTACKS P-03, R-12, T-01, T-06, T-07, T-27.
#[test]
fn every_check_has_the_verdict_of_the_vectors() {
    let vectors = read("macaroon_vectors.json");
    let mut done = 0;
    for vector in list(&vectors, "vectors") {
        for check in vector
            .get("l402_checks")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            done += 1;
            let verdict = check_one(vector, check);
            let expected = match text(check, "reason") {
                "ok" => Ok(()),
                "service not authorised" => Err(VerifyError::WrongService),
                "expired" => Err(VerifyError::Expired),
                "capability not authorised" => Err(VerifyError::Insufficient),
                _ => Err(VerifyError::Invalid),
            };
            assert_eq!(check["valid"] == true, expected.is_ok());
            assert_eq!(verdict, expected, "{}: {check}", text(vector, "name"));
        }
    }
    assert!(done >= 18, "{done}");
}

fn check_one(vector: &Value, check: &Value) -> Result<(), VerifyError> {
    let token = text(&vector["serialized_base64"], "std_padded");
    let Ok(macaroon) = Macaroon::from_base64(token) else {
        return Err(VerifyError::Invalid);
    };
    let preimage = text(check, "preimage_hex").parse().expect("a preimage");
    let key = match check["reason"].as_str() {
        Some("signature") => RootKey::from_root(b"another key"),
        _ => root_key(vector),
    };
    let service: Service = text(check, "target_service").parse().expect("a name");
    let now = check["now"].as_u64().expect("a time");
    let capability = check["target_capability"].as_str();
    let mut target = target(&service, now);
    // The vectors sell `pool` at tier 1, and do not say what tier they ask for.
    target.tier = u8::from(service.as_str() == "pool");
    target.capability = capability.map_or(Capability::Upstream, Capability::Named);
    Credential::new(macaroon, preimage)
        .prove_with(&key)?
        .authorize(&target)
        .map(drop)
}

/// ATTACKS T-08: the strict setting refuses what the specification would skip.
#[test]
fn foreign_caveats_are_refused_where_the_setting_says_so() {
    let vectors = read("macaroon_vectors.json");
    for (name, strict) in [
        ("v2-unknown-caveats", Err(VerifyError::Invalid)),
        ("v2-full-caveat-set", Err(VerifyError::Invalid)),
        ("aperture-v2-services", Ok(())),
    ] {
        let named = |vector: &&Value| vector["name"] == name;
        let vector = list(&vectors, "vectors").iter().find(named).unwrap();
        let token = text(&vector["serialized_base64"], "std_padded");
        let preimage = text(vector, "preimage_hex").parse().unwrap();
        let credential = Credential::new(Macaroon::from_base64(token).unwrap(), preimage);
        let proven = credential.prove_with(&root_key(vector)).unwrap();
        let service = text(&list(vector, "l402_checks")[0], "target_service")
            .parse()
            .unwrap();
        let target = target(&service, 1_790_000_000);
        assert!(proven.authorize(&target).is_ok(), "{name}");
        let mut target = target;
        target.unknown_caveats = UnknownCaveats::Reject;
        assert_eq!(proven.authorize(&target).map(drop), strict, "{name}");
    }
}

/// ATTACKS T-25.
#[test]
fn the_root_keys_of_the_vectors_are_refused_as_master_keys() {
    let vectors = read("macaroon_vectors.json");
    let mut refused = 0;
    for vector in list(&vectors, "vectors") {
        for field in ["root_key_hex", "derived_key_hex"] {
            let key = bytes(vector, field);
            if key.len() == 32 {
                let error = l402::MasterKey::from_bytes(&key).err();
                assert_eq!(error, Some(l402::KeyError::Weak), "{vector}");
                refused += 1;
            }
        }
    }
    assert!(refused > 20, "{refused}");
}
