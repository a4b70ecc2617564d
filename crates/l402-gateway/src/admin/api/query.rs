//! The parameters of a query.

use http::request::Parts;
use l402::UnixTime;
use url::form_urlencoded;

use super::super::problem::{Problem, ProblemKind};

/// The rows of a page, unless another number is asked for.
const ROWS: usize = 100;

/// The most rows of a page.
const ROWS_MAX: usize = 1000;

/// The parameters of a request, each at most once.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads the parameters.
    ///
    /// # Errors
    /// [`Problem`] if one stands there twice.
    pub(super) fn of(head: &Parts) -> Result<Self, Problem> {
        let text = head.uri.query().unwrap_or_default();
        let mut all: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            if all.iter().any(|(known, _)| *known == name) {
                return Err(wrong(&name, "stands there twice"));
            }
            all.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(all))
    }

    /// Refuses every parameter that the path does not have.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), Problem> {
        let unknown = self.0.iter().find(|(name, _)| !known.contains(&&**name));
        unknown.map_or(Ok(()), |(name, _)| {
            let has = known.join(", ");
            Err(wrong(name, &format!("unknown; this path has: {has}")))
        })
    }

    /// Returns a parameter; `None` if it is missing or empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.raw(name).filter(|value| !value.is_empty())
    }

    /// Returns a parameter as it stands there, which may be empty.
    fn raw(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Returns the largest number of rows: `limit`.
    pub(super) fn rows(&self) -> Result<usize, Problem> {
        let Some(text) = self.raw("limit") else {
            return Ok(ROWS);
        };
        let number = text
            .parse()
            .ok()
            .filter(|rows| (1..=ROWS_MAX).contains(rows));
        number.ok_or_else(|| wrong("limit", &format!("write a number from 1 to {ROWS_MAX}")))
    }

    /// Returns one of a few words.
    pub(super) fn choice<T: Copy>(
        &self,
        name: &str,
        choices: &[(&str, T)],
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.raw(name) else {
            return Ok(None);
        };
        let found = choices.iter().find(|(word, _)| *word == text);
        found.map(|(_, value)| Some(*value)).ok_or_else(|| {
            let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
            wrong(name, &format!("write one of: {}", words.join(", ")))
        })
    }

    /// Returns a point in time: a date, a date with time, or a number of hours or days before now.
    pub(super) fn since(&self, name: &str, now: UnixTime) -> Result<Option<UnixTime>, Problem> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        let whole = format!("{text}T00:00:00Z");
        let time = [text, &whole]
            .into_iter()
            .find_map(|text| UnixTime::from_rfc3339(text).ok());
        let span = |end, secs: u64| {
            let number: u64 = text.strip_suffix(end)?.parse().ok()?;
            Some(UnixTime::from_secs(
                now.secs().saturating_sub(number.checked_mul(secs)?),
            ))
        };
        let time = time
            .or_else(|| span('h', 3600))
            .or_else(|| span('d', 86_400));
        time.map(Some).ok_or_else(|| {
            wrong(
                name,
                "write 24h, 7d, 2026-11-30 or 2026-11-30T12:00:00Z, in UTC",
            )
        })
    }
}

/// Returns the refusal of a parameter.
pub(super) fn wrong(name: &str, text: &str) -> Problem {
    Problem::new(ProblemKind::BadParameter, format!("{name}: {text}"))
}
