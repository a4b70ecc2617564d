//! A server on loopback that sells answers, and does as badly as it is told to.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{HeaderMap, Request, Response, StatusCode};
use l402::{
    Challenge, Credential, KeyNumber, KeyRing, MasterKey, Msat, Network, PaymentHash, Policy,
    Problem, Service, Target, Terms, UnknownCaveats, verify,
};
use l402_host::{Clock, ManualClock};
use l402_lightning::sandbox::Sandbox;
use l402_lightning::{InvoiceRequest, Receive};
use l402_testkit::TestServer;
use serde_json::{Value, json};

type Body = UnsyncBoxBody<Bytes, std::io::Error>;
type Alter = Arc<dyn Fn(&Made, &mut Answer402) + Send + Sync>;

/// The trouble that a paid credential gets instead of an answer, once.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trouble {
    /// A bare status.
    Status(u16),
    /// An answer of the service behind the gateway, with one header.
    Answer(u16, &'static str, &'static str),
    /// A problem document.
    Problem(Problem),
    /// Half of the body, then the connection ends.
    Reset,
}

/// An honest challenge.
pub(crate) struct Made {
    pub(crate) token: String,
    pub(crate) invoice: String,
    pub(crate) payment_hash: PaymentHash,
}

/// The 402 that is about to go out.
pub(crate) struct Answer402 {
    pub(crate) lines: Vec<Vec<u8>>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

/// The behaviour of the server.
pub(crate) struct Plan {
    pub(crate) price: Msat,
    pub(crate) policy: Policy,
    /// Refuses every credential with a fresh challenge.
    pub(crate) always_402: bool,
    /// For the next paid requests, first to last.
    pub(crate) troubles: Vec<Trouble>,
    pub(crate) alter: Option<Alter>,
    /// Says on each answer to a credential what became of the use.
    pub(crate) tells: bool,
    /// Says this number of uses and this end, whatever is true.
    pub(crate) claims: Option<u64>,
    /// The challenges that it still gives; then it answers 429.
    pub(crate) challenges_left: u32,
    /// The time that it takes for each.
    pub(crate) pause: Duration,
    /// The bytes of a header in the answer to `/huge`.
    pub(crate) huge: usize,
    /// Answers 429 to so many requests, whatever they carry, with this `Retry-After`.
    pub(crate) limited: (u32, &'static str),
    /// The body of a 402 begins and never ends.
    pub(crate) endless_402: bool,
    /// Sells each folder as a service of its own.
    pub(crate) own_services: bool,
}

#[derive(Default)]
pub(crate) struct Seen {
    /// Requests without a credential.
    pub(crate) asked: u32,
    /// Requests with one.
    pub(crate) presented: u32,
    pub(crate) served: u32,
    pub(crate) headers: Vec<HeaderMap>,
    pub(crate) methods: Vec<hyper::Method>,
    /// The length and the hash of each body.
    pub(crate) bodies: Vec<(usize, u64)>,
}

pub(crate) struct PaidServer {
    pub(crate) origin: String,
    inner: Arc<ServerState>,
}

struct ServerState {
    sandbox: Sandbox,
    clock: Arc<ManualClock>,
    keys: KeyRing,
    plan: Mutex<Plan>,
    seen: Mutex<Seen>,
    used: Mutex<HashMap<PaymentHash, u32>>,
}

impl PaidServer {
    pub(crate) fn open(sandbox: &Sandbox, clock: &Arc<ManualClock>) -> Self {
        let mut key = [0; 32];
        for (byte, value) in key
            .iter_mut()
            .zip([7, 99, 3, 250, 14, 77, 201].into_iter().cycle())
        {
            *byte = value;
        }
        let master = MasterKey::from_bytes(&key).expect("a key");
        let inner = Arc::new(ServerState {
            sandbox: sandbox.clone(),
            clock: Arc::clone(clock),
            keys: KeyRing::new("shop", KeyNumber(1), master),
            plan: Mutex::new(Plan {
                price: Msat::from_sat(50),
                policy: Policy::Request,
                always_402: false,
                troubles: Vec::new(),
                alter: None,
                tells: false,
                claims: None,
                challenges_left: u32::MAX,
                pause: Duration::ZERO,
                huge: 0,
                limited: (0, ""),
                endless_402: false,
                own_services: false,
            }),
            seen: Mutex::default(),
            used: Mutex::default(),
        });
        let answering = Arc::clone(&inner);
        let server = TestServer::start(move |request| {
            let shop = Arc::clone(&answering);
            async move { shop.answer(request).await }
        });
        Self {
            origin: format!("http://{}", server.address()),
            inner,
        }
    }

