//! The purchases that a list shows: filtered, by pages, and added up, all of it in SQL.

use l402::{Msat, PaymentHash, UnixTime};
use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row, params_from_iter};

use super::store::Store;
use super::{BudgetName, Entry, Journal, State};
use crate::Error;

/// The seconds of a day.
const DAY: u64 = 24 * 60 * 60;

/// The purchases that a list is asked for: all of them, unless it is narrowed.
///
/// ```
/// use l402_client::{EntryQuery, Journal, State};
///
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
/// let journal = Journal::open(&folder.join("client"))?;
/// let open = EntryQuery::default().in_states([State::Unknown]);
/// let page = journal.page(&open, 50, None)?;
/// assert_eq!((page.entries.len(), journal.count(&open)?), (0, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct EntryQuery {
    states: Option<Vec<State>>,
    origin: Option<String>,
    since: Option<UnixTime>,
    budget: Option<BudgetName>,
}

impl EntryQuery {
    /// Keeps what is in one of these states.
    #[must_use]
    pub fn in_states(mut self, states: impl IntoIterator<Item = State>) -> Self {
        self.states = Some(states.into_iter().collect());
        self
    }

    /// Keeps what was bought at this origin. Without a scheme, such as `api.example:8402`, it stands
    /// for https and http.
    #[must_use]
    pub fn of_origin(mut self, origin: impl Into<String>) -> Self {
        self.origin = Some(origin.into());
        self
    }

    /// Keeps what was begun at this time or later.
    #[must_use]
    pub fn since(mut self, time: UnixTime) -> Self {
        self.since = Some(time);
        self
    }

    /// Keeps what was paid from this budget. What counts against a budget below it is left out.
    #[must_use]
    pub fn of_budget(mut self, budget: BudgetName) -> Self {
        self.budget = Some(budget);
        self
    }

    /// Returns the condition in SQL, and its parameters in their order.
    fn condition(&self) -> (String, Vec<Value>) {
        let (mut parts, mut params) = (vec!["1".to_owned()], Vec::new());
        if let Some(states) = &self.states {
            parts.push(format!("state IN ({})", names(states)));
        }
        if let Some(origin) = &self.origin {
            parts.push("origin IN (?, 'https://' || ?, 'http://' || ?)".to_owned());
            params.extend(std::iter::repeat_n(Value::from(origin.clone()), 3));
        }
        if let Some(since) = self.since {
            parts.push("created >= ?".to_owned());
            params.push(seconds(since.secs()));
        }
        if let Some(budget) = &self.budget {
            parts.push("coalesce(budget, 'default') = ?".to_owned());
            params.push(Value::from(budget.as_str().to_owned()));
        }
        (parts.join(" AND "), params)
    }
}

/// Returns the names of states as a list in SQL. They are constants of this crate.
fn names(states: &[State]) -> String {
    let names: Vec<_> = states.iter().map(|it| format!("'{}'", it.name())).collect();
    names.join(", ")
}

/// Fits a column, which has no sign to spare.
fn seconds(secs: u64) -> Value {
    Value::from(i64::try_from(secs).unwrap_or(i64::MAX))
}

/// A part of a list, the newest entries first.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Page {
    /// The entries of this part.
    pub entries: Vec<Entry>,
    /// The place at which the next part begins, or `None` at the end.
    pub next: Option<Cursor>,
}

/// A place in a list. It stays good if purchases are added meanwhile.
#[derive(Clone, Copy, Debug)]
pub struct Cursor {
    created: u64,
    row: i64,
}

/// The purchases of one day, added up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DayTotal {
    /// The first second of the day, in UTC.
    pub day: UnixTime,
    /// The number of purchases that were paid.
    pub purchases: u64,
    /// The sum that left the wallet, fees included.
    pub moved: Msat,
}

