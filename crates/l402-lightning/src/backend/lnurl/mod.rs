//! A Lightning address (LUD-06, LUD-16, LUD-21), which only receives.
//!
//! ```text
//!   https://HOST/.well-known/lnurlp/YOU     callback, least and most amount     once, then hourly
//!   callback?amount=…                       an invoice and its verify URL       for each invoice
//!   verify URL                              settled or not                      for each look-up
//! ```
//!
//! The service behind the address makes the invoices and holds the money. It knows each preimage from
//! the start, so a preimage proves nothing here, and the verify URL is the only word on a payment.
//! Every URL but the first is chosen by the service, so none may lead into a private network:
//! see `guard`.
//!
//! Comments and payer data (LUD-12, LUD-18) are not sent.

mod guard;
mod invoices;
mod open;
mod peer;
mod receive;
mod wire;

pub(crate) use open::{check_receiver, receiver};
