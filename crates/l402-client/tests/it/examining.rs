//! The examination and the client give the same verdict on every challenge: an answer is unsound
//! if and only if the client refuses it before it pays.

use l402::{Msat, Network};
use l402_client::examine::{Payer, Report, UnpaidAnswer, Verdict, examine};
use l402_client::{Client, Error, Refused, Request};
use l402_testkit::hostile::Draft;
use serde_json::{Value, json};

use crate::refusing::{draft, faults, line};
use crate::server::{Answer402, Made};
use crate::world::{START, World};

/// One buyer, as the client and as the examination know it.
struct Buyer {
    client: Client,
    payer: Payer,
}

/// A seller, and the buyers who judge what it answers.
struct Scene {
    world: World,
    buyers: [Buyer; 2],
}

impl Scene {
    async fn new() -> Self {
        let world = World::new().await;
        let without_wallet = Client::builder(world.journal()).clock(world.clock.clone());
        let buyers = [
            Buyer {
                client: without_wallet.build().expect("a client"),
                payer: Payer::default(),
            },
            Buyer {
                client: world.client(),
                payer: Payer {
                    network: Some(Network::Regtest),
                    ..Payer::default()
                },
            },
        ];
        Self { world, buyers }
    }

    /// Compares verdicts on one answer; returns the number of buyers who find it sound.
    async fn compare(
        &self,
        name: &str,
        alter: impl Fn(&Made, &mut Answer402) + Send + Sync + 'static,
    ) -> usize {
        self.world.server.alter(alter);
        let url = self.world.server.url("/joke");
        let mut sound = 0;
        for buyer in &self.buyers {
            sound += usize::from(agree(name, &url, buyer).await);
        }
        sound
    }
}

/// Asks as the client does, and examines the answer.
async fn report(url: &url::Url, payer: &Payer) -> Report {
    let answer = reqwest::get(url.clone()).await.expect("an answer");
    let (status, headers) = (answer.status(), answer.headers().clone());
    let body = answer.bytes().await.expect("a body");
    let answer = UnpaidAnswer {
        url,
        status,
        headers: &headers,
        body: &body,
    };
    examine(&answer, payer, START)
}

/// Checks that both lists of rules are one; returns whether the answer is sound.
async fn agree(name: &str, url: &url::Url, buyer: &Buyer) -> bool {
    let report = report(url, &buyer.payer).await;
    let broken = report.findings.iter();
    let broken = broken.filter(|finding| finding.verdict == Verdict::Unsound);
    let reason: Option<Refused> = broken.filter_map(|finding| finding.refused).next();
    match buyer.client.quote(Request::get(url.clone())).await {
        Ok(Some(quote)) => {
            let offer = report.offer.as_ref().expect("an offer");
            assert_eq!((report.is_sound(), reason), (true, None), "{name}");
            assert_eq!(offer.bolt11.len(), quote.invoice.len(), "{name}");
        }
        Err(Error::Refused { reason: code, .. }) => {
            assert_eq!((report.is_sound(), reason), (false, Some(code)), "{name}");
        }
        other => panic!("{name}: {other:?}"),
    }
    report.is_sound()
}

fn vectors(file: &str) -> Value {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../spec/vectors");
    let text = std::fs::read_to_string(format!("{folder}/{file}")).expect("vectors are there");
    serde_json::from_str(&text).expect("vectors are JSON")
}

fn texts(vectors: &Value, list: &str, field: &str) -> Vec<String> {
    let list = vectors[list].as_array().expect("a list").iter();
    let texts = list.filter_map(|one| one[field].as_str());
    texts.map(str::to_owned).collect()
}

fn only(lines: Vec<Vec<u8>>) -> impl Fn(&Made, &mut Answer402) + Send + Sync + 'static {
    move |_, answer| {
        answer.body = json!({});
        answer.lines = lines.clone();
    }
}

