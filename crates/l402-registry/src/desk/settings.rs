//! The settings of a registry.

use std::time::Duration;

use url::Url;

/// The settings that rules depend on.
#[derive(Clone, Debug)]
pub struct RegistryOptions {
    /// The address by which people reach the registry, for links and claims.
    pub public_url: Url,
    /// The submissions of one address in an hour: 60 by default.
    pub submissions_per_hour: u32,
    /// The time between two probes of a service: 15 minutes by default.
    pub probe_interval: Duration,
    /// The time between two looks at an owner's proof: 7 days by default.
    pub owner_interval: Duration,
}
