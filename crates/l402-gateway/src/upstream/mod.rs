//! The connections of a worker to the upstreams, and the exchange of a request and its answer.
//!
//! `connect` opens a connection, TLS included; `pool` keeps idle ones and sends a request over one.
//! HTTP/1.1 is spoken by our own code in `http1`, HTTP/2 by hyper.

mod answer_body;
mod body;
mod connect;
mod http1;
mod pool;
mod tls;
mod warning;
mod wire;

pub(crate) use answer_body::UpstreamBody;
pub(crate) use body::{BodyFault, BodyLimits, Progress, RequestBody, or_idle};
pub(crate) use connect::Upstream;
pub(crate) use http1::{HeadWriter, Http1Body};
pub(crate) use pool::{Pool, SendError, SharedPool, UpstreamRequest};
pub(crate) use wire::Wire;
