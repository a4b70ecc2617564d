//! The invoices that may still be paid, in memory, so that a settlement finds what it was for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use l402::{PaymentHash, UnixTime};

use super::Terms;
use crate::table::Route;

/// The invoices in one of two halves: 1,000,000 in all, of 40 bytes each.
const HALF: usize = 500_000;

/// A table of invoices, with a bound: if the newer half is full, the older one is dropped. A payment
/// that is not found is unattributed until its first use.
#[derive(Debug, Default)]
pub(super) struct Outstanding(Mutex<Halves>);

#[derive(Debug, Default)]
struct Halves {
    newer: HashMap<PaymentHash, Invoice>,
    older: HashMap<PaymentHash, Invoice>,
    /// Those that another process has offered.
    inherited: HashMap<PaymentHash, (UnixTime, Terms)>,
    /// The latest end of an invoice.
    last: Option<UnixTime>,
    /// What is sold, once each.
    sold: Vec<Arc<Route>>,
}

/// What is known of an invoice.
#[derive(Clone, Copy, Debug)]
struct Invoice {
    route: u16,
    /// Unix seconds of the invoice's end.
    expires: u32,
}

impl Outstanding {
    /// Notes an invoice of a route.
    pub(super) fn add(&self, hash: PaymentHash, route: &Arc<Route>, expires: UnixTime) {
        let mut halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some(route), Ok(expires)) = (halves.number(route), u32::try_from(expires.secs()))
        else {
            return;
        };
        if halves.newer.len() >= HALF {
            halves.older = std::mem::take(&mut halves.newer);
        }
        halves.newer.insert(hash, Invoice { route, expires });
        let expires = UnixTime::from_secs(u64::from(expires));
        halves.last = halves.last.max(Some(expires));
    }

    /// Notes an invoice that another process has offered.
    pub(super) fn inherit(&self, hash: PaymentHash, expires: UnixTime, terms: Terms) {
        let mut halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if halves.inherited.len() < HALF {
            halves.inherited.insert(hash, (expires, terms));
            halves.last = halves.last.max(Some(expires));
        }
    }

    /// Returns the invoices that may be paid at `now`, with their ends.
    pub(super) fn payable(&self, now: UnixTime) -> Vec<(PaymentHash, UnixTime)> {
        let mut found = Vec::new();
        let halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (hash, invoice) in halves.older.iter().chain(&halves.newer) {
            found.push((*hash, UnixTime::from_secs(u64::from(invoice.expires))));
        }
        let inherited = halves.inherited.iter();
        found.extend(inherited.map(|(hash, (expires, _))| (*hash, *expires)));
        drop(halves);
        found.retain(|(_, expires)| *expires > now);
        found
    }

    /// Returns the latest end of an invoice, of those that were ever offered.
    pub(super) fn last(&self) -> Option<UnixTime> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).last
    }

    /// Returns the terms that an invoice was offered on.
    pub(super) fn terms(&self, hash: &PaymentHash) -> Option<Terms> {
        let halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = halves.newer.get(hash).or_else(|| halves.older.get(hash));
        let Some(invoice) = own else {
            return halves.inherited.get(hash).map(|(_, terms)| terms.clone());
        };
        let route = halves.sold.get(usize::from(invoice.route))?;
        let priced = route.sold()?;
        // A token's life is counted from the end of its invoice.
        let expires = UnixTime::from_secs(u64::from(invoice.expires));
        Some(Terms {
            service: priced.service.as_str().into(),
            route: route.path.as_str().into(),
            price: priced.price,
            units: priced.policy.uses().map_or(1, |uses| u64::from(uses.get())),
            ends: expires.saturating_add(priced.policy.lifetime()),
        })
    }
}

impl Halves {
    /// Returns the number of a route. After 65,536 of them, as many reloads may bring, there is none.
    fn number(&mut self, route: &Arc<Route>) -> Option<u16> {
        let found = self
            .sold
            .iter()
            .rposition(|known| Arc::ptr_eq(known, route));
        let number = found.unwrap_or(self.sold.len());
        if found.is_none() {
            // The same route after a reload, or a new one.
            if let Some(same) = self
                .sold
                .iter()
                .rposition(|known| known.sold() == route.sold() && known.path == route.path)
            {
                return u16::try_from(same).ok();
            }
            u16::try_from(number).ok()?;
            self.sold.push(Arc::clone(route));
        }
        u16::try_from(number).ok()
    }
}
