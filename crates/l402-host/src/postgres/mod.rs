//! Connections to PostgreSQL, in one way for all that the program keeps there.
//!
//! ```text
//!   PostgresUrl ─▶ Target: hosts, how to encrypt ─▶ connect ─▶ Client, Notifications
//!                    │ no encryption to another machine           │
//!                    ▼                                            └─▶ migrate: one step a version
//!                  refused, by name
//! ```

mod blocking;
mod connect;
mod error;
mod migrate;
mod target;
mod tls;

pub use blocking::Blocking;
pub use connect::{Notifications, connect};
pub use error::{PostgresError, PostgresErrorKind};
pub use migrate::migrate;
pub use target::Target;
