//! The listener for operators, from outside.

mod changes;
mod guards;
mod probes;
mod reads;
mod stage;
#[cfg(target_os = "linux")]
mod upgrades;
