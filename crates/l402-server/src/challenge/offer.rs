//! An offer: an invoice that was checked, and the token that its preimage opens.

use std::sync::Arc;

use l402::{Challenge, Msat, Network, PaymentHash, UnixTime, mint};
use l402_lightning::NewInvoice;
use serde::Serialize;

use crate::table::{Priced, Snapshot};

/// What a challenge offers.
#[derive(Debug)]
pub(crate) struct Offer {
    challenge: Challenge,
    lsat_line: bool,
    price: Msat,
    payment_hash: PaymentHash,
    expires: UnixTime,
    description: Arc<str>,
}

impl Offer {
    /// Compares the invoice with the price again, whichever backend made it (ATTACKS P-13), and
    /// mints its token. The signature is between backend and payer: no buyer pays a broken one.
    ///
    /// # Errors
    /// A fragment for the log; nothing may be offered then.
    pub(crate) fn new(
        made: &NewInvoice,
        priced: &Priced,
        snapshot: &Snapshot,
        now: UnixTime,
        lsat_line: bool,
    ) -> Result<Self, String> {
        check(made, priced, snapshot.network(), now)?;
        let mut randomness = [0; 30];
        getrandom::fill(&mut randomness).map_err(|error| format!("no randomness: {error}"))?;
        let terms = priced.terms(snapshot.network(), made.expires());
        let token = mint(
            snapshot.keys(),
            &terms,
            made.payment_hash(),
            randomness,
            now,
        )
        .map_err(|error| format!("no token: {error}"))?;
        let challenge = Challenge::new(&token.to_base64(), made.bolt11())
            .map_err(|error| format!("no challenge: {error}"))?;
        Ok(Self {
            challenge,
            lsat_line,
            price: priced.price,
            payment_hash: made.payment_hash(),
            expires: made.expires(),
            description: priced.memo.as_str().into(),
        })
    }

    /// The lines of `www-authenticate`, in order.
    pub(crate) fn header_lines(&self) -> Vec<String> {
        let lsat = self.lsat_line.then(|| self.challenge.to_lsat_header());
        lsat.into_iter()
            .chain([self.challenge.to_header()])
            .collect()
    }

    /// What the body says of it. A whole number of satoshi is rounded up: what a buyer must be
    /// ready to pay.
    pub(crate) fn fields(&self) -> OfferFields<'_> {
        let token = self.challenge.token();
        OfferFields {
            price_sats: self.price.ceil_sat(),
            price_msat: self.price.msat(),
            invoice: self.challenge.invoice(),
            payment_hash: self.payment_hash.to_string(),
            macaroon: token,
            token,
            expires_at: rfc3339(self.expires),
            description: &self.description,
        }
    }
}

/// What a problem document says of an offer.
#[derive(Serialize)]
pub(crate) struct OfferFields<'a> {
    price_sats: u64,
    price_msat: u64,
    invoice: &'a str,
    payment_hash: String,
    macaroon: &'a str,
    token: &'a str,
    expires_at: String,
    description: &'a str,
}

fn check(
    made: &NewInvoice,
    priced: &Priced,
    network: Network,
    now: UnixTime,
) -> Result<(), String> {
    let (says, latest) = (made.terms(), priced.invoice_expiry * 2 + SKEW);
    let lies = [
        (says.amount != Some(priced.price), "amount"),
        (says.network != network, "network"),
        (now >= says.expires, "expiry"),
        (says.expires.since(now) > latest, "expiry"),
    ];
    match lies.iter().find(|(lies, _)| *lies) {
        Some((_, field)) => Err(format!(
            "the node's invoice has another {field} than was asked"
        )),
        None => Ok(()),
    }
}

/// How far the node's clock may be ahead of ours.
const SKEW: std::time::Duration = std::time::Duration::from_secs(600);

/// Date and time in UTC, to the second (RFC 3339 section 5.6).
fn rfc3339(time: UnixTime) -> String {
    let (days, secs) = (time.secs() / 86_400, time.secs() % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (secs / 3600, secs / 60 % 60, secs % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// The Gregorian date so many days after 1970-01-01. Years begin in March here, so that the leap
/// day is the last of its year; an era is 400 years.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days.saturating_add(719_468);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let leaps = day_of_era / 1460 + day_of_era / 146_096 - day_of_era / 36_524;
    let year_of_era = (day_of_era - leaps) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_dates_as_people_do() {
        for (secs, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (1_790_000_000, "2026-09-21T14:13:20Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(UnixTime::from_secs(secs)), text);
        }
    }
}
