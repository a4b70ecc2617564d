//! Certificates by themselves: ordered from an authority by ACME (RFC 8555), kept, and renewed.
//!
//! ```text
//!   stored ──▶ two thirds of its time ──▶ order ──▶ proof by TLS-ALPN-01 ──▶ certificate ─┐
//!     ▲                 ▲                   │             (RFC 8737)                      │
//!     │                 │                   └─ fails: again after 2, 4, 8 … 60 minutes    │
//!     └─────────────────┴─────────────────────────────────────────────────────────────────┘
//! ```
//!
//! `store` are the files, `order` is what the authority is asked for, by way of `http`, and `keep` says
//! when. The listener serves what comes of it: see `listen::certificates`.

mod http;
mod keep;
mod open;
mod order;
mod store;

pub(crate) use keep::Keeper;
pub(crate) use open::{check, open};
