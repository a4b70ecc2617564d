//! `l402 doctor URL`: what a server answers to an unpaid request, rule by rule.

mod exam;
mod reader;

use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use crate::CliError;
use crate::context::Context;
use crate::exit_code::{self, ExitCode};
use crate::text::invoice;
use crate::text::output::{OutputArgs, style};
use crate::text::plain::{escape, escape_short, shorten};
use exam::{Answer, Exam, Finding, Level};
use reader::{READERS, Reading};

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

/// How much of a body is read: a challenge needs none of it.
const BODY_MAX: usize = 64 * 1024;
/// How long the whole exchange may take.
const PATIENCE: Duration = Duration::from_secs(30);

impl Doctor {
    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        let url = crate::get::parse_url(&self.url)?;
        let answer = ask(&self.method, url.clone()).await?;
        let exam = Exam::of(&answer, context.clock.wall());
        let readings: Vec<(&str, Reading)> = READERS
            .iter()
            .map(|reader| (reader.client, reader.read(&answer)))
            .collect();
        let report = Report {
            url: url.as_str(),
            answer: &answer,
            exam: &exam,
            readings: &readings,
        };
        let now = context.clock.wall();
        self.output
            .open()
            .result(&report.to_json(now), || report.to_text(now))?;
        Ok(if exam.is_healthy() {
            exit_code::OK
        } else {
            exit_code::NOT_WELL_FORMED
        })
    }
}

/// One unpaid request. Redirects are not followed: the challenge of this very URL is asked for.
async fn ask(method: &str, url: url::Url) -> Result<Answer, CliError> {
    let method = http::Method::from_bytes(method.as_bytes())
        .map_err(|_| CliError::usage(format!("not a method: {method}")))?;
    let failed = |error: reqwest::Error| {
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
    while body.len() < BODY_MAX {
        match response.chunk().await.map_err(failed)? {
            Some(chunk) => body.extend_from_slice(&chunk),
            None => break,
        }
    }
    body.truncate(BODY_MAX);
    Ok(Answer {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body,
    })
}

struct Report<'a> {
    url: &'a str,
    answer: &'a Answer,
    exam: &'a Exam,
    readings: &'a [(&'static str, Reading)],
}

impl Report<'_> {
    fn to_json(&self, now: l402::UnixTime) -> Value {
        let checks = self.exam.findings.iter().map(|finding| {
            json!({
                "check": finding.name,
                "ok": finding.ok,
                "required": finding.level == Level::Required,
                "detail": finding.detail,
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
            "healthy": self.exam.is_healthy(),
            "status": self.answer.status,
            "headers": headers.collect::<Vec<_>>(),
            "checks": checks.collect::<Vec<_>>(),
            "bolt11": self.exam.bolt11,
            "invoice": self.exam.invoice.as_ref().map(|i| invoice::to_json(i, now)),
            "clients": clients.collect::<Vec<_>>(),
        })
    }

    fn to_text(&self, now: l402::UnixTime) -> String {
        let title = format!("{} answers {}", escape(self.url), self.answer.status);
        let mut text = format!("{}\n", style::paint(style::TITLE, &title));
        for (name, value) in &self.answer.headers {
            let value = escape_short(&self.shown(value), 100);
            text += &style::paint(style::FAINT, &format!("  {name}: {value}"));
            text.push('\n');
        }
        text += &format!("{}\n", style::paint(style::TITLE, "rules"));
        text.extend(self.exam.findings.iter().map(line));
        if let Some(decoded) = &self.exam.invoice {
            text += &format!("{}\n", style::paint(style::TITLE, "invoice"));
            text += &invoice::columns(&invoice::rows(decoded, now));
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
        match &self.exam.token {
            Some(token) => text.replace(token.as_str(), &shorten(token)),
            None => text,
        }
    }

    fn verdict(&self) -> String {
        if self.exam.is_healthy() {
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

fn line(finding: &Finding) -> String {
    let mark = match (finding.ok, finding.level) {
        (true, _) => good(),
        (false, Level::Required) => style::paint(style::BAD, "FAIL"),
        (false, Level::Advised) => style::paint(style::MONEY, "note"),
    };
    format!("  {mark} {}: {}\n", finding.name, escape(&finding.detail))
}
