//! Two origins that answer by a plan, and write down what they must never see.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use l402::text::bare_invoice;
use l402::{
    Invoice, KeyNumber, KeyRing, MasterKey, Msat, Network, PaymentHash, Policy, Preimage, Service,
    Terms,
};
use l402_host::Clock;
use l402_lightning::sandbox::Sandbox;
use l402_lightning::{InvoiceRequest, Receive as _};
use lightning_invoice::Currency;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::answer::{After, Answer, HANG};
use super::invoice::Draft;
use super::plan::{
    Beside, Bill, Body, Challenge, Leads, Lines, Paid, PaidAnswer, Plan, Token, Trouble, Unpaid,
    UnpaidAnswer,
};
use super::wallet::Asked;

/// The secret of the caller's own, which another origin must not see.
const OWN: &str = "Bearer own";

/// The payment hash of the second of two offers.
const OTHER: PaymentHash = PaymentHash::from_bytes([8; 32]);

/// An invoice that was handed out, and the token for it.
#[derive(Clone, Debug)]
struct Sold {
    token: String,
    invoice: String,
    hash: PaymentHash,
    is_payable: bool,
}

#[derive(Default)]
struct Seen {
    unpaid: usize,
    paid: usize,
    sold: Vec<Sold>,
    complaints: Vec<String>,
}

/// A seller with two origins, which ends with this value. What it sells costs play money of a sandbox.
pub struct HostileSeller {
    seller: Seller,
    _origins: JoinSet<()>,
}

#[derive(Clone)]
struct Seller(Arc<Shared>);

struct Shared {
    plan: Plan,
    sandbox: Sandbox,
    clock: Arc<dyn Clock>,
    keys: KeyRing,
    origins: [SocketAddr; 2],
    seen: Mutex<Seen>,
}

impl std::fmt::Debug for HostileSeller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostileSeller").finish_non_exhaustive()
    }
}

/// A request, as far as it matters here.
struct Request {
    path: String,
    headers: Vec<(String, String)>,
}

impl HostileSeller {
    /// Starts both origins.
    ///
    /// # Panics
    /// If no port is free.
    pub async fn start(plan: &Plan, sandbox: &Sandbox, clock: Arc<dyn Clock>) -> Self {
        let [first, second] = [listen().await, listen().await];
        let address = |listener: &TcpListener| listener.local_addr().expect("an address");
        let origins = [address(&first), address(&second)];
        // Any bytes will do that are no pattern.
        let key: [u8; 32] = std::array::from_fn(|at| (at * at * 7 + 13).to_le_bytes()[0]);
        let key = MasterKey::from_bytes(&key).expect("a key");
        let seller = Seller(Arc::new(Shared {
            plan: plan.clone(),
            sandbox: sandbox.clone(),
            clock,
            keys: KeyRing::new("shop", KeyNumber(1), key),
            origins,
            seen: Mutex::default(),
        }));
        let mut serving = JoinSet::new();
        serving.spawn(accept(first, seller.clone(), 0));
        serving.spawn(accept(second, seller.clone(), 1));
        Self {
            seller,
            _origins: serving,
        }
    }

    /// Returns the URL of a path at the first origin, which is the one that a buyer asks.
    ///
    /// # Panics
    /// Never: an address and a path make a URL.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        self.seller.url(path)
    }

    /// The value of `Authorization` that a caller may send, and that no other origin may see.
    #[must_use]
    pub fn own_authorization(&self) -> &'static str {
        OWN
    }

    /// Returns everything that was seen and must not be, in words.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        self.seller.seen().complaints.clone()
    }

    /// Returns true if an invoice was handed out where a buyer may pay it.
    #[must_use]
    pub fn has_sold(&self, asked: &Asked) -> bool {
        let seen = self.seller.seen();
        let mut sold = seen.sold.iter();
        asked.payment_hash == OTHER || sold.any(|it| it.invoice == asked.bolt11 && it.is_payable)
    }

    /// Returns the number of requests that carried a credential.
    #[must_use]
    pub fn presented(&self) -> usize {
        self.seller.seen().paid
    }
}

