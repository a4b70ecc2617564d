//! `flow_vectors.json`: BOLT 11 invoices with verdicts, and one whole exchange.

use l402::{Challenge, Challenges, Credential, Preimage};
use serde_json::Value;

/// A file of `spec/vectors`.
pub(crate) fn read(file: &str) -> Value {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../spec/vectors");
    let text = std::fs::read_to_string(format!("{folder}/{file}")).expect("vectors are there");
    serde_json::from_str(&text).expect("vectors are JSON")
}

pub(crate) fn text<'a>(vector: &'a Value, field: &str) -> &'a str {
    vector[field]
        .as_str()
        .unwrap_or_else(|| panic!("no text field {field} in {vector}"))
}

pub(crate) fn list<'a>(vectors: &'a Value, field: &str) -> &'a Vec<Value> {
    vectors[field]
        .as_array()
        .unwrap_or_else(|| panic!("no list {field}"))
}

/// The token, the invoice and the preimage of the exchange.
pub(crate) struct Flow {
    pub(crate) token: String,
    pub(crate) invoice: String,
    pub(crate) preimage: Preimage,
    pub(crate) authorization: String,
}

pub(crate) fn flow() -> Flow {
    let vectors = read("flow_vectors.json");
    let authorization = text(&vectors["l402"], "authorization").to_owned();
    let pair = authorization.strip_prefix("L402 ").expect("scheme first");
    let (token, preimage) = pair.rsplit_once(':').expect("a colon between the halves");
    Flow {
        token: token.to_owned(),
        invoice: text(&list(&vectors, "invoices")[0], "invoice").to_owned(),
        preimage: preimage.parse().expect("64 digits"),
        authorization: authorization.clone(),
    }
}

#[test]
fn every_form_of_the_challenge_gives_the_same_token_and_invoice() {
    let vectors = read("flow_vectors.json");
    let flow = flow();
    for form in [
        "challenge_legacy",
        "challenge_spec2026",
        "challenge_superset",
    ] {
        let line = text(&vectors["l402"], form);
        let found = Challenges::parse([line.as_bytes()])
            .unwrap()
            .payable()
            .unwrap();
        assert_eq!(
            found,
            [Challenge::new(&flow.token, &flow.invoice).unwrap()],
            "{form}"
        );
        assert_eq!(
            found[0].authorization(&flow.preimage),
            flow.authorization,
            "{form}"
        );
    }
}

#[test]
fn emits_the_challenge_of_the_vectors() {
    let vectors = read("flow_vectors.json");
    let flow = flow();
    let challenge = Challenge::new(&flow.token, &flow.invoice).unwrap();
    assert_eq!(
        challenge.to_header(),
        text(&vectors["l402"], "challenge_superset")
    );
}

#[test]
fn the_authorization_reads_back_as_what_was_minted_and_paid() {
    let vectors = read("flow_vectors.json");
    let flow = flow();
    let headers = [("authorization", flow.authorization.as_bytes())];
    let credential = Credential::from_headers(headers).unwrap().unwrap();
    assert_eq!(credential.to_header(), flow.authorization);
    assert_eq!(credential.macaroon().to_base64(), flow.token);
    assert_eq!(credential.preimage(), &flow.preimage);
    let hash = credential.macaroon().identifier().unwrap().payment_hash;
    assert_eq!(hash.to_string(), text(&vectors["l402"], "payment_hash_hex"));
    assert!(credential.preimage().proves(&hash));
}

#[test]
fn the_challenge_of_the_payment_scheme_is_read_whole() {
    let vectors = read("flow_vectors.json");
    let line = text(&vectors["payment_charge"], "challenge_header");
    let found = Challenges::parse([line.as_bytes()]).unwrap();
    let payment = found.iter().next().unwrap();
    assert_eq!((payment.scheme(), found.iter().count()), ("Payment", 1));
    assert_eq!(payment.param("method"), Some("lightning"));
    assert_eq!(payment.param("intent"), Some("charge"));
    assert!(!payment.is_ambiguous());
}

#[cfg(feature = "bolt11")]
mod invoices {
    use l402::{Invoice, InvoiceError, Msat, Network, UnixTime};

    use super::*;

    fn verdict(name: &str) -> Result<(), InvoiceError> {
        match name {
            "no-payment-secret" | "unknown-required-feature-100" => Err(InvoiceError::Features),
            "pico-not-multiple-of-ten" | "bad-checksum" | "mixed-case" => {
                Err(InvoiceError::Malformed)
            }
            _ => Ok(()),
        }
    }

    fn network(vector: &Value) -> Network {
        let prefix = format!("ln{}", text(vector, "network_hrp"));
        let known = Network::ALL
            .into_iter()
            .find(|n| n.invoice_prefix() == prefix);
        known.expect("a known network")
    }

    /// ATTACKS C-08, C-09, C-11.
    #[test]
    fn every_invoice_has_the_verdict_of_the_vectors() {
        let vectors = read("flow_vectors.json");
        let invoices = list(&vectors, "invoices");
        assert_eq!(invoices.len(), 17);
        for vector in invoices {
            let name = text(vector, "name");
            let decoded = Invoice::decode(text(vector, "invoice"));
            assert_eq!(
                decoded.as_ref().map(|_| ()).map_err(|e| *e),
                verdict(name),
                "{name}"
            );
            assert_eq!(
                text(vector, "expect").starts_with("reject"),
                decoded.is_err(),
                "{name}"
            );
        }
    }

    /// ATTACKS C-07.
    #[test]
    fn every_field_has_the_value_of_the_vectors() {
        let vectors = read("flow_vectors.json");
        for vector in list(&vectors, "invoices") {
            let Ok(invoice) = Invoice::decode(text(vector, "invoice")) else {
                continue;
            };
            let name = text(vector, "name");
            let amount = vector["amount_msat"].as_u64().map(Msat::new);
            assert_eq!(invoice.amount, amount, "{name}");
            assert_eq!(invoice.required_amount().ok(), amount, "{name}");
            assert_eq!(invoice.network, network(vector), "{name}");
            let created = vector["timestamp"].as_u64().unwrap();
            let seconds = if name == "short-expiry-60s" { 60 } else { 3600 };
            assert_eq!(invoice.created, UnixTime::from_secs(created), "{name}");
            assert_eq!(
                invoice.expires,
                UnixTime::from_secs(created + seconds),
                "{name}"
            );
            assert_eq!(
                invoice.payment_hash.to_string(),
                text(vector, "payment_hash_hex"),
                "{name}"
            );
            assert_eq!(
                hex::encode(invoice.payee),
                text(&vectors, "node_pubkey_hex"),
                "{name}"
            );
            let secret = hex::encode(invoice.payment_secret);
            assert_eq!(secret, text(&vectors, "payment_secret_hex"), "{name}");
            assert_eq!(
                invoice.description.is_none(),
                name == "description-hash",
                "{name}"
            );
        }
    }

    /// ATTACKS C-06.
    #[test]
    fn an_amountless_invoice_decodes_and_is_not_for_sale() {
        let vectors = read("flow_vectors.json");
        let named = |v: &&Value| text(v, "name") == "amountless";
        let vector = list(&vectors, "invoices").iter().find(named).unwrap();
        let invoice = Invoice::decode(text(vector, "invoice")).unwrap();
        assert_eq!(invoice.required_amount(), Err(InvoiceError::Amountless));
    }
}
