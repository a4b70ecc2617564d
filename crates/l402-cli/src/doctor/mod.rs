//! The doctor: asks for a challenge without paying, and shows what `l402_client::examine` finds.

mod ask;
mod view;

pub(crate) use ask::ask;
pub(crate) use view::View;
