//! The calls to the node.

use std::time::Duration;

use super::{Counter, Histogram, HistogramTotals};

/// A call to the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NodeCall {
    CreateInvoice,
    Lookup,
    NewestSettlement,
    /// The stream of settlements, whose only end is a failure.
    Settlements,
}

impl NodeCall {
    pub(crate) const ALL: [Self; 4] = [
        Self::CreateInvoice,
        Self::Lookup,
        Self::NewestSettlement,
        Self::Settlements,
    ];

    /// Returns the value of the label `call`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::CreateInvoice => "create_invoice",
            Self::Lookup => "lookup",
            Self::NewestSettlement => "newest_settlement",
            Self::Settlements => "settlements",
        }
    }
}

/// The end of a call to the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallEnd {
    Error,
    Ok,
    Timeout,
    /// The node has made another invoice than was asked for.
    Wrong,
}

impl CallEnd {
    pub(crate) const ALL: [Self; 4] = [Self::Error, Self::Ok, Self::Timeout, Self::Wrong];

    /// Returns the value of the label `outcome`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Ok => "ok",
            Self::Timeout => "timeout",
            Self::Wrong => "wrong",
        }
    }
}

/// The number of calls by end, and their times.
#[derive(Debug, Default)]
pub(crate) struct NodeNumbers([CallNumbers; NodeCall::ALL.len()]);

#[derive(Debug, Default)]
struct CallNumbers {
    ends: [Counter; CallEnd::ALL.len()],
    seconds: Histogram,
}

impl NodeNumbers {
    /// Counts a call that has ended.
    pub(crate) fn ended(&self, call: NodeCall, end: CallEnd, took: Duration) {
        let numbers = &self.0[call as usize];
        numbers.ends[end as usize].add(1);
        numbers.seconds.record(took);
    }

    /// Returns the number of calls that have ended so.
    pub(crate) fn count(&self, call: NodeCall, end: CallEnd) -> u64 {
        self.0[call as usize].ends[end as usize].read()
    }

    /// Returns the times of all calls of one kind.
    pub(crate) fn times(&self, call: NodeCall) -> HistogramTotals {
        let mut totals = HistogramTotals::default();
        totals.add(&self.0[call as usize].seconds);
        totals
    }
}
