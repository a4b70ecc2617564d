//! The printed forms of values and results, for people and machines.

#[cfg(feature = "buy")]
pub(crate) mod money;

pub(crate) mod hex;
pub(crate) mod invoice;
pub(crate) mod node_form;
pub(crate) mod output;
pub(crate) mod plain;
pub(crate) mod span;
pub(crate) mod when;
