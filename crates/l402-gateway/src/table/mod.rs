//! The table of routes: all that a request needs to know of the configuration.
//!
//! A table is compiled from a configuration, never changed, and replaced as a whole by a reload. A
//! request reads one table from its beginning to its end. Each route has a target: the upstream
//! that its granted requests go to, and what is changed on the way.

mod routes;
mod target;

pub(crate) use routes::RouteTable;
pub(crate) use target::{InFlight, RouteTarget};
