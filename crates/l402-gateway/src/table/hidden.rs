//! The files of upstreams that the gateway's own answers hide.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::RouteTable;
use crate::upstream::Upstream;

/// The most files that are looked for: each takes a connection.
const LOOKS: usize = 16;

/// A file that an upstream would be asked for if the gateway did not answer its path.
#[derive(Debug)]
struct Hidden {
    path: String,
    upstream: Arc<Upstream>,
    /// The path as the upstream would get it.
    behind: String,
}

impl RouteTable {
    /// Asks each upstream for the files that the gateway's own answers would hide, and warns of those
    /// that are there: the operator may have written a better one.
    pub(crate) async fn warn_of_hidden_files(&self) {
        let mut looks = JoinSet::new();
        for hidden in self.hidden().into_iter().take(LOOKS) {
            looks.spawn(async move {
                let is_there = hidden.upstream.has_file(&hidden.behind).await;
                is_there.then_some(hidden)
            });
        }
        for Hidden { path, upstream, .. } in looks.join_all().await.into_iter().flatten() {
            tracing::warn!(
                %upstream, %path,
                "the upstream has a file of its own here, and buyers get the gateway's instead; to \
                 show the upstream's, give it a route of exactly this path, or switch the gateway's \
                 off under [publish]"
            );
        }
    }

    /// Lists the paths that the gateway answers and that a pattern of a route matches as well.
    fn hidden(&self) -> Vec<Hidden> {
        let (passed_on, own) = self.snapshot.routes().split_at(self.targets.len());
        let answered = own.iter().enumerate();
        let answered =
            answered.filter(|(index, _)| self.document(passed_on.len() + index).is_some());
        let hidden = answered.filter_map(|(_, route)| {
            let takers = passed_on.iter().zip(&self.targets);
            let takers = takers.filter(|(taker, _)| taker.covers(route));
            // The route that says most of the path is the one that would take it.
            let (_, target) = takers.max_by_key(|(taker, _)| fixed(&taker.path))?;
            Some(Hidden {
                path: route.path.clone(),
                upstream: Arc::clone(target.upstreams.first()),
                behind: target.path(&route.path, None)?,
            })
        });
        hidden.collect()
    }
}

/// Returns the number of bytes before the first parameter.
fn fixed(pattern: &str) -> usize {
    pattern.find('{').unwrap_or(pattern.len())
}

#[cfg(test)]
mod tests {
    use l402_server::Route;

    #[test]
    fn a_pattern_matches_the_paths_that_it_would_serve() {
        for (pattern, path, expected) in [
            ("/{*rest}", "/openapi.json", true),
            ("/{*rest}", "/.well-known/l402.json", true),
            ("/{name}", "/llms.txt", true),
            ("/{name}", "/.well-known/l402.json", false),
            ("/{name}.json", "/openapi.json", true),
            ("/{name}.json", "/llms.txt", false),
            ("/llms{x}.txt", "/llms.txt", false),
            ("/.well-known/{name}", "/.well-known/l402.json", true),
            ("/api/{*rest}", "/openapi.json", false),
            ("/joke", "/openapi.json", false),
            ("/", "/openapi.json", false),
        ] {
            let covers = Route::free(pattern).covers(&Route::free(path));
            assert_eq!(covers, expected, "{pattern} {path}");
        }
    }
}
