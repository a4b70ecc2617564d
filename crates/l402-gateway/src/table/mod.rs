//! The table of routes: the part of the configuration that requests are served by.
//!
//! A table is compiled from a configuration, never changed, and replaced as a whole by a reload. A
//! request uses one table from its beginning to its end. Each route has a target: the upstream of
//! its granted requests, and the changes to a request on the way there.

mod hidden;
mod routes;
mod target;

pub(crate) use routes::RouteTable;
pub(crate) use target::{InFlight, RouteTarget};
