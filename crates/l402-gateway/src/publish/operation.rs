//! The operations that can be asked for: one entry for each method of each route that is published.

use std::collections::HashSet;

use http::Method;
use l402_server::{Priced, Route};
use serde_json::{Map, Value};

use super::price;
use crate::config::Presentation;

/// One method of one route.
#[derive(Debug)]
pub(super) struct Operation<'a> {
    /// Unique in the table, and the same after a restart: letters, digits and hyphens.
    pub(super) id: String,
    pub(super) method: Method,
    /// The pattern of the route.
    pub(super) path: &'a str,
    /// The name for people.
    pub(super) name: &'a str,
    pub(super) description: Option<&'a str>,
    /// The goods and the terms; `None` if the route is free.
    pub(super) sold: Option<&'a Priced>,
    pub(super) schema: Option<&'a Map<String, Value>>,
}

impl Operation<'_> {
    /// Returns true if the path is one path, and not a pattern.
    pub(super) fn is_concrete(&self) -> bool {
        !self.path.contains('{')
    }

    /// Returns the description, or what is sold if there is none.
    pub(super) fn summary(&self) -> String {
        match (self.description, self.sold) {
            (Some(description), _) => description.to_owned(),
            (None, Some(sold)) => price::terms(sold),
            (None, None) => String::new(),
        }
    }
}

/// Lists the operations of the routes that are published.
pub(super) fn operations<'a>(
    routes: impl Iterator<Item = (&'a Route, &'a Presentation)>,
) -> Vec<Operation<'a>> {
    let mut ids = HashSet::new();
    let mut operations = Vec::new();
    for (route, presentation) in routes {
        let sold = route.sold();
        // What is free is told of only if the operator says so: it may be for machines alone.
        if !presentation.publish.unwrap_or(sold.is_some()) {
            continue;
        }
        let memo = sold.map_or(route.path.as_str(), |sold| &sold.memo);
        for method in methods(route, presentation) {
            operations.push(Operation {
                id: unique_id(&method, &route.path, &mut ids),
                method,
                path: &route.path,
                name: presentation.title.as_deref().unwrap_or(memo),
                description: presentation.description.as_deref(),
                sold,
                schema: presentation.request_schema.as_ref(),
            });
        }
    }
    operations
}

/// Returns the methods that are told of. A route for all methods is told of as GET and, if it has a
/// schema of a body, as POST: the other six would say nothing more.
fn methods(route: &Route, presentation: &Presentation) -> Vec<Method> {
    if !route.methods.is_empty() {
        return route.methods.clone();
    }
    match (route.grpc, presentation.request_schema.is_some()) {
        (true, _) => vec![Method::POST],
        (false, true) => vec![Method::GET, Method::POST],
        (false, false) => vec![Method::GET],
    }
}

/// Returns a name such as `get-user-id`, with a number behind it if it is taken.
fn unique_id(method: &Method, path: &str, taken: &mut HashSet<String>) -> String {
    let mut id = method.as_str().to_ascii_lowercase();
    let words = path.split(|c: char| !c.is_ascii_alphanumeric());
    for word in words.filter(|word| !word.is_empty()) {
        id.push('-');
        id.push_str(word);
    }
    let first = id.clone();
    let mut number = 1_u32;
    while !taken.insert(id.clone()) {
        number = number.saturating_add(1);
        id = format!("{first}-{number}");
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_operation_has_an_id_of_its_own() {
        let mut taken = HashSet::new();
        let mut id = |path: &str| unique_id(&Method::GET, path, &mut taken);
        assert_eq!(id("/"), "get");
        assert_eq!(id("/user/{id}"), "get-user-id");
        assert_eq!(id("/user-id"), "get-user-id-2");
        assert_eq!(id("/user/id"), "get-user-id-3");
    }
}
