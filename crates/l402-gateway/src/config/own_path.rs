//! The paths that the gateway answers by itself.

use http::Method;
use l402_server::{Access, Place, Route};

use super::{Live, servers};
use crate::page::ENDPOINT;

/// The OpenAPI description of what is sold.
pub(crate) const OPENAPI: &str = "/openapi.json";
/// The description for language models.
pub(crate) const LLMS: &str = "/llms.txt";
/// The list of endpoints as crawlers of directories read it.
pub(crate) const SERVICES: &str = "/.well-known/l402-services";
/// The list of endpoints as l402apps reads it.
const ENDPOINTS: &str = "/.well-known/l402.json";
/// The folder that is kept for answers to come.
const KEPT: &str = "/.well-known/l402";
/// The receipt of a purchase, for the holder of its credential.
const RECEIPT: &str = "/.well-known/l402/receipt";
/// The folder of the verification files.
const WELL_KNOWN: &str = "/.well-known/";

/// The service of the gateway's own answers, for [`Place`]. An upstream's has a colon.
const PLACE: &str = "gateway";

/// One path that the gateway answers by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OwnPath {
    /// A literal path, or a pattern if nothing is there.
    pub(crate) path: String,
    pub(crate) content: OwnContent,
}

/// The content of an own path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OwnContent {
    Endpoints,
    Llms,
    /// Kept for later, or switched off: 404, and never forwarded.
    Nothing,
    OpenApi,
    /// What was bought with the credential of the request.
    Receipt,
    Services,
    /// A pass for the browser that has paid, and asks.
    Unlock,
    /// This text, which proves to a directory that the host is the operator's.
    Verification(String),
}

impl OwnPath {
    fn new(path: impl Into<String>, content: OwnContent) -> Self {
        let path = path.into();
        Self { path, content }
    }

    /// Returns the free route of the path, at a service that no upstream is.
    fn route(&self) -> Route {
        let mut route = Route::new(&self.path, Access::Free);
        if self.content != OwnContent::Nothing {
            let is_asked = self.content == OwnContent::Unlock;
            let method = if is_asked { Method::POST } else { Method::GET };
            route.methods = vec![method];
        }
        route.place = Place {
            service: PLACE.to_owned(),
            ..Place::default()
        };
        route
    }
}

impl Live {
    /// Returns the paths that the gateway answers by itself, in the order of their routes.
    pub(crate) fn own_paths(&self) -> Vec<OwnPath> {
        let publish = &self.publish;
        let well_known = |path, content| {
            // What is switched off is kept all the same: no upstream may answer for the gateway.
            let content = if publish.well_known {
                content
            } else {
                OwnContent::Nothing
            };
            OwnPath::new(path, content)
        };
        let mut own = vec![
            well_known(SERVICES, OwnContent::Services),
            well_known(ENDPOINTS, OwnContent::Endpoints),
            OwnPath::new(RECEIPT, OwnContent::Receipt),
            OwnPath::new(KEPT, OwnContent::Nothing),
            OwnPath::new(format!("{KEPT}/{{*rest}}"), OwnContent::Nothing),
        ];
        if self.gives_passes() {
            own.push(OwnPath::new(ENDPOINT, OwnContent::Unlock));
        }
        // A route with this path goes first: an upstream may have a document of its own.
        if publish.openapi && !self.names(OPENAPI) {
            own.push(OwnPath::new(OPENAPI, OwnContent::OpenApi));
        }
        if publish.llms && !self.names(LLMS) {
            own.push(OwnPath::new(LLMS, OwnContent::Llms));
        }
        own.extend(publish.verify.iter().map(|(name, text)| {
            let content = OwnContent::Verification(text.clone());
            OwnPath::new(verification_path(name), content)
        }));
        own
    }

    /// Returns true if a browser that has paid is given a pass.
    pub(crate) fn gives_passes(&self) -> bool {
        let mut routes = self.routes.iter();
        self.page.enabled && routes.any(|route| route.route.sold().is_some())
    }

    /// Returns the routes of a table: those of the configuration, then those of the own paths.
    pub(crate) fn table_routes(&self) -> Vec<Route> {
        let servers = servers::names(&self.routes);
        let configured = self.routes.iter().zip(servers);
        let configured = configured.map(|(route, server)| route.placed(server));
        let own = self.own_paths();
        configured.chain(own.iter().map(OwnPath::route)).collect()
    }

    /// Returns true if a route names this literal path, in whatever letters.
    fn names(&self, path: &str) -> bool {
        self.routes
            .iter()
            .any(|route| is_same(&route.route.path, path))
    }

    /// Returns the index of the first route that names a path of the gateway's own, and the fix.
    pub(super) fn reserved_route(&self) -> Option<(usize, String)> {
        let paths = self.routes.iter().map(|route| route.route.path.as_str());
        let mut faults = paths.map(|path| self.reservation(path));
        let index = faults.position(|fault| fault.is_some())?;
        let fault = self.reservation(&self.routes.get(index)?.route.path)?;
        Some((index, fault))
    }

    /// Returns the reason why a path cannot be a route; `None` if it can.
    fn reservation(&self, path: &str) -> Option<String> {
        if is_kept(path) {
            return Some(format!(
                "{path} is answered by the gateway itself, which says there what is sold; leave \
                 the route out, or take another path, such as /joke ([publish] decides what is said)"
            ));
        }
        let mut verify = self.publish.verify.iter().map(|(name, _)| name);
        let name = verify.find(|name| is_same(path, &verification_path(name)))?;
        Some(format!(
            "{path} is answered by the gateway with the text of publish.verify.{name}; keep one of \
             the two, or take another path, such as /joke"
        ))
    }
}

/// Returns true if no route and no verification file may have this path.
pub(super) fn is_kept(path: &str) -> bool {
    let below = path.get(..KEPT.len()).zip(path.get(KEPT.len()..));
    [SERVICES, ENDPOINTS, KEPT]
        .iter()
        .any(|own| is_same(path, own))
        || below.is_some_and(|(folder, rest)| is_same(folder, KEPT) && rest.starts_with('/'))
}

/// Returns the path of a verification file.
pub(super) fn verification_path(name: &str) -> String {
    format!("{WELL_KNOWN}{name}")
}

/// Returns true if two paths are one but for the case of letters and a slash at the end, which an
/// upstream may not tell apart.
fn is_same(path: &str, own: &str) -> bool {
    path.trim_end_matches('/').eq_ignore_ascii_case(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paths_of_the_gateway_are_known_in_any_letters() {
        for path in [
            "/.well-known/l402",
            "/.well-known/L402/",
            "/.well-known/l402/{*rest}",
            "/.WELL-KNOWN/l402.json",
            "/.well-known/l402-services/",
        ] {
            assert!(is_kept(path), "{path}");
        }
        for path in [
            "/",
            "/{*rest}",
            "/.well-known/{name}",
            "/.well-known/l402x",
            "/l402.json",
            "/caf%C3%A9",
        ] {
            assert!(!is_kept(path), "{path}");
        }
    }
}
