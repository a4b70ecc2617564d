//! The work of `l402 registry`: a client of the registry's API, the keys of an owner, and the registry itself.
//!
//! ```text
//!   add, search, show, announce ──┐
//!   claim, own, edit, review ─────┼─▶ client ─▶ API of a registry, ours or another
//!   moderate ─────────────────────┘     └─▶ problem   its refusals as errors of this program
//!   claim, own, edit ─▶ key             what makes somebody the owner, in the home folder
//!   serve ─▶ paid, bulk                 the registry itself; a wallet for it, and its priced export
//!   local                               import, export and backup of the database on this machine
//! ```

mod add;
mod announce;
mod at;
mod at_listing;
mod bulk;
mod claim;
mod client;
mod edit;
mod key;
mod local;
mod moderate;
mod paid;
mod problem;
mod review;
mod search;
mod serve;
mod show;
mod view;

pub(crate) use add::{NewWords, add};
pub(crate) use announce::{announce, announced};
pub(crate) use at::{RegistryArg, Subject};
pub(crate) use at_listing::AtListing;
pub(crate) use claim::{Claiming, Proof, begin_claim, finish_claim};
pub(crate) use client::RegistryClient;
pub(crate) use edit::{Changes, answer, edit, own, remove, revoke, transfer};
pub(crate) use local::{ExportForm, backup, export, import};
pub(crate) use moderate::{Moderation, moderate};
pub(crate) use review::{NewReview, review};
pub(crate) use search::{Search, search};
pub(crate) use serve::{Running, ServeFlags, configuration, of_demo, report_check, serve, start};
pub(crate) use show::show;
