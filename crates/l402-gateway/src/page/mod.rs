//! The page that a person meets where a program gets a problem document: the invoice as a QR code, or what
//! happened and what to do next.
//!
//! `reader` says whose browser prefers a page, and in which language (`preference` reads both headers,
//! `language` holds the words). `look` is all that an operator may choose, compiled; `template` reads a
//! page with its variables, `scan` finds the places where a value would not stay text, and `document` writes
//! one and its `Content-Security-Policy`. `offer` and `notice` are the values of the two pages, and `asking` those
//! of a notice for a browser without script that asks if it has paid; `qr` draws.
//!
//! ```text
//!   refusal ─┬─ a program asked ──▶ JSON, as it is
//!            └─ a browser asked ──▶ look ─┬─ with an invoice ──▶ offer  ─┐
//!                                         └─ without one ──────▶ notice ─┴▶ template ─▶ html + policy
//! ```
//!
//! The answer keeps its status and all of its headers; body and type are replaced.

mod asking;
mod document;
mod language;
mod look;
mod notice;
mod offer;
mod preference;
mod qr;
mod reader;
mod scan;
mod settings;
mod template;
mod variable;

pub(crate) use asking::{Asking, PaidState};
pub(crate) use document::{Page, vary};
pub(crate) use language::{Language, word_names};
pub(crate) use look::{Goods, Look};
pub(crate) use notice::Happening;
pub(crate) use offer::ENDPOINT;
pub(crate) use reader::Reader;
pub(crate) use settings::{Logo, OwnTemplate, PageSettings};
pub(crate) use template::Template;