impl Seller {
    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.0.origins[0])
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(&self, request: &Request, origin: usize) -> Answer {
        let credentials = self.look_at(request, origin);
        if origin == 1 {
            return match request.path.as_str() {
                "/back" => self.lead(self.url("/back")),
                _ => self.ask(&honest(&self.0.plan), "/away").await,
            };
        }
        let plan = &self.0.plan;
        if credentials > 0 {
            let number = next(&mut self.seen().paid);
            self.to_paid(&plan.paid[number.min(plan.paid.len() - 1)], &request.path)
                .await
        } else {
            let number = next(&mut self.seen().unpaid);
            let answer = &plan.unpaid[number.min(plan.unpaid.len() - 1)];
            self.to_unpaid(answer, &request.path).await
        }
    }

    /// Holds a request against what may be sent; returns the number of its credentials.
    fn look_at(&self, request: &Request, origin: usize) -> usize {
        let mut seen = self.seen();
        let mut credentials = 0;
        for (name, value) in &request.headers {
            let is_scheme = |scheme: &str| {
                let start = value.get(..scheme.len());
                start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
            };
            let is_credential = match name.as_str() {
                "authorization" => is_scheme("l402 ") || is_scheme("lsat "),
                "l402-credential" | "macaroon" | "grpc-metadata-macaroon" => true,
                _ => false,
            };
            if origin == 1 && matches!(name.as_str(), "authorization" | "cookie") {
                seen.complaints
                    .push(format!("another origin was sent {name}"));
            }
            if !is_credential {
                continue;
            }
            credentials += 1;
            if request.path == "/back" {
                seen.complaints.push("a credential came back".into());
            }
            if !seen.sold.iter().any(|sold| proves(value, sold)) {
                seen.complaints
                    .push("a credential is not for what was sold here".into());
            }
        }
        if credentials > 1 {
            seen.complaints
                .push("two credentials in one request".into());
        }
        credentials
    }

    async fn to_unpaid(&self, answer: &UnpaidAnswer, path: &str) -> Answer {
        match answer.kind {
            Unpaid::Asks => self.ask(&answer.challenge, path).await,
            Unpaid::Busy => busy(),
            Unpaid::Free => Answer::new(200).body("free"),
            Unpaid::Leads => self.lead_to(answer.leads, path),
            Unpaid::Refuses => Answer::new(answer.status).body("no"),
            Unpaid::Troubles => trouble(answer.trouble),
        }
    }

    async fn to_paid(&self, answer: &PaidAnswer, path: &str) -> Answer {
        let problem = |status: u16, code: &str, with: &str| {
            let body = json!({ "code": code, "retry_with": with, "status": status });
            Answer::new(status)
                .header("content-type", "application/problem+json")
                .header("retry-after", "0")
                .body(body.to_string())
        };
        match answer.kind {
            Paid::Again => self.ask(&answer.challenge, path).await,
            Paid::AnotherPrice => problem(402, "insufficient", "new_invoice"),
            Paid::Busy => busy(),
            Paid::Fails => problem(503, "upstream_unavailable", "same_token"),
            Paid::InUse => problem(409, "in_use", "same_token"),
            Paid::Leads => self.lead_to(answer.leads, path),
            Paid::Refuses => Answer::new(answer.status).body("no"),
            Paid::Serves => Answer::new(200).body("served"),
            Paid::Troubles => trouble(answer.trouble),
        }
    }

    fn lead_to(&self, leads: Leads, path: &str) -> Answer {
        let away = format!("http://{}", self.0.origins[1]);
        self.lead(match leads {
            Leads::Away => format!("{away}/away"),
            Leads::AwayAndBack => format!("{away}/back"),
            Leads::Here => self.url("/moved"),
            Leads::InCircles => self.url(path),
        })
    }

    #[expect(clippy::unused_self, reason = "reads as the other answers do")]
    fn lead(&self, to: String) -> Answer {
        Answer::new(302).header("location", to).body("elsewhere")
    }

    async fn ask(&self, challenge: &Challenge, path: &str) -> Answer {
        let sold = self.sell(challenge, path).await;
        // The caller sends an `Authorization` of its own, beside which nothing else would be bought.
        let mut answer = Answer::new(402).header("l402-credential", "accepted");
        for line in lines(challenge, &sold) {
            answer = answer.header("www-authenticate", line);
        }
        if let Some(request) = beside(challenge, &sold) {
            let request = URL_SAFE_NO_PAD.encode(request.to_string());
            let line = format!(
                "Payment id=\"1\", realm=\"x\", method=\"lightning\", intent=\"charge\", \
                 request=\"{request}\""
            );
            answer = answer.header("www-authenticate", line);
        }
        if challenge.lines == Lines::InBody {
            let body = json!({ "macaroon": sold.token, "invoice": sold.invoice });
            let json = answer.header("content-type", "application/json");
            return json.body(body.to_string());
        }
        with_body(answer, challenge, &sold)
    }

    /// Makes token and invoice, and writes them down.
    async fn sell(&self, challenge: &Challenge, path: &str) -> Sold {
        let is_payable = path != "/away" && path != "/back";
        let last = self.seen().sold.last().cloned();
        if let (Bill::Same, Some(last)) = (challenge.bill, last) {
            // Offered here as well, so a buyer may pay it.
            let again = Sold { is_payable, ..last };
            self.seen().sold.push(again.clone());
            return again;
        }
        let (invoice, hash) = self.bill(challenge).await;
        let token = self.token(challenge, hash);
        let sold = Sold {
            token,
            invoice: bare_invoice(&invoice).to_owned(),
            hash,
            is_payable,
        };
        self.seen().sold.push(sold.clone());
        Sold { invoice, ..sold }
    }

    async fn bill(&self, challenge: &Challenge) -> (String, PaymentHash) {
        let now = self.0.clock.wall();
        let mut bytes = [0; 32];
        fastrand::fill(&mut bytes);
        let mut draft = Draft {
            currency: Currency::Regtest,
            msat: Some(challenge.msat),
            created: now,
            expiry: 600,
            hash: PaymentHash::from_bytes(bytes),
        };
        match challenge.bill {
            Bill::Amountless => draft.msat = None,
            Bill::Ended => draft.expiry = 9,
            Bill::FromFuture => draft.created = now.saturating_add(Duration::from_secs(400)),
            Bill::Mainnet => draft.currency = Currency::Bitcoin,
            Bill::Zeros => draft.hash = Preimage::from_bytes([0; 32]).payment_hash(),
            Bill::Forged => return (draft.forge(), draft.hash),
            Bill::Garbage => return ("lnbcrt1qqqq".to_owned(), draft.hash),
            Bill::OfAnother => {}
            Bill::Fraction | Bill::Honest | Bill::Link | Bill::Same | Bill::TooDear => {
                let price = match challenge.bill {
                    Bill::TooDear => self.0.plan.per_request.saturating_add(Msat::new(1)),
                    _ => Msat::new(challenge.msat),
                };
                let request = InvoiceRequest::new(price, Duration::from_secs(600), "one answer");
                let made = self.0.sandbox.create_invoice(request).await;
                let made = made.expect("an invoice");
                let link = if challenge.bill == Bill::Link {
                    "lightning:"
                } else {
                    ""
                };
                return (format!("{link}{}", made.bolt11()), made.payment_hash());
            }
        }
        (draft.sign(), draft.hash)
    }

    fn token(&self, challenge: &Challenge, hash: PaymentHash) -> String {
        let now = self.0.clock.wall();
        let policy = match challenge.token {
            Token::OursForHours => "time=3600".parse().expect("a policy"),
            _ => Policy::Request,
        };
        let mut terms = Terms {
            service: "shop".parse::<Service>().expect("a name"),
            tier: 0,
            capabilities: Vec::new(),
            price: Msat::new(challenge.msat),
            policy,
            network: Network::Regtest,
            valid_until: now.saturating_add(Duration::from_secs(7200)),
            lookup: None,
        };
        if challenge.bill == Bill::TooDear {
            terms.price = self.0.plan.per_request.saturating_add(Msat::new(1));
        }
        if challenge.bill == Bill::Mainnet {
            terms.network = Network::Bitcoin;
        }
        let mut hash = hash;
        match challenge.token {
            // An honest mint refuses such a hash.
            _ if challenge.bill == Bill::Zeros => return "opaque".to_owned(),
            Token::Binary => return "a\u{fffd}b".to_owned(),
            Token::Opaque => return format!("opaque.{hash}"),
            Token::Spaced => return "a b".to_owned(),
            Token::OtherHash => hash = PaymentHash::from_bytes([3; 32]),
            Token::OtherNetwork => terms.network = Network::Signet,
            Token::OtherPrice => terms.price = terms.price.saturating_add(Msat::new(1000)),
            Token::Ours | Token::OursForHours => {}
        }
        let mut random = [0; 30];
        fastrand::fill(&mut random);
        let token = l402::mint(&self.0.keys, &terms, hash, random, now);
        token.expect("a token").to_base64()
    }
}

