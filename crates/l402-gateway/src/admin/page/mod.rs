//! The dashboard: pages for an operator, made on this side, with a session instead of the token.
//!
//! ```text
//!   request ─▶ file of ours? ─▶ session? ─┬─ no ──▶ login (admin token, once)
//!                                         └─ yes ─▶ pages ─▶ reader (books) · watch (traffic, notices)
//!                                                └─ POST: form of this session? ─▶ action (audited)
//! ```

mod account;
mod action;
mod answer;
mod asset;
mod chart;
mod configuration;
mod difference;
mod figure;
mod gather;
mod income;
mod layout;
mod live;
mod login;
mod node;
mod overview;
mod parts;
mod payments;
mod reader;
mod request;
mod response;
mod sales;
mod session;
mod watch;

pub(crate) use answer::PageState;
use answer::notice;
pub(super) use answer::{answer, is_login, is_signed_in, watch};
