//! Payments of the books, searched and sorted, the newest first.

use std::collections::{BTreeMap, VecDeque};

use l402::{Identifier, PaymentHash, UnixTime};
use l402_server::books::{Account, Books, BooksError, Entry, View, each_use, payment};

use super::layout::Grade;
use crate::admin::api::PaymentState;

/// The payments of one page.
pub(super) const SHOWN: usize = 25;

/// The fewest hex digits that are searched for: fewer would find anything.
const DIGITS_MIN: usize = 4;

/// The place of a payment in the order of the pages: the time of its first entry, then its hash.
pub(super) type Place = (u64, PaymentHash);

/// The state of a payment that a page is narrowed to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Filter {
    #[default]
    All,
    /// Of nobody knows what.
    Unattributed,
    /// Paid, and never used.
    Unserved,
    /// With something that can still be used.
    Open,
    /// Used up.
    Spent,
    /// With a token that the books have seen.
    Token,
}

impl Filter {
    /// Reads the parameter `state`.
    pub(super) fn read(text: Option<&str>) -> Self {
        match text {
            Some("unattributed") => Self::Unattributed,
            Some("unserved") => Self::Unserved,
            Some("open") => Self::Open,
            Some("spent") => Self::Spent,
            _ => Self::All,
        }
    }

    fn takes(self, found: &Found, now: UnixTime) -> bool {
        let account = &found.account;
        match self {
            Self::All => true,
            Self::Unattributed => !account.is_attributed(),
            Self::Unserved => account.is_attributed() && account.is_unserved(),
            Self::Open => {
                account.is_attributed() && !found.account.is_spent() && !account.has_ended(now)
            }
            Self::Spent => found.account.is_spent(),
            Self::Token => found.token.is_some() || account.terms.is_some(),
        }
    }
}

/// A search over the payments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Search {
    pub(super) filter: Filter,
    /// Digits at the begin of the id of a token or of a payment hash.
    pub(super) digits: Option<String>,
    /// The service, in full.
    pub(super) service: Option<String>,
    /// Only payments after this place, the older ones.
    pub(super) after: Option<Place>,
}

impl Search {
    /// Reads what somebody typed: digits of an id, a whole identifier, or the name of a service.
    pub(super) fn typed(text: &str) -> Self {
        let text = text.trim();
        let is_hex = text.len() >= DIGITS_MIN && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let identifier = hex::decode(text).ok();
        let identifier = identifier.and_then(|bytes| Identifier::from_bytes(&bytes).ok());
        let digits = match identifier {
            Some(identifier) => Some(hex::encode(identifier.payment_hash.as_bytes())),
            None => is_hex.then(|| text.to_ascii_lowercase()),
        };
        let service = (digits.is_none() && !text.is_empty()).then(|| text.to_owned());
        Self {
            digits,
            service,
            ..Self::default()
        }
    }

    fn takes(&self, found: &Found, now: UnixTime) -> bool {
        let place = found.place();
        let is_after = self.after.is_none_or(|after| place < after);
        is_after && self.filter.takes(found, now) && self.names(found)
    }

    fn names(&self, found: &Found) -> bool {
        let begins = |bytes: &[u8], digits: &str| hex::encode(bytes).starts_with(digits);
        let digits = self.digits.as_ref().is_none_or(|digits| {
            let token = found.token.as_ref().is_some_and(|id| begins(id, digits));
            token || begins(found.hash().as_bytes(), digits)
        });
        let service = self.service.as_ref().is_none_or(|name| {
            let terms = found.account.terms.as_ref();
            terms.is_some_and(|terms| *terms.service == **name)
        });
        digits && service
    }
}

/// A payment with the token that it was used by first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) account: Account,
    pub(super) token: Option<[u8; 32]>,
}

impl Found {
    pub(super) fn hash(&self) -> PaymentHash {
        let nobody = PaymentHash::from_bytes([0; 32]);
        self.account.payment_hash.unwrap_or(nobody)
    }

