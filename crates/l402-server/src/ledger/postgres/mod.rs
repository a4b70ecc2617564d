//! A ledger in a PostgreSQL database, which several gateways share.
//!
//! ```text
//!   reserve, settle ─▶ session ─▶ one statement for all that has queued up ─▶ answers
//!                        │
//!                        ├─ lease: renewed each 3 s; ends in this process after 7, for all others after 10
//!                        ├─ doubt: what was under way when a connection broke is asked for, by its number
//!                        └─ reap: what holders have left behind whose lease has run out
//! ```
//!
//! `docs/design/postgres.md` walks through what may happen between two steps.

mod batch;
mod counts;
mod doubt;
mod handle;
mod holder;
mod late;
mod lessor;
mod link;
mod prune;
mod reserve;
mod schema;
mod session;
mod settle;

pub use counts::PostgresCounts;
pub use handle::PostgresLedger;
pub(in crate::ledger) use link::within;
pub(in crate::ledger) use prune::identity;
pub(in crate::ledger) use reserve::signed;
pub(in crate::ledger) use schema::STEPS;
