//! `l402 doctor URL`: what a server answers to an unpaid request, rule by rule.

use std::time::Duration;

use clap::Args;
use l402_client::examine::{
    BODY_MAX, Finding, Payer, READERS, Reading, Report, UnpaidAnswer, Verdict, examine,
};
use l402_client::{Refused, is_head_too_large};
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::text::invoice;
use crate::text::output::{OutputArgs, style};
use crate::text::plain::{escape, escape_short, shorten};
use crate::text::when;

/// Check what a server answers to an unpaid request
///
/// Sends one request without a credential and pays nothing. Tells whether the answer is a
/// well-formed challenge, which rule it breaks where it is not, whether the invoice holds
/// together, and which known clients would not be able to read it.
#[derive(Args, Debug)]
#[command(after_help = "\
Exit codes: 0 healthy, 18 not a well-formed challenge, 69 no answer.

Examples:
  l402 doctor http://127.0.0.1:8402/api/l402/joke
  l402 doctor https://api.example.com/paid --json | jq '.checks[] | select(.ok | not)'")]
pub(crate) struct Doctor {
    /// What to ask for
    url: String,

    /// The method
    #[arg(
        short = 'X',
        long = "request",
        default_value = "GET",
        value_name = "METHOD"
    )]
    method: String,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// The longest that the whole exchange may take.
const PATIENCE: Duration = Duration::from_secs(30);

impl Doctor {
    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        let url = crate::get::parse_url(&self.url)?;
        let answer = ask(&self.method, url.clone()).await?;
        let now = context.clock.wall();
        let unpaid = answer.unpaid(&url);
        let report = examine(&unpaid, &Payer::default(), now);
        let readings = READERS
            .iter()
            .map(|reader| (reader.client, reader.read(&unpaid)));
        let view = View {
            url: url.as_str(),
            answer: &answer,
            report: &report,
            readings: &readings.collect::<Vec<_>>(),
            now,
        };
        self.output
            .open()
            .result(&view.to_json(), || view.to_text())?;
        Ok(if report.is_sound() {
            exit_code::OK
        } else {
            exit_code::NOT_WELL_FORMED
        })
    }
}

/// What a server answered.
struct Answer {
    status: http::StatusCode,
    headers: http::HeaderMap,
    /// The beginning of the body, longer than [`BODY_MAX`] if the whole body is.
    body: Vec<u8>,
}

impl Answer {
    fn unpaid<'a>(&'a self, url: &'a url::Url) -> UnpaidAnswer<'a> {
        UnpaidAnswer {
            url,
            status: self.status,
            headers: &self.headers,
            body: &self.body,
        }
    }
}

/// One unpaid request. Redirects are not followed: the challenge of this very URL is asked for.
async fn ask(method: &str, url: url::Url) -> Result<Answer, CliError> {
    let method = http::Method::from_bytes(method.as_bytes())
        .map_err(|_| CliError::usage(format!("not a method: {method}")))?;
    let failed = |error: reqwest::Error| {
        if is_head_too_large(&error) {
            let text = "not a well-formed challenge: the head of the answer is too large";
            let code = Refused::ChallengeTooLarge.code();
            return CliError::new(exit_code::NOT_WELL_FORMED, code, text);
        }
        let mut text = escape(&error.without_url().to_string());
        text.insert_str(0, "no answer: ");
        CliError::new(exit_code::UNAVAILABLE, "transport", text)
            .with_hint("check the address, and that the server is running")
    };
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(PATIENCE)
        .user_agent(concat!("l402/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(failed)?;
    let mut response = client
        .request(method, url)
        .header("accept-authenticate", "L402")
        .send()
        .await
        .map_err(failed)?;
    let mut body = Vec::new();
    // One byte too many is read, so that the rules see that the body is too long.
    while body.len() <= BODY_MAX {
        match response.chunk().await.map_err(failed)? {
            Some(chunk) => body.extend_from_slice(&chunk),
            None => break,
        }
    }
    Ok(Answer {
        status: response.status(),
        headers: response.headers().clone(),
        body,
    })
}

/// A report for people and for programs.
struct View<'a> {
    url: &'a str,
    answer: &'a Answer,
    report: &'a Report,
    readings: &'a [(&'static str, Reading)],
    now: l402::UnixTime,
}

