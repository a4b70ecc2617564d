//! The rules of the registry, for its API and its page alike.

mod claim;
mod edit;
mod error;
mod import;
mod limits;
mod look;
mod moderate;
mod rate;
mod registry;
mod review;
mod settings;
mod submit;

pub use edit::Rechecked;
pub use error::DeskError;
pub use import::Export;
#[cfg(test)]
pub(crate) use rate::KEYS_MAX;
pub(crate) use rate::{Rate, caller_network};
pub use registry::Registry;
pub use settings::RegistryOptions;
pub use submit::{Submission, Submitted};
