//! The JSON API.
//!
//! ```text
//!   request ─▶ guard ─▶ route ─▶ path, search, body ─▶ desk, or store for questions ─▶ answer, problem
//! ```

mod admin;
mod answer;
mod body;
mod claim;
mod counters;
mod export;
mod guard;
mod history_json;
mod limit;
mod llms;
mod meta;
mod openapi;
mod parameters;
mod path;
mod problem;
mod review;
mod router;
mod search;
mod service;
mod settings;
mod state;
mod submit;

pub use counters::Counters;
pub use export::export_router;
pub use router::router;
pub(crate) use router::{guarded, routes};
pub use settings::{AdminToken, ApiSettings};
