//! The documents in which sellers say what they sell.
//!
//! ```text
//!   /.well-known/l402-services   {"services": [{endpoint, method, …}]}  ─┐
//!   /.well-known/l402.json       {"endpoints": [{endpoint, cost, …}]}   ─┼─▶ entry ─▶ own origin? ─▶ NewListing
//!   /openapi.json                {"paths": {…: {"x-payment-info"}}}     ─┘              │ no
//!                                                                                       └─▶ Skipped, with the reason
//! ```

mod entry;
mod kind;
mod l402_json;
mod offer;
mod openapi;
mod parameter;
mod read;
mod services;

pub use kind::DocumentKind;
pub use read::{Document, DocumentError, Skipped, read_document};
