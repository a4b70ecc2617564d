//! Tokens: those that have a use or a revocation.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::path::Path;

use l402::{Identifier, PaymentHash, TokenId, UnixTime};
use l402_server::books::{BooksError, Entry, Kind};
use l402_server::revoked::{Revocation, Revoke};
use serde::Serialize;

use super::super::Admin;
use super::super::problem::{Problem, ProblemKind};
use super::payments::{self, PaymentJson};
use super::query::{Query, wrong};
use super::{Answered, ok};
use crate::run::{payment_hash_of, token_id_of};

/// The most uses that the look at one token shows, the latest ones.
const USES_MAX: usize = 100;

/// One token.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct TokenJson {
    /// The id: 64 hex digits.
    token: String,
    /// The key number that minted it.
    key: u16,
    /// The payment; null if the token was revoked and never used.
    payment_hash: Option<String>,
    /// The service it was used for.
    service: Option<String>,
    /// The route it was used at first.
    route: Option<String>,
    /// Uses that were served.
    uses: u64,
    /// Uses that were given back.
    given_back: u64,
    /// The time of the first use in the books.
    first_used: Option<String>,
    /// The time of the last use in the books.
    last_used: Option<String>,
    /// The time at which it has ended.
    ends: Option<String>,
    /// True if it, or its payment, was revoked.
    revoked: bool,
    /// True if a revocation by time may have ended it: tokens of its service and key are among those that
    /// were minted before a time.
    revoked_by_time: bool,
}

/// Tokens in the order of payment and id; at the end those that were revoked and never used.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct TokensJson {
    tokens: Vec<TokenJson>,
    /// The value of `after` for the next page; null at the end.
    next: Option<String>,
}

/// One use of a token.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct UseJson {
    time: String,
    /// The units that it spent; 0 if it was given back, or if the policy sells time.
    spent_units: i64,
    /// The one by whose fault it was given back: `buyer` or `service`.
    given_back_by: Option<&'static str>,
}

/// All that is known of a token.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct TokenDetailsJson {
    #[serde(flatten)]
    token: TokenJson,
    /// Its payment, which other tokens may share.
    payment: Option<PaymentJson>,
    /// The units of the payment that the ledger has counted as spent.
    ledger_spent_units: Option<u64>,
    /// Its last uses, the newest first.
    last_uses: Vec<UseJson>,
}

/// What the entries of one token say together.
#[derive(Clone, Debug)]
struct Found {
    id: [u8; 32],
    payment: PaymentHash,
    service: Option<String>,
    route: Option<String>,
    ends: Option<UnixTime>,
    uses: u64,
    given_back: u64,
    times: (UnixTime, UnixTime),
}

impl Found {
    fn new(id: [u8; 32], payment: PaymentHash, time: UnixTime) -> Self {
        Self {
            id,
            payment,
            service: None,
            route: None,
            ends: None,
            uses: 0,
            given_back: 0,
            times: (time, time),
        }
    }

    fn take(&mut self, entry: &Entry) {
        if let Some(terms) = &entry.terms {
            self.service
                .get_or_insert_with(|| terms.service.to_string());
            self.route.get_or_insert_with(|| terms.route.to_string());
            self.ends = self.ends.max(Some(terms.ends));
        }
        let (first, last) = self.times;
        self.times = (first.min(entry.time), last.max(entry.time));
        match entry.kind {
            Kind::Use if entry.spent > 0 || entry.is_uncounted() => self.uses += 1,
            Kind::Use => self.given_back += 1,
            _ => {}
        }
    }

    fn cursor(&self) -> String {
        format!(
            "{}{}",
            hex::encode(self.payment.as_bytes()),
            hex::encode(self.id)
        )
    }
}

/// The tokens that a page shows.
struct TokenFilter {
    prefix: String,
    payment: Option<PaymentHash>,
    service: Option<String>,
    after: String,
}

impl TokenFilter {
    fn of(query: &Query) -> Result<Self, Problem> {
        let prefix = query.get("token").unwrap_or_default().to_ascii_lowercase();
        if !prefix.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(wrong("token", "write the first hex digits of a token's id"));
        }
        let payment = query.get("payment_hash").map(payment_hash_of).transpose();
        Ok(Self {
            prefix,
            payment: payment.map_err(|text| wrong("payment_hash", &text))?,
            service: query.get("service").map(str::to_owned),
            after: query.get("after").unwrap_or_default().to_owned(),
        })
    }

    fn takes(&self, found: &Found) -> bool {
        found.cursor() > self.after
            && hex::encode(found.id).starts_with(&self.prefix)
            && (self.service.is_none() || self.service == found.service)
    }

    /// Returns true for a revoked token that the books do not know.
    fn takes_unused(&self, id: &TokenId) -> bool {
        self.payment.is_none()
            && self.service.is_none()
            && hex::encode(id.as_bytes()).starts_with(&self.prefix)
    }
}