    /// Returns the time of the first entry.
    pub(super) fn time(&self) -> UnixTime {
        self.account
            .times
            .map_or(UnixTime::from_secs(0), |(first, _)| first)
    }

    fn place(&self) -> Place {
        (self.time().secs(), self.hash())
    }

    /// Returns the state for people.
    pub(super) fn state(&self, now: UnixTime) -> (Grade, &'static str) {
        match PaymentState::of(&self.account, now) {
            PaymentState::Unsettled => (Grade::Fair, "not settled"),
            PaymentState::Unattributed => (Grade::Unknown, "unattributed"),
            PaymentState::Spent => (Grade::Done, "spent"),
            PaymentState::Expired => (Grade::Fair, "expired"),
            PaymentState::Settled => (Grade::Unknown, "not used yet"),
            PaymentState::PartlySpent => (Grade::Good, "in use"),
        }
    }
}

/// Returns the newest payments of a search, and the place of the last one if there are older ones. Reads all of
/// the books in bounded memory.
///
/// # Errors
/// If the books cannot be read.
pub(super) fn find(
    view: &dyn View,
    search: &Search,
    now: UnixTime,
) -> Result<(Vec<Found>, Option<Place>), BooksError> {
    let mut newest: BTreeMap<Place, Found> = BTreeMap::new();
    let mut keep = |found: Found| {
        if search.takes(&found, now) {
            newest.insert(found.place(), found);
            // One more than is shown says that there are older ones.
            if newest.len() > SHOWN + 1 {
                newest.pop_first();
            }
        }
    };
    let mut last = Found::default();
    each_use(view, &mut |account, entry, _| {
        if last.account.payment_hash != account.payment_hash {
            let before = std::mem::replace(
                &mut last,
                Found {
                    account: account.clone(),
                    token: None,
                },
            );
            if before.account.payment_hash.is_some() {
                keep(before);
            }
        }
        last.token = last.token.or(entry.token_id);
        Ok(())
    })?;
    if last.account.payment_hash.is_some() {
        keep(last);
    }
    let mut found: Vec<Found> = newest.into_values().rev().collect();
    let more = (found.len() > SHOWN).then(|| found.pop()).flatten();
    let end = more.and_then(|_| found.last().map(Found::place));
    Ok((found, end))
}

/// Everything that the books have of one payment.
#[derive(Clone, Debug)]
pub(super) struct Whole {
    pub(super) found: Found,
    /// The newest entries, the newest first.
    pub(super) entries: Vec<Entry>,
    /// The tokens that were used.
    pub(super) tokens: Vec<[u8; 32]>,
}

/// Returns one payment, or `None` if the books do not have it.
///
/// # Errors
/// If the books cannot be read.
pub(super) fn whole(books: &dyn Books, hash: PaymentHash) -> Result<Option<Whole>, BooksError> {
    let Some(account) = payment(books, hash)? else {
        return Ok(None);
    };
    let mut tokens: Vec<[u8; 32]> = Vec::new();
    let mut entries: VecDeque<Entry> = VecDeque::new();
    books.view(&mut |view| {
        view.by_payment(Some(hash), &mut |sealed| {
            let Ok(sealed) = sealed else { return Ok(()) };
            if let Some(id) = sealed.entry.token_id
                && tokens.len() < SHOWN
                && !tokens.contains(&id)
            {
                tokens.push(id);
            }
            entries.push_front(sealed.entry);
            // A payment may have any number of uses.
            entries.truncate(2 * SHOWN);
            Ok(())
        })
    })?;
    let token = tokens.first().copied();
    let (found, entries) = (Found { account, token }, entries.into());
    Ok(Some(Whole {
        found,
        entries,
        tokens,
    }))
}

#[cfg(test)]
mod tests {
    use l402::{Msat, TokenId};
    use l402_server::books::{Kind, SqliteBooks, Terms};

    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(10_000);

    fn hash(number: u8) -> PaymentHash {
        PaymentHash::from_bytes([number; 32])
    }

