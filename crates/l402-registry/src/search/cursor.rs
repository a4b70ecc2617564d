//! The place at which a page of results ends.

use std::fmt;
use std::str::FromStr;

use super::Sort;
use crate::listing::ListingId;

/// The place after a listing in one order. Text for clients: opaque, and only good with the same query.
#[derive(Clone, Debug, PartialEq)]
pub struct Cursor {
    /// The order in which it is a place.
    pub sort: Sort,
    /// The value by which the last listing was ordered, as the store writes it. `None` for one without.
    pub value: Option<i64>,
    /// The last listing.
    pub id: ListingId,
}

/// The text is no place of this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CursorError;

impl fmt::Display for CursorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a cursor of this search; begin again without it")
    }
}

impl std::error::Error for CursorError {}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.value.map(|it| it.to_string()).unwrap_or_default();
        write!(f, "{}.{value}.{}", self.sort.name(), self.id)
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let mut parts = text.split('.');
        let (Some(sort), Some(value), Some(id), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(CursorError);
        };
        Ok(Self {
            sort: Sort::from_name(sort).ok_or(CursorError)?,
            value: match value {
                "" => None,
                value => Some(value.parse().map_err(|_| CursorError)?),
            },
            id: id.parse().map_err(|_| CursorError)?,
        })
    }
}
