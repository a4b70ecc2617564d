//! What is shown while a request is paid, and the question before it.

use std::io::{BufRead, IsTerminal, Write, stderr, stdin};

use l402::Msat;
use l402_client::{Event, Progress, Quote};

use crate::output::style::{self, paint};
use crate::output::tell;
use crate::plain::escape;

/// Shows progress on stderr, and asks where a person can answer.
#[derive(Debug)]
pub(super) struct Asking {
    yes: bool,
    above: Msat,
    silent: bool,
    /// Whether a line on stderr can be written over.
    live: bool,
}

impl Asking {
    pub(super) fn new(yes: bool, above: Msat, silent: bool) -> Self {
        Self {
            yes,
            above,
            silent,
            live: stderr().is_terminal(),
        }
    }

    /// Writes over the current line of a terminal.
    fn over(&self, text: &str) {
        if self.live && !self.silent {
            let mut out = stderr();
            let _ = write!(out, "\r\x1b[K{text}").and_then(|()| out.flush());
        }
    }

    fn say(&self, text: &str) {
        if !self.silent {
            self.over("");
            tell(text);
        }
    }
}

impl Progress for Asking {
    fn event(&self, event: &Event) {
        match event {
            Event::Challenged(quote) => self.say(&paint(style::FAINT, &describe(quote))),
            Event::Paying if self.live => self.over("paying…"),
            Event::Paying => self.say("paying"),
            Event::Waiting(time) => self.over(&format!("paying… {} s", time.as_secs())),
            Event::Paid { paid, fee } => {
                let paid = paint(style::MONEY, &format!("paid {paid}"));
                self.say(&format!("{paid}, fee {fee}"));
            }
            Event::Resuming(hash) => {
                self.say(&format!(
                    "going on with an earlier payment, {hash}; not paying again"
                ));
            }
            // The answer follows at once; and what is not known here is not shown.
            _ => {}
        }
    }

    fn approve(&self, quote: &Quote) -> bool {
        let cost = quote.amount.saturating_add(quote.max_fee);
        let person = stdin().is_terminal() && self.live;
        if self.yes || !person || cost <= self.above {
            return true;
        }
        ask(&format!("{}. Pay? [y/N] ", describe(quote)))
    }
}

fn ask(question: &str) -> bool {
    let mut out = stderr();
    let _ = write!(out, "\r\x1b[K{question}").and_then(|()| out.flush());
    let mut answer = String::new();
    let read = stdin().lock().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

/// `http://127.0.0.1:8402 asks 50 sat (fee at most 10 sat) for "a joke", one served answer`.
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
