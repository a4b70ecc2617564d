//! The lines on stderr about money.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use l402::PaymentHash;
use l402_client::{Event, Progress, Quote};

use crate::text::output::style::{self, paint};
use crate::text::output::tell;
use crate::text::plain::{escape, escape_short};

/// The most payments under way that are known by their seller. Of more, the oldest is told by its
/// hash alone.
const KNOWN_MAX: usize = 1024;

/// The longest description of an invoice in a line, in characters.
const DESCRIPTION_MAX: usize = 60;

/// Tells each payment in one line. Approves what is within the limits: nobody can be asked.
#[derive(Debug, Default)]
pub(crate) struct Teller {
    begun: Mutex<VecDeque<(PaymentHash, String)>>,
}

impl Teller {
    fn take(&self, hash: PaymentHash) -> Option<String> {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let at = begun.iter().position(|(known, _)| *known == hash)?;
        begun.remove(at).map(|(_, seller)| seller)
    }
}

impl Progress for Teller {
    fn event(&self, event: &Event) {
        match event {
            Event::Paid {
                payment_hash,
                paid,
                fee,
            } => {
                let seller = self.take(*payment_hash).unwrap_or_default();
                let paid = paint(style::MONEY, &format!("paid {paid}"));
                tell(&format!("{paid}, fee {fee}{seller} ({payment_hash})"));
            }
            Event::AmountOverInvoice { asked, paid } => tell(&paint(
                style::BAD,
                &format!("the wallet paid {paid}, and the invoice asked {asked}"),
            )),
            Event::FeeOverLimit { fee, limit } => tell(&paint(
                style::BAD,
                &format!("the wallet paid a fee of {fee}, over the limit of {limit}"),
            )),
            // The others are steps on the way, of which a hundred requests have a thousand.
            _ => {}
        }
    }

    fn approve(&self, quote: &Quote) -> bool {
        let mut seller = format!(", to {}", escape(&quote.origin));
        if !quote.description.is_empty() {
            let what = escape_short(&quote.description, DESCRIPTION_MAX);
            seller += &format!(" for \"{what}\"");
        }
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        if begun.len() >= KNOWN_MAX {
            begun.pop_front();
        }
        begun.push_back((quote.payment_hash, seller));
        true
    }
}
