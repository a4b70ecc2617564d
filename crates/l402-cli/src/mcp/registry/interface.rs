//! The interface of a registry.

use l402_host::BoxFuture;

use super::query::Query;
use super::service::Service;

/// A registry of paid services.
pub(super) trait Registry: Send + Sync {
    /// Returns the name that the operator gave it.
    fn name(&self) -> &str;

    /// Returns the services that fit, the best first. It may return others, too: the caller checks.
    ///
    /// # Errors
    /// A text about what failed, without anything that the registry said.
    fn search<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Vec<Service>, String>>;
}
