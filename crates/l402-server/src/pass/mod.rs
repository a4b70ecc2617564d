//! Passes: what a browser holds in place of a preimage, as a sealed cookie.
//!
//! ```text
//!   unlock   token ── genuine ── the node says settled ──▶ sealed ──▶ Set-Cookie
//!   decide   Cookie ──▶ found ── opened, fits route and page ──▶ Proven, then as any credential
//! ```
//!
//! The endpoint that gives one is [`Paywall::unlock`](crate::Paywall::unlock).

mod found;
mod sealed;
mod surplus;

pub(crate) use found::{Found, OfPlace, find, is_held_back};
pub(crate) use sealed::{Contents, digest};
pub(crate) use surplus::surplus;