#[tokio::test]
async fn both_agree_on_every_invoice_and_token_of_the_vectors() {
    let scene = Scene::new().await;
    let flow = vectors("flow_vectors.json");
    let macaroons = vectors("macaroon_vectors.json");
    let invoices = texts(&flow, "invoices", "invoice");
    let mut tokens = vec!["opaque".to_owned()];
    tokens.extend(texts(&macaroons, "vectors", "serialized_base64"));
    tokens.extend(texts(&macaroons, "negative", "serialized_base64"));
    let mut sound = 0;
    for invoice in &invoices {
        for token in [&tokens[0], &tokens[1]] {
            let name = format!("{token} {invoice}");
            sound += scene.compare(&name, only(vec![line(token, invoice)])).await;
        }
    }
    assert!(sound > invoices.len() / 2, "{sound} sound");
    for token in &tokens {
        scene
            .compare(token, only(vec![line(token, &invoices[0])]))
            .await;
    }
    assert_eq!(scene.world.spent().await, Msat::ZERO);
}

#[tokio::test]
async fn both_agree_on_every_header_of_the_vectors() {
    let scene = Scene::new().await;
    let flow = vectors("flow_vectors.json");
    let payment = flow["payment_charge"]["challenge_header"].as_str();
    let payment = payment.expect("a header").as_bytes().to_vec();
    let forms = [
        "challenge_legacy",
        "challenge_spec2026",
        "challenge_superset",
    ];
    let forms = forms.map(|form| flow["l402"][form].as_str().expect("a header").to_owned());
    let legacy = forms[0].clone().into_bytes();
    let mut headers: Vec<Vec<Vec<u8>>> = Vec::new();
    for form in &forms {
        let form = form.clone().into_bytes();
        headers.push(vec![form.clone()]);
        headers.push(vec![form.clone(), payment.clone()]);
        headers.push(vec![payment.clone(), form.clone()]);
        headers.push(vec![form, legacy.clone()]);
    }
    let mpp = vectors("mpp_vectors.json");
    let foreign = ["challengeHeaders", "challengeLists"].map(|list| texts(&mpp, list, "header"));
    for header in foreign.into_iter().flatten() {
        headers.push(vec![header.clone().into_bytes()]);
        headers.push(vec![header.into_bytes(), legacy.clone()]);
    }
    headers.retain(|lines| {
        let mut lines = lines.iter();
        lines.all(|line| http::HeaderValue::from_bytes(line).is_ok())
    });
    let mut sound = 0;
    for lines in &headers {
        let name = format!(
            "{:?}",
            lines
                .iter()
                .map(|line| String::from_utf8_lossy(line))
                .collect::<Vec<_>>()
        );
        sound += scene.compare(&name, only(lines.clone())).await;
    }
    assert!(sound >= 12, "{sound} sound of {}", headers.len());
}

