//! A registry that is asked over HTTP.

use l402_host::BoxFuture;

use super::interface::Registry;
use super::query::Query;
use super::service::Service;
use super::shape;
use crate::buyer::RegistrySettings;
use crate::mcp::download::{Download, NamedBy};

/// A registry that is asked over HTTP.
pub(super) struct Remote {
    settings: RegistrySettings,
    download: Download,
}

impl Remote {
    pub(super) fn new(settings: RegistrySettings, download: Download) -> Self {
        Self { settings, download }
    }

    async fn asked(&self, query: &Query) -> Result<Vec<Service>, String> {
        let url = shape::question(&self.settings, query);
        let answer = self.download.json(&url, NamedBy::Operator).await;
        let answer = answer.map_err(|error| error.to_string())?;
        let services = shape::services(&self.settings, &answer);
        services.ok_or_else(|| "its answer is not of the shape that client.toml names".to_owned())
    }
}

impl Registry for Remote {
    fn name(&self) -> &str {
        &self.settings.name
    }

    fn search<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Vec<Service>, String>> {
        Box::pin(self.asked(query))
    }
}
