//! Budgets for people and scripts: what is spent of them, and changes to them.

mod change;
mod show;

pub(crate) use change::{Change, LimitChange, ParentChange, resume, set, stop};
pub(crate) use show::{show, show_all};
