//! Asks the node if a payment has arrived, if there is no preimage, or it alone does not prove it.
//!
//! For credentials only at nodes with [`Receive::preimage_is_proof`](l402_lightning::Receive::preimage_is_proof)
//! false: a third party makes their invoices, and may tell a preimage to anybody.
//!
//! ```text
//!   remembered as settled ------------------------------------------------> serve
//!     | no
//!   asked within the last second, or being asked now: the same answer ----.
//!     | no                                                                |
//!   too many look-ups, by this caller or in all: not settled, come again  |
//!     | no                                                                |
//!   one look-up, in a task of its own ------------------------------------+
//!                                                                         v
//!        settled, for the price or more: remember, serve     else: refuse
//! ```
//!
//! Nothing is written to a disk: a restart asks again, whichever node it is. Where the payment hash is
//! not enough to ask, as with a Lightning address, the token itself names the reference of its
//! invoice, in a place that only the mint can write (`minted_lookup`).

mod check;
mod look_ups;
mod payments;

pub(crate) use check::{Arrival, SettledCheck, Sold};