/// The purchases at one origin, added up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OriginTotal {
    /// The scheme, host and port of the server.
    pub origin: String,
    /// The number of purchases that were paid.
    pub purchases: u64,
    /// The sum that left the wallet, fees included.
    pub moved: Msat,
}

impl Journal {
    /// Returns at most `limit` entries, the newest first, from a place on that an earlier page named.
    ///
    /// # Errors
    /// [`Error::Store`] if the file cannot be read.
    pub fn page(
        &self,
        query: &EntryQuery,
        limit: u32,
        from: Option<Cursor>,
    ) -> Result<Page, Error> {
        self.with(|store| store.page(query, limit, from))
    }

    /// Returns the number of entries.
    ///
    /// # Errors
    /// [`Error::Store`] if the file cannot be read.
    pub fn count(&self, query: &EntryQuery) -> Result<u64, Error> {
        self.with(|store| store.count(query))
    }

    /// Returns one entry.
    ///
    /// # Errors
    /// [`Error::Store`] if the file cannot be read.
    pub fn entry(&self, hash: &PaymentHash) -> Result<Option<Entry>, Error> {
        self.with(|store| store.entry(hash))
    }

    /// Returns at most `limit` entries whose payment hash begins with these hexadecimal digits.
    /// Other text is the beginning of none.
    ///
    /// # Errors
    /// [`Error::Store`] if the file cannot be read.
    pub fn beginning_with(&self, digits: &str, limit: u32) -> Result<Vec<Entry>, Error> {
        let Some((low, high)) = range(digits) else {
            return Ok(Vec::new());
        };
        self.with(|store| store.between(low, high, limit))
    }

    /// Returns the number of purchases that were paid, and the sum that left the wallet for them, fees
    /// included.
    ///
    /// # Errors
    /// [`Error::Store`] if the file cannot be read.
    pub fn total(&self, query: &EntryQuery) -> Result<(u64, Msat), Error> {
        let read = |row: &Row<'_>| Ok((row.get(1)?, Msat::new(row.get(2)?)));
        // Grouped by a constant: without any row there is no group.
        let totals = self.with(|store| store.sums(query, ("'all'", "1"), 1, read))?;
        Ok(totals.first().copied().unwrap_or_default())
    }

    /// Adds up the money that moved on each day, the newest day first, at most `limit` of them.
    ///
    /// # Errors
    /// [`Error::Store`] if the file cannot be read.
    pub fn totals_by_day(&self, query: &EntryQuery, limit: u32) -> Result<Vec<DayTotal>, Error> {
        let key = format!("created / {DAY} * {DAY}");
        let read = |row: &Row<'_>| {
            Ok(DayTotal {
                day: UnixTime::from_secs(row.get(0)?),
                purchases: row.get(1)?,
                moved: Msat::new(row.get(2)?),
            })
        };
        self.with(|store| store.sums(query, (&key, "1 DESC"), limit, read))
    }

    /// Adds up the money that moved at each origin, the largest sum first, at most `limit` of them.
    ///
    /// # Errors
    /// [`Error::Store`] if the file cannot be read.
    pub fn totals_by_origin(
        &self,
        query: &EntryQuery,
        limit: u32,
    ) -> Result<Vec<OriginTotal>, Error> {
        let read = |row: &Row<'_>| {
            Ok(OriginTotal {
                origin: row.get(0)?,
                purchases: row.get(1)?,
                moved: Msat::new(row.get(2)?),
            })
        };
        self.with(|store| store.sums(query, ("origin", "3 DESC, 1"), limit, read))
    }
}

/// Returns the first and the last payment hash that begin with these digits.
fn range(digits: &str) -> Option<([u8; 32], [u8; 32])> {
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if !is_hex || digits.is_empty() || digits.len() > 64 {
        return None;
    }
    let filled = |fill: &str| {
        let mut hash = [0; 32];
        let text = format!("{digits}{}", fill.repeat(64 - digits.len()));
        hex::decode_to_slice(text, &mut hash).ok()?;
        Some(hash)
    };
    Some((filled("0")?, filled("f")?))
}

