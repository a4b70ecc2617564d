//! The doctor: an unpaid request, and the report of `l402_client::examine` on its answer.

mod ask;
mod view;

pub(crate) use ask::ask;
pub(crate) use view::View;
