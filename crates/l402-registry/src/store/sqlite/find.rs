//! Searches.
//!
//! A page is found in two steps: the rows that belong to it, by an index that has nothing else, and then
//! the whole listings of these few.

use std::collections::HashSet;

use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};

use super::filter::Conditions;
use super::fts::{RANK, all_in_name, all_of};
use super::row::{LISTING, NO_VALUE, listing};
use crate::listing::{Listing, ListingId};
use crate::search::{Cursor, PAGE_MAX, Query, Sort, split_words};
use crate::store::{Found, StoreError};

/// The greatest total that is counted, and the most matches that are read to be sorted.
const TOTAL_MAX: usize = 10_000;

/// The matches that are ranked, once those with all words in name and tags and once all others; the newest of
/// each. To rank a match costs a look at its text, and a single letter matches most listings.
const RANKED_MAX: usize = 1_000;

/// Matches in name and tags come before all others, by more than any rank.
const IN_NAME: i64 = 1 << 40;

/// A row that fits, with its place in the order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Hit {
    key: i64,
    id: [u8; 8],
    n: i64,
}

/// Finds listings that are shown.
pub(super) fn search(connection: &Connection, query: &Query) -> Result<Found, StoreError> {
    let words = split_words(&query.text);
    if words.is_empty() && !query.text.trim().is_empty() {
        return Ok(Found::default());
    }
    let limit = query.limit.clamp(1, PAGE_MAX);
    let page = usize::try_from(limit).unwrap_or(usize::MAX);
    // A place in another order is none.
    let after = query.after.as_ref().filter(|it| it.sort == query.sort);
    let wanted = Wanted {
        connection,
        text: (!words.is_empty()).then(|| all_of(&words)),
        conditions: Conditions::of(&query.filter),
        after: after.map(|it| (it.value.unwrap_or(NO_VALUE), *it.id.as_bytes())),
        // One more tells whether there is a next page.
        limit: page + 1,
    };
    let (mut hits, total) = if words.is_empty() || query.sort != Sort::Relevance {
        wanted.in_order(query.sort)?
    } else {
        (wanted.by_relevance(&words)?, wanted.total()?)
    };
    let more = hits.len() > page;
    hits.truncate(page);
    Ok(Found {
        next: hits.last().filter(|_| more).map(|hit| Cursor {
            sort: query.sort,
            value: (hit.key != NO_VALUE).then_some(hit.key),
            id: ListingId::from_bytes(hit.id),
        }),
        listings: whole(connection, &hits)?,
        total: u64::try_from(total).unwrap_or(u64::MAX),
    })
}

/// The rows that a page wants.
struct Wanted<'a> {
    connection: &'a Connection,
    /// The expression for the index of words.
    text: Option<String>,
    conditions: Conditions,
    /// The key and the id of the last row of the page before.
    after: Option<(i64, [u8; 8])>,
    limit: usize,
}

