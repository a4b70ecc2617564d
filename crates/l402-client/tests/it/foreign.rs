//! A seller that is none of ours: opaque tokens, bare statuses, and the answers that it is told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::HeaderValue;
use hyper::{Request, Response, StatusCode};
use l402::{Msat, PaymentHash, Preimage};
use l402_lightning::sandbox::Sandbox;
use l402_lightning::{InvoiceRequest, Receive};
use l402_testkit::TestServer;

/// The answer to a credential.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reply {
    /// A status with a fresh challenge.
    Challenge(u16),
    /// A status and nothing else. Below 300 it is an answer.
    Status(u16),
}

pub(crate) struct Foreign {
    pub(crate) origin: String,
    state: Arc<State>,
}

struct State {
    sandbox: Sandbox,
    sold: Mutex<HashMap<String, PaymentHash>>,
    plan: Mutex<Plan>,
}

#[derive(Default)]
pub(crate) struct Plan {
    /// For the next credentials, first to last; then they are served.
    pub(crate) replies: Vec<Reply>,
    /// For every credential once `replies` is empty.
    pub(crate) always: Option<Reply>,
    /// Serves also who has no credential.
    pub(crate) is_free: bool,
    /// Says on each 402 that a credential may come in `L402-Credential`.
    pub(crate) says_accepted: bool,
    /// A credential came beside an `Authorization` of the caller's own.
    pub(crate) own_kept: bool,
    /// The paths to which a credential was sent.
    pub(crate) presented: Vec<String>,
    /// The paths that were asked for without one.
    pub(crate) asked: Vec<String>,
}

impl Foreign {
    pub(crate) fn open(sandbox: &Sandbox) -> Self {
        let state = Arc::new(State {
            sandbox: sandbox.clone(),
            sold: Mutex::default(),
            plan: Mutex::default(),
        });
        let answering = Arc::clone(&state);
        let server = TestServer::start(move |request| {
            let state = Arc::clone(&answering);
            async move { state.answer(request).await }
        });
        let origin = format!("http://{}", server.address());
        Self { origin, state }
    }

    pub(crate) fn url(&self, path: &str) -> url::Url {
        format!("{}{path}", self.origin).parse().expect("a url")
    }

    pub(crate) fn plan(&self) -> MutexGuard<'_, Plan> {
        self.state.plan.lock().expect("no panic before")
    }
}

impl State {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path().to_owned();
        let headers = request.headers();
        let beside = headers.get("l402-credential");
        if beside.is_some() {
            let mut plan = self.plan.lock().expect("no panic before");
            assert!(plan.says_accepted, "sent where nobody reads it");
            plan.own_kept |= headers["authorization"].as_bytes().starts_with(b"Basic ");
        }
        let credential = beside.or_else(|| headers.get("authorization"));
        let credential = credential.and_then(|value| value.to_str().ok()?.strip_prefix("L402 "));
        let Some((token, preimage)) = credential.and_then(|text| text.split_once(':')) else {
            let is_free = {
                let mut plan = self.plan.lock().expect("no panic before");
                plan.asked.push(path);
                plan.is_free
            };
            return if is_free {
                plain(200, "free")
            } else {
                self.challenge(402).await
            };
        };
        let preimage: Preimage = preimage.parse().expect("a preimage");
        let hash = self
            .sold
            .lock()
            .expect("no panic before")
            .get(token)
            .copied();
        assert!(preimage.proves(&hash.expect("a token that was sold")));
        let reply = {
            let mut plan = self.plan.lock().expect("no panic before");
            plan.presented.push(path);
            let next = (!plan.replies.is_empty()).then(|| plan.replies.remove(0));
            next.or(plan.always).unwrap_or(Reply::Status(200))
        };
        match reply {
            Reply::Challenge(status) => self.challenge(status).await,
            Reply::Status(status) => plain(status, "an answer"),
        }
    }

    async fn challenge(&self, status: u16) -> Response<Full<Bytes>> {
        let request = InvoiceRequest::new(Msat::from_sat(50), Duration::from_secs(600), "it");
        let invoice = self.sandbox.create_invoice(request).await;
        let invoice = invoice.expect("an invoice");
        let hash = invoice.payment_hash();
        let token = format!("opaque.{}", &hash.to_string()[..16]);
        let line = format!(
            "L402 macaroon=\"{token}\", invoice=\"{}\"",
            invoice.bolt11()
        );
        self.sold
            .lock()
            .expect("no panic before")
            .insert(token, hash);
        let mut answer = plain(status, "");
        let line = HeaderValue::try_from(line).expect("a value");
        answer.headers_mut().insert("www-authenticate", line);
        if self.plan.lock().expect("no panic before").says_accepted {
            let accepted = HeaderValue::from_static("accepted");
            answer.headers_mut().insert("l402-credential", accepted);
        }
        answer
    }
}

fn plain(status: u16, text: &str) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(Bytes::from(text.to_owned())));
    *answer.status_mut() = StatusCode::from_u16(status).expect("a status");
    answer
}
