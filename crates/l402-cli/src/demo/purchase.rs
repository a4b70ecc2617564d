//! The demo's first purchase, shown step by step.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use l402::{Challenges, Invoice, Msat};
use l402_client::{Client, Event, Journal, Limits, Progress, Quote, Receipt, Request};
use l402_host::Clock;
use l402_lightning::Pay;
use l402_lightning::sandbox::{Sandbox, SandboxWallet};
use serde_json::{Value, json};

use crate::buyer::sandbox_error;
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code;
use crate::text::invoice;
use crate::text::output::Output;
use crate::text::output::style::{self, paint};
use crate::text::plain::{escape, shorten};

/// Largest answer that the demo reads.
const ANSWER_MAX: usize = 64 * 1024;

/// Buys one joke with the client that `l402 get` uses, and reports what happened.
pub(super) async fn buy_a_joke(
    address: SocketAddr,
    sandbox: &Sandbox,
    out: Output,
    context: &Context,
) -> Result<Value, CliError> {
    let url: url::Url = format!("http://{address}/api/l402/joke")
        .parse()
        .map_err(CliError::internal)?;
    let story = Arc::new(Story::new(out, context.clock.clone()));
    // No part of the purchase: the client asks again, and gets an invoice of its own.
    look(&url, &story).await?;
    let client = Client::builder(Journal::open(&context.home.client()?)?)
        .wallet(wallet(sandbox).await?)
        .limits(limits())
        .clock(context.clock.clone())
        .progress(story.clone())
        .build()?;
    let response = client.send(Request::get(url.clone())).await?;
    let status = response.status().as_u16();
    let receipt = response.receipt().cloned();
    let body = response.bytes(ANSWER_MAX).await?;
    let answer = serde_json::from_slice(&body)
        .unwrap_or_else(|_| Value::String(escape(&String::from_utf8_lossy(&body))));
    story.answered(status, &answer);
    report(&url, status, receipt.as_ref(), &answer, &story)
}

fn report(
    url: &url::Url,
    status: u16,
    receipt: Option<&Receipt>,
    answer: &Value,
    story: &Story,
) -> Result<Value, CliError> {
    let Some(receipt) = receipt.filter(|_| status == 200) else {
        let text = format!("the joke was not sold: the gateway answered {status}");
        return Err(CliError::new(exit_code::INTERNAL, "demo", text));
    };
    Ok(json!({
        "status": status,
        "url": url.as_str(),
        "price_msat": receipt.price.msat(),
        "paid_msat": receipt.paid.msat(),
        "fee_msat": receipt.fee.msat(),
        "payment_hash": receipt.payment_hash.to_string(),
        "answer": answer,
        "steps": story.steps(),
    }))
}

/// Opens the default wallet of the sandbox, and adds play money if earlier demos have spent it.
async fn wallet(sandbox: &Sandbox) -> Result<Arc<dyn Pay>, CliError> {
    const ENOUGH: Msat = Msat::from_sat(1000);
    const MORE: Msat = Msat::from_sat(100_000);
    let wallet = SandboxWallet::open(sandbox, "default").map_err(sandbox_error)?;
    let balance = wallet.balance().await.map_err(sandbox_error)?;
    if balance < ENOUGH {
        wallet.fund(MORE).map_err(sandbox_error)?;
    }
    Ok(Arc::new(wallet))
}

/// Returns the default limits without that of a day, so that the demo works on every run of a day.
fn limits() -> Limits {
    Limits::default().with_per_day(Msat::MAX)
}

/// Sends the first request of the demo, without payment, and shows the challenge.
async fn look(url: &url::Url, story: &Story) -> Result<(), CliError> {
    let failed = |error: reqwest::Error| {
        let text = format!("no answer from the demo's gateway: {}", error.without_url());
        CliError::new(exit_code::UNAVAILABLE, "transport", text)
    };
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(30))
        .build()
        .map_err(failed)?;
    let answer = client.get(url.clone()).send().await.map_err(failed)?;
    let lines: Vec<&[u8]> = answer
        .headers()
        .get_all("www-authenticate")
        .iter()
        .map(|line| line.as_bytes())
        .collect();
    // By the parser that clients use, so that a challenge which it refuses fails the demo.
    let challenges = Challenges::parse(lines).and_then(|all| all.payable());
    let challenge = challenges
        .map_err(|error| CliError::internal(format!("the demo's own challenge: {error}")))?
        .into_iter()
        .next()
        .ok_or_else(|| CliError::internal("the demo's gateway asks for no payment"))?;
    story.looked(
        url,
        answer.status().as_u16(),
        challenge.token(),
        challenge.invoice(),
    );
    Ok(())
}

