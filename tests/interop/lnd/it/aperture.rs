//! Purchases from Aperture, which is paid by the seller's lnd.

mod wire;

use l402::{Challenge, Credential, Invoice, Macaroon, Msat, Preimage};
use l402_interop::{Aperture, L402, Regtest};
use serde_json::Value;

use self::wire::Wire;
use crate::backend::Nodes;
use crate::gateway::{Answer, PRICE_SAT, ask, settle};

/// A time long after this test: 2100-01-01.
const FUTURE: u64 = 4_102_444_800;

/// A time long before this test: 2001-09-09.
const PAST: u64 = 1_000_000_000;

/// An Aperture with an upstream, and a recording relay before it.
struct ApertureGateway {
    upstream: Wire,
    aperture: Aperture,
    relay: Wire,
    http: reqwest::Client,
}

impl ApertureGateway {
    async fn open(net: &Regtest) -> Self {
        let upstream = Wire::upstream().await;
        let address = upstream.address();
        let aperture = Aperture::start(net.folder(), &net.seller, address, PRICE_SAT).await;
        Self::before(upstream, aperture).await
    }

    /// One that also offers the scheme `Payment`.
    async fn open_with_payment(net: &Regtest) -> Self {
        let upstream = Wire::upstream().await;
        let address = upstream.address();
        let started = Aperture::start_with_payment(net.folder(), &net.seller, address, PRICE_SAT);
        Self::before(upstream, started.await).await
    }

    async fn before(upstream: Wire, aperture: Aperture) -> Self {
        let relay = Wire::before(aperture.address()).await;
        let http = reqwest::Client::builder().no_proxy().build();
        Self {
            upstream,
            aperture,
            relay,
            http: http.expect("an HTTP client"),
        }
    }

