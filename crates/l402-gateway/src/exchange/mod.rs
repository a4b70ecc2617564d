//! One request and its answer.
//!
//! `handle` builds the canonical request, asks the paywall, and either refuses or forwards.
//! `forward` takes what the paywall granted, sends it to the upstream of its route, and returns the
//! answer, whose body settles the use when it ends. `client` says whose request it is: the peer's, or that
//! of the client that trusted proxies name (`forwarded` reads their headers). `headers` says which headers pass, and
//! `payment_headers` which of them tell of the payment. `document` answers the paths that the gateway
//! has for itself, and `receipt` one of them, by the credential of the request. `unlock` gives a browser that has
//! paid its pass, if `pass` finds nothing wrong with page and connection. `addresses` translates those in an answer. An
//! upgrade such as WebSocket becomes a `tunnel`. `proof_cache` spares a worker the signature check of a
//! credential that it has checked before. `page` puts a page in the place of a refusal that a person reads.
//! Plain HTTP that is to be TLS is answered by `redirect`, and `hsts` tells browsers to remember that. `upstream_span` is
//! the part of a trace that the upstream takes. `turn` notes if an answer waits for its client or for the
//! upstream, and `streams` gives up a stream of HTTP/2 whose client takes nothing.
//!
//! ```text
//!    request
//!       │
//!   canonical ──── no single reading ───────────▶ 400, and the connection ends (HTTP/1.1)
//!       │
//!     admit ────── refused by the paywall ──────▶ 402 with a challenge, 401, 404, 429 …
//!       │
//!    Granted ───── a path of the gateway's own ─▶ document, or 404
//!       │
//!       ├───────── too many in flight ──────────▶ 503   upstream_failed
//!       │
//!   send to the ── the request itself fails ────▶ 400, 408, 413, 414   buyer_failed
//!    upstream ──── no answer, or unusable ──────▶ 502, 504   upstream_failed
//!       │
//!  head of the ─── 101 that was asked for ──────▶ tunnel
//!     answer
//!       │
//!     body ─────── ends ────────────────────────▶ the use is settled by the whole answer
//!       └───────── breaks off ──────────────────▶ the use is settled as that of a broken answer
//! ```
//!
//! `upstream_failed` and `buyer_failed` are the two ends of a [`Granted`](l402_server::Granted)
//! without an answer. Both give the use back.

mod addresses;
mod answer;
mod body;
mod client;
mod connection;
mod document;
mod forward;
mod forwarded;
mod handle;
mod headers;
mod hsts;
mod page;
mod pass;
mod payment_headers;
mod proof_cache;
mod receipt;
mod redirect;
mod streams;
mod tunnel;
pub(crate) mod turn;
mod unlock;
mod upstream_span;

pub(crate) use body::Aborted;
pub(crate) use client::StreamPlace;
pub(crate) use connection::{Connection, GatewayState, Worker};
pub(crate) use handle::handle;
pub(crate) use proof_cache::ProofCache;
pub(crate) use redirect::Redirect;
pub(crate) use streams::{OpenStreams, Streams};
