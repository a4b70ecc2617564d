//! The connections of a worker to the upstreams, and the exchange of a request and its answer.
//!
//! `connect` opens a connection, TLS included; `pool` keeps idle ones and sends a request over one.
//! HTTP/1.1 is spoken by our own code in `http1`, HTTP/2 by hyper. `client_body` takes in the rest of
//! a request that is answered before its end. `slots` counts the open connections of the whole
//! process. `health` knows from the `findings` about an upstream if it is there, `check` asks it
//! regularly, `look` finds out if it has a file, and `probe` says which step to it fails. `balance` chooses among several.

mod answer_body;
mod balance;
mod body;
mod check;
mod client_body;
mod connect;
mod findings;
mod health;
mod http1;
mod look;
mod pool;
mod probe;
mod slots;
mod tls;
mod wire;

pub(crate) use answer_body::UpstreamBody;
pub(crate) use balance::{Chosen, Tried, Upstreams};
pub(crate) use body::{BodyFault, BodyLimits, Progress, RequestBody, or_idle};
pub(crate) use client_body::ClientBody;
pub(crate) use connect::Upstream;
pub(crate) use findings::UpstreamStatus;
pub(crate) use http1::HeadWriter;
pub(crate) use pool::{Pool, SendError, SendFailure, SharedPool, UpstreamRequest};
pub(crate) use probe::resolve;
pub(crate) use slots::Slots;
pub(crate) use wire::Wire;