/// Every way of writing one token and one invoice that servers and clients were seen with.
#[tokio::test]
async fn both_agree_on_every_form_of_the_compatibility_matrix() {
    const FORMS: &[&[&str]] = &[
        &[
            r#"LSAT macaroon="{t}", invoice="{i}""#,
            r#"L402 macaroon="{t}", invoice="{i}""#,
        ],
        &[r#"L402 version="0", token="{t}", invoice="{i}""#],
        &[r#"L402 version="0", token="{t}", macaroon="{t}", invoice="{i}""#],
        &[r#"L402 invoice="{i}", macaroon="{t}""#],
        &[r#"L402 macaroon="{t}",invoice="{i}""#],
        &[r#"L402 macaroon={t}, invoice={i}"#],
        &[r#"l402 macaroon="{t}", invoice="{i}""#],
        &[r#"L402 macaroon="{t}" invoice="{i}""#],
        &[r#"L402 version="0" token="{t}" invoice="{i}""#],
        &[
            r#"Cashu mint="https://mint.example""#,
            r#"L402 macaroon="{t}", invoice="{i}""#,
        ],
        &[r#"L402 macaroon="{t}", invoice="{i}", address="bc1qexample""#],
        &[r#"L402 macaroon="{t}""#],
        &[r#"L402 price-only"#],
        &[r#"L402 macaroon="{t}", token="other", invoice="{i}""#],
        &[r#"L402 macaroon="{t}", invoice="lni1qqgexample""#],
    ];
    let scene = Scene::new().await;
    for (at, form) in FORMS.iter().enumerate() {
        let fill = |made: &Made, text: &str| {
            let text = text
                .replace("{t}", &made.token)
                .replace("{i}", &made.invoice);
            text.into_bytes()
        };
        let sound = scene
            .compare(form[0], move |made, answer| {
                answer.lines = form.iter().map(|text| fill(made, text)).collect();
            })
            .await;
        assert_eq!(sound, if at < 11 { 2 } else { 0 }, "{form:?}");
    }
}

#[tokio::test]
async fn both_agree_on_every_hostile_challenge() {
    let scene = Scene::new().await;
    for (at, (reason, alter)) in faults().into_iter().enumerate() {
        let sound = scene
            .compare(&format!("{at} {}", reason.code()), alter)
            .await;
        assert_eq!(sound, 0, "{at} {}", reason.code());
    }
}

#[tokio::test]
async fn both_agree_on_what_is_only_odd() {
    let scene = Scene::new().await;
    for (msat, expiry, ahead) in [(50_000, 10, 0), (50_000, 600, 300), (1, 600, 0)] {
        let sound = scene.compare("odd", move |made, answer| {
            let draft = Draft {
                msat: Some(msat),
                expiry,
                created: l402::UnixTime::from_secs(START.secs() + ahead),
                ..draft(made.payment_hash)
            };
            answer.body = json!({});
            answer.lines = vec![line("opaque", &draft.sign())];
        });
        assert_eq!(sound.await, 2, "{msat} {expiry} {ahead}");
    }
    let sound = scene.compare("a long body", |_, answer| {
        answer.body = json!({ "price_sats": 1, "text": "x".repeat(64 * 1024) });
    });
    assert_eq!(sound.await, 2);
    let sound = scene.compare("a price header", |_, answer| {
        let name = http::HeaderName::from_static("x-l402-price-sats");
        answer
            .headers
            .insert(name, http::HeaderValue::from_static("51"));
    });
    assert_eq!(sound.await, 0);
}

#[tokio::test]
async fn of_several_offers_the_report_is_about_the_one_that_is_bought() {
    let scene = Scene::new().await;
    let sound = scene.compare("three offers", |made, answer| {
        let dear = Draft {
            msat: Some(90_000),
            ..draft(l402::PaymentHash::from_bytes([3; 32]))
        };
        answer.body = json!({});
        answer.lines.insert(0, line("opaque", &dear.sign()));
        answer.lines.insert(1, line(&made.token, "broken"));
    });
    assert_eq!(sound.await, 2);
    let report = report(&scene.world.server.url("/joke"), &Payer::default()).await;
    let invoice = report
        .offer
        .and_then(|offer| offer.invoice)
        .expect("an invoice");
    assert_eq!(invoice.amount, Some(Msat::from_sat(50)));
    let remark = report.findings.iter().find(|one| one.rule == "one offer");
    assert_eq!(remark.expect("a remark").verdict, Verdict::Remark);
}

#[tokio::test]
async fn both_agree_on_plain_http_to_another_host() {
    let world = World::new().await;
    let mut url = world.server.url("/joke");
    url.set_host(Some("0.0.0.0")).expect("a host");
    for plain_http in [false, true] {
        let client = world.builder().danger_allow_plain_http(plain_http).build();
        let buyer = Buyer {
            client: client.expect("a client"),
            payer: Payer {
                plain_http,
                ..Payer::default()
            },
        };
        assert_eq!(agree("plain http", &url, &buyer).await, plain_http);
    }
}
