//! The documents that say what the gateway sells, for directories, crawlers and language models.
//!
//! All are made from the compiled routes when a table is compiled, and stay with it: what they say is
//! what the same table charges, also after a reload. `operation` picks what is said of each route,
//! `template` writes its path as OpenAPI does, `openapi`, `well_known` and `llms` put the texts
//! together, and `document` is a text ready to be sent.
//!
//! ```text
//!   routes of a snapshot ─ operation ─┬─ openapi ────┐
//!                                     ├─ well_known ─┼─ document
//!                                     └─ llms ───────┘
//! ```

mod document;
mod documents;
mod llms;
mod openapi;
mod operation;
mod price;
mod template;
mod well_known;

pub(crate) use document::Document;
pub(crate) use documents::Documents;
