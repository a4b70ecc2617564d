//! The task that keeps a connection to one of the relays, and matches answers with requests.
//!
//! ```text
//!   connect ──> subscribe ──> wait for the info event and the end of what is stored ──> serve
//!      ^                                                                                  |
//!      └── the next relay; after a round without any, a pause of up to 30 s <──── lost ───┘
//! ```
//!
//! One relay at a time: a request that two relays deliver could be carried out twice by a careless
//! wallet. After a request that nobody answered, the next relay is used, in case that the wallet
//! has left this one.

mod conversation;
mod health;
mod requests;
mod task;

pub(super) use task::Link;
