//! A proxy that pays, for programs that have an HTTP client of their own. Whoever reaches it spends.
//!
//! ```text
//!   serve ─▶ framing   requests that can be read in one way only
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
mod pump;
mod serve;
mod teller;
mod token;
mod tunnel;

pub(crate) use access::Mode;
pub(crate) use serve::{Proxy, serve};
pub(crate) use teller::Teller;