    pub(crate) fn url(&self, path: &str) -> url::Url {
        format!("{}{path}", self.origin).parse().expect("a url")
    }

    pub(crate) fn plan(&self) -> MutexGuard<'_, Plan> {
        self.inner.plan.lock().expect("no panic before")
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.inner.seen.lock().expect("no panic before")
    }

    /// Changes every 402 from now on.
    pub(crate) fn alter(&self, alter: impl Fn(&Made, &mut Answer402) + Send + Sync + 'static) {
        self.plan().alter = Some(Arc::new(alter));
    }

    /// Forgets every token, as after a change of keys.
    pub(crate) fn refuse_all_sold(&self) {
        let mut used = self.inner.used.lock().expect("no panic before");
        used.values_mut().for_each(|uses| *uses = u32::MAX);
    }
}

/// Reads a body to its end or to where it breaks off, and keeps nothing of it. The second value is true
/// for a whole one.
async fn digest(mut body: Incoming) -> ((usize, u64), bool) {
    // Nobody forges a body here, and without optimisation this is much quicker than SHA-256.
    let (mut len, mut digest) = (0, DefaultHasher::new());
    let is_whole = loop {
        let piece = match body.frame().await {
            None => break true,
            Some(Err(_)) => break false,
            Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
        };
        len += piece.len();
        digest.write(&piece);
    };
    ((len, digest.finish()), is_whole)
}

fn full(text: String) -> Body {
    Full::new(Bytes::from(text))
        .map_err(|never| match never {})
        .boxed_unsync()
}

fn plain(status: u16, text: &str) -> Response<Body> {
    let mut answer = Response::new(full(text.to_owned()));
    *answer.status_mut() = StatusCode::from_u16(status).expect("a status");
    answer
}

impl ServerState {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let path = request.uri().path().to_owned();
        let query = request.uri().query().unwrap_or_default().to_owned();
        let (headers, method) = (request.headers().clone(), request.method().clone());
        let (body, is_whole) = digest(request.into_body()).await;
        let names = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()));
        let credential = Credential::from_headers(names).expect("a readable credential");
        {
            let mut seen = self.seen.lock().expect("no panic before");
            seen.headers.push(headers.clone());
            seen.methods.push(method);
            seen.bodies.push(body);
            *(if credential.is_some() {
                &mut seen.presented
            } else {
                &mut seen.asked
            }) += 1;
        }
        if !is_whole {
            return plain(400, "half a request");
        }
        if let Some(answer) = self.limited() {
            return answer;
        }
        match path.as_str() {
            "/free" => plain(200, "free"),
            "/breaks" => reset(),
            "/free-and-long" => plain(200, &"x".repeat(300_000)),
            "/free-and-slow" => {
                tokio::time::sleep(Duration::from_millis(300)).await;
                plain(200, "free")
            }
            "/unauthorized" => {
                let mut answer = self.challenge(&path).await;
                *answer.status_mut() = StatusCode::UNAUTHORIZED;
                answer
            }
            "/huge" => self.huge(),
            path if path.starts_with("/to/") => redirect(&path[4..], &query),
            _ => match credential {
                Some(credential) => self.answer_to(&credential, &path, &query).await,
                None if self.is_tired() => plain(429, "later"),
                None => self.challenge(&path).await,
            },
        }
    }

    fn service_of(&self, path: &str) -> Service {
        match path.trim_start_matches('/').split_once('/') {
            Some((folder, _)) if self.plan.lock().expect("no panic before").own_services => {
                folder.parse().expect("a name")
            }
            _ => service_of(path),
        }
    }

    /// Adds what our gateway says of the use.
    async fn answer_to(&self, credential: &Credential, path: &str, query: &str) -> Response<Body> {
        let mut answer = self.sell(credential, path, query).await;
        let (tells, claims) = {
            let plan = self.plan.lock().expect("no panic before");
            (plan.tells, plan.claims)
        };
        if let Some(number) = claims {
            let headers = answer.headers_mut();
            headers.insert("l402-use", HeaderValue::from_static("spent"));
            headers.insert("l402-uses-left", HeaderValue::from(number));
            headers.insert("l402-expires", HeaderValue::from(number));
        }
        if !tells {
            return answer;
        }
        let kept = !answer.status().is_success();
        let headers = answer.headers_mut();
        let mut say = |name: &'static str, value: &str| {
            headers.insert(name, HeaderValue::try_from(value).expect("a value"));
        };
        say("l402-use", if kept { "kept" } else { "spent" });
        let service = self.service_of(path);
        let target = Target::new(&service, Network::Regtest, self.clock.wall());
        let Ok(verified) = verify(credential, &self.keys, &target) else {
            return answer;
        };
        if let Some(limit) = verified.policy().uses() {
            let used = self.used.lock().expect("no panic before");
            let used = used.get(&verified.payment_hash()).copied().unwrap_or(0);
            say(
                "l402-uses-left",
                &limit.get().saturating_sub(used).to_string(),
            );
        }
        answer
    }

    fn limited(&self) -> Option<Response<Body>> {
        let mut plan = self.plan.lock().expect("no panic before");
        let (left, after) = plan.limited;
        plan.limited.0 = left.checked_sub(1)?;
        let mut answer = plain(429, "too many");
        if !after.is_empty() {
            let after = HeaderValue::from_static(after);
            answer.headers_mut().insert("retry-after", after);
        }
        Some(answer)
    }

    /// Counts a challenge; `true` where there is none left.
    fn is_tired(&self) -> bool {
        let mut plan = self.plan.lock().expect("no panic before");
        let left = plan.challenges_left;
        plan.challenges_left = left.saturating_sub(1);
        left == 0
    }

    fn huge(&self) -> Response<Body> {
        let len = self.plan.lock().expect("no panic before").huge;
        let mut answer = plain(402, "");
        let line = format!("L402 macaroon=\"{}\", invoice=\"x\"", "a".repeat(len));
        let value = HeaderValue::try_from(line).expect("a value");
        answer.headers_mut().insert("www-authenticate", value);
        answer
    }

    async fn sell(&self, credential: &Credential, path: &str, query: &str) -> Response<Body> {
        let service = self.service_of(path);
        let mut target = Target::new(&service, Network::Regtest, self.clock.wall());
        target.unknown_caveats = UnknownCaveats::Reject;
        let verified = match verify(credential, &self.keys, &target) {
            Ok(verified) => verified,
            Err(error) => return problem(error.problem()),
        };
        let (always_402, trouble) = {
            let mut plan = self.plan.lock().expect("no panic before");
            let trouble = (!plan.troubles.is_empty()).then(|| plan.troubles.remove(0));
            (plan.always_402, trouble)
        };
        if always_402 {
            return self.challenge(path).await;
        }
        // Such a redirect gives the use back.
        if let Some((_, status)) = path.split_once("/moved/") {
            return redirect(status, query);
        }
        match trouble {
            Some(Trouble::Status(status)) => return plain(status, "trouble"),
            Some(Trouble::Answer(status, name, value)) => {
                let long = "x".repeat(300_000);
                let is_long = value.ends_with("long");
                let text = if is_long { &long } else { "of the service" };
                let mut answer = plain(status, text);
                let value = HeaderValue::from_static(value);
                answer.headers_mut().insert(name, value);
                return answer;
            }
            Some(Trouble::Problem(it)) => return problem(it),
            Some(Trouble::Reset) => return reset(),
            None => {}
        }
        if !self.use_up(verified.payment_hash(), verified.policy()) {
            return self.challenge(path).await;
        }
        self.seen.lock().expect("no panic before").served += 1;
        if let Some(status) = path.strip_prefix("/spent/") {
            let mut answer = redirect(status, query);
            let spent = HeaderValue::from_static("spent");
            answer.headers_mut().insert("l402-use", spent);
            return answer;
        }
        if path == "/leads-on" {
            return redirect("302", query);
        }
        plain(200, "a joke")
    }

    /// Counts a use; `false` where there is none left.
    fn use_up(&self, hash: PaymentHash, policy: Policy) -> bool {
        let mut used = self.used.lock().expect("no panic before");
        let uses = used.entry(hash).or_default();
        *uses = uses.saturating_add(1);
        let limit = policy
            .uses()
            .map_or(u32::MAX - 1, std::num::NonZeroU32::get);
        *uses <= limit
    }

    async fn challenge(&self, path: &str) -> Response<Body> {
        let (price, policy, alter, is_endless, pause) = {
            let plan = self.plan.lock().expect("no panic before");
            (
                plan.price,
                plan.policy,
                plan.alter.clone(),
                plan.endless_402,
                plan.pause,
            )
        };
        tokio::time::sleep(pause).await;
        let made = self.make(self.service_of(path), price, policy).await;
        let challenge = Challenge::new(&made.token, &made.invoice).expect("plain text");
        let mut answer = Answer402 {
            lines: vec![challenge.to_header().into_bytes()],
            // As our gateway says on every 402.
            headers: HeaderMap::from_iter([(
                HeaderName::from_static("l402-credential"),
                HeaderValue::from_static("accepted"),
            )]),
            body: json!({ "code": "payment_required", "price_msat": price.msat(),
                "price_sats": price.ceil_sat(), "payment_hash": made.payment_hash.to_string() }),
        };
        if let Some(alter) = alter {
            alter(&made, &mut answer);
        }
        let mut response = plain(402, &answer.body.to_string());
        if is_endless {
            let begin = stream::iter([Ok(Frame::data(Bytes::from_static(b"{")))]);
            let body = StreamBody::new(begin.chain(stream::pending()));
            *response.body_mut() = body.boxed_unsync();
        }
        *response.headers_mut() = answer.headers;
        for line in &answer.lines {
            let value = HeaderValue::from_bytes(line).expect("a header value");
            response.headers_mut().append("www-authenticate", value);
        }
        response
    }

    async fn make(&self, service: Service, price: Msat, policy: Policy) -> Made {
        let expiry = Duration::from_secs(600);
        let request = InvoiceRequest::new(price, expiry, "one joke");
        let invoice = self
            .sandbox
            .create_invoice(request)
            .await
            .expect("an invoice");
        let now = self.clock.wall();
        let terms = Terms {
            service,
            tier: 0,
            capabilities: Vec::new(),
            price,
            policy,
            network: Network::Regtest,
            valid_until: invoice.expires().saturating_add(policy.lifetime()),
            lookup: None,
        };
        let hash = invoice.payment_hash();
        let random: [u8; 30] = hash.as_bytes()[..30].try_into().expect("30 bytes");
        let token = l402::mint(&self.keys, &terms, hash, random, now).expect("a token");
        Made {
            token: token.to_base64(),
            invoice: invoice.bolt11().to_owned(),
            payment_hash: hash,
        }
    }
}