/// A challenge without any fault.
fn honest(plan: &Plan) -> Challenge {
    Challenge {
        lines: Lines::L402,
        token: Token::Ours,
        bill: Bill::Honest,
        body: Body::Empty,
        beside: Beside::None,
        msat: plan.per_request.msat() / 2 + 1,
    }
}

fn next(counter: &mut usize) -> usize {
    *counter += 1;
    *counter - 1
}

/// Returns true if a credential is the token of this purchase with the preimage that proves it.
fn proves(credential: &str, sold: &Sold) -> bool {
    let Some((_, rest)) = credential.split_once(' ') else {
        return false;
    };
    let Some((token, preimage)) = rest.rsplit_once(':') else {
        return false;
    };
    let preimage = preimage.parse::<Preimage>();
    token == sold.token && preimage.is_ok_and(|preimage| preimage.proves(&sold.hash))
}

fn busy() -> Answer {
    Answer::new(429).header("retry-after", "0").body("slow")
}

fn trouble(trouble: Trouble) -> Answer {
    let ok = Answer::new(200).body("half");
    match trouble {
        Trouble::Cut => ok.short(After::Close),
        Trouble::Garbled => ok.header("a b", "c").after(After::Close),
        Trouble::HeadOnly => Answer::new(200).short(After::Hang),
        Trouble::Reset => ok.short(After::Reset),
        // The head itself does not come.
        Trouble::Silent => Answer::new(0).after(After::Hang),
        Trouble::TooManyHeaders => (0..500).fold(ok, |ok, at| ok.header(&format!("x-{at}"), "x")),
    }
}

