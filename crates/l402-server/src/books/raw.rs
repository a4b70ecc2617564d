//! The columns of an entry as a store holds them, before anybody has looked if they make sense.

use l402::{Msat, PaymentHash, UnixTime};

#[cfg(feature = "postgres")]
use super::entry::{COLUMNS, Field};
use super::{Entry, Kind, Sealed, Terms};

/// The columns in the order in which both stores read them.
pub(super) const ROW: &str = "writer, number, kind, time, payment_hash, token_id, service, route, \
                              price, units, ends, msat, spent, fault, node, place, seal";

/// A row.
pub(super) struct Raw {
    pub(super) writer: i64,
    pub(super) number: i64,
    pub(super) kind: i64,
    pub(super) time: i64,
    pub(super) payment_hash: Option<Vec<u8>>,
    pub(super) token_id: Option<Vec<u8>>,
    pub(super) service: Option<String>,
    pub(super) route: Option<String>,
    pub(super) price: Option<i64>,
    pub(super) units: Option<i64>,
    pub(super) ends: Option<i64>,
    pub(super) msat: Option<i64>,
    pub(super) spent: i64,
    pub(super) fault: i64,
    pub(super) node: Option<String>,
    pub(super) place: Option<i64>,
    pub(super) seal: Vec<u8>,
}

impl Raw {
    /// Reads the entry. One that no version writes is `Err` with writer and number.
    pub(super) fn read(self) -> Result<Sealed, (i64, i64)> {
        let at = (self.writer, self.number);
        self.sealed().ok_or(at)
    }

    fn sealed(self) -> Option<Sealed> {
        let terms = self.terms()?;
        let hash: Option<[u8; 32]> = optional(self.payment_hash)?;
        let entry = Entry {
            kind: Kind::of(self.kind)?,
            time: UnixTime::from_secs(u64::try_from(self.time).ok()?),
            payment_hash: hash.map(PaymentHash::from_bytes),
            token_id: optional(self.token_id)?,
            terms,
            msat: optional(self.msat)?.map(Msat::new),
            spent: self.spent,
            fault: self.fault,
            node: self.node.map(Into::into),
            index: optional(self.place)?,
        };
        Some(Sealed {
            writer: self.writer,
            number: self.number,
            entry,
            seal: self.seal.try_into().ok()?,
        })
    }

    /// Reads the terms: all of them, or none.
    fn terms(&self) -> Option<Option<Terms>> {
        match (
            &self.service,
            &self.route,
            [self.price, self.units, self.ends],
        ) {
            (None, None, [None, None, None]) => Some(None),
            (Some(service), Some(route), [Some(price), Some(units), Some(ends)]) => {
                Some(Some(Terms {
                    service: service.as_str().into(),
                    route: route.as_str().into(),
                    price: Msat::new(u64::try_from(price).ok()?),
                    units: u64::try_from(units).ok()?,
                    ends: UnixTime::from_secs(u64::try_from(ends).ok()?),
                }))
            }
            _ => None,
        }
    }

    /// Returns the content as it is, in the order of [`COLUMNS`].
    #[cfg(feature = "postgres")]
    pub(super) fn fields(&self) -> [Field<'_>; COLUMNS.len()] {
        let number = |number: Option<i64>| number.map_or(Field::Null, Field::Integer);
        [
            Field::Integer(self.kind),
            Field::Integer(self.time),
            bytes(self.payment_hash.as_deref()),
            bytes(self.token_id.as_deref()),
            text(self.service.as_deref()),
            text(self.route.as_deref()),
            number(self.price),
            number(self.units),
            number(self.ends),
            number(self.msat),
            Field::Integer(self.spent),
            Field::Integer(self.fault),
            text(self.node.as_deref()),
            number(self.place),
        ]
    }
}

/// Converts a value that may be missing; `None` if it is there and does not fit.
fn optional<T, U>(value: Option<T>) -> Option<Option<U>>
where
    U: TryFrom<T>,
{
    value
        .map(|value| U::try_from(value).ok())
        .map_or(Some(None), |value| value.map(Some))
}

#[cfg(feature = "postgres")]
fn bytes(bytes: Option<&[u8]>) -> Field<'_> {
    bytes.map_or(Field::Null, Field::Bytes)
}

#[cfg(feature = "postgres")]
fn text(text: Option<&str>) -> Field<'_> {
    text.map_or(Field::Null, Field::Text)
}