impl View<'_> {
    fn to_json(&self) -> Value {
        let checks = self.report.findings.iter().map(|finding| {
            json!({
                "check": finding.rule,
                "ok": finding.verdict == Verdict::Sound,
                "required": finding.is_required,
                "detail": self.detail(finding),
            })
        });
        let clients = self.readings.iter().map(|(client, reading)| match reading {
            Reading::Reads => json!({ "client": client, "reads": true }),
            Reading::Misses(why) => json!({ "client": client, "reads": false, "why": why }),
        });
        let headers = self.answer.headers.iter().map(|(name, value)| {
            json!([
                name.as_str(),
                escape_short(&self.shown(value), HEADER_SHOWN)
            ])
        });
        json!({
            "url": self.url,
            "healthy": self.report.is_sound(),
            "status": self.answer.status.as_u16(),
            "headers": headers.collect::<Vec<_>>(),
            "checks": checks.collect::<Vec<_>>(),
            "bolt11": self.report.offer.as_ref().map(|offer| &offer.bolt11),
            "invoice": self.invoice().map(|i| invoice::to_json(i, self.now)),
            "clients": clients.collect::<Vec<_>>(),
        })
    }

    fn to_text(&self) -> String {
        let status = self.answer.status.as_u16();
        let title = format!("{} answers {status}", escape(self.url));
        let mut text = format!("{}\n", style::paint(style::TITLE, &title));
        for (name, value) in &self.answer.headers {
            let value = escape_short(&self.shown(value), 100);
            text += &style::paint(style::FAINT, &format!("  {name}: {value}"));
            text.push('\n');
        }
        text += &format!("{}\n", style::paint(style::TITLE, "rules"));
        text.extend(
            self.report
                .findings
                .iter()
                .map(|finding| self.line(finding)),
        );
        if let Some(decoded) = self.invoice() {
            text += &format!("{}\n", style::paint(style::TITLE, "invoice"));
            text += &invoice::columns(&invoice::rows(decoded, self.now));
        }
        text += &format!("{}\n", style::paint(style::TITLE, "clients"));
        for (client, reading) in self.readings {
            let (mark, words) = match reading {
                Reading::Reads => (good(), "reads it".to_owned()),
                Reading::Misses(why) => (style::paint(style::MONEY, "note"), (*why).to_owned()),
            };
            text += &format!("  {mark} {client}: {words}\n");
        }
        text + &self.verdict()
    }

    /// A header's value with its token shortened: whoever pays the invoice could use it.
    fn shown(&self, value: &http::HeaderValue) -> String {
        let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
        match &self.report.offer {
            Some(offer) => text.replace(&offer.token, &shorten(&offer.token)),
            None => text,
        }
    }

    fn invoice(&self) -> Option<&l402::Invoice> {
        self.report.offer.as_ref()?.invoice.as_ref()
    }

    /// The text of a finding. The times of an invoice are worded here, as all times are that the
    /// program shows.
    fn detail(&self, finding: &Finding) -> String {
        match (finding.rule, self.invoice()) {
            ("expiry", Some(invoice)) => {
                format!("the invoice ends {}", when::left(invoice.expires, self.now))
            }
            ("date", Some(invoice)) => {
                format!("the invoice was made {} UTC", when::utc(invoice.created))
            }
            _ => finding.text.clone(),
        }
    }

    fn line(&self, finding: &Finding) -> String {
        let mark = match finding.verdict {
            Verdict::Sound => good(),
            Verdict::Unsound => style::paint(style::BAD, "FAIL"),
            Verdict::Remark => style::paint(style::MONEY, "note"),
        };
        let detail = escape(&self.detail(finding));
        format!("  {mark} {}: {detail}\n", finding.rule)
    }

    fn verdict(&self) -> String {
        if self.report.is_sound() {
            style::paint(style::GOOD, "healthy: a well-formed challenge") + "\n"
        } else {
            style::paint(style::BAD, "not a well-formed challenge") + "\n"
        }
    }
}

/// How much of a header's value is shown: enough for any challenge in use.
const HEADER_SHOWN: usize = 4096;

fn good() -> String {
    style::paint(style::GOOD, "ok  ")
}
