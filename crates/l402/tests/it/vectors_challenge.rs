//! Challenges as servers were seen to send them and as clients were tested with them. Each form
//! gives the same token and invoice.

use l402::{AuthChallenge, ChallengeError, Challenges, Scheme};
use serde_json::{Map, Value};

use crate::vectors_flow::{flow, list, read, text};

/// Base64 of JSON, as some servers make their tokens; no macaroon.
const JSON_TOKEN: &str = "eyJpZGVudGlmaWVyIjoiZGRjIn0=";
/// Base64url of JSON, a dot, a MAC in hexadecimal.
const DOTTED_TOKEN: &str = "eyJhIjoxfQ.0123456789abcdef";
const PAYMENT: &str = r#"Payment id="644188", realm="api.example.com", method="lightning", intent="charge", request="eyJhbW91bnQiOiIxMCJ9", expires="2026-07-29T05:51:53.089Z""#;

struct Form {
    name: &'static str,
    lines: Vec<String>,
    token: String,
    invoice: String,
}

impl Form {
    fn check(&self) {
        let found = parse(&self.lines)
            .payable()
            .unwrap_or_else(|e| panic!("{}: {e}", self.name));
        assert_eq!(found.len(), 1, "{}", self.name);
        assert_eq!(found[0].token(), self.token, "{}", self.name);
        assert_eq!(found[0].invoice(), self.invoice, "{}", self.name);
        assert_eq!(found[0].scheme(), Scheme::L402, "{}", self.name);
    }
}

fn parse<S: AsRef<str>>(lines: &[S]) -> Challenges {
    let lines = lines.iter().map(|line| line.as_ref().as_bytes());
    Challenges::parse(lines).expect("within the limits")
}

/// Fills `{t}` and `{i}` of each line.
fn form(name: &'static str, token: &str, lines: &[&str]) -> Form {
    let invoice = flow().invoice;
    let fill = |line: &&str| line.replace("{t}", token).replace("{i}", &invoice);
    Form {
        name,
        lines: lines.iter().map(fill).collect(),
        token: token.to_owned(),
        invoice,
    }
}

