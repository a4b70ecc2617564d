//! A PostgreSQL server of a test's own, and a proxy that cuts connections to it.
//!
//! The programs come from Debian's package `postgresql`. A server has a folder and a Unix socket of its own,
//! and no port. It ends with the value, by its process id.

mod proxy;
mod server;

pub use proxy::{Cut, CutProxy};
pub use server::PostgresServer;