/// The begin of the cursor of tokens that the books do not know, above every hash.
const UNUSED: &str = "~";

fn row(admin: &Admin, found: &Found) -> TokenJson {
    let id = TokenId::from_bytes(found.id);
    let (first, last) = found.times;
    let (revoked, revoked_by_time) = revoked(admin, &id, found.payment, found.service.as_deref());
    TokenJson {
        token: hex::encode(found.id),
        key: id.key_number().0,
        payment_hash: Some(hex::encode(found.payment.as_bytes())),
        service: found.service.clone(),
        route: found.route.clone(),
        uses: found.uses,
        given_back: found.given_back,
        first_used: Some(first.to_rfc3339()),
        last_used: Some(last.to_rfc3339()),
        ends: found.ends.map(|ends| ends.to_rfc3339()),
        revoked,
        revoked_by_time,
    }
}

/// Returns a token that was revoked and has no use in the books.
fn unused(id: &TokenId) -> TokenJson {
    TokenJson {
        token: hex::encode(id.as_bytes()),
        key: id.key_number().0,
        payment_hash: None,
        service: None,
        route: None,
        uses: 0,
        given_back: 0,
        first_used: None,
        last_used: None,
        ends: None,
        revoked: true,
        revoked_by_time: false,
    }
}

/// Returns if a token was revoked for sure, and if it may have been by a time.
fn revoked(
    admin: &Admin,
    id: &TokenId,
    payment_hash: PaymentHash,
    service: Option<&str>,
) -> (bool, bool) {
    let table = admin.gateway().table();
    let set = table.snapshot.revoked();
    let identifier = Identifier {
        payment_hash,
        token_id: *id,
    };
    // A revocation of the token itself asks for no service.
    let service = l402::Service::from_lossy(service.unwrap_or_default());
    let [surely, perhaps] =
        [u64::MAX, 0].map(|secs| set.covers(&identifier, &service, || UnixTime::from_secs(secs)));
    (surely, perhaps && !surely)
}

/// Visits the tokens of one payment after another, those of one by id, until `visit` returns false.
fn each_token(
    admin: &Admin,
    only: Option<PaymentHash>,
    visit: &mut dyn FnMut(&Found) -> bool,
) -> Result<(), Problem> {
    let mut is_full = false;
    let stores = admin.gateway().stores();
    stores.with_books(|books| {
        let mut of_payment: BTreeMap<[u8; 32], Found> = BTreeMap::new();
        let mut end = |all: &mut BTreeMap<[u8; 32], Found>| {
            let go_on = std::mem::take(all).values().all(&mut *visit);
            is_full |= !go_on;
            // An error is the only way to end a visit.
            let enough = || BooksError::other(Path::new("books"), &"enough");
            if go_on { Ok(()) } else { Err(enough()) }
        };
        let visited = books.view(&mut |view| {
            view.by_payment(only, &mut |sealed| {
                let Ok(sealed) = sealed else { return Ok(()) };
                let entry = &sealed.entry;
                let (Some(payment), Some(id)) = (entry.payment_hash, entry.token_id) else {
                    return Ok(());
                };
                let known = of_payment.values().next().map(|found| found.payment);
                if known.is_some_and(|known| known != payment) {
                    end(&mut of_payment)?;
                }
                let found = of_payment
                    .entry(id)
                    .or_insert_with(|| Found::new(id, payment, entry.time));
                found.take(entry);
                Ok(())
            })?;
            end(&mut of_payment)
        });
        if is_full { Ok(()) } else { visited }
    })?;
    Ok(())
}

pub(super) fn list(admin: &Admin, query: &Query) -> Answered {
    query.only(&["token", "payment_hash", "service", "limit", "after"])?;
    let (rows, filter) = (query.rows()?, TokenFilter::of(query)?);
    let mut tokens: Vec<TokenJson> = Vec::new();
    let mut next = None;
    if !filter.after.starts_with(UNUSED) {
        each_token(admin, filter.payment, &mut |found| {
            if filter.takes(found) {
                tokens.push(row(admin, found));
                next = Some(found.cursor());
            }
            tokens.len() < rows
        })?;
    }
    if tokens.len() < rows {
        next = None;
        let after = filter.after.strip_prefix(UNUSED).unwrap_or_default();
        let after = after.parse().unwrap_or_default();
        for (number, id) in unused_tokens(admin, &filter, after)? {
            tokens.push(unused(&id));
            if tokens.len() == rows {
                next = Some(format!("{UNUSED}{number}"));
                break;
            }
        }
    }
    ok(&TokensJson { tokens, next })
}

