//! A browser that asks for a pass, and comes back with it.

use std::net::SocketAddr;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::json;

use crate::harness::{Answer, send};

pub(super) const UNLOCK: &str = "/.well-known/l402/settled";

/// A browser on the machine of the gateway.
#[derive(Clone, Copy)]
pub(super) struct Browser(pub(super) SocketAddr);

/// A price that was shown, and not paid yet.
#[derive(Clone)]
pub(super) struct Price {
    pub(super) document: String,
    pub(super) token: String,
    pub(super) path: String,
    pub(super) hash: l402::PaymentHash,
}

impl Browser {
    /// Sends a request with these headers.
    pub(super) async fn send(
        self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", self.0.to_string());
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).expect("a request");
        send(self.0, request).await
    }

    /// Loads a page, as if its address was typed.
    pub(super) async fn get(self, path: &str, cookie: &str) -> Answer {
        self.from("none", path, cookie).await
    }

    /// Loads what a page of this site asks for.
    pub(super) async fn from(self, site: &str, path: &str, cookie: &str) -> Answer {
        let headers = [("cookie", cookie), ("sec-fetch-site", site)];
        self.send("GET", path, &headers, "").await
    }

    pub(super) async fn price(self, path: &str) -> Price {
        let answer = self.send("GET", path, &[], "").await;
        assert_eq!(answer.status(), 402, "{}", answer.text());
        let document = answer.json();
        let text = |key: &str| document[key].as_str().expect("a text").to_owned();
        Price {
            document: answer.text(),
            token: text("token"),
            path: path.to_owned(),
            hash: text("payment_hash").parse().expect("a hash"),
        }
    }

    /// Asks for a pass, as the script of the page does in a browser that says from which page it comes.
    pub(super) async fn ask(self, price: &Price) -> Answer {
        self.ask_with(price, &[], None).await
    }

    /// As above, with more headers: `x-silent` stands for a browser that does not say where it comes from.
    pub(super) async fn ask_with(
        self,
        price: &Price,
        more: &[(&str, &str)],
        preimage: Option<&l402::Preimage>,
    ) -> Answer {
        let mut question = json!({ "token": price.token, "path": price.path });
        if let Some(preimage) = preimage {
            question["preimage"] = preimage.to_hex().into();
        }
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(more);
        let tells = |(name, _): &(&str, &str)| matches!(*name, "sec-fetch-site" | "x-silent");
        if !headers.iter().any(tells) {
            headers.push(("sec-fetch-site", "same-origin"));
        }
        self.send("POST", UNLOCK, &headers, question.to_string())
            .await
    }

    /// Asks for a pass that is there, and returns its cookie.
    pub(super) async fn unlock(self, price: &Price) -> String {
        cookie(&self.ask(price).await)
    }
}

/// Returns the state of an answer.
pub(super) fn state(answer: &Answer) -> (u16, String) {
    let state = answer.json()["state"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    (answer.status(), state)
}

/// Returns the pass that an answer sets, as a browser sends it back.
pub(super) fn cookie(answer: &Answer) -> String {
    assert_eq!(state(answer), (200, "settled".to_owned()));
    let line = answer.header("set-cookie").expect("a cookie");
    line.split(';').next().expect("a pair").to_owned()
}

pub(super) fn is_refused(answer: &Answer) {
    assert_eq!(answer.status(), 402, "{}", answer.text());
    assert_eq!(answer.code(), "payment_required");
}
