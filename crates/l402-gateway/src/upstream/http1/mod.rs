//! HTTP/1.1 to an upstream: one request and its answer at a time, in the task of the request.
//!
//! Nothing runs beside it: no task for the connection, and no channel to one. `connection` sends a
//! request and waits for the head of its answer, `request` writes, `head` and `chunks` parse what an
//! upstream sends, and `body` reads the answer as its client asks for it.

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
pub(crate) use request::HeadWriter;
pub(in crate::upstream) use request::Http1Request;
