//! The admin API, `/api/v1/…`: JSON, and problem documents for refusals.
//!
//! Each file has the answers of some paths, as types. Stores and files block, so each answer is made on
//! a thread that may.

mod configuration;
mod keys;
#[cfg(all(feature = "openapi", test))]
#[expect(dead_code, reason = "utoipa reads what stands at these functions")]
mod openapi;
mod payments;
mod query;
mod request;
mod revocations;
mod routes;
mod sales;
mod tokens;

pub(super) use payments::PaymentState;
pub(super) use request::answer;
use request::{Answered, ok};
