//! HTTP/1.1 to an upstream: one request and its answer at a time, in the task of the request.
//!
//! A connection has no task of its own, and no channel to one. `connection` sends a request and
//! waits for the head of its answer, `request` writes, `head` and `chunks` parse what an upstream
//! sends, and `body` reads the answer as its client asks for it.
//!
//! The states of a connection:
//!
//! ```text
//!               open                    the pool has one
//!                 └──────────┐   ┌─────────────┘
//!                            ▼   ▼
//!    ┌─ again, on a new ── sending ──── broken, or no answer in time ──▶ closed: 502, 504
//!    │  connection           │
//!    │                       │ the head of the answer has come
//!    └─ only if it was       │
//!       idle before, and     ├── the whole request is sent ────────────▶ reading
//!       not a byte came      │                                             │
//!                            └── a rest of it is not ──▶ reading, and      │
//!                                  the rest is sent by another task        │
//!                                            │                             │
//!                                    the answer ends                 the answer ends
//!                                            │                             │
//!                                            ▼                             ▼
//!                             closed, once the rest is sent    kept and silent? back to the pool
//! ```
//!
//! A body that breaks off, or is dropped before its end, closes its connection in either state.

mod body;
mod buffer;
mod chunks;
mod connection;
#[cfg(test)]
mod differential;
mod head;
mod request;

pub(crate) use body::Http1Body;
pub(in crate::upstream) use connection::{Http1, NoResponse};
pub(in crate::upstream) use head::HEAD_MAX;
pub(in crate::upstream) use head::Head;
pub(crate) use request::HeadWriter;
pub(in crate::upstream) use request::{Http1Request, WriteFault};