/// Returns the revoked tokens that the books do not know, with their numbers in the list of revocations.
fn unused_tokens(
    admin: &Admin,
    filter: &TokenFilter,
    after: i64,
) -> Result<Vec<(i64, TokenId)>, Problem> {
    let of_token = |(number, revocation): (i64, Revocation)| match revocation.what {
        Revoke::Token(id) if number > after && filter.takes_unused(&id) => Some((number, id)),
        _ => None,
    };
    let all = admin.revocations()?.into_iter();
    let mut found: Vec<(i64, TokenId)> = all.filter_map(of_token).collect();
    if found.is_empty() {
        return Ok(found);
    }
    // Of all tokens, those that are asked for are remembered alone.
    let mut never: HashSet<[u8; 32]> = found.iter().map(|(_, id)| *id.as_bytes()).collect();
    each_token(admin, None, &mut |token| {
        never.remove(&token.id);
        !never.is_empty()
    })?;
    found.retain(|(_, id)| never.contains(id.as_bytes()));
    Ok(found)
}

pub(super) fn inspect(admin: &Admin, text: &str) -> Answered {
    let id = token_id_of(text).map_err(|text| wrong("token", &text))?;
    // An identifier names its payment, which spares a look at all others.
    let payment = text
        .get(4..68)
        .filter(|_| text.len() == 2 * Identifier::LEN);
    let payment = payment.and_then(|hash| payment_hash_of(hash).ok());
    let mut found = None;
    each_token(admin, payment, &mut |token| {
        if token.id == *id.as_bytes() {
            found = Some(token.clone());
        }
        found.is_none()
    })?;
    let Some(found) = found else {
        let revocations = admin.revocations()?;
        let is_revoked = revocations
            .iter()
            .any(|(_, one)| one.what == Revoke::Token(id));
        if !is_revoked {
            let detail = "no use and no revocation of this token is known; one that was sold and never \
                          presented leaves no trace";
            return Err(Problem::new(ProblemKind::NotFound, detail));
        }
        return ok(&TokenDetailsJson {
            token: unused(&id),
            payment: None,
            ledger_spent_units: None,
            last_uses: Vec::new(),
        });
    };
    details(admin, &found)
}

fn details(admin: &Admin, found: &Found) -> Answered {
    let (stores, now) = (admin.gateway().stores(), admin.gateway().clock().wall());
    let account = stores.with_books(|books| l402_server::books::payment(books, found.payment))?;
    let mut uses = LastUses::default();
    stores.with_books(|books| {
        books.view(&mut |view| {
            view.by_payment(Some(found.payment), &mut |sealed| {
                let entry = sealed.ok().map(|sealed| sealed.entry);
                let own = entry
                    .filter(|entry| entry.token_id == Some(found.id) && entry.kind == Kind::Use);
                if let Some(own) = own {
                    uses.take(use_row(&own));
                }
                Ok(())
            })
        })
    })?;
    let mut counts = stores.counts()?;
    let spent = counts
        .spent(found.payment)
        .map_err(|error| Problem::new(ProblemKind::Unavailable, error.to_string()))?;
    ok(&TokenDetailsJson {
        token: row(admin, found),
        payment: account.map(|account| payments::row(&account, now)),
        ledger_spent_units: spent,
        last_uses: uses.newest_first(),
    })
}

/// The last uses of a token, of any number that there were.
#[derive(Debug, Default)]
struct LastUses(VecDeque<UseJson>);

impl LastUses {
    fn take(&mut self, one: UseJson) {
        if self.0.len() == USES_MAX {
            self.0.pop_front();
        }
        self.0.push_back(one);
    }

    fn newest_first(self) -> Vec<UseJson> {
        self.0.into_iter().rev().collect()
    }
}

fn use_row(entry: &Entry) -> UseJson {
    UseJson {
        time: entry.time.to_rfc3339(),
        spent_units: entry.spent,
        given_back_by: match entry.fault {
            1 => Some("buyer"),
            2 => Some("service"),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_uses_are_kept_alone() {
        let mut uses = LastUses::default();
        for number in 0..10_000 {
            uses.take(UseJson {
                time: String::new(),
                spent_units: number,
                given_back_by: None,
            });
            assert!(uses.0.len() <= USES_MAX);
        }
        let units: Vec<i64> = uses
            .newest_first()
            .iter()
            .map(|one| one.spent_units)
            .collect();
        assert_eq!(units, (9_900..10_000).rev().collect::<Vec<_>>());
    }
}
