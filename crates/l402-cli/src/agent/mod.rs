//! Agents, and the person who decides what they may pay: the work of `l402 agent` and `l402 approve`.
//!
//! ```text
//!   add, mandate    what an agent may do, changed
//!   show            what it may do, told
//!   question        what a person is asked about one payment, the same words everywhere
//!   decide          a yes or a no, at the terminal
//!   page/           a yes or a no, in a browser on this machine
//! ```
//!
//! `docs/design/agents.md` says why it is so.

mod add;
mod decide;
mod mandate;
mod page;
mod question;
mod show;

pub(crate) use add::{NewAgent, add, change_passphrase, remove};
pub(crate) use decide::{decide, waiting};
pub(crate) use mandate::{NewMandate, end_mandate, give_mandate};
pub(crate) use page::serve_page;
pub(crate) use show::{show, show_all};
