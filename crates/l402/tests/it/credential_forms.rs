//! The credential in each header that can hold it, and text that only looks like a credential.

use l402::{Credential, CredentialError, Macaroon, RootKey};
use serde_json::Value;

use crate::vectors_flow::{flow, list, read, text};

fn of(headers: &[(&str, &str)]) -> Result<Option<Credential>, CredentialError> {
    Credential::from_headers(
        headers
            .iter()
            .map(|(name, value)| (*name, value.as_bytes())),
    )
}

fn refused(headers: &[(&str, &str)]) -> CredentialError {
    match of(headers) {
        Err(error) => error,
        Ok(found) => panic!("not refused, {} found: {headers:?}", found.map_or(0, |_| 1)),
    }
}

/// The vector of a paid token, which carries its preimage in a caveat.
fn paid() -> Value {
    let vectors = read("macaroon_vectors.json");
    let named = |v: &&Value| v["name"] == "v2-paid-macaroon-preimage-caveat";
    list(&vectors, "vectors")
        .iter()
        .find(named)
        .expect("the vector is there")
        .clone()
}

/// ATTACKS T-19, P-04, P-05, H-20.
#[test]
fn every_form_of_authorization_has_the_verdict_of_the_vectors() {
    let vectors = read("macaroon_vectors.json");
    let forms = list(&vectors, "authorization_forms");
    assert_eq!(forms.len(), 13);
    for form in forms {
        let value = text(form, "authorization");
        let found = of(&[("authorization", value)]);
        let accepted = form["recommended_server"] == Value::Bool(true);
        assert_eq!(
            matches!(found, Ok(Some(_))),
            accepted,
            "{} {found:?}",
            form["note"]
        );
        if let Ok(Some(credential)) = found {
            assert_eq!(
                credential.to_header(),
                flow().authorization,
                "{}",
                form["note"]
            );
        }
    }
}

#[test]
fn a_token_with_its_preimage_as_a_caveat_is_read_in_both_places() {
    let vector = paid();
    let sent = of(&[("authorization", text(&vector, "lnget_authorization"))])
        .unwrap()
        .unwrap();
    assert_eq!(sent.preimage().to_hex(), text(&vector, "preimage_hex"));
    for name in ["macaroon", "grpc-metadata-macaroon"] {
        let hex = text(&vector, "header_macaroon_hex");
        assert_eq!(of(&[(name, hex)]), Ok(Some(sent.clone())), "{name}");
        assert_eq!(
            of(&[(name, &hex.to_uppercase())]),
            Ok(Some(sent.clone())),
            "{name}"
        );
        let both = [
            ("authorization", text(&vector, "lnget_authorization")),
            (name, hex),
        ];
        assert_eq!(of(&both), Ok(Some(sent.clone())), "{name}");
    }
}

#[test]
fn metadata_needs_exactly_one_preimage_caveat() {
    let key = RootKey::from_root(&[7; 32]);
    let caveat = &*format!("preimage={}", "ab".repeat(32));
    let hex = |caveats: &[&str]| {
        let bare = Macaroon::new(&key, "lsat", &[0; 66]);
        let full = caveats
            .iter()
            .try_fold(bare, |m, caveat| m.with_caveat(caveat.as_bytes()));
        hex::encode(full.expect("within the limits").to_bytes())
    };
    assert!(matches!(of(&[("macaroon", &hex(&[caveat]))]), Ok(Some(_))));
    for caveats in [
        &[][..],
        &["services=a:0"][..],
        &[caveat, caveat][..],
        &[caveat, "preimage=x"][..],
        &["preimage="][..],
        &[&caveat[..caveat.len() - 2]][..],
        &["preimage = abab"][..],
    ] {
        assert_eq!(
            refused(&[("macaroon", &hex(caveats))]),
            CredentialError::Preimage
        );
    }
    assert_eq!(refused(&[("macaroon", "0201")]), CredentialError::Token);
    assert_eq!(
        refused(&[("macaroon", &flow().token)]),
        CredentialError::Token
    );
    assert_eq!(refused(&[("macaroon", "")]), CredentialError::Syntax);
}

#[test]
fn the_header_of_our_own_leaves_authorization_to_the_upstream() {
    let flow = flow();
    let pair = flow.authorization.strip_prefix("L402 ").unwrap();
    for value in [
        pair,
        &flow.authorization,
        &format!("lsat   {pair}"),
        &format!(" {pair}\t"),
    ] {
        for other in ["Basic YTpi", "Bearer x", ""] {
            let headers = [("authorization", other), ("l402-credential", value)];
            let credential = of(&headers).unwrap().unwrap();
            assert_eq!(credential.to_header(), flow.authorization, "{value}");
        }
    }
    for value in ["", "Bearer x", "Basic YTpi", &format!("Bearer {pair}"), "x"] {
        let _error = refused(&[("l402-credential", value)]);
    }
}

/// ATTACKS R-04.
#[test]
fn the_same_credential_counts_once_wherever_it_stands() {
    let flow = flow();
    let lsat = flow.authorization.replace("L402 ", "LSAT ");
    let (scheme, preimage) = flow.authorization.rsplit_once(':').unwrap();
    let upper = format!(
        "{}:{}",
        scheme.trim_end_matches('='),
        preimage.to_uppercase()
    );
    for second in [&lsat, &flow.authorization, &upper] {
        let headers = [
            ("authorization", second.as_str()),
            ("authorization", &flow.authorization),
        ];
        assert_eq!(
            of(&headers).unwrap().unwrap().to_header(),
            flow.authorization
        );
        let headers = [
            ("l402-credential", second.as_str()),
            ("authorization", &lsat),
        ];
        assert_eq!(
            of(&headers).unwrap().unwrap().to_header(),
            flow.authorization
        );
    }
}

