//! The printed forms of values and results, for people and machines.

#[cfg(feature = "buy")]
pub(crate) mod money;

#[cfg(feature = "registry")]
pub(crate) mod address;

pub(crate) mod first_steps;
pub(crate) mod hex;
pub(crate) mod invoice;
pub(crate) mod node_form;
pub(crate) mod output;
pub(crate) mod plain;
pub(crate) mod span;
pub(crate) mod when;