/// `/other` and what is below it is another service than all the rest.
fn service_of(path: &str) -> Service {
    let name = if path.starts_with("/other") {
        "other"
    } else {
        "joke"
    };
    name.parse().expect("a name")
}

fn problem(problem: Problem) -> Response<Body> {
    let document = json!({ "code": problem.code(), "retry_with": problem.retry_with().name() });
    let mut answer = plain(problem.status(), &document.to_string());
    let kind = HeaderValue::from_static("application/problem+json");
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
        .headers_mut()
        .insert("retry-after", HeaderValue::from_static("0"));
    answer
}

fn reset() -> Response<Body> {
    let half = Ok(Frame::data(Bytes::from_static(b"half")));
    let end = async {
        // hyper sends what it has when the body has nothing more for the moment.
        tokio::task::yield_now().await;
        Err(std::io::Error::other("on purpose"))
    };
    let body = stream::iter([half]).chain(stream::once(end));
    Response::new(StreamBody::new(body).boxed_unsync())
}

/// `/to/307?http://…` leads there.
fn redirect(status: &str, to: &str) -> Response<Body> {
    let mut answer = plain(status.parse().expect("a status"), "elsewhere");
    let name = HeaderName::from_static("location");
    answer
        .headers_mut()
        .insert(name, HeaderValue::try_from(to).expect("a location"));
    answer
}
