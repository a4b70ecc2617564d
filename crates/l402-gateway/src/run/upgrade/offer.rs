//! The invoices of the running process, which the next one takes over: their payments find their terms.

use l402::{Msat, PaymentHash, UnixTime};
use l402_server::books::Terms;
use serde::{Deserialize, Serialize};

use crate::run::books::OpenBooks;

/// An invoice that may still be paid, on one line.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Offer {
    payment: String,
    expires: u64,
    service: String,
    route: String,
    price_msat: u64,
    units: u64,
    ends: u64,
}

impl Offer {
    fn new(payment: PaymentHash, expires: UnixTime, terms: &Terms) -> Self {
        Self {
            payment: payment.to_string(),
            expires: expires.secs(),
            service: terms.service.to_string(),
            route: terms.route.to_string(),
            price_msat: terms.price.msat(),
            units: terms.units,
            ends: terms.ends.secs(),
        }
    }
}

/// Returns the invoices that may still be paid, one at a time.
pub(super) fn offers(books: &OpenBooks) -> impl Iterator<Item = Offer> {
    let payable = books.observer.payable(books.now()).into_iter();
    payable.filter_map(|(payment, expires)| {
        let terms = books.observer.offered_terms(&payment)?;
        Some(Offer::new(payment, expires, &terms))
    })
}

/// Takes an invoice over. One that makes no sense is left: its payment is told by its first use.
pub(super) fn inherit(books: &OpenBooks, offer: Offer) {
    let Ok(payment) = offer.payment.parse() else {
        return;
    };
    let terms = Terms {
        service: offer.service.into(),
        route: offer.route.into(),
        price: Msat::new(offer.price_msat),
        units: offer.units.max(1),
        ends: UnixTime::from_secs(offer.ends),
    };
    let expires = UnixTime::from_secs(offer.expires);
    books.observer.inherit(payment, expires, terms);
}
