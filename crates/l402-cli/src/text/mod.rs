//! Words and figures for people and machines: what is printed, and how values are written.

#[cfg(feature = "buy")]
pub(crate) mod money;

pub(crate) mod invoice;
pub(crate) mod node_form;
pub(crate) mod output;
pub(crate) mod plain;
pub(crate) mod when;
