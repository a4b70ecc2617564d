//! The list of rules by which a challenge is sound.
//!
//! The client buys by these rules, and `l402 doctor` prints them, so the two cannot disagree: an
//! answer is unsound if and only if the client would not pay for it. Nothing here asks a server or
//! reads a clock: the caller gives an answer and the time, and gets a [`Report`].
//!
//! ```text
//!   UnpaidAnswer, Payer, now ──▶ rules of the answer ──▶ challenge ──▶ rules of each offer ──▶ Report
//! ```
//!
//! ```
//! use http::{HeaderMap, StatusCode};
//! use l402::UnixTime;
//! use l402_client::examine::{Payer, UnpaidAnswer, Verdict, examine};
//!
//! let url = "https://api.example.com/joke".parse().unwrap();
//! let headers = HeaderMap::from_iter([(
//!     http::header::WWW_AUTHENTICATE,
//!     r#"L402 macaroon="AgEE", invoice="lnbc1""#.parse().unwrap(),
//! )]);
//! let answer = UnpaidAnswer {
//!     url: &url,
//!     status: StatusCode::PAYMENT_REQUIRED,
//!     headers: &headers,
//!     body: b"",
//! };
//! let report = examine(&answer, &Payer::default(), UnixTime::from_secs(1_790_000_000));
//! let broken = report.findings.iter().find(|finding| finding.verdict == Verdict::Unsound);
//! assert_eq!(broken.unwrap().rule, "invoice");
//! ```

mod answer;
mod body_challenge;
mod charge;
mod crosscheck;
mod invoice;
mod offer;
mod other_protocol;
mod readers;
mod report;
mod rules;
#[cfg(test)]
mod tests;

pub use answer::{BODY_MAX, BODY_TIME, Payer, UnpaidAnswer};
pub use offer::ExaminedOffer;
pub use readers::{READERS, Reader, Reading};
pub use report::{Finding, Report, Verdict, examine};

pub(crate) use invoice::{InvoiceCase, still_payable};
pub(crate) use rules::Fault;