impl Wanted<'_> {
    /// Finds the rows of a page in an order that does not depend on the words, and the total.
    ///
    /// Few matches are read and sorted, because the index of the order may have them at its very end. Many
    /// are soon met in that index.
    fn in_order(&self, sort: Sort) -> Result<(Vec<Hit>, usize), StoreError> {
        if self.conditions.is_empty() {
            let total = self.total()?;
            if self.text.is_none() || total == TOTAL_MAX {
                return Ok((self.first_of_many(sort)?, total));
            }
        }
        let all = self.up_to_the_greatest_total(sort)?;
        if all.len() == TOTAL_MAX {
            return Ok((self.first_of_many(sort)?, TOTAL_MAX));
        }
        let total = all.len();
        Ok((self.page_of(all), total))
    }

    /// Reads all matches, 10,000 at most, in no order.
    fn up_to_the_greatest_total(&self, sort: Sort) -> Result<Vec<Hit>, StoreError> {
        self.hits(&self.all_of_them(sort), [])
    }

    fn all_of_them(&self, sort: Sort) -> String {
        let by = order(sort).0;
        format!(
            "SELECT {by}, id, n FROM {}{} LIMIT {TOTAL_MAX}",
            self.matches(),
            self.conditions.sql
        )
    }

    /// Reads the index of the order until the page is full.
    fn first_of_many(&self, sort: Sort) -> Result<Vec<Hit>, StoreError> {
        let after = self.after.map(|(key, id)| [key.into(), id.to_vec().into()]);
        self.hits(&self.first_of_them(sort), after.into_iter().flatten())
    }

    fn first_of_them(&self, sort: Sort) -> String {
        let (by, index) = order(sort);
        let text = if self.text.is_some() {
            " AND n IN (SELECT rowid FROM found WHERE found MATCH ?)"
        } else {
            ""
        };
        let after = if self.after.is_some() {
            format!(" AND ({by}, id) > (?, ?)")
        } else {
            String::new()
        };
        format!(
            "SELECT {by}, id, n FROM listings INDEXED BY {index} WHERE shown = 1{text}{}{after} \
             ORDER BY {by}, id LIMIT {}",
            self.conditions.sql, self.limit
        )
    }

    /// Finds the rows of a page by how well they fit.
    fn by_relevance(&self, words: &[String]) -> Result<Vec<Hit>, StoreError> {
        let mut all = self.ranked(all_in_name(words))?;
        for hit in &mut all {
            hit.key -= IN_NAME;
        }
        let in_name: HashSet<i64> = all.iter().map(|hit| hit.n).collect();
        let others = self.ranked(all_of(words))?;
        all.extend(others.into_iter().filter(|hit| !in_name.contains(&hit.n)));
        Ok(self.page_of_ranked(all))
    }

    /// Ranks the newest matches of an expression. The rank is negative, the best is the least.
    fn ranked(&self, expression: String) -> Result<Vec<Hit>, StoreError> {
        let sql = format!(
            "SELECT CAST({RANK} * 1000000 AS INTEGER), id, n \
             FROM found CROSS JOIN listings ON n = found.rowid \
             WHERE found MATCH ? AND shown = 1{} ORDER BY found.rowid DESC LIMIT {RANKED_MAX}",
            self.conditions.sql
        );
        let values = self.conditions.values.iter().cloned();
        hits(
            self.connection,
            &sql,
            std::iter::once(expression.into()).chain(values),
        )
    }

    /// Counts the matches, up to 10,000.
    fn total(&self) -> Result<usize, StoreError> {
        let from = match &self.text {
            // The index of words has shown ones alone.
            Some(_) if self.conditions.is_empty() => "found WHERE found MATCH ?",
            _ => self.matches(),
        };
        let sql = format!(
            "SELECT count(*) FROM (SELECT 1 FROM {from}{} LIMIT {TOTAL_MAX})",
            self.conditions.sql
        );
        let mut query = self.connection.prepare_cached(&sql)?;
        Ok(query.query_row(params_from_iter(self.values([])), |row| row.get(0))?)
    }

    /// Returns the tables in which the conditions are looked for, and the first of these.
    fn matches(&self) -> &'static str {
        if self.text.is_some() {
            "found CROSS JOIN listings ON n = found.rowid WHERE found MATCH ? AND shown = 1"
        } else if self.conditions.is_narrow {
            // The sign keeps SQLite from the indexes that begin with this column.
            "listings WHERE +shown = 1"
        } else {
            "listings INDEXED BY listings_by_facet WHERE shown = 1"
        }
    }

    /// Returns the values of words and conditions, and these after them.
    fn values(&self, more: impl IntoIterator<Item = Value>) -> impl Iterator<Item = Value> {
        let text = self.text.clone().map(Value::from);
        let conditions = self.conditions.values.iter().cloned();
        text.into_iter().chain(conditions).chain(more)
    }

    fn hits(
        &self,
        sql: &str,
        more: impl IntoIterator<Item = Value>,
    ) -> Result<Vec<Hit>, StoreError> {
        hits(self.connection, sql, self.values(more))
    }

    /// Returns the rows of the page out of all matches, by rank. Each listing that is added moves all ranks a
    /// little, so the page begins after the last listing of the one before, wherever that is now.
    fn page_of_ranked(&self, mut all: Vec<Hit>) -> Vec<Hit> {
        all.sort_unstable();
        let begin = self.after.map_or(0, |after| {
            let last = all.iter().position(|hit| hit.id == after.1);
            last.map_or_else(
                || all.partition_point(|hit| (hit.key, hit.id) <= after),
                |last| last + 1,
            )
        });
        all.drain(..begin);
        all.truncate(self.limit);
        all
    }

    /// Returns the rows of the page out of all matches.
    fn page_of(&self, mut all: Vec<Hit>) -> Vec<Hit> {
        if let Some(after) = self.after {
            all.retain(|hit| (hit.key, hit.id) > after);
        }
        all.sort_unstable();
        all.truncate(self.limit);
        all
    }
}

