//! The listener for operators, from outside.

mod changes;
mod guards;
mod probes;
mod reads;
pub(crate) mod stage;
#[cfg(target_os = "linux")]
mod upgrades;
