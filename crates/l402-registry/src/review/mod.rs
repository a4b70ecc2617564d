//! Reviews that are bound to a payment: who writes one holds an invoice of the listing's node and its
//! preimage.
//!
//! This proves a paid invoice of that node, and not a purchase: the seller can make one himself. What a
//! review cannot be is free, old, used twice, or from a payment to somebody else.

mod paid;

pub(crate) use paid::Paid;