/// The steps of the purchase, shown as they happen and kept for the report.
struct Story {
    out: Output,
    clock: Arc<dyn Clock>,
    steps: Mutex<Vec<Value>>,
}

impl Story {
    fn new(out: Output, clock: Arc<dyn Clock>) -> Self {
        Self {
            out,
            clock,
            steps: Mutex::default(),
        }
    }

    fn steps(&self) -> Vec<Value> {
        self.steps
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn step(&self, title: &str, lines: &str, value: Value) {
        // In a block, so that the lock is free again before a slow terminal is written to.
        let number = {
            let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
            steps.push(value);
            steps.len()
        };
        let title = paint(style::TITLE, &format!("{number}. {title}"));
        self.out
            .tell(&format!("{title}\n{}", lines.trim_end_matches('\n')));
    }

    fn looked(&self, url: &url::Url, status: u16, token: &str, invoice: &str) {
        let (token, invoice) = (shorten(token), shorten(invoice));
        let lines = format!(
            "  GET {url}\n  {}\n  {}\n",
            paint(style::MONEY, &format!("{status} Payment Required")),
            paint(
                style::FAINT,
                &format!("WWW-Authenticate: L402 macaroon=\"{token}\", invoice=\"{invoice}\", …")
            ),
        );
        let value =
            json!({ "step": "challenge", "status": status, "token": token, "invoice": invoice });
        self.step("Ask without paying: the answer is a price", &lines, value);
    }

    /// Shows the invoice that the client was given. Every 402 has an invoice of its own.
    fn challenged(&self, quote: &Quote) {
        let now = self.clock.wall();
        let mut lines = format!("  {:<14} {}\n", "invoice", shorten(&quote.invoice));
        let mut value = json!({ "step": "invoice", "invoice": shorten(&quote.invoice) });
        if let Ok(decoded) = Invoice::decode(&quote.invoice) {
            lines += &invoice::columns(&invoice::rows(&decoded, now));
            if let (Value::Object(to), Value::Object(from)) =
                (&mut value, invoice::to_json(&decoded, now))
            {
                to.extend(from);
            }
        }
        let title = "The client asks, gets an invoice of its own, and checks it before paying";
        self.step(title, &lines, value);
    }

    fn paid(&self, paid: Msat, fee: Msat) {
        let text = paint(style::MONEY, &format!("{paid}, fee {fee}"));
        let lines = format!("  {text}: the wallet now holds the preimage, which proves it\n");
        let value = json!({ "step": "payment", "paid_msat": paid.msat(), "fee_msat": fee.msat() });
        self.step("Pay", &lines, value);
    }

    fn retrying(&self) {
        let lines = paint(style::FAINT, "  Authorization: L402 <token>:<preimage>");
        self.step(
            "Ask again, with the proof",
            &lines,
            json!({ "step": "retry" }),
        );
    }

    fn answered(&self, status: u16, answer: &Value) {
        let text = answer
            .get("joke")
            .and_then(Value::as_str)
            .unwrap_or("(no joke)");
        let lines = format!("  {}\n", paint(style::GOOD, &escape(text)));
        let value = json!({ "step": "answer", "status": status });
        self.step(&format!("The answer, {status}"), &lines, value);
    }
}

impl Progress for Story {
    fn event(&self, event: &Event) {
        match event {
            Event::Challenged(quote) => self.challenged(quote),
            Event::Paid { paid, fee, .. } => self.paid(*paid, *fee),
            Event::Retrying => self.retrying(),
            Event::Resuming(hash) => {
                let lines = format!("  payment {hash}\n");
                let value = json!({ "step": "resume", "payment_hash": hash.to_string() });
                self.step(
                    "Go on with a purchase that an earlier run began",
                    &lines,
                    value,
                );
            }
            // Between the invoice and its payment nothing is worth a step.
            _ => {}
        }
    }
}
