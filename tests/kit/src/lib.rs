//! The set-up that the tests of several crates have in common.
//!
//! For tests only: everything here panics if it fails. A crate takes this kit as a
//! dev-dependency and uses it in `tests/it` and in examples, never in its unit tests.
//!
//! ```text
//!   clock    START, and a clock that stands still until a test moves it
//!   cln      a server that speaks Core Lightning's JSON   (feature `cln`)
//!   hostile  sellers, wallets and listed services that do as badly as a seed says (feature `hostile`)
//!   home     a home folder with that clock, a sandbox on it, and an account that pays
//!   lnd      a server that speaks lnd's JSON over TLS   (feature `lnd`)
//!   lnurl    the service behind a Lightning address (feature `lnurl`)
//!   macaroon one of lnd, with the permissions that a test names
//!   postgres a PostgreSQL server, and a proxy that cuts connections to it (feature `postgres`)
//!   server   an HTTP server on a port of its own, one function for all requests
//!   stall    a seller of jokes, for examples in the documentation
//!   tls      a client that takes every certificate (feature `tls`)
//!   wallets  servers that speak phoenixd's and LNbits' JSON (feature `wallets`)
//! ```

#[cfg(feature = "cln")]
pub mod cln;
mod clock;
mod home;
#[cfg(feature = "hostile")]
pub mod hostile;
#[cfg(feature = "lnd")]
pub mod lnd;
#[cfg(feature = "lnurl")]
pub mod lnurl;
mod macaroon;
#[cfg(feature = "postgres")]
pub mod postgres;
mod server;
mod stall;
#[cfg(feature = "tls")]
pub mod tls;
#[cfg(feature = "wallets")]
pub mod wallets;

pub use clock::{START, clock};
pub use home::{TestHome, pay};
#[cfg(feature = "hostile")]
pub use hostile::hostile_texts;
pub use macaroon::macaroon;
pub use server::TestServer;
pub use stall::joke_stall;
