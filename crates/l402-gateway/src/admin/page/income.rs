//! Income by hour and route, kept in memory: each entry of the books is read once.
//!
//! ```text
//!   books ──(entries after the last one)──▶ Income ──▶ sums of hours, by route ──▶ overview
//! ```

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use l402::{Msat, PaymentHash, UnixTime};
use l402_server::books::{Books, BooksError, Entry, Kind, View};

/// An hour in seconds.
pub(super) const HOUR: u64 = 3600;

/// The hours that are kept: twice the longest time that a page shows, so that it can be compared.
const KEPT: u64 = 2 * 30 * 24 + 1;

/// The payments without terms that may still get some by a later use. More are left unattributed.
const OPEN: usize = 10_000;

/// The key of payments of which nobody knows what they were for.
pub(super) const UNATTRIBUTED: &str = "unattributed";

/// Payments of one hour and route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    /// Millisatoshi.
    pub(super) msat: u64,
    pub(super) payments: u64,
}

impl Sum {
    fn add(&mut self, other: Self) {
        self.msat = self.msat.saturating_add(other.msat);
        self.payments += other.payments;
    }
}

/// The sums of all payments that the books have of the last 60 days.
#[derive(Debug, Default)]
pub(super) struct Income {
    /// The last number that was read of each writer.
    read: HashMap<i64, i64>,
    /// By hour since 1970, then by route.
    hours: BTreeMap<u64, HashMap<Arc<str>, Sum>>,
    /// Payments without terms, each with its hour and amount.
    open: HashMap<PaymentHash, (u64, u64)>,
    /// Those of them that this reading has found.
    fresh: Vec<PaymentHash>,
}

impl Income {
    /// Reads what the books have got since the last call. Blocks; the first call reads all of them.
    ///
    /// # Errors
    /// If the books cannot be read. The next call goes on after the last entry.
    pub(super) fn read(&mut self, books: &dyn Books, now: UnixTime) -> Result<(), BooksError> {
        let first = (now.secs() / HOUR).saturating_sub(KEPT);
        books.view(&mut |view| {
            for head in view.heads()? {
                let after = self.read.get(&head.writer).copied().unwrap_or(0);
                view.of_writer(head.writer, after, &mut |found| {
                    let (Ok((writer, number)) | Err((writer, number))) = found
                        .as_ref()
                        .map(|it| (it.writer, it.number))
                        .map_err(|at| *at);
                    self.read.insert(writer, number);
                    if let Ok(sealed) = found {
                        self.take(&sealed.entry, first);
                    }
                    Ok(())
                })?;
            }
            self.attribute(view)
        })?;
        self.hours = self.hours.split_off(&first);
        self.open.retain(|_, (hour, _)| *hour >= first);
        Ok(())
    }

    fn take(&mut self, entry: &Entry, first: u64) {
        let Some(hash) = entry.payment_hash else {
            return;
        };
        let route = entry.terms.as_ref().map(|terms| &terms.route);
        if entry.kind == Kind::Payment {
            let (hour, msat) = (entry.time.secs() / HOUR, entry.msat.map_or(0, Msat::msat));
            if hour < first {
                return;
            }
            if route.is_none() && self.open.len() < OPEN {
                self.open.insert(hash, (hour, msat));
                self.fresh.push(hash);
            }
            let sum = Sum { msat, payments: 1 };
            self.sum(hour, route).add(sum);
        } else if let Some(route) = route {
            self.learn(&hash, route);
        }
    }

    /// Moves a payment to the route that was found for it.
    fn learn(&mut self, hash: &PaymentHash, route: &Arc<str>) {
        if let Some((hour, msat)) = self.open.remove(hash) {
            let of_nobody = self.sum(hour, None);
            of_nobody.msat = of_nobody.msat.saturating_sub(msat);
            of_nobody.payments = of_nobody.payments.saturating_sub(1);
            self.sum(hour, Some(route)).add(Sum { msat, payments: 1 });
        }
    }

    /// Looks up what open payments were for. Their uses may be another writer's, and were read before them.
    fn attribute(&mut self, view: &dyn View) -> Result<(), BooksError> {
        for hash in std::mem::take(&mut self.fresh) {
            let mut route = None;
            view.by_payment(Some(hash), &mut |found| {
                if let Ok(sealed) = found {
                    route = route.take().or(sealed.entry.terms.map(|terms| terms.route));
                }
                Ok(())
            })?;
            if let Some(route) = route {
                self.learn(&hash, &route);
            }
        }
        Ok(())
    }