#[test]
fn reads_every_form_that_servers_send() {
    let token = flow().token;
    let plain = r#"L402 macaroon="{t}", invoice="{i}""#;
    let joined = format!("{plain}, {PAYMENT}");
    for form in [
        form(
            "a",
            &token,
            &[r#"LSAT macaroon="{t}", invoice="{i}""#, plain],
        ),
        form("b", &token, &[plain]),
        form(
            "c",
            &token,
            &[r#"L402 version="0", token="{t}", invoice="{i}""#],
        ),
        form(
            "d",
            JSON_TOKEN,
            &[r#"L402 version="0", token="{t}", invoice="{i}""#],
        ),
        form(
            "e",
            &token,
            &[r#"L402 version="0", token="{t}", macaroon="{t}", invoice="{i}""#],
        ),
        form(
            "f",
            DOTTED_TOKEN,
            &[r#"L402 version="0" token="{t}" invoice="{i}""#],
        ),
        form("g", "MDAxY2xvY2F0aW9u", &[&joined]),
        form("h", &token, &[&joined]),
        form(
            "k",
            &token,
            &[r#"L402 macaroon="{t}", invoice="{i}", address="bc1qexample""#],
        ),
        form(
            "l",
            &token,
            &[r#"Cashu mint="https://mint.example""#, plain],
        ),
        form("m", &token, &["L402 macaroon={t}, invoice={i}"]),
    ] {
        form.check();
    }
}

#[test]
fn reads_an_invoice_of_another_kind_as_text() {
    let line = r#"L402 macaroon="abc=", invoice="lni1qqgexample""#;
    let found = parse(&[line]).payable().unwrap();
    assert_eq!(found[0].invoice(), "lni1qqgexample");
}

#[test]
fn a_scheme_without_parameters_is_seen_but_not_payable() {
    for line in ["L402", "L402 price-only"] {
        assert_eq!(parse(&[line]).iter().count(), 1, "{line}");
        assert_eq!(
            parse(&[line]).payable(),
            Err(ChallengeError::Incomplete),
            "{line}"
        );
    }
}

#[test]
fn an_old_server_is_answered_under_the_old_name() {
    let flow = flow();
    let line = format!(
        r#"LSAT macaroon="{}", invoice="{}""#,
        flow.token, flow.invoice
    );
    let found = parse(&[line]).payable().unwrap();
    assert_eq!(found[0].scheme(), Scheme::Lsat);
    let expected = flow.authorization.replace("L402 ", "LSAT ");
    assert_eq!(found[0].authorization(&flow.preimage), expected);
}

#[test]
fn reads_every_row_of_the_compatibility_matrix() {
    let token = flow().token;
    let bare = token
        .trim_end_matches('=')
        .replace('+', "-")
        .replace('/', "_");
    let plain = r#"L402 macaroon="{t}", invoice="{i}""#;
    let old = r#"LSAT macaroon="{t}", invoice="{i}""#;
    let spec = r#"L402 version="0", token="{t}", invoice="{i}""#;
    let superset = r#"L402 macaroon="{t}", invoice="{i}", version="0", token="{t}""#;
    let paygate = r#"L402 version="0", token="{t}", macaroon="{t}", invoice="{i}""#;
    let (behind, before) = (format!("{plain}, {PAYMENT}"), format!("{PAYMENT}, {plain}"));
    for form in [
        form("a", &token, &[old, plain]),
        form("b", &token, &[plain]),
        form("c", &token, &[spec]),
        form("d", &token, &[superset]),
        form("e", &token, &[paygate]),
        form("f", &token, &[r#"L402 invoice="{i}", macaroon="{t}""#]),
        form("g", &token, &[r#"L402 macaroon="{t}",invoice="{i}""#]),
        form("h", &token, &["L402 macaroon={t}, invoice={i}"]),
        form("i", &token, &[r#"l402 macaroon="{t}", invoice="{i}""#]),
        form("j", &token, &[&behind]),
        form("k", &token, &[&before]),
        form("l", &token, &[PAYMENT, plain]),
        form("m", &token, &[plain, PAYMENT]),
        form(
            "n",
            DOTTED_TOKEN,
            &[r#"L402 version="0" token="{t}" invoice="{i}""#],
        ),
        form("o", &token, &[r#"L402 macaroon="{t}" invoice="{i}""#]),
        form("p", JSON_TOKEN, &[spec]),
        form("q", JSON_TOKEN, &[plain]),
        form("r", &bare, &[plain]),
        form("s", &token, &[spec, old]),
        form("t", &token, &[plain, spec]),
    ] {
        form.check();
    }
}

#[test]
fn the_second_scheme_beside_it_keeps_its_own_parameters() {
    let flow = flow();
    let plain = format!(
        r#"L402 macaroon="{}", invoice="{}""#,
        flow.token, flow.invoice
    );
    for lines in [
        vec![format!("{plain}, {PAYMENT}")],
        vec![format!("{PAYMENT}, {plain}")],
        vec![plain.clone(), PAYMENT.to_owned()],
    ] {
        let found = parse(&lines);
        let is_payment = |c: &&AuthChallenge| c.scheme() == "Payment";
        let payment = found.iter().find(is_payment).expect("a Payment challenge");
        assert_eq!(payment.param("id"), Some("644188"));
        assert_eq!(payment.param("expires"), Some("2026-07-29T05:51:53.089Z"));
        assert_eq!(
            (payment.param("invoice"), payment.params().count()),
            (None, 6)
        );
    }
}

/// The `Payment` challenges of a line that have all five parameters the scheme requires.
fn payment_offers(line: &str) -> Vec<Value> {
    let found = parse(&[line]);
    let whole = |c: &&AuthChallenge| {
        let required = ["id", "realm", "method", "intent", "request"];
        c.scheme().eq_ignore_ascii_case("Payment") && required.iter().all(|n| c.param(n).is_some())
    };
    let object = |c: &AuthChallenge| {
        c.params()
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect::<Map<_, _>>()
    };
    found
        .iter()
        .filter(whole)
        .map(|c| Value::Object(object(c)))
        .collect()
}

#[test]
fn reads_the_second_scheme_as_its_own_vectors_have_it() {
    let vectors = read("mpp_vectors.json");
    for vector in list(&vectors, "challengeHeaders") {
        let expected = vec![vector["params"].clone()];
        assert_eq!(
            payment_offers(text(vector, "header")),
            expected,
            "{}",
            vector["name"]
        );
    }
    for vector in list(&vectors, "challengeLists") {
        let expected = vector["challenges"].as_array().cloned().unwrap_or_default();
        assert_eq!(
            payment_offers(text(vector, "header")),
            expected,
            "{}",
            vector["name"]
        );
    }
}
