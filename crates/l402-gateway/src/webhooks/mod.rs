//! Tells the operator's own services of what happens, over HTTP.
//!
//! ```text
//!   Notices ──▶ recorder ──▶ webhooks.db ◀── l402 webhooks replay
//!                               │
//!                               ├─▶ worker of a target ──▶ courier ──▶ POST, signed
//!                               └─▶ worker of another
//! ```
//!
//! `recorder` writes each notice down, once for each target that wants it. `worker` takes what is due
//! of one target, in order, and hands it to `courier`, which resolves, checks, connects and posts.
//! `schedule` says when a failure is tried again. `message` is what is sent, and `signature` the proof
//! that it came from here (Standard Webhooks). `store` is the file, and `post_office` what starts all of it.
//! `desk` is for the commands of the operator.
//!
//! Nothing here is on the path of a request: a queue that is full drops, and counts.

mod courier;
mod desk;
mod message;
mod post_office;
mod recorder;
mod schedule;
mod signature;
mod store;
mod target;
mod worker;

pub use desk::{DeliveryLine, Replay, WebhookDesk, WebhookLine};
pub(crate) use message::days_left;
pub(crate) use post_office::PostOffice;
pub(crate) use target::{Target, faults, open_targets};
