//! Progress on stderr while a request is paid, and the question before the payment.

use std::io::{BufRead, IsTerminal, Write, stderr, stdin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use l402::Msat;
use l402_client::{Event, Progress, Quote};

use crate::text::output::style::{self, paint};
use crate::text::output::tell;
use crate::text::plain::escape;

/// The progress of the payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Unpaid,
    /// The payment was approved, so that the wallet is asked or was asked. Its answer is not known.
    Paying,
    /// Paid by this call, or by an earlier call that got no answer.
    Paid,
    /// Paid, and used up by a redirect. The answer behind it is not had yet.
    UsedUp,
}

/// The progress on stderr, and the question before a payment if a person can answer it.
#[derive(Debug)]
pub(super) struct Asking {
    yes: bool,
    above: Msat,
    silent: bool,
    /// True if a line on stderr can be written over.
    live: bool,
    /// True if the current line of the terminal is one of ours, without an end.
    open: AtomicBool,
    stage: Mutex<Stage>,
    /// True once this run has paid. It pays no second time, however often it asks again.
    has_paid: AtomicBool,
}

impl Asking {
    pub(super) fn new(yes: bool, above: Msat, silent: bool) -> Self {
        Self {
            yes,
            above,
            silent,
            live: stderr().is_terminal(),
            open: AtomicBool::new(false),
            stage: Mutex::new(Stage::Unpaid),
            has_paid: AtomicBool::new(false),
        }
    }

    /// Returns true if this run has paid.
    pub(super) fn has_paid(&self) -> bool {
        self.has_paid.load(Ordering::SeqCst)
    }

    pub(super) fn stage(&self) -> Stage {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the stage of the payment. Called before anything is shown, for a terminal may be slow and
    /// the time of `-m` may run out meanwhile.
    fn note(&self, event: &Event) {
        let stage = match event {
            Event::Paying => Stage::Paying,
            Event::Paid { .. } | Event::Redelivered(_) | Event::Resuming(_) => Stage::Paid,
            Event::UsedUp(_) => Stage::UsedUp,
            _ => return,
        };
        self.enter(stage);
    }

    fn enter(&self, stage: Stage) {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = stage;
    }

    /// Replaces the current line of a terminal.
    fn over(&self, text: &str) {
        if self.live && !self.silent {
            self.write_over(text);
        }
    }

    fn write_over(&self, text: &str) {
        self.open.store(!text.is_empty(), Ordering::Relaxed);
        let mut out = stderr();
        let _ = write!(out, "\r\x1b[K{text}").and_then(|()| out.flush());
    }

    /// Removes an unfinished line, before an error is printed.
    pub(super) fn clear(&self) {
        if self.open.load(Ordering::Relaxed) {
            self.write_over("");
        }
    }

    fn ask(&self, question: &str) -> bool {
        self.write_over(question);
        let mut answer = String::new();
        let read = stdin().lock().read_line(&mut answer);
        self.open.store(false, Ordering::Relaxed);
        read.is_ok() && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
    }

    pub(super) fn say(&self, text: &str) {
        if !self.silent {
            self.over("");
            tell(text);
        }
    }
}

impl Progress for Asking {
    fn event(&self, event: &Event) {
        self.note(event);
        if matches!(event, Event::Paid { .. }) {
            self.has_paid.store(true, Ordering::SeqCst);
        }
        match event {
            Event::Challenged(quote) => self.say(&paint(style::FAINT, &describe(quote))),
            Event::Paying if self.live => self.over("paying…"),
            Event::Paying => self.say("paying"),
            Event::Waiting(time) => self.over(&format!("paying… {} s", time.as_secs())),
            Event::Paid { paid, fee, .. } => {
                let paid = paint(style::MONEY, &format!("paid {paid}"));
                self.say(&format!("{paid}, fee {fee}"));
            }
            Event::Resuming(hash) => {
                self.say(&format!(
                    "going on with an earlier payment, {hash}; not paying again"
                ));
            }
            Event::Redelivered(hash) => self.say(&format!(
                "this answer was paid for before ({hash}), and kept; nothing is asked or paid"
            )),
            Event::Queued => self.say("another purchase of this path is under way; waiting for it"),
            Event::RateLimited(pause) => self.say(&format!(
                "the server answers 429, too many requests; asking again in {} s",
                pause.as_secs()
            )),
            Event::AmountOverInvoice { asked, paid } => self.say(&paint(
                style::BAD,
                &format!("the wallet paid {paid}, and the invoice asked {asked}"),
            )),
            Event::FeeOverLimit { fee, limit } => self.say(&paint(
                style::BAD,
                &format!("the wallet paid a fee of {fee}, over the limit of {limit}"),
            )),
            // After `Retrying` the answer follows at once. Unknown events are not shown.
            _ => {}
        }
    }

    fn has_person(&self) -> bool {
        stdin().is_terminal() && self.live
    }

    fn approve(&self, quote: &Quote) -> bool {
        if self.has_paid() {
            return false;
        }
        let cost = quote.amount.saturating_add(quote.max_fee);
        let is_usual = cost <= self.above && quote.payee_before.is_none();
        // If nobody can answer, the limits decide alone: a script that hangs at a question is worse.
        let approved =
            self.yes || is_usual || !self.has_person() || self.ask(&self.question(quote));
        // From here on the wallet may be asked at any moment, so that nobody may say any more that no
        // money moved.
        if approved {
            self.enter(Stage::Paying);
        }
        approved
    }
}

impl Asking {
    /// The price was told just before, unless the person wants silence.
    fn question(&self, quote: &Quote) -> String {
        let question = if self.silent {
            format!("{}. Pay? [y/N] ", describe(quote))
        } else {
            format!(
                "Pay {} and up to {} of fee? [y/N] ",
                quote.amount, quote.max_fee
            )
        };
        match &quote.payee_before {
            None => question,
            Some(before) => format!(
                "The seller was paid at the node {} before, and this goes to {}.\n{question}",
                escape(before),
                escape(&quote.payee)
            ),
        }
    }
}

/// Describes a quote: `http://127.0.0.1:8402 asks 50 sat (fee at most 10 sat) for "a joke"`.
pub(super) fn describe(quote: &Quote) -> String {
    let mut text = format!(
        "{} asks {} (fee at most {})",
        escape(&quote.origin),
        quote.amount,
        quote.max_fee
    );
    if !quote.description.is_empty() {
        text += &format!(" for \"{}\"", escape(&quote.description));
    }
    if let Some(policy) = quote.policy {
        text += &format!(", policy {policy}");
    }
    text
}
