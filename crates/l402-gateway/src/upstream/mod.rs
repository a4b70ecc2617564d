//! The connections of a worker to the upstreams, and the exchange of a request and its answer.
//!
//! `connect` opens a connection, TLS included; `pool` keeps idle ones and sends a request over one.
//! HTTP/1.1 is spoken by our own code in `http1`, HTTP/2 by hyper. `client_body` takes in the rest of
//! a request that is answered before its end. `slots` counts the open connections of the whole
//! process; `health` knows if an upstream is there, and `look` if it has a file.

mod answer_body;
mod body;
mod client_body;
mod connect;
mod health;
mod http1;
mod look;
mod pool;
mod slots;
mod tls;
mod wire;

pub(crate) use answer_body::UpstreamBody;
pub(crate) use body::{BodyFault, BodyLimits, Progress, RequestBody, or_idle};
pub(crate) use client_body::ClientBody;
pub(crate) use connect::Upstream;
pub(crate) use http1::HeadWriter;
pub(crate) use pool::{Pool, SendError, SharedPool, UpstreamRequest};
pub(crate) use slots::Slots;
pub(crate) use wire::Wire;
