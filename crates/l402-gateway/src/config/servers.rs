//! Names of the servers behind routes, which say whether two routes serve the same.

use std::collections::HashMap;

use super::{RouteConfig, UpstreamUrl};

/// Returns for each route one name of the servers behind it. Routes with an upstream in common have
/// the same name, and so have all that others connect: the upstreams of a route serve the same.
pub(super) fn names(routes: &[RouteConfig]) -> Vec<String> {
    let mut groups = Groups::default();
    for route in routes {
        for further in route.further_upstreams.iter().map(UpstreamUrl::server) {
            groups.join(&route.upstream.server(), &further);
        }
    }
    let first = routes.iter().map(|route| route.upstream.server());
    first.map(|server| groups.name(&server)).collect()
}

/// Sets of servers that serve the same, each with the name of one of them.
#[derive(Default)]
struct Groups {
    /// The next name on the way to the name of the set. The last one is not here.
    next: HashMap<String, String>,
}

impl Groups {
    fn name(&self, server: &str) -> String {
        let mut name = server;
        while let Some(next) = self.next.get(name) {
            name = next;
        }
        name.to_owned()
    }

    fn join(&mut self, one: &str, other: &str) {
        let (one, other) = (self.name(one), self.name(other));
        if one != other {
            self.next.insert(other, one);
        }
    }
}

#[cfg(test)]
mod tests {
    use l402_server::Route;

    use super::*;

    #[test]
    fn routes_that_upstreams_connect_have_one_name() {
        let route = |hosts: &str| {
            let mut urls = hosts
                .chars()
                .map(|host| format!("http://{host}:1").parse().expect("a URL"));
            let mut route = RouteConfig::new(Route::free("/"), urls.next().expect("one"));
            route.further_upstreams = urls.collect();
            route
        };
        let names = |routes: &[&str]| {
            let routes: Vec<_> = routes.iter().map(|hosts| route(hosts)).collect();
            names(&routes)
        };
        assert_eq!(names(&["a", "b", "a"]), ["a:1", "b:1", "a:1"]);
        // By way of the last one, which comes after those that it connects.
        let connected = names(&["a", "b", "cd", "ac", "bd", "e"]);
        assert!(connected[..5].iter().all(|name| *name == connected[0]));
        assert_eq!(connected[5], "e:1");
    }
}