/// Returns the column of an order's keys, and its index.
const fn order(sort: Sort) -> (&'static str, &'static str) {
    match sort {
        Sort::Relevance | Sort::Newest => ("by_newest", "listings_by_newest"),
        Sort::Price => ("by_price", "listings_by_price"),
        Sort::Uptime => ("by_uptime", "listings_by_uptime"),
        Sort::Latency => ("by_latency", "listings_by_latency"),
    }
}

fn hits(
    connection: &Connection,
    sql: &str,
    values: impl Iterator<Item = Value>,
) -> Result<Vec<Hit>, StoreError> {
    let mut query = connection.prepare_cached(sql)?;
    let rows = query.query_map(params_from_iter(values), hit)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn hit(row: &Row<'_>) -> rusqlite::Result<Hit> {
    Ok(Hit {
        key: row.get(0)?,
        id: row.get(1)?,
        n: row.get(2)?,
    })
}

/// Reads the whole listings of a page.
fn whole(connection: &Connection, hits: &[Hit]) -> Result<Vec<Listing>, StoreError> {
    let mut query = connection.prepare_cached(&format!("{LISTING} WHERE n = ?"))?;
    let mut listings = Vec::with_capacity(hits.len());
    for hit in hits {
        let mut rows = query.query([hit.n])?;
        if let Some(row) = rows.next()? {
            listings.push(listing(row)?);
        }
    }
    Ok(listings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listing::{Form, State};
    use crate::search::Filter;
    use crate::store::sqlite::schema::SCHEMA;

    /// Returns SQLite's plan for a question.
    fn plan(wanted: &Wanted<'_>, sql: &str, more: &[Value]) -> String {
        let sql = format!("EXPLAIN QUERY PLAN {sql}");
        let mut query = wanted.connection.prepare(&sql).expect("a statement");
        let values = params_from_iter(wanted.values(more.to_vec()));
        let steps = query.query_map(values, |row| row.get::<_, String>(3));
        let steps: Result<Vec<_>, _> = steps.expect("a plan").collect();
        steps.expect("its steps").join("; ")
    }

    fn wanted(connection: &Connection, filter: Filter) -> Wanted<'_> {
        Wanted {
            connection,
            text: None,
            conditions: Conditions::of(&filter),
            after: Some((7, [0; 8])),
            limit: 51,
        }
    }

    // A plan that reads rows in vain takes ten times as long with 100,000 listings.
    #[test]
    fn each_question_reads_one_index_and_sorts_nothing() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(SCHEMA.create).unwrap();
        let filter = Filter {
            states: vec![State::Up],
            price_to: Some(l402::Msat::new(5)),
            category: Some("ai".to_owned()),
            network: Some(l402::Network::Bitcoin),
            forms: vec![Form::L402],
            client: Some("lnget".to_owned()),
            owned: true,
            works_when_paid: true,
            ..Filter::default()
        };
        let (all, some) = (
            wanted(&connection, Filter::default()),
            wanted(&connection, filter),
        );
        for sort in Sort::ALL {
            let steps = plan(&some, &some.all_of_them(sort), &[]);
            assert!(
                steps.contains("COVERING INDEX listings_by_facet"),
                "{steps}"
            );
            let place = [Value::from(7), Value::from(vec![0_u8; 8])];
            let steps = plan(&all, &all.first_of_them(sort), &place);
            let index = format!("COVERING INDEX {} (shown=?", order(sort).1);
            assert!(steps.contains(&index), "{steps}");
            assert!(!steps.contains("TEMP B-TREE"), "{steps}");
        }
        for (filter, index) in [
            (
                Filter {
                    node: Some([2; 33]),
                    ..Filter::default()
                },
                "listings_by_node (node=?)",
            ),
            (
                Filter {
                    host: Some("a".into()),
                    ..Filter::default()
                },
                "listings_by_host (host=?)",
            ),
        ] {
            let narrow = wanted(&connection, filter);
            let steps = plan(&narrow, &narrow.all_of_them(Sort::Price), &[]);
            assert!(steps.contains(index), "{steps}");
        }
    }
}
