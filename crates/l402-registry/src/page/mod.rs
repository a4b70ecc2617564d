//! The pages for people: made on the server, without a build step, and working without script.
//!
//! Words of strangers and facts that the registry saw look different everywhere. Every text is escaped
//! by the templates; no string of HTML is put together by hand.

mod answer;
mod asset;
mod categories;
mod chart;
mod command;
mod detail;
mod form;
mod guide;
mod home;
mod layout;
mod link;
mod list;
mod lookalike;
mod missing;
mod phrase;
mod router;
mod row;

pub use router::router;