/// The lines of a challenge.
fn lines(challenge: &Challenge, sold: &Sold) -> Vec<Vec<u8>> {
    let Sold { token, invoice, .. } = sold;
    let pair = format!("macaroon=\"{token}\", invoice=\"{invoice}\"");
    let other = |msat: u64| {
        let draft = Draft {
            currency: Currency::Regtest,
            msat: Some(msat.max(1)),
            // As the sandbox dates its own.
            created: Invoice::decode(invoice).map_or(l402::UnixTime::from_secs(0), |it| it.created),
            expiry: 600,
            hash: OTHER,
        };
        format!("L402 macaroon=\"other\", invoice=\"{}\"", draft.sign())
    };
    let lines = match challenge.lines {
        Lines::Both => vec![format!("LSAT {pair}"), format!("L402 {pair}")],
        Lines::Broken => vec![format!("L402 macaroon=\"{token}")],
        Lines::Cheaper => vec![format!("L402 {pair}"), other(challenge.msat / 2)],
        Lines::Dearer => vec![other(challenge.msat * 2), format!("L402 {pair}")],
        Lines::Foreign => vec!["Bearer realm=\"x\"".to_owned()],
        Lines::Half => vec![format!("L402 macaroon=\"{token}\"")],
        Lines::Huge => vec![format!("L402 {pair}, x=\"{}\"", "x".repeat(70 * 1024))],
        Lines::InBody | Lines::Nothing => Vec::new(),
        Lines::Joined => vec![format!(
            "Basic realm=\"x, y\", L402 {pair}, Cashu mint=\"z\""
        )],
        Lines::L402 => vec![format!("L402 {pair}")],
        Lines::Lsat => vec![format!("LSAT {pair}")],
        Lines::Many => vec![vec![format!("L402 {pair}"); 40].join(", ")],
        Lines::New => vec![format!(
            "L402 version=\"0\", token=\"{token}\", invoice=\"{invoice}\""
        )],
        Lines::Twice => vec![format!("L402 {pair}, invoice=\"lnbcrt1\"")],
        Lines::Unquoted => vec![format!("L402 macaroon={token}, invoice={invoice}")],
    };
    lines.into_iter().map(String::into_bytes).collect()
}

