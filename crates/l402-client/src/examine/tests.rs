use http::{HeaderMap, StatusCode};
use l402::{Challenge, UnixTime};

use super::{Payer, Report, UnpaidAnswer, Verdict, examine};

const INVOICE: &str = "lnbc100n1p4tzwuqpp5jq0nhq09mw2dc33dmfy6y4f2zktpf9z6ps4mn0ka609gh38zd6mqsp5c4djrpwvsjd9cuvfzl8sm5n4tgw4298mz9kk3trzfg0yr5vk4s3sdq8fs6rqvsxqrrsscqzpg9qyysgqqpcwvk2zkdnunrruq8kdvdlwvch02f8ym6kfvs669c79wkpsyu3pg32a34hdq0fudeyp0zp9rnwq0cuml24sq9gewkett3d0ealj2ysq0cjck8";
const TOKEN: &str = "AgEEbHNhdAJCAACQHzuB5duU3EYt2kmiVSoVlhSUWgwrub7d08qLxOJutgIOevXgZSl36EojRrvalAgJ4f6W9gVWd3ZXlMKdA001AAITc2VydmljZXM9Zm9yZWNhc3Q6MAAABiAivKbaefZM1MqZlmqutAV2XXicDJPTBTu0C/fAGQWIbw==";
const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);

fn report_of(status: u16, headers: &[(&'static str, String)], now: UnixTime) -> Report {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .collect();
    let answer = UnpaidAnswer {
        url: &"https://api.example.com/".parse().unwrap(),
        status: StatusCode::from_u16(status).unwrap(),
        headers: &headers,
        body: br#"{"status":402}"#,
    };
    examine(&answer, &Payer::default(), now)
}

fn good() -> Vec<(&'static str, String)> {
    let challenge = Challenge::new(TOKEN, INVOICE).unwrap();
    vec![
        ("www-authenticate", challenge.to_header()),
        ("cache-control", "no-store".to_owned()),
        ("content-type", "application/problem+json".to_owned()),
    ]
}

fn broken(report: &Report) -> Vec<&'static str> {
    let findings = report.findings.iter();
    let broken = findings.filter(|one| one.verdict != Verdict::Sound);
    broken.map(|one| one.rule).collect()
}

#[test]
fn a_good_challenge_breaks_no_rule() {
    let report = report_of(402, &good(), NOW);
    assert_eq!(broken(&report), Vec::<&str>::new());
    assert!(report.is_sound());
    assert_eq!(
        report.offer.unwrap().invoice.unwrap().amount,
        Some(l402::Msat::from_sat(10))
    );
}

/// ATTACKS C-02, C-04, C-05, C-10.
#[test]
fn each_fault_is_named() {
    let report = report_of(200, &[], NOW);
    assert_eq!(
        broken(&report),
        ["status", "cache", "challenge", "problem document"]
    );
    assert!(!report.is_sound());

    let late = UnixTime::from_secs(NOW.secs() + 3600);
    assert_eq!(broken(&report_of(402, &good(), late)), ["expiry"]);
    let early = UnixTime::from_secs(NOW.secs() - 3600);
    assert_eq!(broken(&report_of(402, &good(), early)), ["date"]);

    let mut other_hash = good();
    let forged = TOKEN.replacen("CQHzuB", "CQHzuC", 1);
    other_hash[0].1 = Challenge::new(&forged, INVOICE).unwrap().to_header();
    assert_eq!(broken(&report_of(402, &other_hash, NOW)), ["payment hash"]);

    let mut damaged = good();
    damaged[0].1 = Challenge::new(TOKEN, &INVOICE.replace("jck8", "jck9"))
        .unwrap()
        .to_header();
    assert_eq!(broken(&report_of(402, &damaged, NOW)), ["invoice"]);

    let mut half = good();
    half[0].1 = format!("L402 macaroon=\"{TOKEN}\"");
    assert_eq!(broken(&report_of(402, &half, NOW)), ["challenge"]);
}

#[test]
fn an_opaque_token_is_only_noted() {
    let mut headers = good();
    headers[0].1 = Challenge::new("opaque.token", INVOICE).unwrap().to_header();
    let report = report_of(402, &headers, NOW);
    assert_eq!(broken(&report), ["payment hash"]);
    assert!(report.is_sound());
}
