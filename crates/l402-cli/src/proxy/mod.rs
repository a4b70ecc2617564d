//! A proxy that pays: a purse on a port, for programs that have an HTTP client of their own.
//!
//! ```text
//!   serve ─▶ owner     who connects
//!     │  └─▶ framing   requests that can be read in one way only
//!     └─▶ exchange ─▶ token, access    who may ask, and for what
//!             │   └─▶ headers          what does not go on
//!             ├─▶ tunnel    CONNECT
//!             ├─▶ answer    the answer that the program sees
//!             └─▶ teller    a line per payment
//! ```
//!
//! `docs/design/proxy.md` says why it is so.

mod access;
mod answer;
mod exchange;
mod framing;
mod headers;
mod owner;
mod pump;
mod serve;
mod teller;
mod token;
mod tunnel;

pub(crate) use access::Mode;
#[cfg(feature = "mcp")]
pub(crate) use serve::is_this_user;
pub(crate) use serve::{Proxy, serve};
pub(crate) use teller::Teller;
pub(crate) use token::Token;
