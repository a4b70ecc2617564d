//! From a 402 answer to the offer that the client may pay.

mod check;

pub(crate) use check::{Asked, Offer, of_invoice, still_payable};