    fn paid(number: u8, is_ours: bool) -> Entry {
        let mut entry = Entry::new(
            Kind::Payment,
            UnixTime::from_secs(1_000 + u64::from(number)),
        );
        entry.payment_hash = Some(hash(number));
        entry.msat = Some(Msat::new(5_000));
        entry.terms = is_ours.then(|| Terms {
            service: "weather".into(),
            route: "/w".into(),
            price: Msat::new(5_000),
            units: 2,
            ends: UnixTime::from_secs(20_000),
        });
        entry
    }

    fn used(number: u8, token: u8) -> Entry {
        let mut entry = Entry::new(Kind::Use, UnixTime::from_secs(2_000));
        (entry.payment_hash, entry.token_id, entry.spent) =
            (Some(hash(number)), Some([token; 32]), 1);
        entry
    }

    fn books(folder: &std::path::Path) -> SqliteBooks {
        let books = SqliteBooks::open(&folder.join("books.db")).unwrap();
        let payments = (1..=60).map(|number| paid(number, number != 7));
        let uses = [used(1, 0xa1), used(2, 0xa2), used(2, 0xa2)];
        books
            .append(&payments.chain(uses).collect::<Vec<_>>())
            .unwrap();
        books
    }

    fn found(books: &SqliteBooks, search: &Search) -> (Vec<u8>, Option<Place>) {
        let mut result = None;
        books
            .view(&mut |view| {
                result = Some(find(view, search, NOW)?);
                Ok(())
            })
            .unwrap();
        let (found, end) = result.unwrap();
        (
            found
                .iter()
                .map(|found| found.hash().as_bytes()[0])
                .collect(),
            end,
        )
    }

    #[test]
    fn pages_show_every_payment_once_the_newest_first() {
        let folder = tempfile::tempdir().unwrap();
        let books = books(folder.path());
        let (mut all, mut end) = found(&books, &Search::default());
        assert_eq!(all.len(), SHOWN);
        for _ in 0..2 {
            let after = end.take();
            assert!(after.is_some());
            let search = Search {
                after,
                ..Search::default()
            };
            let (older, next) = found(&books, &search);
            all.extend(older);
            end = next;
        }
        assert_eq!(end, None);
        assert_eq!(all, (1..=60).rev().collect::<Vec<u8>>());
    }

    #[test]
    fn a_search_finds_by_state_digits_and_service() {
        let folder = tempfile::tempdir().unwrap();
        let books = books(folder.path());
        let by = |filter| {
            found(
                &books,
                &Search {
                    filter,
                    ..Search::default()
                },
            )
            .0
        };
        assert_eq!(by(Filter::Unattributed), [7]);
        assert_eq!(by(Filter::Spent), [2]);
        assert!(!by(Filter::Unserved).contains(&1) && !by(Filter::Open).contains(&2));
        assert_eq!(found(&books, &Search::typed("a1A1")).0, [1]);
        assert_eq!(found(&books, &Search::typed("0505")).0, [5]);
        assert_eq!(found(&books, &Search::typed(" weather ")).0.len(), SHOWN);
        assert!(found(&books, &Search::typed("weath")).0.is_empty());
        let identifier = Identifier {
            payment_hash: hash(9),
            token_id: TokenId::from_bytes([3; 32]),
        };
        let typed = Search::typed(&hex::encode(identifier.to_bytes()));
        assert_eq!(found(&books, &typed).0, [9]);
    }

    #[test]
    fn one_payment_has_its_entries_and_tokens() {
        let folder = tempfile::tempdir().unwrap();
        let books = books(folder.path());
        let whole = whole(&books, hash(2)).unwrap().unwrap();
        assert_eq!((whole.entries.len(), whole.tokens.len()), (3, 1));
        assert_eq!(whole.found.state(NOW), (Grade::Done, "spent"));
        assert!(super::whole(&books, hash(99)).unwrap().is_none());
    }
}
