//! The interface of a directory.

use l402_host::BoxFuture;

use super::query::Query;
use super::service::Service;

/// A directory of paid services.
pub(super) trait Directory: Send + Sync {
    /// Returns the name that the operator gave it.
    fn name(&self) -> &str;

    /// Returns the services that fit, the best first. It may return others, too: the caller checks.
    ///
    /// # Errors
    /// A text about what failed, without anything that the directory said.
    fn search<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Vec<Service>, String>>;
}