    fn sum(&mut self, hour: u64, route: Option<&Arc<str>>) -> &mut Sum {
        let route = route.map_or_else(|| UNATTRIBUTED.into(), Arc::clone);
        self.hours
            .entry(hour)
            .or_default()
            .entry(route)
            .or_default()
    }

    /// Returns the sum of what was sold in some hours. Unattributed payments are not counted: a node may
    /// receive for others, too.
    pub(super) fn sold(&self, hours: Range<u64>) -> Sum {
        let mut sum = Sum::default();
        for routes in self.hours.range(hours).map(|(_, routes)| routes) {
            let sold = routes.iter().filter(|(route, _)| ***route != *UNATTRIBUTED);
            sold.for_each(|(_, of_route)| sum.add(*of_route));
        }
        sum
    }

    /// Returns the sums of some hours by route, the largest first, unattributed ones last.
    pub(super) fn by_route(&self, hours: Range<u64>) -> Vec<(Arc<str>, Sum)> {
        let mut sums: HashMap<Arc<str>, Sum> = HashMap::new();
        for routes in self.hours.range(hours).map(|(_, routes)| routes) {
            for (route, sum) in routes {
                sums.entry(Arc::clone(route)).or_default().add(*sum);
            }
        }
        let mut sums: Vec<_> = sums
            .into_iter()
            .filter(|(_, sum)| sum.payments > 0)
            .collect();
        sums.sort_by_key(|(route, sum)| {
            (
                **route == *UNATTRIBUTED,
                u64::MAX - sum.msat,
                Arc::clone(route),
            )
        });
        sums
    }
}

#[cfg(test)]
mod tests {
    use l402_server::books::{SqliteBooks, Terms};

    use super::*;

    fn payment(hash: u8, hour: u64, sat: u64, route: Option<&str>) -> Entry {
        let mut entry = Entry::new(Kind::Payment, UnixTime::from_secs(hour * HOUR + 7));
        entry.payment_hash = Some(PaymentHash::from_bytes([hash; 32]));
        entry.msat = Some(Msat::new(sat * 1000));
        entry.terms = route.map(terms);
        entry
    }

    fn terms(route: &str) -> Terms {
        Terms {
            service: "service".into(),
            route: route.into(),
            price: Msat::new(1000),
            units: 1,
            ends: UnixTime::from_secs(u64::from(u32::MAX)),
        }
    }

    #[test]
    fn each_entry_counts_once_and_a_use_tells_what_it_was_for() {
        let folder = tempfile::tempdir().unwrap();
        let books = SqliteBooks::open(&folder.path().join("books.db")).unwrap();
        let now = UnixTime::from_secs(500_000 * HOUR);
        let mut income = Income::default();
        books
            .append(&[
                payment(1, 499_999, 10, Some("/a")),
                payment(2, 499_999, 20, None),
                payment(3, 499_998, 40, Some("/b")),
                // Long ago.
                payment(4, 400_000, 80, Some("/b")),
            ])
            .unwrap();
        income.read(&books, now).unwrap();
        income.read(&books, now).unwrap();
        assert_eq!(
            income.sold(0..u64::MAX),
            Sum {
                msat: 50_000,
                payments: 2
            }
        );
        assert_eq!(income.sold(499_999..500_000).msat, 10_000);
        let mut using = Entry::new(Kind::Use, now);
        using.payment_hash = Some(PaymentHash::from_bytes([2; 32]));
        (using.terms, using.spent) = (Some(terms("/a")), 1);
        books.append(&[using]).unwrap();
        income.read(&books, now).unwrap();
        let by_route = income.by_route(0..u64::MAX);
        let shown: Vec<_> = by_route
            .iter()
            .map(|(route, sum)| (&**route, sum.msat))
            .collect();
        assert_eq!(shown, [("/b", 40_000), ("/a", 30_000)]);
    }

    #[test]
    fn what_nobody_knows_is_no_income() {
        let folder = tempfile::tempdir().unwrap();
        let books = SqliteBooks::open(&folder.path().join("books.db")).unwrap();
        let now = UnixTime::from_secs(500_000 * HOUR);
        books.append(&[payment(1, 500_000, 10, None)]).unwrap();
        let mut income = Income::default();
        income.read(&books, now).unwrap();
        assert_eq!(income.sold(0..u64::MAX), Sum::default());
        assert_eq!(income.by_route(0..u64::MAX)[0].1.payments, 1);
    }
}
