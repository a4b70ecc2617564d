//! The file of events and their deliveries, `webhooks.db`. Several processes may open it.

mod file;
mod operator;

pub(super) use file::{Delivery, Due, Failure, Store, StoreError};
use file::{number, secs, time};
pub(super) use operator::{Again, Counts, Line};
