//! `l402 serve` before an upstream of the test, paid by the seller's lnd.

use std::time::Duration;

use l402::{Challenge, Challenges, Preimage};
use l402_interop::{L402, Lnd, Program, Regtest};
use l402_lightning::{Pay, Payment};
use l402_tests::Upstream;
use serde_json::Value;

use crate::contract::order;

/// The price of every request here, in satoshi.
pub(crate) const PRICE_SAT: u64 = 50;

/// A running gateway.
pub(crate) struct TestGateway {
    pub(crate) url: String,
    pub(crate) upstream: Upstream,
    http: reqwest::Client,
    _program: Program,
}

/// An answer of the gateway.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The value of `Retry-After`, in seconds.
    pub(crate) retry_after: Option<u64>,
    /// The values of `WWW-Authenticate`, one per line.
    pub(crate) challenges: Vec<String>,
    pub(crate) body: String,
}

impl TestGateway {
    /// Starts the gateway; `route` adds lines to its route.
    pub(crate) async fn open(net: &Regtest, route: &str) -> Self {
        let upstream = Upstream::healthy();
        let text = configuration(&net.seller, &upstream, route);
        let (program, address) = L402::new("gateway", net.folder()).serve(&text).await;
        let http = reqwest::Client::builder().no_proxy();
        let http = http.timeout(Duration::from_secs(60)).build();
        Self {
            url: format!("http://{address}/thing"),
            upstream,
            http: http.expect("an HTTP client"),
            _program: program,
        }
    }

    /// Sends a request with this credential, or with none.
    pub(crate) async fn ask(&self, credential: Option<&str>) -> Answer {
        ask(&self.http, &self.url, credential).await
    }

    /// Requests a challenge.
    pub(crate) async fn challenge(&self) -> Challenge {
        let answer = self.ask(None).await;
        assert_eq!(answer.status, 402, "{answer:?}");
        answer.challenge()
    }

    /// Buys a credential with this wallet; returns the value of `Authorization`.
    pub(crate) async fn buy(&self, pay: &dyn Pay) -> String {
        let challenge = self.challenge().await;
        challenge.authorization(&settle(pay, challenge.invoice()).await)
    }

    /// Returns a client and a URL, for requests at once.
    pub(crate) fn caller(&self) -> (reqwest::Client, String) {
        (self.http.clone(), self.url.clone())
    }
}

impl Answer {
    pub(crate) fn challenge(&self) -> Challenge {
        let lines = self.challenges.iter().map(String::as_bytes);
        let challenges = Challenges::parse(lines).expect("a challenge");
        challenges.payable().expect("a payable one").remove(0)
    }

    /// Returns the code of a problem document; empty for anything else.
    pub(crate) fn code(&self) -> String {
        let document: Value = serde_json::from_str(&self.body).unwrap_or_default();
        document["code"].as_str().unwrap_or_default().to_owned()
    }
}

pub(crate) async fn ask(http: &reqwest::Client, url: &str, credential: Option<&str>) -> Answer {
    let request = http.get(url).header("accept", "application/json");
    let request = match credential {
        Some(credential) => request.header("authorization", credential),
        None => request,
    };
    let answer = request.send().await.expect("the gateway answers");
    let text = |value: &reqwest::header::HeaderValue| value.to_str().expect("text").to_owned();
    let headers = answer.headers();
    let retry_after = headers.get("retry-after");
    let challenges = headers.get_all("www-authenticate");
    Answer {
        status: answer.status().as_u16(),
        retry_after: retry_after.map(|value| text(value).parse().expect("seconds")),
        challenges: challenges.iter().map(text).collect(),
        body: answer.text().await.expect("the whole answer"),
    }
}

/// Pays an invoice and returns the preimage.
pub(crate) async fn settle(pay: &dyn Pay, bolt11: &str) -> Preimage {
    let mut request = order(bolt11);
    request.deadline = Duration::from_secs(30);
    match pay.pay(request).await {
        Payment::Settled { preimage, .. } => preimage,
        other => panic!("not paid: {other:?}"),
    }
}

fn configuration(seller: &Lnd, upstream: &Upstream, route: &str) -> String {
    format!(
        "listen = [\"127.0.0.1:0\"]\n\
         workers = 2\n\
         node = \"{}\"\n\
         [[route]]\n\
         path = \"/thing\"\n\
         upstream = \"http://{}\"\n\
         price = \"{PRICE_SAT} sat\"\n\
         {route}\n",
        seller.node("invoice"),
        upstream.address()
    )
}
