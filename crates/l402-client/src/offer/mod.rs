//! From a 402 answer to the offer that the client may pay.
//!
//! The rules are those of [`examine`](crate::examine). This module adds the limits of the buyer.

mod choose;

pub(crate) use crate::examine::{BODY_MAX, BODY_TIME, Payer};
pub(crate) use choose::{Offer, PaymentRequiredAnswer, quote, still_payable};
