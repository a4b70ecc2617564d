//! One entry of the books, and its fields in the order of the columns.

use std::sync::Arc;

use l402::{Msat, PaymentHash, UnixTime};

/// The kind of an entry. The number is stored, and never changes its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// The place in a node's settlements up to which the books have read: `node`, `index`. A payment
    /// and a floor say it, too.
    Position = 1,
    /// A settled payment: `msat` arrived. One a payment hash, whoever writes it first.
    Payment = 2,
    /// A use: `spent` units, 0 if it was given back and `fault` says by whose failure. With 0 and no
    /// fault its policy sells time: then each process notes the first served use alone.
    Use = 3,
    /// Units that the ledger has spent and the books did not know (`spent` above 0), or the other way
    /// round (below 0).
    Correction = 4,
    /// Uses that found the queue full: `spent` of them. The ledger's counts heal it.
    Missed = 5,
    /// The sums of the payments that were pruned: `index` payments of `msat`, of which `price` was
    /// spent by `spent` units. Without a service they were unattributed.
    Carried = 6,
    /// The place in a node's settlements up to which the books need not have every payment: it was
    /// paid before they began, or pruned.
    Floor = 7,
}

impl Kind {
    pub(super) const fn of(number: i64) -> Option<Self> {
        Some(match number {
            1 => Self::Position,
            2 => Self::Payment,
            3 => Self::Use,
            4 => Self::Correction,
            5 => Self::Missed,
            6 => Self::Carried,
            7 => Self::Floor,
            _ => return None,
        })
    }
}

/// The terms that a payment was sold on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Terms {
    /// The service.
    pub service: Arc<str>,
    /// The pattern of the route whose invoice was paid, or at which the token was used first.
    pub route: Arc<str>,
    /// The price of the payment.
    pub price: Msat,
    /// The units that the payment buys, at least 1; 1 if the policy sells time.
    pub units: u64,
    /// The time at which every token of the payment has ended.
    pub ends: UnixTime,
}

/// One entry. Fields that a kind does not have are `None` or 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The kind.
    pub kind: Kind,
    /// The wall-clock time of what happened.
    pub time: UnixTime,
    /// The payment.
    pub payment_hash: Option<PaymentHash>,
    /// The 32 bytes of the token's id.
    pub token_id: Option<[u8; 32]>,
    /// The terms of the sale, as far as they are known.
    pub terms: Option<Terms>,
    /// The amount that arrived, for a payment.
    pub msat: Option<Msat>,
    /// Units that were spent by this entry.
    pub spent: i64,
    /// 1 if the buyer broke the exchange, 2 if the service did, 0 if it was served.
    pub fault: i64,
    /// The name of the node, for a payment and a position.
    pub node: Option<Arc<str>>,
    /// The place in the node's settlements, or a number of payments.
    pub index: Option<u64>,
}

impl Entry {
    /// Makes an entry without content.
    #[must_use]
    pub const fn new(kind: Kind, time: UnixTime) -> Self {
        Self {
            kind,
            time,
            payment_hash: None,
            token_id: None,
            terms: None,
            msat: None,
            spent: 0,
            fault: 0,
            node: None,
            index: None,
        }
    }

    /// Returns true for a served use of a payment that bought time.
    #[must_use]
    pub fn is_uncounted(&self) -> bool {
        self.kind == Kind::Use && self.spent == 0 && self.fault == 0
    }

    /// Returns the note of the place that a payment known before has now, if it is beyond the place
    /// `known` of its node.
    pub(super) fn position_after(&self, known: Option<u64>) -> Option<Self> {
        let (node, index) = (self.node.as_ref()?, self.index?);
        if known.is_some_and(|known| known >= index) {
            return None;
        }
        let mut position = Self::new(Kind::Position, self.time);
        position.node = Some(Arc::clone(node));
        position.index = Some(index);
        Some(position)
    }

    /// Returns the content in the order of [`COLUMNS`].
    pub(super) fn fields(&self) -> [Field<'_>; COLUMNS.len()] {
        let terms = self.terms.as_ref();
        let hash = self.payment_hash.as_ref();
        [
            Field::Integer(self.kind as i64),
            number(self.time.secs()),
            hash.map_or(Field::Null, |hash| Field::Bytes(hash.as_bytes())),
            self.token_id
                .as_ref()
                .map_or(Field::Null, |id| Field::Bytes(id)),
            Field::text(terms.map(|terms| &terms.service)),
            Field::text(terms.map(|terms| &terms.route)),
            optional(terms.map(|terms| terms.price.msat())),
            optional(terms.map(|terms| terms.units)),
            optional(terms.map(|terms| terms.ends.secs())),
            optional(self.msat.map(Msat::msat)),
            Field::Integer(self.spent),
            Field::Integer(self.fault),
            Field::text(self.node.as_ref()),
            optional(self.index),
        ]
    }
}

/// The columns of an entry's content, in the order in which they are sealed.
pub(super) const COLUMNS: [&str; 14] = [
    "kind",
    "time",
    "payment_hash",
    "token_id",
    "service",
    "route",
    "price",
    "units",
    "ends",
    "msat",
    "spent",
    "fault",
    "node",
    "place",
];

/// The value of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Field<'a> {
    Null,
    Integer(i64),
    Bytes(&'a [u8]),
    Text(&'a str),
}

impl<'a> Field<'a> {
    fn text(text: Option<&'a Arc<str>>) -> Self {
        text.map_or(Self::Null, |text| Self::Text(text))
    }
}

/// Returns a number as the stores hold it. What does not fit is far beyond all bitcoin and all time.
fn number<'a>(number: u64) -> Field<'a> {
    Field::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

fn optional<'a>(value: Option<u64>) -> Field<'a> {
    value.map_or(Field::Null, number)
}