/// ATTACKS H-19.
#[test]
fn two_that_differ_are_refused_wherever_they_stand() {
    let flow = flow();
    let vector = paid();
    let other = text(&vector, "lnget_authorization");
    let other_preimage = format!("L402 {}:{}", flow.token, "00".repeat(32));
    for second in [
        ("authorization", other),
        ("authorization", &other_preimage),
        ("l402-credential", other),
        ("macaroon", text(&vector, "header_macaroon_hex")),
        (
            "grpc-metadata-macaroon",
            text(&vector, "header_macaroon_hex"),
        ),
    ] {
        let first = ("authorization", flow.authorization.as_str());
        assert_eq!(
            refused(&[first, second]),
            CredentialError::Several,
            "{}",
            second.0
        );
        assert_eq!(
            refused(&[second, first]),
            CredentialError::Several,
            "{}",
            second.0
        );
        assert_eq!(
            refused(&[first, first, second]),
            CredentialError::Several,
            "{}",
            second.0
        );
    }
}

#[test]
fn authorization_of_another_scheme_is_no_credential_but_no_company_either() {
    let authorization = flow().authorization;
    let folded = format!("Bearer x, {authorization}");
    for other in [
        "Basic YTpi",
        "Bearer x",
        "Payment e30",
        "",
        "L4022 a:b",
        &folded,
    ] {
        assert_eq!(of(&[("authorization", other)]), Ok(None), "{other}");
        assert!(!Credential::is_l402(other.as_bytes()), "{other}");
        for headers in [
            [("authorization", other), ("authorization", &authorization)],
            [("authorization", &authorization), ("authorization", other)],
        ] {
            assert_eq!(refused(&headers), CredentialError::Several, "{other}");
        }
    }
    assert_eq!(
        of(&[("x-payment", &authorization), ("host", "a")]),
        Ok(None)
    );
    assert_eq!(of(&[]), Ok(None));
}

#[test]
fn what_is_meant_for_us_and_cannot_be_read_is_an_error() {
    use CredentialError::{Preimage, Several, Syntax, Token, TooLarge};
    let flow = flow();
    let (token, preimage) = (flow.token.as_str(), flow.preimage.to_hex());
    let huge = "A".repeat(Credential::MAX_LEN);
    for (value, error) in [
        ("L402".to_owned(), Syntax),
        ("L402 ".to_owned(), Syntax),
        (format!("L402\t{token}:{preimage}"), Syntax),
        (format!("L402:{token}:{preimage}"), Syntax),
        (format!("L402 {token} :{preimage}"), Syntax),
        (format!("L402 {token}:{preimage} x"), Syntax),
        (format!("L402 {token}:{preimage}\0"), Syntax),
        (format!("L402 é{token}:{preimage}"), Syntax),
        ("L402 garbage".to_owned(), Preimage),
        (format!("L402 {token}"), Preimage),
        (format!("L402 {token}:"), Preimage),
        (format!("L402 {token}:{}", &preimage[2..]), Preimage),
        (format!("L402 {token}:{preimage}00"), Preimage),
        (format!("L402 {token}:0x{}", &preimage[2..]), Preimage),
        (format!("L402 :{preimage}"), Token),
        (format!("L402 x{token}:{preimage}"), Token),
        (format!("L402 {token}:x:{preimage}"), Token),
        (format!("L402 {{\"id\":1}}:{preimage}"), Token),
        (format!("L402 {token},{token}:{preimage}"), Several),
        (
            format!("L402 {token}:{preimage}, L402 {token}:{preimage}"),
            Several,
        ),
        (format!("L402 {token}:{preimage}, Bearer x"), Several),
        (format!("L402 {huge}:{preimage}"), TooLarge),
    ] {
        assert_eq!(refused(&[("authorization", &value)]), error, "{value}");
        assert!(Credential::is_l402(value.as_bytes()), "{value}");
        let good = ("l402-credential", flow.authorization.as_str());
        assert_eq!(
            refused(&[good, ("authorization", &value)]),
            error,
            "{value}"
        );
    }
}

#[test]
fn debug_shows_neither_half() {
    let flow = flow();
    let credential = of(&[("authorization", &flow.authorization)]).unwrap();
    let shown = format!("{credential:?}");
    assert!(!shown.contains(&flow.preimage.to_hex()) && !shown.contains(&flow.token[..16]));
}

mod properties {
    use l402::Preimage;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_printed_reads_back(
            key in any::<[u8; 32]>(),
            preimage in any::<[u8; 32]>(),
            location in "[a-z.]{0,20}",
            identifier in prop::collection::vec(any::<u8>(), 1..80),
            caveats in prop::collection::vec("[a-z]{1,9}=[ -~]{0,40}", 0..6),
        ) {
            let bare = Macaroon::new(&RootKey::from_root(&key), &location, &identifier);
            let token = caveats.iter().try_fold(bare, |m, c| m.with_caveat(c.as_bytes())).unwrap();
            let credential = Credential::new(token, Preimage::from_bytes(preimage));
            let header = credential.to_header();
            prop_assert_eq!(of(&[("authorization", &header)]), Ok(Some(credential)));
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(
            values in prop::collection::vec((0_usize..4, prop::collection::vec(any::<u8>(), 0..99)), 0..4),
            scheme in prop::sample::select(vec!["", "L402 ", "LSAT ", "l402"]),
        ) {
            let values: Vec<_> = values
                .into_iter()
                .map(|(at, bytes)| (Credential::HEADERS[at], [scheme.as_bytes(), &bytes].concat()))
                .collect();
            let found = Credential::from_headers(values.iter().map(|(n, v)| (*n, v.as_slice())));
            prop_assert!(!matches!(found, Ok(Some(_))));
        }
    }
}
