//! The page on this machine where a person approves or denies payments.
//!
//! Anybody on this machine can open it, and so can a page of another server by a link. What decides is
//! the passphrase, typed into the page itself.
//!
//! ```text
//!   serve ─▶ access     a request to this very address, from no other page
//!     └────▶ answer ─▶ tickets    a form is good once, and only after the page was loaded
//!              └─────▶ html       no script, nothing from elsewhere
//! ```

mod access;
mod answer;
mod html;
mod serve;
mod tickets;

pub(crate) use serve::serve_page;
