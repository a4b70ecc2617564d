//! The configuration of a registry, and its running.

mod accept;
mod config;
mod error;
mod print;
mod read;
mod section;
mod server;
mod stalled;

pub use config::{AllowedEntry, LimitsConfig, ProbeConfig, REGISTRY_PORT, RegistryConfig};
pub use error::ServeError;
pub use section::ConfigMistake;
pub use server::{RegistryServer, ServeParts, serve};
