//! One search over all registries.

use std::fmt;
use std::sync::Arc;

use super::interface::Registry;
use super::query::Query;
use super::remote::Remote;
use super::service::Service;
use crate::buyer::RegistrySettings;
use crate::mcp::download::Download;

/// The registries that the operator has named.
#[derive(Clone)]
pub(crate) struct Registries(Arc<[Arc<dyn Registry>]>);

impl fmt::Debug for Registries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.iter().map(|it| it.name());
        f.debug_list().entries(names).finish()
    }
}

/// The services that the registries found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// The services, the best of each registry first.
    pub(crate) services: Vec<Service>,
    /// The names of the registries that answered.
    pub(crate) answered: Vec<String>,
    /// The names of the registries that did not, each with the reason.
    pub(crate) failed: Vec<(String, String)>,
}

impl Registries {
    /// Returns the registries of `client.toml`.
    pub(crate) fn new(settings: &[RegistrySettings], download: &Download) -> Self {
        let all = settings
            .iter()
            .map(|it| -> Arc<dyn Registry> { Arc::new(Remote::new(it.clone(), download.clone())) });
        Self(all.collect())
    }

    /// Returns true if the operator has named none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Asks every registry at once. One that fails takes nothing from the others.
    pub(crate) async fn search(&self, query: &Query) -> Found {
        let mut tasks = tokio::task::JoinSet::new();
        for (at, registry) in self.0.iter().enumerate() {
            let (registry, query) = (Arc::clone(registry), query.clone());
            tasks.spawn(async move { (at, registry.search(&query).await) });
        }
        // In the order of client.toml, not of their answers.
        let mut answers: Vec<Result<Vec<Service>, String>> = self
            .0
            .iter()
            .map(|_| Err("it could not be asked".to_owned()))
            .collect();
        while let Some(done) = tasks.join_next().await {
            if let Ok((at, answer)) = done {
                answers[at] = answer;
            }
        }
        let mut found = Found::default();
        let mut lists = Vec::new();
        for (registry, answer) in self.0.iter().zip(answers) {
            let name = registry.name().to_owned();
            match answer {
                Ok(services) => {
                    found.answered.push(name);
                    lists.push(services);
                }
                Err(why) => found.failed.push((name, why)),
            }
        }
        found.services = merged(lists, query);
        found
    }
}

/// Takes the first of each list, then the second of each, and so on. A service that several registries list
/// is returned once, with all their names.
fn merged(lists: Vec<Vec<Service>>, query: &Query) -> Vec<Service> {
    let longest = lists.iter().map(Vec::len).max().unwrap_or_default();
    let mut services: Vec<Service> = Vec::new();
    for rank in 0..longest {
        for service in lists.iter().filter_map(|list| list.get(rank)) {
            if !service.fits(query) {
                continue;
            }
            match services.iter_mut().find(|known| known.is_same(service)) {
                Some(known) => {
                    for name in &service.registries {
                        if !known.registries.contains(name) {
                            known.registries.push(name.clone());
                        }
                    }
                }
                None => services.push(service.clone()),
            }
        }
    }
    services.truncate(query.limit);
    services
}