    /// Stops Aperture, and starts another one with the files of the first.
    async fn reopen(self, net: &Regtest) -> Self {
        self.aperture.end().await;
        Self::open(net).await
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.relay.address())
    }

    async fn ask(&self, path: &str, credential: Option<&str>) -> Answer {
        ask(&self.http, &self.url(path), credential).await
    }

    async fn challenge(&self) -> Challenge {
        let answer = self.ask("/thing", None).await;
        assert_eq!(answer.status, 402, "{answer:?}");
        answer.challenge()
    }

    /// Returns the answer to this credential, in a word.
    async fn status(&self, path: &str, credential: &str) -> u16 {
        self.ask(path, Some(credential)).await.status
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn l402_get_pays_aperture_once_and_shows_the_same_token_again() {
    let net = Regtest::start().await;
    let nodes = Nodes::of(&net).await;
    let gateway = ApertureGateway::open(&net).await;
    let buyer = L402::new("buyer-home", net.folder());
    let (url, wallet) = (gateway.url("/thing"), net.buyer.node("admin").to_string());
    let buy = ["get", &url, "--wallet", &wallet];
    let get = async |more: &[&str]| buyer.run(&[&buy[..], more].concat()).await;
    let before = nodes.pay.balance().await.expect("a balance");

    let limit = format!("{} sat", PRICE_SAT - 1);
    let refused = get(&["--max-price", &limit]).await;
    assert_eq!(refused.status, Some(11), "{refused:#?}");
    let untouched = nodes.pay.balance().await.expect("a balance");
    assert_eq!(untouched, before, "over the limit");

    let first = get(&[]).await;
    assert_eq!(first.status, Some(0), "{first:#?}");
    assert_eq!(first.stdout, "GET /thing ", "{first:#?}");
    let after = nodes.pay.balance().await.expect("a balance");
    let price = Msat::from_sat(PRICE_SAT);
    assert_eq!(
        before.checked_sub(after),
        Some(price),
        "{before} to {after}"
    );

    let second = get(&["--json", "{\"q\":1}"]).await;
    assert_eq!(second.status, Some(0), "{second:#?}");
    assert_eq!(second.stdout, "POST /thing {\"q\":1}", "{second:#?}");
    let still = nodes.pay.balance().await.expect("a balance");
    assert_eq!(still, after, "the second answer is paid for already");

    let listed = buyer.run(&["payments", "--json"]).await;
    let listed: Value = serde_json::from_str(&listed.stdout).expect("JSON");
    let states = listed.as_array().expect("a list").iter();
    let states: Vec<&str> = states.filter_map(|one| one["state"].as_str()).collect();
    assert_eq!(states, ["served"], "{listed}");
    asserts_what_was_said(&gateway);
}

/// Checks the four recorded exchanges: two without a credential (the first price was refused), then
/// two with the same one.
fn asserts_what_was_said(gateway: &ApertureGateway) {
    let seen = gateway.relay.seen();
    let statuses: Vec<u16> = seen.iter().map(wire::Exchange::status).collect();
    assert_eq!(statuses, [402, 402, 200, 200]);

    // The old name of the scheme comes first, with the same words after it.
    let [lsat, l402] = &seen[1].challenges()[..] else {
        panic!("two lines are expected: {:?}", seen[1].answer);
    };
    let said = l402.strip_prefix("L402 ").expect("the scheme");
    assert_eq!(lsat.strip_prefix("LSAT "), Some(said));
    let said = said.strip_prefix("macaroon=\"").expect("the token first");
    let (token, said) = said.split_once("\", invoice=\"").expect("the invoice then");
    let invoice = said.strip_suffix('"').expect("and nothing more");
    assert!(invoice.starts_with("lnbcrt"), "{invoice}");
    assert!(token.ends_with('='), "base64 with its padding: {token}");
    assert_eq!(&seen[1].answer.body()[..], b"payment required\n");

    assert_eq!(seen[1].answer.headers()["cache-control"], "no-store");

    assert!(seen[..2].iter().all(|one| one.authorization().is_empty()));
    assert_eq!(seen[1].request.headers()["accept-authenticate"], "L402");
    let [proof] = seen[2].authorization()[..] else {
        panic!("one line is expected: {}", seen[2].authorization().len());
    };
    assert_eq!(seen[3].authorization(), [proof]);
    let said = proof.strip_prefix("L402 ").expect("the scheme");
    let (sent, preimage) = said.split_once(':').expect("two parts");
    assert_eq!(sent, token, "byte for byte");
    let lower_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    assert!(preimage.len() == 64 && preimage.chars().all(lower_hex));

    // The upstream is told the credential, under both names.
    let upstream = gateway.upstream.seen();
    assert_eq!(upstream.len(), 2);
    let both = [format!("LSAT {said}"), format!("L402 {said}")];
    assert_eq!(upstream[0].authorization(), both);
}

#[tokio::test(flavor = "multi_thread")]
async fn aperture_opens_to_the_credential_that_was_bought_and_to_no_other() {
    let net = Regtest::start().await;
    let nodes = Nodes::of(&net).await;
    let gateway = ApertureGateway::open(&net).await;
    let (challenge, unpaid) = (gateway.challenge().await, gateway.challenge().await);
    let preimage = settle(&*nodes.pay, challenge.invoice()).await;
    let (token, hex) = (challenge.token(), preimage.to_hex());
    let good = challenge.authorization(&preimage);

    let answer = gateway.ask("/thing", Some(&good)).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "GET /thing "));
    let old_name = format!("LSAT {token}:{hex}");
    assert_eq!(gateway.status("/thing", &old_name).await, 200);

    let mut other = *preimage.as_bytes();
    other[31] ^= 1;
    let refused = [
        (
            "another preimage",
            challenge.authorization(&Preimage::from_bytes(other)),
        ),
        ("another token", unpaid.authorization(&preimage)),
        (
            "a changed signature",
            format!("L402 {}:{hex}", with_last_byte_changed(token)),
        ),
        (
            "a preimage in capitals",
            format!("L402 {token}:{}", hex.to_uppercase()),
        ),
        ("the scheme in small letters", format!("l402 {token}:{hex}")),
        ("no preimage", format!("L402 {token}")),
    ];
    for (what, credential) in refused {
        assert_eq!(gateway.status("/thing", &credential).await, 402, "{what}");
    }
    assert_eq!(
        gateway.status("/other", &good).await,
        402,
        "another service"
    );
    assert_eq!(
        gateway.upstream.seen().len(),
        2,
        "the upstream saw the good ones"
    );

    let gateway = gateway.reopen(&net).await;
    assert_eq!(
        gateway.status("/thing", &good).await,
        200,
        "after a restart"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_aperture_is_read_and_narrowed_here_and_holds_there() {
    let net = Regtest::start().await;
    let nodes = Nodes::of(&net).await;
    let gateway = ApertureGateway::open(&net).await;
    let challenge = gateway.challenge().await;
    let preimage = settle(&*nodes.pay, challenge.invoice()).await;

    let token = Macaroon::from_base64(challenge.token()).expect("a macaroon");
    assert_eq!(token.to_base64(), challenge.token(), "one spelling");
    assert_eq!(token.location(), b"lsat");
    let caveats: Vec<&[u8]> = token.caveats().collect();
    assert_eq!(caveats, [&b"services=thing:0"[..], b"thing_capabilities="]);
    let identifier = token.identifier().expect("version 0");
    let invoice = Invoice::decode(challenge.invoice()).expect("BOLT 11");
    assert_eq!(identifier.payment_hash, invoice.payment_hash);
    assert_eq!(invoice.required_amount(), Ok(Msat::from_sat(PRICE_SAT)));

    let narrowed = |caveats: &[String]| {
        let all = caveats.iter().map(String::as_bytes);
        let narrow = |token: Macaroon, caveat| token.with_caveat(caveat).expect("it fits");
        let token = all.fold(token.clone(), narrow);
        Credential::new(token, preimage.clone()).to_header()
    };
    let until = |time: u64| format!("thing_valid_until={time}");
    let cases = [
        (200, vec![until(FUTURE)]),
        (402, vec![until(PAST)]),
        (200, vec![until(FUTURE), until(FUTURE - 1)]),
        (402, vec![until(FUTURE), until(FUTURE + 1)]),
        (402, vec!["services=other:0".into()]),
        (402, vec!["services=thing:0,other:0".into()]),
        (200, vec!["unheard_of=1".into()]),
    ];
    for (status, caveats) in cases {
        let credential = narrowed(&caveats);
        assert_eq!(
            gateway.status("/thing", &credential).await,
            status,
            "{caveats:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_finds_apertures_challenge_healthy() {
    let net = Regtest::start().await;
    let gateway = ApertureGateway::open(&net).await;
    let doctor = L402::new("doctor-home", net.folder());
    let ran = doctor
        .run(&["doctor", &gateway.url("/thing"), "--json"])
        .await;
    assert_eq!(ran.status, Some(0), "{ran:#?}");
    let report: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let seen = gateway.relay.seen();
    let invoice = report["bolt11"].as_str().expect("an invoice");
    assert!(seen[0].challenges()[1].contains(invoice), "{report}");
    assert_eq!(seen.len(), 1, "it asks once");
}

// FAULTS D1: Aperture with two schemes mints an invoice for each, and is paid by L402.
#[tokio::test(flavor = "multi_thread")]
async fn aperture_with_two_schemes_is_paid_by_l402_and_healthy() {
    let net = Regtest::start().await;
    let nodes = Nodes::of(&net).await;
    let gateway = ApertureGateway::open_with_payment(&net).await;
    let buyer = L402::new("buyer-home", net.folder());
    let (url, wallet) = (gateway.url("/thing"), net.buyer.node("admin").to_string());
    let doctor = buyer.run(&["doctor", &url, "--json"]).await;
    assert_eq!(doctor.status, Some(0), "{doctor:#?}");
    let before = nodes.pay.balance().await.expect("a balance");
    let got = buyer.run(&["get", &url, "--wallet", &wallet]).await;
    assert_eq!(got.status, Some(0), "{got:#?}");
    assert_eq!(got.stdout, "GET /thing ", "{got:#?}");
    let after = nodes.pay.balance().await.expect("a balance");
    assert_eq!(before.checked_sub(after), Some(Msat::from_sat(PRICE_SAT)));

    let seen = gateway.relay.seen();
    let statuses: Vec<u16> = seen.iter().map(wire::Exchange::status).collect();
    assert_eq!(statuses, [402, 402, 200]);
    let [lsat, l402, payment] = &seen[1].challenges()[..] else {
        panic!("three lines are expected: {:?}", seen[1].answer);
    };
    assert!(lsat.starts_with("LSAT ") && l402.starts_with("L402 "));
    assert!(payment.starts_with("Payment ") && payment.contains("intent=\"charge\""));
    let kind = &seen[1].answer.headers()["content-type"];
    assert!(
        kind.to_str()
            .expect("text")
            .starts_with("application/problem+json")
    );
    assert!(seen[2].authorization()[0].starts_with("L402 "));
}

/// The signature is the last thing in a macaroon.
fn with_last_byte_changed(token: &str) -> String {
    let token = Macaroon::from_base64(token).expect("a macaroon");
    let mut bytes = token.to_bytes();
    *bytes.last_mut().expect("a signature") ^= 1;
    let changed = Macaroon::from_bytes(&bytes).expect("a macaroon");
    changed.to_base64()
}
