//! The service behind a Lightning address, over the sandbox.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use l402::{Msat, PaymentHash};
use l402_lightning::sandbox::Sandbox;
use l402_lightning::{InvoiceRequest, InvoiceState, Receive};
use serde_json::{Value, json};

use crate::TestServer;

/// A change of the answers: gets the target of the request, and the answer.
type Alter = Box<dyn Fn(&str, &mut Value) + Send>;

/// A service that knows LNURL-pay (LUD-06, LUD-16, LUD-21) and has one address, `shop`.
#[derive(Clone)]
pub struct LnurlService {
    sandbox: Sandbox,
    state: Arc<Mutex<State>>,
}

struct State {
    origin: String,
    memo: String,
    life: Duration,
    made: HashMap<PaymentHash, String>,
    targets: Vec<String>,
    alter: Option<Alter>,
    instead: Option<(u16, String)>,
    redirect: Option<String>,
}

impl LnurlService {
    /// Starts a service on a port of its own. Its invoices show `memo` and live for ten minutes.
    ///
    /// # Panics
    /// If no port is free, or outside of a runtime.
    #[must_use]
    pub fn start(sandbox: &Sandbox, memo: &str) -> Self {
        let service = Self {
            sandbox: sandbox.clone(),
            state: Arc::new(Mutex::new(State {
                origin: String::new(),
                memo: memo.to_owned(),
                life: Duration::from_secs(600),
                made: HashMap::new(),
                targets: Vec::new(),
                alter: None,
                instead: None,
                redirect: None,
            })),
        };
        let answering = service.clone();
        let server = TestServer::start(move |request| {
            let service = answering.clone();
            async move { service.answer(request).await }
        });
        service.state().origin = format!("http://{}", server.address());
        service
    }

    /// Returns the address as the program is told it.
    #[must_use]
    pub fn address(&self) -> String {
        let state = self.state();
        let host = state.origin.trim_start_matches("http://");
        format!("lnurl:Shop@{host}")
    }

    /// Changes the answers to targets that begin so.
    pub fn alter(&self, target: &'static str, change: impl Fn(&mut Value) + Send + 'static) {
        let alter = move |asked: &str, answer: &mut Value| {
            if asked.starts_with(target) {
                change(answer);
            }
        };
        self.state().alter = Some(Box::new(alter));
    }

    /// Answers everything with a status and a body.
    pub fn answer_with(&self, status: u16, body: &str) {
        self.state().instead = Some((status, body.to_owned()));
    }

    /// Answers everything with a redirect to a target of its own.
    pub fn redirect_to(&self, target: &str) {
        self.answer_with(302, "");
        self.state().redirect = Some(target.to_owned());
    }

    /// Answers as a service should again.
    pub fn be_honest(&self) {
        let mut state = self.state();
        state.alter = None;
        state.instead = None;
    }

    /// Sets the life of invoices.
    pub fn set_life(&self, life: Duration) {
        self.state().life = life;
    }

    /// Returns the number of requests whose target began so.
    #[must_use]
    pub fn count(&self, target: &str) -> usize {
        let state = self.state();
        let begins = |it: &&String| it.starts_with(target);
        state.targets.iter().filter(begins).count()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic before")
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<String> {
        let target = request.uri().to_string();
        let path = request.uri().path().to_owned();
        let (instead, redirect) = {
            let mut state = self.state();
            state.targets.push(target.clone());
            (state.instead.clone(), state.redirect.clone())
        };
        if let Some((status, body)) = instead {
            let mut answer = plain(status, body);
            if let Some(redirect) = redirect {
                let location = redirect.parse().expect("a location");
                answer.headers_mut().insert("location", location);
            }
            return answer;
        }
        let mut answer = match path.as_str() {
            "/.well-known/lnurlp/shop" => self.describe(),
            "/cb" => self.make(&target).await,
            path => self.verify(path).await,
        };
        if let Some(alter) = &self.state().alter {
            alter(&target, &mut answer);
        }
        let status = if answer["status"] == "ERROR" {
            404
        } else {
            200
        };
        plain(status, answer.to_string())
    }

    fn describe(&self) -> Value {
        json!({
            "status": "OK", "tag": "payRequest",
            "callback": format!("{}/cb?to=shop", self.state().origin),
            "minSendable": 1000, "maxSendable": 100_000_000_000_u64,
            "metadata": "[[\"text/plain\",\"a shop\"]]", "commentAllowed": 100,
        })
    }

    async fn make(&self, target: &str) -> Value {
        let msat = target.strip_prefix("/cb?to=shop&amount=");
        let msat = msat.expect("an amount").parse().expect("a number");
        let request = {
            let state = self.state();
            InvoiceRequest::new(Msat::new(msat), state.life, state.memo.clone())
        };
        let made = self.sandbox.create_invoice(request).await;
        let made = made.expect("an invoice");
        let hash = made.payment_hash();
        let mut state = self.state();
        state.made.insert(hash, made.bolt11().to_owned());
        let verify = format!("{}/verify/{hash}", state.origin);
        json!({ "status": "OK", "routes": [], "pr": made.bolt11(), "verify": verify })
    }

    async fn verify(&self, path: &str) -> Value {
        let hash = path.strip_prefix("/verify/").and_then(|it| it.parse().ok());
        let made = hash.and_then(|hash| self.state().made.get(&hash).cloned());
        let (Some(hash), Some(pr)) = (hash, made) else {
            return json!({ "status": "ERROR", "reason": "Not found" });
        };
        let state = self.sandbox.lookup(hash).await.expect("a state");
        let settled = matches!(state, InvoiceState::Settled { .. });
        json!({ "status": "OK", "settled": settled, "preimage": null, "pr": pr })
    }
}

fn plain(status: u16, body: String) -> Response<String> {
    let mut answer = Response::new(body);
    *answer.status_mut() = status.try_into().expect("a status");
    answer
}