impl Store {
    fn page(
        &mut self,
        query: &EntryQuery,
        limit: u32,
        from: Option<Cursor>,
    ) -> rusqlite::Result<Page> {
        let (mut condition, mut params) = query.condition();
        if let Some(cursor) = from {
            condition += " AND (created, rowid) < (?, ?)";
            params.extend([seconds(cursor.created), Value::from(cursor.row)]);
        }
        let (columns, at) = (Entry::COLUMNS, Entry::COLUMNS.split(',').count());
        let sql = format!(
            "SELECT {columns}, rowid FROM purchase WHERE {condition} \
             ORDER BY created DESC, rowid DESC LIMIT {limit}"
        );
        let read = |row: &Row<'_>| Ok((Entry::read(row)?, row.get::<_, i64>(at)?));
        let mut statement = self.db().prepare(&sql)?;
        let rows = statement.query_map(params_from_iter(params), read)?;
        let rows: Vec<(Entry, i64)> = rows.collect::<rusqlite::Result<_>>()?;
        // A page that is not full is the last one.
        let is_full = rows.len() == usize::try_from(limit).unwrap_or(usize::MAX);
        let last = rows.last().filter(|_| is_full);
        let next = last.map(|(entry, row)| Cursor {
            created: entry.created.secs(),
            row: *row,
        });
        Ok(Page {
            entries: rows.into_iter().map(|(entry, _)| entry).collect(),
            next,
        })
    }

    fn count(&mut self, query: &EntryQuery) -> rusqlite::Result<u64> {
        let (condition, params) = query.condition();
        let sql = format!("SELECT count(*) FROM purchase WHERE {condition}");
        let mut statement = self.db().prepare(&sql)?;
        statement.query_row(params_from_iter(params), |row| row.get(0))
    }

    pub(crate) fn entry(&mut self, hash: &PaymentHash) -> rusqlite::Result<Option<Entry>> {
        let columns = Entry::COLUMNS;
        let sql = format!("SELECT {columns} FROM purchase WHERE payment_hash = ?1");
        let mut statement = self.db().prepare_cached(&sql)?;
        let found = statement.query_row([hash.as_bytes()], Entry::read);
        found.optional()
    }

    fn between(
        &mut self,
        low: [u8; 32],
        high: [u8; 32],
        limit: u32,
    ) -> rusqlite::Result<Vec<Entry>> {
        let columns = Entry::COLUMNS;
        let sql = format!(
            "SELECT {columns} FROM purchase WHERE payment_hash BETWEEN ?1 AND ?2 \
             ORDER BY payment_hash LIMIT {limit}"
        );
        let mut statement = self.db().prepare_cached(&sql)?;
        let rows = statement.query_map([low, high], Entry::read)?;
        rows.collect()
    }

    fn sums<T>(
        &mut self,
        query: &EntryQuery,
        (key, order): (&str, &str),
        limit: u32,
        read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>> {
        let (condition, params) = query.condition();
        let moved = names(&State::MOVED);
        let sql = format!(
            "SELECT {key}, count(*), sum(max(amount_msat, paid_msat) + fee_msat) FROM purchase WHERE {condition} AND state IN ({moved}) \
             GROUP BY 1 ORDER BY {order} LIMIT {limit}"
        );
        let mut statement = self.db().prepare(&sql)?;
        let rows = statement.query_map(params_from_iter(params), read)?;
        rows.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_a_hash_is_a_range() {
        let (low, high) = range("Ab0").unwrap();
        assert_eq!((low[..2].to_vec(), low[31]), (vec![0xab, 0x00], 0));
        assert_eq!((high[..2].to_vec(), high[31]), (vec![0xab, 0x0f], 0xff));
        for bad in ["", "0x", "%", "g", &"0".repeat(65)] {
            assert_eq!(range(bad), None, "{bad}");
        }
    }
}