/// The request of a `Payment` challenge beside it.
fn beside(challenge: &Challenge, sold: &Sold) -> Option<serde_json::Value> {
    let sats = challenge.msat.div_ceil(1000);
    let other = "4d".repeat(32);
    let apart = |sats: u64| {
        json!({ "amount": sats.to_string(), "currency": "sat",
            "methodDetails": { "paymentHash": other } })
    };
    Some(match challenge.beside {
        Beside::None => return None,
        Beside::Cheaper => apart(sats - 1),
        Beside::Contradicts => json!({ "amount": sats.to_string(), "methodDetails": {
            "invoice": sold.invoice, "paymentHash": other } }),
        Beside::Dearer => apart(sats + 7),
        Beside::Same => json!({ "amount": sats.to_string(), "methodDetails": {
            "invoice": sold.invoice, "network": "regtest" } }),
        Beside::WithItsOwn => apart(sats),
    })
}

fn with_body(answer: Answer, challenge: &Challenge, sold: &Sold) -> Answer {
    let sats = challenge.msat.div_ceil(1000);
    let json = |value: serde_json::Value| value.to_string();
    match challenge.body {
        Body::Agrees => answer.body(json(json!({ "price_msat": challenge.msat,
            "price_sats": sats, "payment_hash": sold.hash.to_string() }))),
        Body::Empty => answer,
        Body::Endless => answer.body(format!("{{\"price_sats\": {}", " ".repeat(200_000))),
        Body::Float => answer.body(format!("{{\"price_sats\": {sats}.0}}")),
        Body::Hangs => answer.body("{").short(After::Hang),
        Body::NoJson => answer.body("payment required"),
        Body::OtherHash => answer.body(json(json!({ "payment_hash": "00".repeat(32) }))),
        Body::OtherPrice => answer.body(json(json!({ "price_msat": challenge.msat + 1 }))),
        Body::Short => answer.body("{\"price_sats\": 1").short(After::Close),
    }
}

async fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.expect("a port")
}

async fn accept(listener: TcpListener, seller: Seller, origin: usize) {
    let mut connections = JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        let seller = seller.clone();
        // A buyer that has had enough closes in the middle.
        connections.spawn(async move {
            let _ended = serve(socket, &seller, origin).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(mut socket: TcpStream, seller: &Seller, origin: usize) -> std::io::Result<()> {
    while let Some(request) = read(&mut socket).await? {
        let answer = seller.answer(&request, origin).await;
        let bytes = answer.bytes();
        if !bytes.starts_with(b"HTTP/1.1 0 ") {
            socket.write_all(&bytes).await?;
        }
        match answer.after {
            After::Next => {}
            After::Close => break,
            After::Hang => {
                tokio::time::sleep(HANG).await;
                break;
            }
            After::Reset => {
                socket.set_zero_linger()?;
                break;
            }
        }
    }
    Ok(())
}

/// Reads the head of a request without a body; `None` at the end of the connection.
async fn read(socket: &mut TcpStream) -> std::io::Result<Option<Request>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match socket.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return Ok(None),
        }
    }
    let text = String::from_utf8_lossy(&head);
    let mut lines = text.lines();
    let path = lines.next().and_then(|line| line.split(' ').nth(1));
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
    Ok(Some(Request {
        path: path.unwrap_or_default().to_owned(),
        headers: headers.collect(),
    }))
}
